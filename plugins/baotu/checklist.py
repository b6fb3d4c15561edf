"""What is missing for a source to work: its YAML, staging model, suite, tests and tables, and how a file would be read.

Told to engineers, so in English; each finding says what to do.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from baotu.dbt import DBT_PROJECT
from baotu.readers import Refused, read
from baotu.settings import PROJECT
from baotu.sources import SOURCES, Source, SourceError, is_personal_header, load_sources, read_source, source_ids

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_STAGING = DBT_PROJECT / "models" / "staging"
#: Modules of expectations/ that are no source's suite.
_NO_SUITES = frozenset({"__init__", "marts", "spot_checks"})


@dataclass(frozen=True)
class Finding:
    """`missing`: the source does not work without it; `look`: it may be meant so; `ok`: what was checked and is there."""

    kind: str
    text: str


def check(source_id: str) -> Iterator[Finding]:
    """Everything that a source needs, in the order in which one makes it; it ends where what follows depends on it."""
    path = SOURCES / f"{source_id}.yml"
    if not path.exists():
        known = ", ".join(source_ids(SOURCES))
        yield _missing(f"dags/sources/{source_id}.yml does not exist; write it, best as a copy of one of: {known}")
        return
    try:
        source = read_source(path)
    except SourceError as error:
        yield from (_missing(line) for line in str(error).splitlines())
        return
    yield Finding("ok", f"dags/sources/{source_id}.yml is valid: {len(source.columns)} columns, no alias means two")
    yield from _labels(source)
    yield from _required(source)
    yield from _personal(source)
    yield from _staging(source_id)
    yield from _suite(source)
    yield from _dag(source_id)
    yield from _warehouse(source)


def check_file(source: Source, path: Path) -> Iterator[Finding]:
    """How a file would be read: each header's column, and what comes near to what is not understood."""
    try:
        reading = read(path, path.name, source, {})
        rows = sum(1 for _ in reading.rows())
    except Refused as refusal:
        yield _missing(f"{refusal.en}\n    {refusal.zh}")
        return
    how = {key: value for key, value in reading.meta["file"].items() if isinstance(value, str)}
    yield Finding("ok", f"{path.name} can be read: {rows} rows; {', '.join(f'{k} {v}' for k, v in how.items())}")
    near_misses = {
        (part["part"], miss["header"]): miss["column"]
        for part in reading.meta["file"]["parts"]
        for miss in part.get("near_misses", ())
    }
    for part, headers in reading.mapping.items():
        for header, column in headers.items():
            where = f"{part or 'table'}: {header!r}"
            if column is not None:
                yield Finding("ok", f"{where} → {column}")
            elif near := near_misses.get((part, header)):
                yield Finding(
                    "look",
                    f"{where} is not known and kept in extra; near it is {near}: if it is that column, add the header to"
                    f" columns.{near}.aliases",
                )
            else:
                yield Finding("look", f"{where} is not known and kept in extra")
    said = {key: reading.meta[key] for key in (*source.meta_keys, "issued_on") if reading.meta.get(key) is not None}
    yield (
        Finding("ok", f"it says of itself: {said}")
        if said
        else Finding("look", "it says nothing of itself, such as issued_on; a sidecar or --set can")
    )


def _missing(text: str) -> Finding:
    return Finding("missing", text)


def _labels(source: Source) -> Iterator[Finding]:
    texts = {"label": (source.label_zh, source.label_en), "description": (source.description_zh, source.description_en)}
    texts |= {f"columns.{name}.label": (c.label_zh, c.label_en) for name, c in source.columns.items()}
    wrong = [f"{key}_zh has no Chinese" for key, (zh, _) in texts.items() if not _CHINESE.search(zh)]
    wrong += [f"{key}_en has Chinese" for key, (_, en) in texts.items() if _CHINESE.search(en)]
    yield from (_missing(f"{text}: officials read the one, engineers the other") for text in wrong)
    if not wrong:
        yield Finding("ok", "labels and descriptions are there in Chinese and in English")


def _required(source: Source) -> Iterator[Finding]:
    required = [name for name, column in source.columns.items() if column.required]
    required += [" or ".join(group) for group in source.required_any]
    if required:
        yield Finding("ok", f"a file needs {'; '.join(required)}")
    else:
        yield _missing(
            "nothing is required, so any file with one known header would be taken; put `required: true` on the columns"
            " that a row is useless without, or name groups under required_any"
        )


def _personal(source: Source) -> Iterator[Finding]:
    for name, column in source.columns.items():
        named = [text for text in (*column.aliases, column.label_zh) if is_personal_header(text)]
        if named and column.personal is None and column.personal_under is None:
            yield _missing(
                f"columns.{name}: {named[0]!r} names a person; declare `personal: drop`, or `hash` if repeats must be seen"
            )
    codes = [
        name for name, column in source.columns.items() if "信用代码" in "".join((column.label_zh, *column.aliases))
    ]
    under = {column.personal_under for column in source.columns.values()}
    for name in codes:
        if name not in under:
            yield Finding(
                "look",
                f"columns.{name} holds credit codes; under one that begins with 92 the name beside it is a person's:"
                f" `personal_under: {name}` on that column hashes it",
            )


def _staging(source_id: str) -> Iterator[Finding]:
    model = _STAGING / f"stg_{source_id}.sql"
    shown = model.relative_to(PROJECT)
    if not model.exists():
        yield _missing(
            f"{shown} does not exist; it types the rows of raw.{source_id}, stg_reference_weights.sql is short"
        )
    else:
        text = model.read_text(encoding="utf-8")
        if f"forget_landed_deliveries('{source_id}')" not in text:
            yield _missing(
                f"{shown} lacks pre_hook=\"{{{{ forget_landed_deliveries('{source_id}') }}}}\": without it a rerun doubles rows"
            )
        else:
            yield Finding("ok", f"{shown} is there")
    (raw,) = yaml.safe_load((_STAGING / "_sources.yml").read_text(encoding="utf-8"))["sources"]
    if source_id in {table["name"] for table in raw["tables"]}:
        yield Finding("ok", f"_sources.yml lists raw.{source_id}")
    else:
        yield _missing(
            f"{_STAGING.relative_to(PROJECT)}/_sources.yml does not list it; add the line `- name: {source_id}`"
        )
    described = yaml.safe_load((_STAGING / "_staging.yml").read_text(encoding="utf-8"))["models"]
    if f"stg_{source_id}" not in {model["name"] for model in described}:
        yield _missing(
            f"{_STAGING.relative_to(PROJECT)}/_staging.yml does not describe stg_{source_id}; say what a row is"
        )
    tests = [
        test["name"]
        for path in sorted(_STAGING.glob("_unit_tests*.yml"))
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["unit_tests"]
        if test["model"] == f"stg_{source_id}"
    ]
    if tests:
        yield Finding("ok", f"unit tests of stg_{source_id}: {', '.join(tests)}")
    else:
        yield _missing(
            f"no unit test of stg_{source_id}; add a file {_STAGING.relative_to(PROJECT)}/_unit_tests_{source_id}.yml with"
            " a row for each thing that the model types"
        )
    readers = [
        path.stem
        for folder in ("models/core", "macros")
        for path in sorted((DBT_PROJECT / folder).rglob("*.sql"))
        if re.search(rf"\bstg_{source_id}\b|'{source_id}'", path.read_text(encoding="utf-8"))
    ]
    if readers:
        yield Finding("ok", f"core reads it in {', '.join(readers)}")
    else:
        yield Finding("look", "no model of core reads it: its rows are validated and end in staging")


def _suite(source: Source) -> Iterator[Finding]:
    path = PROJECT / "expectations" / f"{source.id}.py"
    if not path.exists():
        yield _missing(f"expectations/{source.id}.py does not exist; it needs ROW_RULES, PROFILE and DELIVERY_RULES")
        return
    try:
        suite = importlib.import_module(f"expectations.{source.id}")
    except Exception as error:  # whatever stands in that file
        yield _missing(f"expectations/{source.id}.py cannot be imported: {type(error).__name__}: {error}")
        return
    lacking = [name for name in ("ROW_RULES", "PROFILE", "DELIVERY_RULES") if not hasattr(suite, name)]
    if lacking:
        yield _missing(f"expectations/{source.id}.py lacks {', '.join(lacking)}; an empty one says that there is none")
        return
    wrong = list(_rules(source, suite))
    yield from (_missing(text) for text in wrong)
    if not wrong:
        rules = [*suite.ROW_RULES, *suite.DELIVERY_RULES]
        yield Finding("ok", f"expectations/{source.id}.py: {len(rules)} rules, with texts in both languages")


def _rules(source: Source, suite: ModuleType) -> Iterator[str]:
    rules = [*suite.ROW_RULES, *suite.DELIVERY_RULES]
    if not rules:
        yield f"expectations/{source.id}.py has no rule: whatever can be read would count"
    for number, rule in enumerate(rules, start=1):
        meta: dict[str, Any] = rule.meta or {}
        code = meta.get("rule") or f"rule {number} of expectations/{source.id}.py"
        if not re.fullmatch(r"[A-Z]{3}\d{3}", meta.get("rule", "")):
            yield f"{code}: no code of three letters and three digits in meta; use about(…)"
        if not _CHINESE.search(meta.get("zh", "")):
            yield f"{code}: no Chinese text in meta.zh; the sender reads it"
        if not meta.get("en") or _CHINESE.search(meta["en"]):
            yield f"{code}: no English text in meta.en"
        if "severity" not in rule.__fields_set__:
            yield f"{code}: severity is not stated, and would be critical; say critical, warning or info"
        if meta.get("column") is not None and meta["column"] not in source.columns:
            yield f"{code}: meta.column is {meta['column']!r}, which is no column of the YAML"
    letters = {rule.meta["rule"][:3] for rule in rules if rule.meta and rule.meta.get("rule")}
    for path in sorted((PROJECT / "expectations").glob("*.py")):
        if path.stem not in _NO_SUITES | {source.id}:
            others = re.findall(r"\"([A-Z]{3})(?:\d{3})?\"", path.read_text(encoding="utf-8"))
            for taken in sorted(letters & set(others)):
                yield f"the letters {taken} are those of expectations/{path.name}; take others"


def _dag(source_id: str) -> Iterator[Finding]:
    """dags/ingest.py makes one DAG of each YAML, if all of them are valid."""
    try:
        load_sources()
    except SourceError as error:
        yield _missing(f"Airflow sees no ingest DAG at all while another source's YAML is wrong: {error}")
        return
    yield Finding("ok", f"DAG ingest_{source_id} follows from the YAML; Airflow shows it within a minute")


def _warehouse(source: Source) -> Iterator[Finding]:
    from baotu.warehouse import RAW_KEYS, WarehouseError, connect

    try:
        with connect() as connection:
            found = {
                name
                for (name,) in connection.execute(
                    "select column_name from information_schema.columns where table_schema = 'raw' and table_name = %s",
                    (source.id,),
                )
            }
            typed = {
                name
                for (name,) in connection.execute(
                    "select attname from pg_attribute where attrelid = to_regclass(%s)", (f"staging.stg_{source.id}",)
                )
            }
    except (WarehouseError, OSError) as error:
        yield Finding(
            "look", f"the warehouse is not running, so its tables were not looked at ({type(error).__name__})"
        )
        return
    lacking = sorted({*RAW_KEYS, *source.raw_columns, "extra"} - found)
    dated_by = source.cadence.dated_by
    if not found or not typed:
        yield _missing(f"the warehouse has no raw.{source.id} or staging.stg_{source.id}; run: baotu up")
    elif lacking:
        yield _missing(f"raw.{source.id} lacks {', '.join(lacking)}; run: baotu up")
    elif dated_by is not None and dated_by not in typed:
        yield _missing(f"cadence.dated_by: staging.stg_{source.id} has no column {dated_by}; name one of days or years")
    else:
        yield Finding("ok", f"raw.{source.id} and staging.stg_{source.id} are in the warehouse and in step")
