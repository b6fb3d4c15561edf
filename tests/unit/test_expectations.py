"""What every rule must say, and the shapes of rules whose failing-row queries are sound (findings §3)."""

import ast
import importlib
import inspect
import re
from types import ModuleType
from typing import Any

import pytest

from baotu.settings import PROJECT
from baotu.sources import load_source

SUITES = sorted(
    path.stem for path in (PROJECT / "expectations").glob("*.py") if path.stem not in ("__init__", "spot_checks")
)
SOURCE_SUITES = [name for name in SUITES if name != "marts"]

#: GX's own query for these returned the rows that it counted, with literals of these types. Dates, Decimals and
#: strings with a quote are rendered as Python would: such rules are stated as UnexpectedRowsExpectation.
SOUND = {
    "ExpectColumnValuesToNotBeNull": (),
    "ExpectColumnValuesToBeNull": (),
    "ExpectColumnValuesToBeInSet": (str, int, float, bool),
    "ExpectColumnValuesToNotBeInSet": (str, int, float, bool),
    "ExpectColumnValuesToMatchRegex": (str,),
    "ExpectColumnValuesToNotMatchRegex": (str,),
    "ExpectColumnValuesToMatchLikePattern": (str,),
    "ExpectColumnValuesToBeBetween": (int, float),
    "ExpectColumnValueLengthsToBeBetween": (int,),
    "ExpectColumnPairValuesAToBeGreaterThanB": (bool,),
    "ExpectColumnPairValuesToBeEqual": (),
    "UnexpectedRowsExpectation": (str,),
}
#: What a rule says about itself, as against what it checks with.
ABOUT = {"meta", "severity", "column", "column_A", "column_B", "unexpected_rows_query"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def lists_of(suite: ModuleType) -> dict[str, list[Any]]:
    """The lists of rules that a suite offers."""
    if suite.__name__ == "expectations.marts":
        return {"TARGET_TRACKING": suite.TARGET_TRACKING}
    return {"ROW_RULES": suite.ROW_RULES, "DELIVERY_RULES": suite.DELIVERY_RULES}


def all_rules() -> list[tuple[str, str, Any]]:
    return [
        (name, where, rule)
        for name in SUITES
        for where, rules in lists_of(importlib.import_module(f"expectations.{name}")).items()
        for rule in rules
    ]


RULES = all_rules()
each_rule = pytest.mark.parametrize(
    ("suite", "where", "rule"), RULES, ids=[str((rule.meta or {}).get("rule")) for _, _, rule in RULES]
)


def literals(value: Any) -> list[Any]:
    """The single values inside a rule's argument."""
    return [one for part in value for one in literals(part)] if isinstance(value, (list, tuple, set)) else [value]


def problems(rule: Any) -> list[str]:
    """What is wrong with a rule, whatever suite it stands in."""
    found = []
    stated = set(rule.__fields_set__)
    meta = rule.meta or {}
    if "severity" not in stated:
        found.append("severity is not stated: Great Expectations would take it as critical")
    if set(meta) != {"rule", "column", "zh", "en"}:
        found.append(f"meta holds {sorted(meta)}, not rule, column, zh, en")
    if not re.fullmatch(r"[A-Z]{3}\d{3}", meta.get("rule", "")):
        found.append("no rule code of three letters and three digits")
    if not CHINESE.search(meta.get("zh", "")):
        found.append("no Chinese text")
    if not meta.get("en") or CHINESE.search(meta.get("en", "")):
        found.append("no English text")
    if stated & {"mostly", "row_condition", "condition_parser"}:
        found.append(
            "mostly judges the run and not the delivery; of a row_condition the failing-row query knows nothing"
        )
    kind = type(rule).__name__
    if kind not in SOUND:
        return [*found, f"{kind} has no sound failing-row query"]
    for field in stated - ABOUT:
        for value in literals(getattr(rule, field)):
            if type(value) not in SOUND[kind] or (isinstance(value, str) and "'" in value):
                found.append(f"{field}: the literal {value!r} is not sound in SQL")
    if kind == "UnexpectedRowsExpectation":
        query = rule.unexpected_rows_query
        if query.count("{batch}") != 1:
            found.append("one {batch}")
        if re.search(r"\{\d", query):
            found.append("a regex quantifier in braces is taken for a placeholder")
        if "--" in query or ";" in query:
            found.append("a comment swallows what is put around the query")
    return found


@each_rule
def test_rule(suite: str, where: str, rule: Any) -> None:
    assert problems(rule) == []


@each_rule
def test_rows_query_gives_keys_and_no_cells(suite: str, where: str, rule: Any) -> None:
    if type(rule).__name__ != "UnexpectedRowsExpectation" or suite == "marts":
        return
    query = rule.unexpected_rows_query
    assert "with slice as (select * from {batch})" in query, "{batch} brings an alias of its own"
    last = query[query.rindex("select ") :]
    assert last.startswith("select delivery_id, row_no, item_no from "), "a cell value would be read and kept"
    for partition in re.findall(r"partition by ([^)]*)", query):
        # An original and its correction may be judged in one run.
        assert partition.startswith("delivery_id, ") and " where " in query, "unique within a delivery, of given keys"


def test_suites_have_rules() -> None:
    assert len(SOURCE_SUITES) >= 3
    for suite in SUITES:
        assert [rule for name, _, rule in RULES if name == suite], f"{suite} checks nothing"


def test_codes_are_unique_and_of_their_suite() -> None:
    codes = [rule.meta["rule"] for _, _, rule in RULES]
    assert len(codes) == len(set(codes))
    prefixes = {suite: {rule.meta["rule"][:3] for name, _, rule in RULES if name == suite} for suite in SUITES}
    assert all(len(found) == 1 for found in prefixes.values()), prefixes
    assert len(set.union(*prefixes.values())) == len(SUITES), prefixes


@pytest.mark.parametrize("source", SOURCE_SUITES)
def test_rules_name_columns_that_the_file_has(source: str) -> None:
    """An alert and the quarantine workbook point at the column of the file, not at one of ours."""
    known = set(load_source(source).columns)
    for name, _, rule in RULES:
        if name == source:
            assert rule.meta["column"] is None or rule.meta["column"] in known, rule.meta["rule"]


@pytest.mark.parametrize("source", SOURCE_SUITES)
def test_delivery_rules_read_the_profile(source: str) -> None:
    suite = importlib.import_module(f"expectations.{source}")
    for rule in suite.DELIVERY_RULES:
        assert rule.column in {*suite.PROFILE, "row_count"}, rule.meta["rule"]
        assert rule.severity != "warning", "a delivery has no single row to quarantine"


def test_marts_are_held_only_by_critical_rules() -> None:
    assert {str(rule.severity.value) for suite, _, rule in RULES if suite == "marts"} <= {"critical", "info"}


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_is_short_python(suite: str) -> None:
    module = importlib.import_module(f"expectations.{suite}")
    assert module.__doc__
    imported = {
        alias.name
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= {"great_expectations.expectations"}


def test_unsound_rules_are_found() -> None:
    """The law itself, on rules that break it one by one."""
    import datetime
    from decimal import Decimal

    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    from expectations import about

    fine = {"column": "a", "severity": "info", "meta": about("ABC001", "a", "错", "wrong")}
    assert problems(gxe.ExpectColumnValuesToNotBeNull(**fine)) == []
    without = {key: value for key, value in fine.items() if key != "severity"}
    bad = [
        gxe.ExpectColumnValuesToNotBeNull(**without),
        gxe.ExpectColumnValuesToNotBeNull(**fine, mostly=0.9),
        gxe.ExpectColumnValuesToNotBeNull(**fine, row_condition=Column("b") == 1),
        gxe.ExpectColumnValuesToNotBeNull(**fine | {"meta": about("ABC1", "a", "错", "wrong")}),
        gxe.ExpectColumnValuesToNotBeNull(**fine | {"meta": about("ABC001", "a", "wrong", "wrong")}),
        gxe.ExpectColumnValuesToNotBeNull(**fine | {"meta": {"rule": "ABC001"}}),
        gxe.ExpectColumnValuesToBeInSet(**fine, value_set=["it's"]),
        gxe.ExpectColumnValuesToBeInSet(**fine, value_set=[Decimal("1.5")]),
        gxe.ExpectColumnValuesToBeBetween(**fine, min_value=datetime.datetime(2020, 1, 1)),
        gxe.ExpectColumnValuesToBeUnique(**fine),
        gxe.ExpectColumnMeanToBeBetween(**fine, min_value=1),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query="select 1 from {batch} where a ~ '[0-9]{2}'", severity="info", meta=fine["meta"]
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query="select 1 from {batch} -- why", severity="info", meta=fine["meta"]
        ),
    ]
    assert [rule for rule in bad if not problems(rule)] == []
