"""Periods as offices write them: a year, a quarter, a month."""

import re
import unicodedata
from calendar import monthrange
from datetime import date
from typing import NamedTuple

_SHAPES = (
    ("month", re.compile(r"(?P<year>20\d\d)(?:年|[-_./])(?P<number>1[0-2]|0?[1-9])(?:月份?)?(?:月)?")),
    ("quarter", re.compile(r"(?P<year>20\d\d)年?[-_ ]?(?:Q|第)?(?P<number>[1-4一二三四])(?:季度|季)?", re.IGNORECASE)),
    ("year", re.compile(r"(?P<year>20\d\d)年?(?:度)?")),
)
_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4}


class Period(NamedTuple):
    """Both days belong to the period."""

    period_type: str
    start_on: date
    end_on: date


def parse_period(text: str) -> Period | None:
    """2021, 2021年, 2021Q3, 2021年第3季度, 2021-08, 2021年8月; anything else (an issue's number, 第8期) is None."""
    normal = "".join(unicodedata.normalize("NFKC", text).split())
    for period_type, shape in _SHAPES:
        found = shape.fullmatch(normal)
        if found is None or (period_type == "quarter" and not re.search(r"[Qq季]", normal)):
            continue
        year = int(found["year"])
        if period_type == "year":
            return Period("year", date(year, 1, 1), date(year, 12, 31))
        number = _DIGITS.get(found["number"]) or int(found["number"])
        first, last = (number, number) if period_type == "month" else (3 * number - 2, 3 * number)
        return Period(period_type, date(year, first, 1), date(year, last, monthrange(year, last)[1]))
    return None
