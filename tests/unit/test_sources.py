"""The YAML of sources: strict, its errors precise; and headers matched without guessing."""

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from baotu import sources
from baotu.sources import (
    CORRECTS_DELIVERY,
    CORRECTS_ROW,
    EXPORT_COLUMNS,
    QUARANTINE_NOTE,
    MetaError,
    Source,
    SourceError,
    is_personal_header,
    load_source,
    load_sources,
)
from baotu.sources import normalize_header as norm

MINIMAL: dict[str, Any] = {
    "id": "tastes",
    "label_zh": "口味",
    "label_en": "Tastes",
    "owner": "市场监管局 口味处",
    "description_zh": "口味",
    "description_en": "Tastes",
    "cadence": {"cron": "0 6 * * *", "period": "month"},
    "columns": {
        "dish": {"label_zh": "菜名", "label_en": "Dish", "aliases": ["菜名", "菜品名称"], "required": True},
        "taste": {"label_zh": "味道", "label_en": "Taste", "aliases": ["口感"]},
        "score": {"label_zh": "分数", "label_en": "Score", "aliases": []},
    },
    "required_any": [["taste", "score", "meta.verdict"]],
    "meta_keys": {
        "verdict": {"type": "text", "values": ["good", "bad"]},
        "issued_on": "date",
        "rounds": "integer",
        "index": "number",
        "columns": "mapping",
    },
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(MINIMAL))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return data


def written(folder: Path, data: Any, name: str = "tastes.yml") -> Path:
    text = data if isinstance(data, str) else yaml.safe_dump(data, allow_unicode=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def tastes() -> Source:
    return Source.model_validate(MINIMAL)


# -------------------------------------------------------------------------------------------- the YAML itself


def test_our_sources_load() -> None:
    found = load_sources()
    assert {"food_spot_checks", "satisfaction_surveys", "reference_weights"} <= found.keys()
    assert all(source.id == name and source.owner and source.columns for name, source in found.items())


def test_contract_columns_are_there() -> None:
    food = load_source("food_spot_checks")
    assert {"sample_no", "product_name", "producer_uscc", "items_combined", "notified_on"} <= set(food.columns)
    assert "sampling_agency" in food.raw_columns
    weights = load_source("reference_weights")
    optional = [n for n, c in weights.columns.items() if not c.required and n not in EXPORT_COLUMNS]
    assert optional == ["name", "unit", "document"]
    # The columns of our own exports are every source's; what they say to people stays out of raw.
    for source in load_sources().values():
        assert {CORRECTS_DELIVERY, CORRECTS_ROW} <= set(source.raw_columns), source.id
        assert QUARANTINE_NOTE not in source.raw_columns, source.id


def test_importing_stays_light() -> None:
    code = (
        "import sys, baotu.sources as s; s.load_sources()\n"
        "print([m for m in ('pandas', 'great_expectations', 'dbt', 'airflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (changed("colums", to={}), ["colums: unknown key", "columns"]),
        (changed("columns", "dish", "alias", to=["x"]), ["columns.dish.alias: unknown key", "aliases"]),
        (
            changed("cadence", "period", to="week"),
            ["cadence.period", "'week'", "'month', 'quarter', 'half' or 'year'"],
        ),
        (changed("cadence", "cron", to="daily"), ["cadence.cron", "'daily'", "five fields"]),
        (changed("cadence", "cron", to="99 6 * * *"), ["cadence.cron", "five fields"]),
        (changed("max_quarantined_share", to=20), ["max_quarantined_share", "20", "less than or equal to 1"]),
        (changed("max_quarantined_share", to="0.2"), ["max_quarantined_share", "'0.2'", "number"]),
        (changed("columns", "dish", "required", to="yes"), ["columns.dish.required", "'yes'", "boolean"]),
        (changed("columns", "Dish", to=MINIMAL["columns"]["score"]), ["columns.Dish", "'Dish'", "pattern"]),
        (changed("columns", "row_no", to=MINIMAL["columns"]["score"]), ["columns.row_no", "reserved"]),
        (changed("columns", "taste", "aliases", to=["菜品 名称＊"]), ["columns.taste.aliases", "'dish'"]),
        (changed("columns", "taste", "aliases", to=["菜名"]), ["columns.taste.aliases", "'菜名'", "'dish'"]),
        (
            changed("columns", "taste", "aliases", to=["口感", "1.口感"]),
            ["columns.taste.aliases", "repeats '口感'"],
        ),
        (
            changed("columns", "taste", "aliases", to=["**"]),
            ["columns.taste.aliases", "empty once normalised"],
        ),
        (changed("required_any", to=[["tatse"]]), ["required_any[0]", "'tatse'"]),
        (changed("required_any", to=[["meta.nothing"]]), ["required_any[0]", "'meta.nothing'"]),
        (changed("meta_keys", "rounds", to="int"), ["meta_keys.rounds.type", "'int'", "'integer'"]),
        (changed("title_patterns", to=["("]), ["title_patterns", "not a regular expression"]),
        (changed("title_patterns", to=["(?P<date>x)"]), ["title_patterns", "['date']", "issued_on"]),
        (
            changed("layouts", to=[{"name": "a", "when_columns": ["x"], "meta": {"no": 1}}]),
            ["layouts[0].meta", "'no'"],
        ),
        (
            changed("columns", "taste", "personal_under", to="code"),
            ["columns.taste.personal_under", "'code'", "another column"],
        ),
        (changed("columns", "taste", "personal_under", to="taste"), ["columns.taste.personal_under", "'taste'"]),
        (
            changed(
                "columns", "taste", to=MINIMAL["columns"]["taste"] | {"personal_under": "score", "personal": "hash"}
            ),
            ["columns.taste", "personal: hash and personal_under", "one of them"],
        ),
        (
            changed(
                "columns",
                to=MINIMAL["columns"]
                | {
                    "dish": MINIMAL["columns"]["dish"] | {"personal_under": "taste"},
                    "taste": MINIMAL["columns"]["taste"] | {"personal_under": "score"},
                },
            ),
            ["columns.dish.personal_under", "'taste'", "without personal_under"],
        ),
        (changed("id", to="other"), ["id", "'other'", "'tastes'"]),
        ({k: v for k, v in MINIMAL.items() if k != "owner"}, ["owner: key is missing"]),
        ("a: 1\na: 2\n", ["'a' twice", "line 2"]),
        ("columns:\n  dish: {aliases: [x], aliases: [y]}\n", ["'aliases' twice", "line 2"]),
        ("1: 2\n", ["the key 1", "expected text"]),
        ("- a\n", ["found list", "expected a mapping"]),
        ("a: [", ["not valid YAML"]),
    ],
)
def test_errors_name_file_key_found_and_expected(tmp_path: Path, data: Any, words: list[str]) -> None:
    with pytest.raises(SourceError) as caught:
        load_sources(written(tmp_path, data))
    for word in ["tastes.yml", *words]:
        assert word in str(caught.value)


def test_models_are_frozen(tastes: Source) -> None:
    with pytest.raises(ValueError, match="frozen"):
        tastes.owner = "x"


def test_unknown_source_names_the_nearest() -> None:
    with pytest.raises(SourceError, match="unknown source 'food_spot_check'; did you mean food_spot_checks"):
        load_source("food_spot_check")


# ------------------------------------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("被抽样单位\n名称", "被抽样单位名称"),
        ("分类(食\r品一\r类)", "分类（食品一类）"),
        ("样品名称*", "样品名称"),
        ("＊样品名称", "样品名称"),
        ("抽样数量(★必填)", "抽样数量"),
        ("抽样数量★必填", "抽样数量"),
        ("规格型号（必填项）", "规格型号"),
        ("公告日期（隐藏栏）", "公告日期"),
        ("1.样品名称", "样品名称"),
        ("12、样品名称", "样品名称"),
        ("（3）样品名称", "样品名称"),
        ("①样品名称", "样品名称"),
        ("三、样品名称", "样品名称"),
        ("样 品\u3000名\xa0称\u200b", "样品名称"),
        ("\ufeff序号", "序号"),
        ("不合格项目‖检验结果∥标准值", "不合格项目||检验结果||标准值"),
        ("生产企业【标称】", "生产企业(标称)"),
        ("ＣＲＥＤＩＴＣｏｄｅ", "creditcode"),
    ],
)
def test_normalised_alike(text: str, same_as: str) -> None:
    assert norm(text) == norm(same_as)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("被抽样单位", "抽样单位"),
        ("5G用户", "G用户"),
        ("1.5级", "5级"),
        ("X1", "X2"),
        ("不合格项目/检验结果", "不合格项目检验结果"),
        ("2020年", "年"),
    ],
)
def test_normalised_apart(one: str, other: str) -> None:
    assert norm(one) != norm(other)


def columns_of(source: Source, *cells: str) -> list[str | None]:
    mapping = source.match(list(cells)).mapping
    return [mapping.get(index) for index in range(len(cells))]


def test_sampled_party_is_not_the_sampling_agency() -> None:
    food = load_source("food_spot_checks")
    assert columns_of(food, "被抽样单位", "抽样单位") == ["sampled_name", "sampling_agency"]
    assert columns_of(food, "抽样单位名称", "被抽样单位\n名称*") == ["sampling_agency", "sampled_name"]
    assert columns_of(food, "被抽检单位", "抽检单位") == ["sampled_name", "sampling_agency"]
    for name, column in food.columns.items():
        for alias in column.aliases:
            if "抽样单位" in alias or "抽检单位" in alias:
                assert ("被" in alias) == name.startswith("sampled_"), alias


def test_a_near_miss_never_crosses_from_agency_to_party() -> None:
    data = changed("columns", "dish", "aliases", to=["被抽样单位名称"])
    source = Source.model_validate(data)
    missing = source.match(["抽样单位名称", "口感"]).missing_required
    assert missing[0].nearest is None
    assert source.match(["被抽样单位的名称", "口感"]).missing_required[0].nearest == "被抽样单位的名称"


OFFICIAL = (
    "抽样编号,序号,标称生产企业名称,标称生产企业地址,被抽样单位名称,被抽样单位所在省份,食品名称,规格型号,生产日期/批号,分类,公告号,"
    "公告日期,任务来源/项目名称,备注,公告网址链接",
    "抽样编号,序号,标称生产企业名称,标称生产企业地址,被抽样单位名称,被抽样单位地址,食品名称,规格型号,商标,生产日期/批号,不合格项目,"
    "分类,公告号,公告日期,任务来源/项目名称,检验机构,备注,公告网址链接",
    "序号,样品名称,标称生产企业名称(种养殖者或供货者名称),标称生产企业地址(种养殖者或供货者地址),被抽样单位名称,被抽样单位地址,规格型号,"
    "商标,生产(加工/购进/检疫/消毒/其他)日期/批号,不合格项目||检验结果||标准值,备注",
    "信息来源,搜索条件,物料名称,产品分类,生产商,供应商,生产日期,批号,项目分类,检测项目,单位,检测结果,限量值,判定,发布单位,发布日期,备注",
)


LISTS = (
    ("enterprise_titles", "序号,企业名称,统一社会信用代码,所属市,证书编号,发证日期,有效期,备注"),
    (
        "enterprise_titles",
        "单位详细名称,CreditCode,注册号,县（市、区）,称号名称,认定级别,批次,认定时间,有效期至,认定状态",
    ),
    ("brand_records", "序号,地市,企业名称,培育品牌,类别,培育情况"),
    ("brand_records", "品牌名称,企业名称,品牌价值（亿元）,评价机构,评价标准,评价基准日"),
    ("brand_records", "证书编号,获证组织,认证产品,发证日期,有效期至,证书状态"),
    ("brand_records", "基地名称,建设单位,所在地,认定日期"),
    (
        "random_inspections",
        "抽查任务编号,抽查任务名称,检查机关,检查对象名称,统一社会信用代码,所属区县,抽取方式,抽取记录号,抽取日期,检查日期,公示日期,执法人员,"
        "执法证号,抽查事项,事项类别,检查结果,备注",
    ),
    ("random_inspections", "序号,姓名,所属单位,执法证号"),
    ("random_inspections", "名录库版本,名录库日期,市场主体名称,统一社会信用代码/注册号,县（市、区）,检查对象类别"),
    ("indicator_readings", "指标名称,报告期,完成值,计量单位,合格数,检验数,排名,监测城市数,得分,全国平均分,责任单位"),
)


@pytest.mark.parametrize(("source", "header"), LISTS)
def test_every_header_of_a_list_is_known(source: str, header: str) -> None:
    match = load_source(source).match(header.split(","))
    assert not match.unknown and not match.repeated and not match.personal and not match.missing_required


def test_a_header_says_the_unit_of_the_values_below_it() -> None:
    layout = load_source("brand_records").layout_of(["品牌名称", "品牌价值（万元）"])
    assert layout is not None and layout.meta == {"value_unit": "万元"}


@pytest.mark.parametrize("header", OFFICIAL)
def test_every_header_of_the_official_layouts_is_known(header: str) -> None:
    match = load_source("food_spot_checks").match(header.split(","))
    assert not match.unknown and not match.repeated and not match.personal


def test_unknown_repeated_and_missing(tastes: Source) -> None:
    match = tastes.match(["菜品名称", "", "厨师", "菜名", None, "菜名"])
    assert match.mapping == {3: "dish"}  # the more trusted alias, though it stands later
    assert match.repeated == {0: "dish", 5: "dish"}
    assert match.unknown == {2: "厨师"}
    assert [m.columns for m in match.missing_required] == [("taste", "score")]


def test_a_missing_column_suggests_the_line_to_add(tastes: Source) -> None:
    missing = tastes.match(["菜品的名称: #1", "口感"]).missing_required[0]
    assert (missing.nearest, missing.nearest_column) == ("菜品的名称: #1", "dish")
    assert yaml.safe_load(missing.alias_line) == ["菜品的名称: #1"]  # can be pasted as it is
    assert tastes.match(["口感"]).missing_required[0].nearest is None


def test_meta_can_stand_for_a_column(tastes: Source) -> None:
    assert tastes.match(["菜名"]).missing_required[0].meta_key == "verdict"
    assert not tastes.match(["菜名"], {"verdict": "good"}).missing_required


def test_own_names_and_labels_are_understood(tastes: Source) -> None:
    assert columns_of(tastes, "DISH", "味道", "Score") == ["dish", "taste", "score"]


def test_given_columns_outrank_aliases(tastes: Source) -> None:
    match = tastes.match(["菜名", "X1", "口感"], {"columns": {"Ｘ1": "dish", "口感": None}})
    assert match.mapping == {1: "dish"} and match.repeated == {0: "dish"} and match.unknown == {2: "口感"}


@pytest.mark.parametrize(
    "text",
    [
        "电话",
        "联系电话",
        "手机号码",
        "被抽样单位联系电话",
        "身份证号",
        "法定代表人",
        "法人代表",
        "法人",
        "联系人",
        "姓名",
        "负责人",
        "E-mail",
        "家庭住址",
    ],
)
def test_personal(text: str) -> None:
    assert is_personal_header(text)


@pytest.mark.parametrize(
    "text",
    [
        "手机没有信号",
        "手机上网整体满意度",
        "是否拨打电话",
        "法人单位名称",
        "品牌名称",
        "网络覆盖与信号强度",
        "抽样单位",
        "单位",
        "商标",
        "产品名称",
    ],
)
def test_not_personal(text: str) -> None:
    assert not is_personal_header(text)


def test_no_declared_header_of_ours_counts_as_personal_by_its_name() -> None:
    for source in load_sources().values():
        for column in source.columns.values():
            if column.personal is None:  # else it is declared because it is
                assert not any(is_personal_header(alias) for alias in column.aliases), column


def test_names_of_households_are_declared() -> None:
    food = load_source("food_spot_checks")
    declared = {name: c.personal_under for name, c in food.columns.items() if c.personal_under}
    # Not the address: a hashed one would take the sample's place, and so the sample out of the city's rate.
    assert declared == {"producer_name": "producer_uscc", "sampled_name": "sampled_uscc"}
    assert declared.keys() <= set(food.raw_columns)
    assert load_source("enterprise_titles").columns["enterprise_name"].personal_under == "uscc"
    assert load_source("brand_records").columns["holder_name"].personal_under == "holder_uscc"


def test_layout_says_the_scale() -> None:
    surveys = load_source("satisfaction_surveys")
    layout = surveys.layout_of(["用户id", "语音通话整体满意度"])
    assert layout is not None and layout.meta["scale_max"] == 10
    assert surveys.layout_of(["用户id", "总体满意度"]) is None
    three = surveys.layout_of(["总体评价", "与预期相比", "与理想相比"])
    assert three is not None and three.name == "three_questions"


# ----------------------------------------------------------------------------------------------- meta keys


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"issued_on": "2020-08-01"}, "2020-08-01"),
        ({"issued_on": "2020年8月1日"}, "2020-08-01"),
        ({"issued_on": datetime.date(2020, 8, 1)}, "2020-08-01"),
        ({"rounds": "12"}, 12),
        ({"index": "88.22"}, 88.22),
        ({"index": 88}, 88),
        ({"verdict": "good"}, "good"),
        ({"columns": "{X1: dish}"}, {"X1": "dish"}),
        ({"columns": {"X1": "dish", "菜名": None}}, {"X1": "dish", "菜名": None}),
    ],
)
def test_meta_is_typed(tastes: Source, given: dict[str, Any], found: Any) -> None:
    assert list(tastes.check_meta(given).values()) == [found]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"issued": "2020-08-01"}, ["'issued'", "did you mean issued_on?"]),
        ({"issued_on": "2020-02-30"}, ["'2020-02-30'", "expected date"]),
        ({"rounds": "1.5"}, ["found 1.5", "expected integer"]),
        ({"rounds": True}, ["True", "expected integer"]),
        ({"index": "nan"}, ["'nan'", "expected number"]),
        ({"verdict": "合格"}, ["'合格'", "good | bad"]),
        ({"columns": {"X1": "dsh"}}, ["'X1'", "'dsh'", "expected: dish"]),
        ({"columns": "X1"}, ["expected mapping"]),
    ],
)
def test_meta_errors(tastes: Source, given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(MetaError) as caught:
        tastes.check_meta(given)
    assert caught.value.zh
    for word in words:
        assert word in caught.value.en


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2020-08-01", datetime.date(2020, 8, 1)),
        ("公告 2020/8/1 发布", datetime.date(2020, 8, 1)),
        ("2020．8．1", datetime.date(2020, 8, 1)),
        ("2020年 8 月 1 日", datetime.date(2020, 8, 1)),
        ("20200801.csv", datetime.date(2020, 8, 1)),
        ("2020-13-01", None),
        ("120200801", None),
        ("2020-08", None),
    ],
)
def test_parse_date(text: str, found: datetime.date | None) -> None:
    assert sources.parse_date(text) == found


def test_a_source_like_another_has_its_columns(tmp_path: Path) -> None:
    """Single columns and meta keys are added or replaced, lists as a whole; labels and cadence are a file's own."""
    written(tmp_path, MINIMAL)
    own = {
        key: MINIMAL[key] for key in ("label_zh", "label_en", "owner", "description_zh", "description_en", "cadence")
    }
    like = own | {
        "id": "smells",
        "like": "tastes",
        "columns": {"dish": {"label_zh": "菜", "label_en": "Dish", "required": True}, "nose": {"label_zh": "鼻", "label_en": "Nose"}},
        "meta_keys": {"rounds": "text"},
    }  # fmt: skip
    written(tmp_path, like, "smells.yml")
    smells = load_source("smells", tmp_path)
    assert set(smells.columns) - set(EXPORT_COLUMNS) == {"dish", "taste", "score", "nose"}
    assert smells.columns["dish"].label_zh == "菜" and smells.columns["dish"].aliases == ()
    assert smells.required_any == load_source("tastes", tmp_path).required_any
    assert smells.meta_keys["rounds"].type == "text" and smells.meta_keys["index"].type == "number"
    written(tmp_path, like | {"required_any": [["nose"]]}, "smells.yml")
    assert load_source("smells", tmp_path).required_any == (("nose",),)


@pytest.mark.parametrize("other", ["smells", "tatses", "sounds"])
def test_a_source_is_like_one_that_stands_alone(tmp_path: Path, other: str) -> None:
    written(tmp_path, MINIMAL)
    written(tmp_path, MINIMAL | {"id": "sounds", "like": "tastes"}, "sounds.yml")
    written(tmp_path, MINIMAL | {"id": "smells", "like": other}, "smells.yml")
    with pytest.raises(SourceError, match=rf"like: .*'{other}'"):
        load_source("smells", tmp_path)
