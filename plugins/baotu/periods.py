"""Periods as offices write them: a year, a half-year, a quarter, a month.

`stats.parse_period` reads these in a cell too, and days and spans; a test holds the two to one table of cases.
"""

import re
import unicodedata
from calendar import monthrange
from datetime import date
from typing import NamedTuple

_SHAPES = (
    ("month", re.compile(r"(?P<year>20\d\d)(?:年|[-_./])(?P<number>1[0-2]|0?[1-9])(?:月份?)?(?:月)?")),
    ("quarter", re.compile(r"(?P<year>20\d\d)年?[-_ ]?(?:Q|第)?(?P<number>[1-4一二三四])(?:季度|季)?", re.IGNORECASE)),
    ("half", re.compile(r"(?P<year>20\d\d)年?[-_ ]?(?:H(?P<number>[12])|(?P<name>[上下])半年)(?:度)?", re.IGNORECASE)),
    ("year", re.compile(r"(?P<year>20\d\d)年?(?:度)?")),
)
_SPAN = re.compile(
    r"(?P<y>20\d\d)年(?P<m>\d{1,2})月(?P<d>\d{1,2})日[至到—~-]+(?:(?P<y2>20\d\d)年)?(?:(?P<m2>\d{1,2})月)?(?P<d2>\d{1,2})日"
)
#: Months of one part of a year.
_MONTHS = {"month": 1, "quarter": 3, "half": 6}
_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4}


class Period(NamedTuple):
    """Both days belong to the period."""

    period_type: str
    start_on: date
    end_on: date

    @property
    def label_zh(self) -> str:
        """2021年, 2021年第3季度, 2021年8月: as `period_label_zh` of the marts."""
        year, month = self.start_on.year, self.start_on.month
        part = {"month": f"{month}月", "quarter": f"第{(month + 2) // 3}季度", "half": "上下"[month > 6] + "半年"}
        return f"{year}年{part.get(self.period_type, '')}"

    @property
    def label_en(self) -> str:
        """2021, 2021-Q3, 2021-08: as commands take it."""
        year, month = self.start_on.year, self.start_on.month
        part = {"month": f"-{month:02}", "quarter": f"-Q{(month + 2) // 3}", "half": f"-H{1 + (month > 6)}"}
        return f"{year}{part.get(self.period_type, '')}"


def period_of(day: date, period_type: str) -> Period:
    """The month, quarter, half or year that a day lies in."""
    months = _MONTHS.get(period_type, 12)
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    return Period(period_type, date(day.year, first, 1), date(day.year, last, monthrange(day.year, last)[1]))


def parse_period(text: str) -> Period | None:
    """2021, 2021年, 2019H2, 2019年下半年, 2021Q3, 2021年第3季度, 2021-08, 2021年8月, 2020年7月1日至8月31日; else None.

    第8期 is an issue's number and no period.
    """
    normal = "".join(unicodedata.normalize("NFKC", text).split())
    if span := _SPAN.fullmatch(normal):
        numbers = {name: int(text) for name, text in span.groupdict().items() if text}
        try:
            start_on = date(numbers["y"], numbers["m"], numbers["d"])
            end_on = date(numbers.get("y2", start_on.year), numbers.get("m2", start_on.month), numbers["d2"])
        except ValueError:
            return None
        return Period("days", start_on, end_on) if start_on <= end_on else None
    for period_type, shape in _SHAPES:
        found = shape.fullmatch(normal)
        if found is None or (period_type == "quarter" and not re.search(r"[Qq季]", normal)):
            continue
        year = int(found["year"])
        if period_type == "year":
            return Period("year", date(year, 1, 1), date(year, 12, 31))
        text_of_number = found["number"] or {"上": "1", "下": "2"}[found["name"]]
        number = _DIGITS.get(text_of_number) or int(text_of_number)
        last = number * _MONTHS[period_type]
        first = last - _MONTHS[period_type] + 1
        return Period(period_type, date(year, first, 1), date(year, last, monthrange(year, last)[1]))
    return None
