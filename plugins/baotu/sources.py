"""What a source is: the strict models of `dags/sources/<source>.yml`, and how a file's header is understood.

One fact has one place: header aliases, cadence, thresholds, personal columns and owner stand in the YAML
only. DAG parsing imports this module, so it stays light: no pandas, no Great Expectations, no dbt.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic import model_validator as _model_validator

from baotu.headings import (
    PERSONAL_HEADERS,
    SPACE,
    Levels,
    is_personal_header,
    is_sampled,
    is_whole,
    levels_of,
    normalize_header,
    pieces,
    says_no_name,
    without_remarks,
)
from baotu.settings import PROJECT

__all__ = [
    "PERSONAL_HEADERS", "HeaderMatch", "MetaError", "Source", "SourceError", "is_personal_header", "load_source",
    "load_sources", "normalize_header", "parse_date", "read_source",
]  # fmt: skip

SOURCES = PROJECT / "dags" / "sources"

#: Columns that every raw table has beside a source's own.
RESERVED = frozenset({"delivery_id", "row_no", "part", "file_row", "extra"})

#: How like an unknown header must be to be told of as a near miss, of how many headers, up to which length.
_NEAR, _NEAR_HEADERS, _NEAR_LENGTH = 0.74, 200, 60
#: What every source knows beside its own columns, because our workbooks of quarantined rows have them: which row a
#: corrected one stands for; and what is said there for people only and never reaches raw.
CORRECTS_DELIVERY, CORRECTS_ROW, QUARANTINE_NOTE = "corrects_delivery_id", "corrects_row_no", "quarantine_note"
#: Headers of the columns for people, in their order; the last one stands right of each cell that is wrong.
NOTE_HEADERS = ("原文件", "原工作表", "原文件行", "隔离状态", "多出的单元格", "隔离原因")
EXPORT_COLUMNS: dict[str, dict[str, Any]] = {
    CORRECTS_DELIVERY: {
        "label_zh": "更正的交付编号",
        "label_en": "Delivery of the row that this one corrects",
        "aliases": ["原交付编号"],
    },
    CORRECTS_ROW: {
        "label_zh": "更正的行号",
        "label_en": "Number of the row that this one corrects",
        "aliases": ["原行号"],
    },
    QUARANTINE_NOTE: {
        "label_zh": "隔离说明",
        "label_en": "Why the row is quarantined",
        "aliases": list(NOTE_HEADERS),
        "personal": "drop",
    },
}


class SourceError(ValueError):
    """A source's YAML is wrong: the message names file, key, what was found and what is expected."""


class MetaError(SourceError):
    """A sidecar or `--set` says something that the source does not know."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=63)]
Share = Annotated[float, Field(ge=0, le=1)]


class Cadence(_Strict):
    """When deliveries are looked for, and which period one of them covers. Times are Asia/Shanghai."""

    cron: str
    period: Literal["month", "quarter", "half", "year"]
    #: Days after the end of a period when a missing delivery counts as late; then the next business day.
    late_after_days: Annotated[int, Field(gt=0)] = 45
    #: The staging model's column whose days or years say which periods a delivery's rows speak of; without it, the
    #: period that the file states, else that of its day of issue.
    dated_by: str | None = None

    @field_validator("cron")
    @classmethod
    def _cron_is_valid(cls, value: str) -> str:
        from croniter import croniter

        if len(value.split()) != 5 or not croniter.is_valid(value):
            raise ValueError("expected a cron expression of five fields, such as '0 6 * * *'")
        return value


class Column(_Strict):
    """A canonical column of `raw.<source>` and the headers under which offices send it."""

    label_zh: Text
    label_en: Text
    #: In order of trust: when a file has two of them, the one named first here is read, the other kept in
    #: extra.
    aliases: tuple[Text, ...] = ()
    required: bool = False
    #: drop: never reaches raw. hash: a keyed hash does, so that repeats are seen and persons are not. hash_each: as
    #: many hashes as the cell names persons.
    personal: Literal["drop", "hash", "hash_each"] | None = None
    #: The column of codes that says whose cell this is. Under a credit code that begins with 92, or a registration
    #: number of households, it belongs to one (个体工商户), whose name and address are often a person's: hashed.
    personal_under: Name | None = None
    description: str | None = None


class Layout(_Strict):
    """A known form of delivery, and what it says about all of its rows (a survey's scale)."""

    name: Name
    #: Canonical names, or headers as that form writes them; all must be there.
    when_columns: Annotated[tuple[Text, ...], Field(min_length=1)]
    meta: dict[str, Any] = {}


class MetaKey(_Strict):
    """What a sidecar or `--set` may say of a delivery."""

    type: Literal["text", "date", "number", "integer", "mapping"]
    values: tuple[Text, ...] | None = None

    @_model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """`issued_on: date` is short for `issued_on: {type: date}`."""
        if isinstance(value, str):
            return {"type": value}
        if isinstance(value, dict) and isinstance(value.get("values"), list):
            return value | {"values": tuple(value["values"])}  # what went through here is strict Python, not JSON
        return value


class Numbered(_Strict):
    """Headers of groups of columns, one group an item: 项目1, 结果1, 标准1, 项目2 … or the three names again and again."""

    item: Annotated[tuple[Text, ...], Field(min_length=1)]
    result: Annotated[tuple[Text, ...], Field(min_length=1)]
    limit: tuple[Text, ...] = ()


class Items(_Strict):
    """Where test items stand when they have no rows of their own."""

    #: Names of items that may head a column of their own.
    analytes: tuple[Text, ...] = ()
    numbered: Numbered | None = None
    #: The column that holds items, results and limits in one cell.
    combined: Name | None = None


class Missing(NamedTuple):
    """A required column, or one of a group, that no header names."""

    columns: tuple[str, ...]
    #: The nearest header that was not understood, if any is near; a suggestion for people, never applied.
    nearest: str | None
    nearest_column: str | None
    #: The line to add under `aliases` of that column in the source's YAML; empty when nothing is near.
    alias_line: str
    #: A meta key that would say it for the whole delivery.
    meta_key: str | None


class NearMiss(NamedTuple):
    """A header that is not understood and nearly one that would be; a suggestion for people, never applied."""

    header: str
    column: str
    alias: str


class _Claim(NamedTuple):
    """That a heading names a column."""

    at: int
    column: str
    #: Place of the alias in the column's list: the smaller the more trusted.
    rank: int
    #: What was left out of the heading to find the alias; empty for a name as it is listed.
    remark: str


class HeaderMatch(NamedTuple):
    """How a row of headings reads as a header. Indexes are those of the headings."""

    mapping: dict[int, str]
    #: Headers that nobody declared, to be kept in extra.
    unknown: dict[int, str]
    #: Undeclared headers that name personal data.
    personal: dict[int, str]
    #: Columns that another cell names already, or with a more trusted header: these cells are kept in extra.
    repeated: dict[int, str]
    #: Of headings in `mapping`: the remark that was left out to read them.
    remarks: dict[int, str]
    missing_required: tuple[Missing, ...]

    @property
    def score(self) -> int:
        return len(self.mapping)


class Source(_Strict):
    """One `dags/sources/<source>.yml`."""

    id: Name
    #: A source whose columns, meta keys, groups and title patterns hold here too, where this file does not say
    #: otherwise; see `_inherit`.
    like: Name | None = None
    label_zh: Text
    label_en: Text
    owner: Text
    description_zh: Text
    description_en: Text
    cadence: Cadence
    #: More quarantined rows than this and the delivery is rejected as a whole.
    max_quarantined_share: Share = 0.20
    #: More than this and the owner is alerted.
    alert_quarantined_share: Share = 0.05
    #: A file must have been unchanged for so long before it is read: half uploads are not deliveries.
    settle_seconds: Annotated[float, Field(ge=0)] = 5
    #: So many months after it landed a decided delivery's rows leave raw for the archive; without it they stay for ever.
    keep_raw_months: Annotated[int, Field(gt=0)] | None = None
    columns: Annotated[dict[Name, Column], Field(min_length=1)]
    #: Of each group at least one must be there; `meta.<key>` stands for a meta key that says it for all rows.
    required_any: tuple[Annotated[tuple[Text, ...], Field(min_length=1)], ...] = ()
    layouts: tuple[Layout, ...] = ()
    meta_keys: dict[Name, MetaKey] = {}
    #: Searched in this order in the title rows, then in the file name; the first find of each group counts. What
    #: matches `withdraw` says that the rows below are withdrawn: record_action.
    title_patterns: tuple[Text, ...] = ()
    #: What names of files and sheets and titles say of all rows below: `neither` words (合格率) are not looked into.
    verdict_words: dict[Literal["pass", "fail", "neither"], tuple[Text, ...]] = {}
    items: Items = Items()

    @field_validator("title_patterns")
    @classmethod
    def _patterns_compile(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                groups = set(re.compile(pattern).groupindex)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
            if not groups or groups - {"issued_on", "notice_no", "period", "unit", "withdraw"}:
                raise ValueError(
                    f"{pattern!r} has the named groups {sorted(groups)}, expected issued_on, notice_no, period, unit or"
                    " withdraw"
                )
        return value

    @_model_validator(mode="after")
    def _consistent(self) -> Self:
        if taken := sorted(RESERVED & self.columns.keys()):
            raise ValueError(f"columns.{taken[0]}: the name is reserved; every raw table has {sorted(RESERVED)}")
        self._aliases  # noqa: B018  building it checks that they are unique
        for name, column in self.columns.items():
            if column.required and column.personal == "drop":
                raise ValueError(f"columns.{name}: found required and personal: drop, expected one of them")
            if column.personal_under is None:
                continue
            if column.personal:
                raise ValueError(
                    f"columns.{name}: found personal: {column.personal} and personal_under, expected one of them"
                )
            code = self.columns.get(column.personal_under)
            if code is None or code.personal_under:  # it may not name itself either
                raise ValueError(
                    f"columns.{name}.personal_under: found {column.personal_under!r}, expected the name of another "
                    f"column, one without personal_under"
                )
        for number, group in enumerate(self.required_any):
            for entry in group:
                meta = entry.removeprefix("meta.") if entry.startswith("meta.") else None
                if entry not in self.columns and meta not in self.meta_keys:
                    raise ValueError(
                        f"required_any[{number}]: found {entry!r}, "
                        f"expected a name of columns or meta.<key of meta_keys>"
                    )
        for name in self.items.analytes:
            if named := self._aliases.get(normalize_header(name)):
                raise ValueError(f"items.analytes: {name!r} also names column {named[0]!r}; a header means one thing")
        if (combined := self.items.combined) is not None and combined not in self.columns:
            raise ValueError(f"items.combined: found {combined!r}, expected a name of columns")
        verdicts = self.meta_keys["verdict"].values or () if "verdict" in self.meta_keys else ()
        if self.verdict_words and not {"pass", "fail"} <= set(verdicts):
            raise ValueError("verdict_words: expected a meta key verdict with the values pass and fail")
        for number, layout in enumerate(self.layouts):
            for key, value in layout.meta.items():
                try:
                    self.check_meta({key: value})
                except MetaError as error:
                    raise ValueError(f"layouts[{number}].meta: {error.en}") from None
        return self

    @cached_property
    def _aliases(self) -> dict[str, tuple[str, int]]:
        """Normalised header → (column, rank). A column's own name and labels are understood too."""
        known: dict[str, tuple[str, int]] = {}
        for name, column in self.columns.items():
            own = (name, column.label_zh, column.label_en)
            for rank, text in enumerate((*column.aliases, *own)):
                key = normalize_header(text)
                if not key:
                    raise ValueError(f"columns.{name}.aliases: {text!r} is empty once normalised")
                other, other_rank = known.get(key, (None, 0))
                if other is not None and other != name:
                    raise ValueError(
                        f"columns.{name}.aliases: {text!r} also names column {other!r}; "
                        f"a header may mean one column only"
                    )
                if other == name and rank < len(column.aliases):
                    first = column.aliases[other_rank]
                    raise ValueError(f"columns.{name}.aliases: {text!r} repeats {first!r} of the same column {name!r}")
                known.setdefault(key, (name, rank))
        return known

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """The text columns of `raw.<source>`, in order; dropped personal ones have no place there."""
        return tuple(name for name, column in self.columns.items() if column.personal != "drop")

    @cached_property
    def _roles(self) -> dict[str, str]:
        """Normalised header → item, result or limit, within the name of a cell that holds several."""
        numbered = self.items.numbered
        roles = (("item", numbered.item), ("result", numbered.result), ("limit", numbered.limit)) if numbered else ()
        return {normalize_header(text): role for role, texts in roles for text in texts}

    @cached_property
    def analytes(self) -> dict[str, str]:
        """Normalised name of an item that may head a column → the name as listed."""
        return {normalize_header(text): text for text in self.items.analytes}

    @cached_property
    def spellings(self) -> frozenset[str]:
        """Every header as it is listed, to tell at small cost that a row may be a header."""
        return frozenset(
            text for column in self.columns.values() for text in (*column.aliases, column.label_zh, column.label_en)
        )

    def combined_order(self, header: str) -> list[str]:
        """What a cell with several pieces holds, in order, as its header says: item, result, limit."""
        roles = [self._roles[piece] for piece in pieces(normalize_header(header)) if piece in self._roles]
        return list(dict.fromkeys(roles)) if len(set(roles)) == len(roles) > 1 else []

    def known(self, cells: Sequence[str | Levels | None], given: Mapping[str, Any] | None = None) -> int:
        """How many columns a row of cells names: what a header is found by."""
        return len({claim.column for claim in self._claims([levels_of(cell) for cell in cells], given or {})})

    def match(self, cells: Sequence[str | Levels | None], given: Mapping[str, Any] | None = None) -> HeaderMatch:
        """Read a row of cells as a header, or of levels where a header has several rows.

        `given` is checked meta; its `columns` outrank the aliases.
        """
        given = given or {}
        headings = [levels_of(cell) for cell in cells]
        claims = list(self._claims(headings, given))
        best: dict[str, _Claim] = {}
        for claim in claims:
            other = best.setdefault(claim.column, claim)
            best[claim.column] = min(other, claim, key=lambda c: (bool(c.remark), c.rank, c.at))
        # Two names that differ by their remarks only are two columns: neither is taken for the one without.
        remarked = Counter(claim.column for claim in claims if claim.remark)
        used = [c for c in claims if best[c.column] is c and not (c.remark and remarked[c.column] > 1)]
        mapping = {claim.at: claim.column for claim in used}
        repeated = {claim.at: claim.column for claim in claims if claim.at not in mapping}
        named = {normalize_header("".join(headings[claim.at])): claim.column for claim in claims}
        personal: dict[int, str] = {}
        unknown: dict[int, str] = {}
        for index, levels in enumerate(headings):
            if not levels or index in mapping or index in repeated:
                continue
            # 检验结果.1, as a table that was written by pandas has it
            base = re.sub(r"\.\d{1,2}$", "", normalize_header("".join(levels)))
            if base in named:
                repeated[index] = named[base]
                continue
            is_personal = any(map(is_personal_header, ("".join(levels), *levels)))
            (personal if is_personal else unknown)[index] = "/".join(levels)
        missing = self._missing(set(mapping.values()), unknown.values(), given)
        remarks = {claim.at: claim.remark for claim in used if claim.remark}
        return HeaderMatch(mapping, unknown, personal, repeated, remarks, missing)

    def _claims(self, headings: Sequence[Levels], given: Mapping[str, Any]) -> Iterator[_Claim]:
        """Which heading names which column; a delivery's own mapping goes first."""
        own: dict[str, str | None] = {normalize_header(k): v for k, v in (given.get("columns") or {}).items()}
        is_flat = all(len(levels) < 2 for levels in headings)
        lowest = Counter(normalize_header(levels[-1]) for levels in headings if levels and not is_flat)
        groups = Counter(levels[:-1] for levels in headings if len(levels) > 1)
        for index, levels in enumerate(headings):
            if not levels:
                continue
            if own and (
                key := next((k for k in map(normalize_header, ("".join(levels), "/".join(levels))) if k in own), None)
            ):
                if name := own[key]:  # null: not the column that its alias says
                    yield _Claim(index, name, -1, "")
                continue
            for text in self._names(levels, lowest, groups):
                if found := self._column_of(text):
                    yield _Claim(index, *found)
                    break

    def _names(self, levels: Levels, lowest: Counter[str], groups: Counter[Levels]) -> Iterator[str]:
        """What a heading may be called: its levels together, else its lowest or its upper ones where that is sound."""
        yield "".join(levels)
        if len(levels) == 1 or normalize_header(levels[-2]) in self.analytes:
            return
        if len(levels) > 2:
            yield "".join(levels[1:])
        # 检验结果 under 初检 and again under 复检 is not the result: one of them is.
        if lowest[normalize_header(levels[-1])] == 1 or is_whole(levels):
            yield levels[-1]
        if groups[levels[:-1]] == 1 and says_no_name(levels[-2], levels[-1]):
            yield "".join(levels[:-1])

    def _column_of(self, text: str) -> tuple[str, int, str] | None:
        """Column, rank and remark left out of one name; None for a name that nobody listed."""
        key = normalize_header(text)
        if found := self._aliases.get(key):
            return *found, ""
        # 不合格项目|实测值|限量值 in any order and with any of the names of each.
        if self.items.combined and "|" in key and all(piece in self._roles for piece in pieces(key)):
            order = self.combined_order(key)
            if "item" in order:
                return self.items.combined, len(self._aliases), ""
        for short, remark in without_remarks(text):
            if found := self._aliases.get(short):
                return *found, remark
        return None

    def _missing(self, present: set[str], unknown: Iterable[str], given: Mapping[str, Any]) -> tuple[Missing, ...]:
        groups: list[tuple[str, ...]] = [(name,) for name, column in self.columns.items() if column.required]
        groups += self.required_any
        missing = []
        spare = list(unknown)
        for group in groups:
            meta = [entry.removeprefix("meta.") for entry in group if entry.startswith("meta.")]
            columns = tuple(entry for entry in group if not entry.startswith("meta."))
            # record_action: report says what any file does, and takes no column's place.
            if present.isdisjoint(columns) and not any(given.get(key) not in (None, "report") for key in meta):
                header, column = self._nearest(columns, spare)
                line = f"- {_yaml_scalar(header)}" if header else ""
                # That a file withdraws its records is nothing to be said for want of a column.
                said = next((key for key in meta if key != "record_action"), None)
                missing.append(Missing(columns, header, column, line, said))
        return tuple(missing)

    def _nearest(self, columns: Collection[str], headers: Iterable[str]) -> tuple[str | None, str | None]:
        best: tuple[float, str | None, str | None] = (0.6, None, None)
        for header in headers:
            ratio, column, _ = self._likest(header, columns, best[0])
            if ratio > best[0]:
                best = (ratio, header, column)
        return best[1], best[2]

    def _likest(self, header: str, columns: Collection[str], floor: float) -> tuple[float, str, str]:
        """The likest alias of these columns: (ratio, column, alias as compared)."""
        best = (floor, "", "")
        key = normalize_header(header)
        matcher = difflib.SequenceMatcher(None, "", key)
        for alias, (column, _) in self._aliases.items():
            # 不合格 is not nearly 合格.
            if column not in columns or is_sampled(alias) != is_sampled(key) or ("不" in alias) != ("不" in key):
                continue
            matcher.set_seq1(alias)
            if matcher.real_quick_ratio() > best[0] and matcher.quick_ratio() > best[0] and matcher.ratio() > best[0]:
                best = (matcher.ratio(), column, alias)
        return best

    def near_misses(self, match: HeaderMatch) -> list[NearMiss]:
        """Unknown headers that come near a column which the file otherwise lacks."""
        absent = self.columns.keys() - set(match.mapping.values()) - set(match.repeated.values())
        found = []
        for header in [*match.unknown.values()][:_NEAR_HEADERS]:
            if len(header) <= _NEAR_LENGTH:
                _, column, alias = self._likest(header, absent, _NEAR)
                if column:
                    found.append(NearMiss(header, column, alias))
        return found

    def layout_of(self, headers: Sequence[str | None], columns: Collection[str] = ()) -> Layout | None:
        """The first layout whose columns are all among these headers, or among columns that were read from them."""
        keys = {normalize_header(header) for header in headers if header}
        names = {self._aliases[key][0] for key in keys if key in self._aliases} | set(columns)
        for layout in self.layouts:
            if all(c in names if c in self.columns else normalize_header(c) in keys for c in layout.when_columns):
                return layout
        return None

    def check_meta(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a sidecar or `--set` says, as JSON values; `MetaError` when the source does not know it."""
        checked: dict[str, Any] = {}
        for key, value in given.items():
            if key not in self.meta_keys:
                near = difflib.get_close_matches(key, list(self.meta_keys), 1)
                hint_zh, hint_en = (f"，是否指 {near[0]}？", f"; did you mean {near[0]}?") if near else ("；", "")
                known = "、".join(self.meta_keys)
                raise MetaError(
                    f"来源 {self.id} 没有元数据项 {key}{hint_zh}可用的有：{known}",
                    f"source {self.id} has no meta key {key!r}{hint_en} (known: {', '.join(self.meta_keys)})",
                )
            checked[key] = self._meta_value(key, self.meta_keys[key], value)
        return checked

    def _meta_value(self, key: str, kind: MetaKey, value: Any) -> Any:
        # PyYAML reads 2020-08-01 as a date and 08 as text; `--set` gives text always.
        found: Any = None
        if kind.type == "text" and isinstance(value, (str, int, date)) and not isinstance(value, bool):
            found = str(value)
        elif kind.type == "date":
            found = parse_date(value) if isinstance(value, str) else _plain_date(value)
            found = found and found.isoformat()
        elif kind.type in ("number", "integer") and not isinstance(value, bool):
            if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value.strip()):
                value = float(value) if "." in value else int(value)
            if isinstance(value, int) or (isinstance(value, float) and kind.type == "number"):
                found = value if abs(value) < float("inf") else None
        elif kind.type == "mapping":
            found = self._meta_mapping(key, value)
        if found is None or (kind.values and found not in kind.values):
            expected = " | ".join(kind.values) if kind.values else kind.type
            raise MetaError(
                f"来源 {self.id} 的元数据项 {key}：读到 {value!r}，应为 {expected}",
                f"meta key {key!r} of source {self.id}: found {value!r}, expected {expected}",
            )
        return found

    def _meta_mapping(self, key: str, value: Any) -> dict[str, Any] | None:
        if isinstance(value, str):  # --set columns='{X1: overall}'
            try:
                value = yaml.load(value, Loader=_Loader)
            except yaml.YAMLError:
                return None
        if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
            return None
        for header, name in value.items() if key == "columns" else ():
            if name is not None and name not in self.columns:
                near = difflib.get_close_matches(str(name), list(self.columns), 1)
                raise MetaError(
                    f"columns：表头「{header}」对应的 {name} 不是来源 {self.id} 的列，"
                    f"应为：{'、'.join(near or self.columns)}",
                    f"columns: header {header!r} is mapped to {name!r}, which is no column of source "
                    f"{self.id}; "
                    f"expected: {', '.join(near or self.columns)}",
                )
        return value


def _yaml_scalar(text: str) -> str:
    # Whatever a header holds (#, colons, line breaks), the line can be pasted as it is.
    return yaml.safe_dump(text, allow_unicode=True, width=10_000).removesuffix("...\n").strip()


def _plain_date(value: Any) -> date | None:
    return value.date() if isinstance(value, datetime) else value if isinstance(value, date) else None


DATE_TEXT = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d\d)(?:(?P<s>[-/._—])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)"
    r"|年(?P<m2>\d{1,2})月(?P<d2>\d{1,2})日|(?P<m3>\d\d)(?P<d3>\d\d)(?!\d))"
)


def parse_date(text: str) -> date | None:
    """The first calendar date in a text: 2020-08-01, 2020/8/1, 2020.8.1, 2020年8月1日, 20200801."""
    for match in DATE_TEXT.finditer(SPACE.sub("", unicodedata.normalize("NFKC", text))):
        y, m, d = (
            match["y"],
            match["m"] or match["m2"] or match["m3"],
            match["d"] or match["d2"] or match["d3"],
        )
        try:
            return date(int(y), int(m), int(d))
        except ValueError:
            continue
    return None


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, which plain YAML loaders let the last one win, and keys that
    are not text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            where = key_node.start_mark
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"found the key {key!r}, expected text (in quotes)", where
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"found the key {key!r} twice", where)
            seen.add(key)
        return super().construct_mapping(node, deep)


def source_ids(directory: Path = SOURCES) -> list[str]:
    """The sources that there are, by their files alone: none is read."""
    return sorted(path.stem for path in directory.glob("*.yml"))


def load_sources(directory: Path = SOURCES) -> dict[str, Source]:
    """Every source of the directory by its id, in order of file names."""
    return {path.stem: read_source(path) for path in sorted(directory.glob("*.yml"))}


def load_source(source_id: str, directory: Path = SOURCES) -> Source:
    """One source; an unknown id is a `SourceError` that names the nearest ones."""
    known = source_ids(directory)
    if source_id not in known:
        near = difflib.get_close_matches(source_id, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SourceError(f"unknown source {source_id!r}{hint} (known: {', '.join(known) or 'none'})")
    return read_source(directory / f"{source_id}.yml")


def read_source(path: Path) -> Source:
    """Read and check one YAML file."""
    shown = path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(f"{shown}: not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise SourceError(f"{shown}: found {type(data).__name__}, expected a mapping of keys")
    if "like" in data:
        data = _inherit(data, path, shown)
    if isinstance(data.get("columns"), dict):
        data["columns"] = data["columns"] | EXPORT_COLUMNS
    try:
        # By way of JSON, because strict validation takes JSON's lists for tuples but not Python's.
        source = Source.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        raise SourceError("\n".join(f"{shown}: {_explain(dict(e))}" for e in error.errors())) from None
    if source.id != path.stem:
        raise SourceError(f"{shown}: id: found {source.id!r}, expected {path.stem!r}, the file's name")
    return source


def _inherit(data: dict[str, Any], path: Path, shown: Path) -> dict[str, Any]:
    """What a file leaves to the source that it is like: single columns and meta keys, and the lists it has not.

    One step only: the other source is like none.
    """
    other = path.with_name(f"{data['like']}.yml")
    if other == path or not other.is_file():
        raise SourceError(f"{shown}: like: found {data['like']!r}, expected another source of {path.parent.name}/")
    base = yaml.load(other.read_text(encoding="utf-8"), Loader=_Loader)
    if "like" in base:
        raise SourceError(f"{shown}: like: {data['like']!r} is itself like {base['like']!r}, expected one that is not")
    lists = {
        key: base[key] for key in ("required_any", "title_patterns", "layouts", "verdict_words", "items") if key in base
    }
    merged = {key: base.get(key, {}) | (data.get(key) or {}) for key in ("columns", "meta_keys")}
    return lists | data | merged


_MODELS: dict[str, type[BaseModel]] = {
    "cadence": Cadence,
    "columns": Column,
    "items": Items,
    "layouts": Layout,
    "meta_keys": MetaKey,
}


def _explain(error: dict[str, Any]) -> str:
    place = [part for part in error["loc"] if part != "[key]"]
    where = ".".join(str(part) for part in place)
    if error["type"] == "extra_forbidden":
        model = _MODELS.get(str(place[0]), Source) if len(place) > 1 else Source
        return f"{where}: unknown key, expected one of {', '.join(model.model_fields)}"
    if error["type"] == "missing":
        return f"{where}: key is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    if not place:  # a rule over several keys says itself which
        return message
    return f"{where}: found {error['input']!r}: {message}"
