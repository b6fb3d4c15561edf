"""Test items that stand in columns of their own: one for each substance, or item, result and limit again and again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from baotu.headings import UNIT, normalize_header, plain_header

if TYPE_CHECKING:
    from baotu.sources import Source

#: 项目1, 结果1, 标准1; 检验项目.1 as pandas writes a repeated name; 检验项目.2 as the reader does.
_NUMBERED = re.compile(r"^(.*?)[(]?[.]?(\d{1,2}|[一二三四五六七八九十])[)]?$")
_AGAIN = re.compile(r"\.\d{1,2}$")
_UNIT = re.compile(UNIT)
_LIMIT = re.compile(r"^(?:[≤≥<>]|不得|不应|不大于|不小于|不超过)")


def item_columns(source: Source, extras: Mapping[str, str]) -> list[dict[str, str]]:
    """What the columns in extra are about: name or column of names, column of results, limit, unit.

    `extras` maps a key of `Row.extra` to its header as sent.
    """
    return _substances(source, extras) + _groups(source, extras)


def _substances(source: Source, extras: Mapping[str, str]) -> list[dict[str, str]]:
    found = []
    for key, header in extras.items():
        plain = plain_header(header)
        name, unit, limit = plain, None, None
        while name.casefold() not in source.analytes and (bracket := re.search(r"[(/]([^()]*)[)]?$", name)):
            inside = bracket[1]
            if _UNIT.fullmatch(inside):
                unit = inside
            elif _LIMIT.match(inside):
                limit = inside
            elif not inside.startswith("以"):  # 以Pb计
                break
            # mg/kg behind a slash has one of its own
            before = name[: bracket.start()]
            whole = re.search(r"[(/]([^()/]*/[^()/]*)[)]?$", name)
            if bracket[0].startswith("/") and whole and _UNIT.fullmatch(whole[1]):
                unit, before = whole[1], name[: whole.start()]
            name = before
        if listed := source.analytes.get(normalize_header(name)):
            entry = {"name": listed, "result_column": key}
            found.append(entry | {k: v for k, v in (("unit", unit), ("limit", limit)) if v})
    return found


def grouped_columns(source: Source, headers: Sequence[str]) -> set[int]:
    """Columns of item, result and limit that stand there again and again, 检验项目, 检验结果, 检验项目, 检验结果.

    None of them is the row's own item then, not even the first. The names may be numbered from the second on, as
    pandas writes them; two results behind one item are no groups.
    """
    roles = _roles(source)
    places = []
    for index, header in enumerate(headers):
        name = normalize_header(header)
        if role := roles.get(name) or roles.get(_AGAIN.sub("", name)):
            places.append((index, role))
    order = [role for _, role in places]
    size = order.index("name_column", 1) if order[:1] == ["name_column"] and order.count("name_column") > 1 else 0
    one = order[:size]
    if "result_column" not in one or len(set(one)) < size or order != one * (len(order) // size):
        return set()
    return {index for index, _ in places}


def _roles(source: Source) -> dict[str, str]:
    numbered = source.items.numbered
    if numbered is None:
        return {}
    kinds = (("name_column", numbered.item), ("result_column", numbered.result), ("limit_column", numbered.limit))
    return {normalize_header(text): role for role, texts in kinds for text in texts}


def _groups(source: Source, extras: Mapping[str, str]) -> list[dict[str, str]]:
    roles = _roles(source)
    groups: dict[str, dict[str, str]] = {}
    for key in extras:
        name = normalize_header(key)
        # The first of names that repeat has no number.
        stem, number = (match[1], match[2]) if (match := _NUMBERED.match(name)) and name not in roles else (name, "")
        if stem in roles:
            groups.setdefault(number, {}).setdefault(roles[stem], key)
    return [group for group in groups.values() if {"name_column", "result_column"} <= group.keys()]
