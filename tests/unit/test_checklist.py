"""What `baotu sources check` says of sources that lack something; every source of ours lacks nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from baotu import checklist, cli
from baotu.settings import PROJECT
from baotu.sources import load_source, load_sources

SOURCE = """
id: canteens
label_zh: {label_zh}
label_en: Canteens
owner: 市场监管局
description_zh: 食堂检查
description_en: Canteen checks
cadence: {{cron: "0 6 * * *", period: month}}
columns:
  name: {{label_zh: 食堂, label_en: Canteen, aliases: [食堂名称], required: {required}}}
  contact: {{label_zh: 联系人, label_en: Contact{personal}}}
  score: {{label_zh: 得分, label_en: Score, aliases: [评分]}}
"""
MODEL = "{{ config(pre_hook=\"{{ forget_landed_deliveries('canteens') }}\") }}"
SUITE = """
import great_expectations.expectations as gxe
from expectations import about
ROW_RULES = [gxe.ExpectColumnValuesToNotBeNull(column="name"{severity}, meta=about("{code}", "{column}", "{zh}", "missing"))]
DELIVERY_RULES = []
"""
GOOD_SUITE = {"severity": ', severity="warning"', "code": "CAN001", "column": "name", "zh": "为空"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of one source, whole; a test takes a piece away."""
    staging = tmp_path / "dbt_project" / "models" / "staging"
    for folder in (staging, tmp_path / "dags" / "sources", tmp_path / "expectations"):
        folder.mkdir(parents=True)
    yml = SOURCE.format(label_zh="食堂检查", required="true", personal=", personal: drop")
    (tmp_path / "dags" / "sources" / "canteens.yml").write_text(yml, encoding="utf-8")
    (staging / "stg_canteens.sql").write_text(MODEL, encoding="utf-8")
    (staging / "_sources.yml").write_text("sources: [{name: raw, tables: [{name: canteens}]}]", encoding="utf-8")
    (staging / "_staging.yml").write_text("models: [{name: stg_canteens}]", encoding="utf-8")
    tests = "unit_tests: [{name: typed, model: stg_canteens}]"
    (staging / "_unit_tests_canteens.yml").write_text(tests, encoding="utf-8")
    suite = SUITE.format(**GOOD_SUITE) + "PROFILE = {}\n"
    (tmp_path / "expectations" / "canteens.py").write_text(suite, encoding="utf-8")
    monkeypatch.setattr(checklist, "PROJECT", tmp_path)
    monkeypatch.setattr(checklist, "SOURCES", tmp_path / "dags" / "sources")
    monkeypatch.setattr(checklist, "DBT_PROJECT", tmp_path / "dbt_project")
    monkeypatch.setattr(checklist, "_STAGING", staging)
    import expectations

    monkeypatch.setattr(expectations, "__path__", [str(tmp_path / "expectations"), *expectations.__path__])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "expectations.canteens", raising=False)
    yield tmp_path
    sys.modules.pop("expectations.canteens", None)


def missing(source: str = "canteens") -> list[str]:
    # The tables need a warehouse; the tests have none, and the check says so.
    return [finding.text for finding in checklist.check(source) if finding.kind == "missing"]


def test_a_whole_source_lacks_nothing(project: Path) -> None:
    assert missing() == []


YML, STAGING = "dags/sources/canteens.yml", "dbt_project/models/staging/"


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        (YML, "label_en: Canteens", "label_en: 食堂", "label_en has Chinese"),
        (YML, "label_zh: 得分", "label_zh: Score", "columns.score.label_zh has no Chinese"),
        (YML, "required: true", "required: false", "nothing is required"),
        (YML, ", personal: drop", "", "declare `personal: drop`"),
        (YML, "[评分]", "[食堂]", "also names column"),
        (YML, "owner: 市场监管局", "", "owner"),
        (STAGING + "stg_canteens.sql", None, None, "stg_canteens.sql does not exist"),
        (STAGING + "stg_canteens.sql", "forget_landed", "remember_landed", "a rerun doubles rows"),
        (STAGING + "_sources.yml", "canteens", "kitchens", "add the line `- name: canteens`"),
        (STAGING + "_staging.yml", "canteens", "kitchens", "does not describe"),
        (STAGING + "_unit_tests_canteens.yml", None, None, "no unit test"),
        ("expectations/canteens.py", None, None, "needs ROW_RULES, PROFILE and DELIVERY_RULES"),
        ("expectations/canteens.py", "PROFILE = {}", "", "lacks PROFILE"),
        ("expectations/canteens.py", "PROFILE = {}", "1 / 0", "cannot be imported: ZeroDivisionError"),
        ("expectations/canteens.py", ', severity="warning"', "", "severity is not stated"),
        ("expectations/canteens.py", "为空", "empty", "no Chinese text"),
        ("expectations/canteens.py", "missing", "缺失", "no English text"),
        ("expectations/canteens.py", '"name", "为空"', '"nom", "为空"', "no column of the YAML"),
        ("expectations/canteens.py", "CAN001", "CANTEEN1", "three letters and three digits"),
    ],
)
def test_what_is_taken_away_is_told(project: Path, path: str, old: str | None, new: str | None, said: str) -> None:
    place = project / path
    if old is None:
        place.unlink()
    else:
        text = place.read_text(encoding="utf-8")
        assert old in text
        place.write_text(text.replace(old, new or ""), encoding="utf-8")
    found = missing()
    assert len(found) == 1 and said in found[0], found


def test_letters_that_another_suite_has(project: Path) -> None:
    (project / "expectations" / "kitchens.py").write_text('about("CAN007", None, "错", "wrong")', encoding="utf-8")
    assert missing() == ["the letters CAN are those of expectations/kitchens.py; take others"]


def test_our_own_sources_lack_nothing() -> None:
    for source in load_sources():
        assert missing(source) == [], source


def test_a_file_is_shown_as_it_would_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("抽样编号,食品名称,判定结伦,颜色\n1,甲,合格,红\n", encoding="utf-8")
    food = load_source("food_spot_checks")
    (finding,) = checklist.check_file(food, path)
    assert finding.kind == "missing" and "判定结伦" in finding.text and "判定" in finding.text
    path.write_text("抽样编号,食品名称,判定结论,承检机够,颜色\n1,甲,合格,丙,红\n", encoding="utf-8")
    told = {finding.text: finding.kind for finding in checklist.check_file(food, path)}
    assert told["table: '判定结论' → result"] == "ok"
    (near,) = (text for text in told if "承检机够" in text)
    assert told[near] == "look" and "columns.lab_name.aliases" in near
    assert told["table: '颜色' is not known and kept in extra"] == "look"


def test_the_command_says_it_by_its_exit_code(tmp_path: Path) -> None:
    run = CliRunner().invoke
    unknown = run(cli.main, ["sources", "check", "nobody"])
    assert unknown.exit_code == 1 and "nobody.yml does not exist" in unknown.output
    whole = run(cli.main, ["sources", "check", "food_spot_checks"])
    assert whole.exit_code == 0 and whole.output.startswith("food_spot_checks: complete")
    assert run(cli.main, ["sources", "check", "--file", str(PROJECT / "README.md")]).exit_code == 2
    listed = run(cli.main, ["sources"]).output
    assert listed == run(cli.main, ["sources", "list"]).output and "food_spot_checks" in listed
