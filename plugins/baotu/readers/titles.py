"""What stands around a table: dates, notice number, period and verdict in its title rows and in names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from baotu.headings import is_personal_header, normalize_header
from baotu.readers.reading import File, Table

if TYPE_CHECKING:
    from baotu.sources import Source

#: Longest title line that is kept.
_LINE = 1_000
_LABEL = re.compile(r"([\w()（）/]{1,16})\s*[:：]")
_SIGNED = re.compile(r".*(?:审核|制表|制单|填表|复核|批准|签发|编制|校对|主检|经办)(?:人|员|者)?")


def title_lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines above a header, without who made or signed the table and what stands behind that."""
    lines: list[str] = []
    for cells in rows:
        shown = dict.fromkeys(text for cell in cells if (text := _unsigned(_line(cell))))
        text = " ".join(shown)[:_LINE]
        if text and text not in lines[-1:]:  # a title merged over two rows is one
            lines.append(text)
    return lines


def _line(cell: str) -> str:
    return "".join(c for c in cell if unicodedata.category(c) not in ("Cc", "Cf")).replace("\ufffd", "").strip()


def _unsigned(text: str) -> str:
    for label in _LABEL.finditer(text):
        if is_personal_header(label[1]) or _SIGNED.fullmatch(normalize_header(label[1])):
            return text[: label.start()].strip()
    return text


def facts(source: Source, title: Sequence[str], name: str | None = None, *, basis: str = "file_name") -> dict[str, Any]:
    """Date of issue, notice number, period and unit: from the title block first, then from a name."""
    from baotu.sources import DATE_TEXT, parse_date

    places = [(unicodedata.normalize("NFKC", text), "title") for text in title]
    if name is not None:
        places.append((unicodedata.normalize("NFKC", PurePath(name).stem), basis))
    found: dict[str, Any] = {}
    spans: list[tuple[str, int, int]] = []
    matches = [
        (place, where, match)
        for pattern in map(re.compile, source.title_patterns)
        for place, where in places
        for match in pattern.finditer(place)
    ]
    for place, _, match in matches:
        if match.groupdict().get("period"):
            spans.append((place, *match.span("period")))
    for place, where, match in matches:
        for group, value in match.groupdict().items():
            if not value or group in found or group == "withdraw":
                continue
            if group != "issued_on":
                found[group] = value
                continue
            # The first or last day of a period is no day of issue.
            begin, end = match.span("issued_on")
            if any(place == other and first <= begin and end <= last for other, first, last in spans):
                continue
            if day := parse_date(value):
                found |= {"issued_on": day.isoformat(), "issued_on_basis": where}
    dates = (parse_date(m[0]) for text, _ in places for m in DATE_TEXT.finditer(text))
    found["dates"] = list(dict.fromkeys(day.isoformat() for day in dates if day))
    return found


def about_part(file: File, table: Table, title: Sequence[str]) -> dict[str, Any]:
    """What a part says of all its rows, by its title and its own names; what was given outranks it."""
    about: dict[str, Any] = {"title": list(title)}
    own = facts(file.source, [*title, _sheet(table)], table.member or None, basis="member")
    for key in ("notice_no", "period", "issued_on", "unit"):
        if (value := file.given.get(key, own.get(key))) is not None:
            about[key] = value
    if found := verdict(file, table, title):
        about |= dict(zip(("verdict", "verdict_basis"), found, strict=True))
    return about


def _sheet(table: Table) -> str:
    return table.name.removeprefix(table.member).lstrip("/") if table.member else table.name


def verdict(file: File, table: Table, title: Sequence[str]) -> tuple[str, str] | None:
    """What an attachment says of all its rows, and where: told, in the sheet's name, the title, member or file.

    The first place that says anything decides; one that names both, as 合格与不合格产品 does, says nothing.
    """
    if told := file.given.get("verdict"):
        return str(told), "given"
    member = PurePath(table.member).stem if table.member else ""
    # Of a member the file's name has the member's behind it.
    name = PurePath(file.name.removesuffix(f"/{table.member}") if table.member else file.name).stem
    for basis, text in (("sheet", _sheet(table)), ("title", " ".join(title)), ("member", member), ("file_name", name)):
        if found := _verdict_of(file.source, text):
            return (found, basis) if found != "both" else None
    return None


def _verdict_of(source: Source, text: str) -> str | None:
    """pass, fail, both, or None when a text says neither."""
    words = source.verdict_words
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    for word in sorted(words.get("neither", ()), key=len, reverse=True):  # 不合格率 before 合格率
        plain = re.sub(f"(?<!不){re.escape(word)}", "\0", plain)
    said = set()
    for code in ("fail", "pass"):  # 不合格 holds 合格
        for word in words.get(code, ()):
            if word in plain:
                said.add(code)
                plain = plain.replace(word, "\0")
    return "both" if len(said) > 1 else next(iter(said), None)


def record_action(file: File, sheet: str, title: Sequence[str]) -> str | None:
    """`withdraw` where a table's sheet, title or file name says that its rows are withdrawn; given meta goes first."""
    if "record_action" in file.given:
        return str(file.given["record_action"])
    places = (sheet, *title, PurePath(file.name).stem)
    return "withdraw" if any(_says_withdrawal(file, text) for text in places) else None


def _says_withdrawal(file: File, text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text)
    return any(
        match.groupdict().get("withdraw")
        for pattern in map(re.compile, file.source.title_patterns)
        for match in pattern.finditer(plain)
    )
