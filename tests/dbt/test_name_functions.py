"""stats.name_variant and stats.branch_parent by tables of cases, and what they and `baotu.naming` must agree about."""

import pytest

from baotu import naming
from bench.names import invented
from tests.dbt.test_functions import one

#: Each group is one enterprise: one key, and no other group's.
SAME = [
    ["济南市示例糖业有限公司", "山东省济南市示例糖业有限责任公司", "济南示例糖业有限公司", "示例糖业(济南)有限公司",
     "示例糖业（山东济南）有限公司", "济南示例糖业有限公司(分装)", "分装商：济南示例糖业有限公司", "济南 示例糖业有限公司"],
    ["山东示例糖业有限公司", "山东省示例糖业有限公司", "示例糖业(山东省)有限公司"],
    ["章丘市示例食品厂", "济南市章丘区示例食品厂", "济南章丘示例食品厂", "山东省章丘市示例食品厂"],
    ["莱芜市示例食品厂", "济南市莱芜区示例食品厂", "莱芜示例食品厂"],
    ["莱芜市莱城区示例食品厂", "济南市莱城区示例食品厂"],
    ["莱芜市钢城区示例食品厂", "济南市钢城区示例食品厂"],
    ["济南市市中区示例食品店", "市中区示例食品店"],
    ["济南市天桥区示例食品店", "天桥区示例食品店"],
    ["济南天桥食品有限公司"],
    ["济南示例(集团)有限责任公司", "济南示例集团有限公司"],
    ["济南示例有限公司"],
    ["济南示例公司"],
    ["济南示例股份有限公司", "济南示例股份公司"],
    ["济南示例食品有限公司第一分公司"],
    ["济南示例食品有限公司第二分公司", "济南市示例食品有限责任公司第二分公司"],
    ["北京示例(济南)食品有限公司"],
    ["北京示例食品有限公司"],
    ["青岛示例糖业有限公司"],
]  # fmt: skip

NOBODY = ["长*实业有限公司", "长×实业有限公司", "长XX实业有限公司", "某某食品有限公司", "/", "无", "不详", "待查", "", "无生产企业", "未标注",
          "○○食品有限公司", "A3F0C2D4E5B6978812345678", "张三"]  # fmt: skip

PARENTS = {
    "济南示例商贸有限公司泉城路店": "济南示例商贸有限公司",
    "济南示例商贸有限公司(泉城路店)": "济南示例商贸有限公司",
    "济南示例集团有限公司第一分公司": "济南示例集团有限公司",
    "济南示例商贸有限公司分公司": "济南示例商贸有限公司",
    "济南示例食品有限责任公司第二车间": "济南示例食品有限责任公司",
    "章丘市示例食品厂二分厂": "章丘市示例食品厂",
    "章丘市示例供销社门市部": "章丘市示例供销社",
    "示例保险股份有限公司章丘市支公司文祖营销服务部": "示例保险股份有限公司",
    "济南示例商贸有限公司": None,
    "济南示例商贸有限公司(分装)": None,
    "济南示例集团总公司装饰公司": None,
    "章丘市示例食品厂": None,
    "济南示例专业合作社联合社": None,
    "济南示例机床厂实业公司": None,
    "泉城路示例便利店": None,
    "济南分公司": None,
    "": None,
}


def test_one_key_for_one_enterprise_and_none_for_two(stats_functions):
    keys = [{one(stats_functions, "name_variant", name) for name in names} for names in SAME]
    assert [names for names, found in zip(SAME, keys, strict=True) if len(found) != 1 or None in found] == []
    assert len(set().union(*keys)) == len(SAME)


@pytest.mark.parametrize("name", NOBODY)
def test_what_is_no_name_has_no_key_and_is_not_compared(stats_functions, name):
    assert one(stats_functions, "name_variant", name) is None
    assert naming.parse(naming.normalized(name)) == []


def test_a_zero_written_as_a_circle_is_not_withheld(stats_functions):
    name = "示例石油股份有限公司济南第一○加油站"
    assert one(stats_functions, "name_variant", name) == name
    assert naming.parse(name)[0].branch == "济南10加油站"


@pytest.mark.parametrize(("name", "parent"), PARENTS.items())
def test_a_branch_names_its_enterprise(stats_functions, name, parent):
    assert one(stats_functions, "branch_parent", name) == parent


def test_keys_are_normal_and_stay(stats_functions):
    """A key's own key is itself, and normalising first changes nothing: exact matches are variant matches."""
    for name in [name for names in SAME for name in names]:
        key = one(stats_functions, "name_variant", name)
        assert one(stats_functions, "name_variant", key) == key
        assert one(stats_functions, "name_variant", naming.normalized(name)) == key


def test_a_thousand_names_have_a_thousand_keys(stats_functions):
    names = list({name.replace("济南市", "济南"): name for name in invented(1000, seed=5)}.values())
    found = stats_functions.execute(
        "select count(distinct stats.name_variant(name)), count(stats.branch_parent(name)) from unnest(%s::text[]) as name",
        (names,),
    ).fetchone()
    assert found == (len(names), 0)


def test_python_takes_apart_alike_what_has_one_key():
    """The model never parts what the rules join: same place, stem and numbers."""
    for names in SAME:
        parsed = [naming.parse(naming.normalized(name))[0] for name in names]
        assert len({(p.place, p.stem, p.numbers, p.branch) for p in parsed}) == 1, names
