"""What stands around a table: dates, notice number and period in its title rows and the file's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baotu.readers.reading import File, Table


def facts(file: File, title: Sequence[str], *, with_file_name: bool = True) -> dict[str, Any]:
    """Date of issue, notice number and period, from the title block first, then from the file's name."""
    from baotu.sources import DATE_TEXT, parse_date

    stem = Path(file.name).stem
    places = [(text, "title") for text in title] + ([(stem, "file_name")] if with_file_name else [])
    found: dict[str, Any] = {}
    for pattern in map(re.compile, file.source.title_patterns):
        for text, basis in places:
            for match in pattern.finditer(unicodedata.normalize("NFKC", text)):
                for group, value in match.groupdict().items():
                    if not value or group in found or group == "withdraw":
                        continue
                    if group != "issued_on":
                        found[group] = value
                    elif day := parse_date(value):
                        found |= {"issued_on": day.isoformat(), "issued_on_basis": basis}
    dates = (parse_date(m[0]) for text, _ in places for m in DATE_TEXT.finditer(unicodedata.normalize("NFKC", text)))
    found["dates"] = list(dict.fromkeys(day.isoformat() for day in dates if day))
    return found


def verdict(file: File, table: Table, title: Sequence[str]) -> tuple[str, str] | None:
    """What an attachment says of all its rows, and where: told, in the sheet's name, the title, member or file.

    The first place that says anything decides; one that names both, as 合格与不合格产品 does, says nothing.
    """
    if told := file.given.get("verdict"):
        return str(told), "given"
    sheet = table.name.removeprefix(table.member) if table.member else table.name
    member = Path(table.member).stem if table.member else ""
    name = Path(file.name).stem if not table.member else Path(file.name.split("/")[0]).stem
    for basis, text in (("sheet", sheet), ("title", " ".join(title)), ("member", member), ("file_name", name)):
        if found := _verdict_of(file, text):
            return (found, basis) if found != "both" else None
    return None


def _verdict_of(file: File, text: str) -> str | None:
    words = file.source.verdict_words
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    for word in words.get("neither", ()):
        plain = plain.replace(word, "\0")
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
    places = (sheet, *title, Path(file.name).stem)
    return "withdraw" if any(_says_withdrawal(file, text) for text in places) else None


def _says_withdrawal(file: File, text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text)
    return any(
        match.groupdict().get("withdraw")
        for pattern in map(re.compile, file.source.title_patterns)
        for match in pattern.finditer(plain)
    )
