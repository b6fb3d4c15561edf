"""Names of enterprises taken apart."""

import pytest

from baotu import naming

CASES = {
    # name: city, district, core, trade, form, numbers, branch
    "济南市华泰糖业有限公司": ("济南", "", "华泰", "糖业", "limited", "", ""),
    "山东省济南市章丘区华泰食品厂": ("济南", "章丘", "华泰", "食品", "factory", "", ""),
    "章丘市华泰食品厂第二车间": ("济南", "章丘", "华泰", "食品", "factory", "", "2车间"),
    "莱芜市钢城区华泰超市": ("济南", "钢城", "华泰", "超市", "", "", ""),
    "山东华泰糖业股份有限公司": ("", "", "华泰", "糖业", "shares", "", ""),
    "华泰糖业(济南)有限公司": ("济南", "", "华泰", "糖业", "limited", "", ""),
    "北京华泰(济南)食品有限公司": ("北京", "", "济南华泰", "食品", "limited", "", ""),
    "济南华泰(集团)有限责任公司": ("济南", "", "华泰", "集团", "limited", "", ""),
    "平阴县洪范池镇华泰果业种植专业合作社": ("济南", "平阴", "洪范池镇华泰", "果业种植", "cooperative", "", ""),
    "济南第二机床厂": ("济南", "", "第二", "机床", "factory", "2", ""),
    "济南华泰食品有限公司第十一分公司": ("济南", "", "华泰", "食品", "limited", "", "11分公司"),
    "济南华泰食品有限公司济南市分公司": ("济南", "", "华泰", "食品", "limited", "", "济南分公司"),
    "青岛华泰食品有限公司济南分公司": ("青岛", "", "华泰", "食品", "limited", "", "济南分公司"),
    "鄄城县多美惠购物广场": ("", "鄄城", "多美惠", "购物广场", "", "", ""),
    "济南市建筑工程公司": ("济南", "", "", "建筑工程", "company", "", ""),
    # Misspelt or cut forms.
    "济南华泰食品有限公": ("济南", "", "华泰", "食品", "limited", "", ""),
    "济南华泰食品有限责": ("济南", "", "华泰", "食品", "limited", "", ""),
    "济南华泰食品有线公司": ("济南", "", "华泰", "食品", "limited", "", ""),
    "济南华泰食品佑限公司": ("济南", "", "华泰", "食品", "limited", "", ""),
    "济南华泰食品限公司": ("济南", "", "华泰", "食品", "limited", "", ""),
    "济南华泰食品有有限公司": ("济南", "", "华泰", "食品", "limited", "", ""),
    "济南华泰食品股份有限公同": ("济南", "", "华泰", "食品", "shares", "", ""),
}


@pytest.mark.parametrize(("name", "parts"), CASES.items())
def test_parts(name, parts):
    (found,) = naming.parse(name)
    assert (
        found.city,
        found.district,
        found.core,
        found.trade,
        found.form,
        found.numbers,
        found.branch,
    ) == parts


def test_two_parties_in_a_cell_and_their_roles():
    found = naming.parse(naming.normalized("委托方：北京示例经贸有限公司；受委托方：河北示例农副产品有限公司（分装）"))
    assert [(n.role, n.city or n.province, n.stem) for n in found] == [
        ("principal", "北京", "示例经贸"), ("maker", "河北", "示例农副产品")
    ]  # fmt: skip
    assert [n.role for n in naming.parse("生产企业:济南示例食品有限公司")] == [""]
    assert [n.stem for n in naming.parse("济南示例食品有限公司/青岛示例商贸有限公司")] == ["示例食品", "示例商贸"]


@pytest.mark.parametrize(
    "name",
    ["长*实业有限公司", "长×实业有限公司", "宁夏长X实业有限公司", "某某商贸有限公司", "/", "////", "无", "不详", "待查", "见包装",
     "未标注", "张三", "N/A", "-", "", "5F4DCC3B5AA765D61D8327DEB882CF99", "ABC COMPANY LTD"],
)  # fmt: skip
def test_never_compared(name):
    assert naming.parse(naming.normalized(name)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("济南华泰糖业有限公司", "济南化泰糖业有限公司"),  # sounds alike
        ("济南华泰糖业有限公司", "济南华秦糖业有限公司"),  # looks alike
        ("济南华泰糖业有限公司", "华泰糖业有限公司"),
        ("济南华泰糖业有限公司", "济南市历城区华泰糖业有限公司"),
        ("济南好味佳食品有限公司", "济南好味嘴食品有限公司"),
        ("济南好味佳食品有限公司", "济男好味佳食品有限公司"),
        ("济南好味佳食品有限公司", "好味佳食品(济南)有限责任公司"),
        ("济南杭润实业有限公司", "济南润杭实业有限公司"),
    ],
)
def test_candidates_share_a_block_key(one, other):
    keys = [set(naming.block_keys(naming.parse(name)[0])) for name in (one, other)]
    assert keys[0] & keys[1]


def test_another_short_name_is_no_candidate():
    keys = [set(naming.block_keys(naming.parse(name)[0])) for name in ("济南华泰商贸有限公司", "济南永泰商贸有限公司")]
    assert not keys[0] & keys[1]


def test_numbers_however_written():
    assert [naming.numbers(n) for n in ("第一", "1", "十二", "12", "二十", "第二十三", "〇", "零件", "三里庄")] == [
        "1", "1", "12", "12", "20", "23", "", "", "3"
    ]  # fmt: skip


def test_any_text_is_taken_apart_without_an_error():
    for text in (
        "公司",
        "有限公司",
        "济南市",
        "()",
        "((()",
        "))))",
        "委托方:",
        ":;:;",
        "济南市市中区",
        "第",
        "分公司分公司分公司",
        "厂" * 100,
    ):
        naming.parse(text)
