"""Extracts of the enterprise register: one of all, yearly ones of what is new or changed, one that arrives late."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, chain
from typing import Any

from baotu.samples.deliveries import (
    GB18030,
    NOTE,
    UTF8,
    UTF8_BOM,
    UTF16_TAB,
    YEARS,
    Cell,
    Csv,
    Delivery,
    Fault,
    Layout,
    Row,
)
from baotu.samples.names import (
    DIVISIONS,
    FOOD_KINDS,
    INDUSTRY_KINDS,
    WORDS_1,
    WORDS_2,
    checked,
    manufacturers,
    producers,
    wrong_check,
)

SOURCE = "enterprise_registry"
#: Enterprises at scale 1; fewer at a smaller one, by its square.
ENTERPRISES = 1_500_000


@dataclass(frozen=True)
class _Extract:
    issued_on: date
    name: str
    form: Csv
    #: Of 1,000 enterprises, how many stand in it for the first time.
    new: int


#: In order of issue.
_EXTRACTS = (
    _Extract(date(2020, 1, 15), "企业登记信息_全量_20200115.csv", UTF8, 850),
    _Extract(date(2020, 7, 8), "企业登记信息_增量_20200708_补发.csv", UTF8, 20),
    _Extract(date(2021, 1, 12), "企业登记信息_增量_20210112.csv", GB18030, 40),
    _Extract(date(2022, 1, 12), "企业登记信息_增量_20220112.csv", UTF8_BOM, 50),
    _Extract(date(2022, 12, 30), "企业登记信息_增量_20221230.csv", UTF16_TAB, 40),
)
#: The extract that arrives last, and whose headers are older.
_LATE = 1
#: Of 1,000 enterprises known before, how many an extract shows changed, and how many unchanged.
_CHANGED, _RESENT = 15, 10
#: Extracts with planted errors.
_FAULTY = (0, 2, 3)

_LAYOUT: Layout = (
    ("enterprise_name", "企业名称"),
    ("uscc", "统一社会信用代码"),
    ("established_on", "成立日期"),
    ("enterprise_type", "企业类型"),
    ("legal_representative", "法定代表人"),
    ("capital", "注册资本"),
    ("status", "经营状态"),
    ("region", "所属区县"),
    ("address", "住所"),
    ("industry_code", "行业代码"),
    ("business_scope", "经营范围"),
)
_OLDER_HEADERS = {
    "established_on": "注册日期",
    "legal_representative": "法人代表",
    "capital": "注册资金",
    "region": "地区",
    "address": "注册地址",
}
_OLDER_LAYOUT = tuple((column, _OLDER_HEADERS.get(column, header)) for column, header in _LAYOUT)

_CODES = [code for code, _, _ in DIVISIONS]
_ELSEWHERE = "泰安市泰山区"
#: Category of the code → type of enterprise, end of its name.
_KINDS = (("91", "有限责任公司", "有限公司"), ("93", "农民专业合作社", "专业合作社"), ("92", "个体工商户", "商行"))
_TRADES = (*FOOD_KINDS, *INDUSTRY_KINDS, "商贸", "科技", "物流", "餐饮")
_INDUSTRIES = ("C3831", "F5211", "H6210", "I6510", "L7231", "C1313", "F5135", "C2922", "G5430", "O8010")
_ACTIVE = ("在营（开业）企业", "存续", "开业")
_CLOSED, _REVOKED, _MOVED_OUT = "注销", "吊销，未注销", "迁出"
_CAPITAL = ("{}万元人民币", "{}(万元人民币)", "{}万人民币")
_SURNAMES = "甲乙丙丁戊己庚辛"

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
#: Serial numbers of the private range of organisation codes, PDY; where it ends, codes go on as PDA, PDB, …
_SERIALS = 99_999
_LETTERS = "YABCDEFGHJKLMNPQRTUWX"


class _Codes:
    """Credit codes by number, quickly: a million of them digit by digit would take longer than all else."""

    def __init__(self) -> None:
        self.values = {c: i for i, c in enumerate(_ALPHABET)}
        self.weights = [pow(3, i, 31) for i in range(18)]
        #: Of the five digits of each serial number, their part of the inner check and of the outer one.
        self.serials = [
            (text, sum(int(c) * w for c, w in zip(text, (10, 5, 8, 4, 2), strict=True)), self._sum(text, 11))
            for text in (f"{serial:05d}" for serial in range(1, _SERIALS + 1))
        ]

    def _sum(self, text: str, start: int) -> int:
        return sum(self.values[c] * self.weights[start + i] for i, c in enumerate(text))

    @staticmethod
    def kind(number: int) -> int:
        """Which of `_KINDS`: mostly companies."""
        place = number % _SERIALS
        # The first are the companies that food and industry name.
        return {7: 1, 13: 2}.get(place % 20, 0) if place >= 240 else 0

    def __getitem__(self, number: int) -> str:
        block, place = divmod(number, _SERIALS)
        digits, inner, outer = self.serials[place]
        letters = "PD" + _LETTERS[block]
        check = "0X987654321"[(inner + sum(int(c, 36) * w for c, w in zip(letters, (3, 7, 9), strict=True))) % 11]
        head = _KINDS[self.kind(number)][0] + _CODES[(place + block) % len(_CODES)] + letters
        return head + digits + check + _ALPHABET[-(self._sum(head, 0) + outer + self._sum(check, 16)) % 31]


def registration_no(sequence: int) -> str:
    """A 15-digit registration number of before the unified code, with its check (GS15-2006, ISO 7064 MOD 11,10)."""
    digits = f"370100{sequence:08d}"
    rest = 10
    for digit in digits:
        rest = ((rest + int(digit)) % 10 or 10) * 2 % 11
    return digits + str((11 - rest) % 10)


@dataclass(slots=True)
class _State:
    """What changes of an enterprise; the division None is another city."""

    division: int | None
    status: str
    moves: int = 0
    renamings: int = 0


@dataclass(frozen=True)
class _Special:
    """A row that is planted: what is in its cells instead, the error or the trap, where its enterprise counts."""

    cells: dict[str, Cell]
    error: Fault | None = None
    trap: str | None = None
    division: str | None = "370102"
    is_doubled: bool = False


class _Register:
    """All enterprises of the city, and what became of them: a few bytes for each, cells only when written."""

    def __init__(self, seed: int, scale: float) -> None:
        rng = random.Random(f"{seed}/enterprise_registry")
        self.codes = _Codes()
        # A register is what a city has, not what a year brings: of a tenth of a year's samples a hundredth of it is enough.
        self.count = max(20_000, round(ENTERPRISES * scale * min(scale, 1)))
        self.ends = [self.count * share // 1000 for share in accumulate(extract.new for extract in _EXTRACTS)]
        self.draws = array("Q", (rng.getrandbits(48) for _ in range(self.count)))
        self.firsts = [company.name for company in (*producers(), *manufacturers())]
        people = list(accumulate(float(people) for _, _, people in DIVISIONS))
        self.homes = [next(i for i, p in enumerate(people) if p > people[-1] * step / 1024) for step in range(1024)]
        #: Enterprise → extract and kind of each change.
        self.changes: dict[int, list[tuple[int, str]]] = {}
        self.rows: list[list[int]] = [[]]
        for index in range(1, len(_EXTRACTS)):
            known = self.ends[index - 1]
            chosen = rng.sample(range(known), known * (_CHANGED + _RESENT) // 1000)
            changed = chosen[: known * _CHANGED // 1000]
            for number in changed:
                what = rng.choices(("moved", "renamed", "closed", "left"), (50, 20, 25, 5))[0]
                self.changes.setdefault(number, []).append((index, what))
            self.rows.append(sorted(chosen))
        self.specials = {index: list(self._specials(index)) for index in _FAULTY}

    def state(self, number: int, upto: int) -> _State:
        """The enterprise as the extract `upto` has it, or would have it."""
        draw = self.draws[number]
        share = (draw >> 10) % 100
        status = _ACTIVE[draw % 3] if share < 88 else _CLOSED if share < 96 else _REVOKED
        state = _State(self.homes[draw >> 38 & 1023], status)
        for index, what in self.changes.get(number, ()):
            if index > upto:
                break
            if what == "renamed":
                state.renamings += 1
            elif what == "closed" and state.status in _ACTIVE:
                state.status = _CLOSED
            elif what == "left" and state.status in _ACTIVE:
                state.status, state.division = _MOVED_OUT, None
            else:
                state.moves += 1
                if state.division is not None:
                    state.division = (state.division + 5) % len(_CODES)
        return state

    def name(self, number: int, renamings: int) -> str:
        if number < len(self.firsts):
            name = self.firsts[number]
        else:
            words = f"{WORDS_1[number % 12]}{WORDS_2[number // 12 % 10]}"
            end = _KINDS[self.codes.kind(number)][2]
            name = f"济南{words}示例{_TRADES[number % len(_TRADES)]}{number // 120}号{end}"
        return name.replace("示例", "示例" + "新" * renamings) if renamings else name

    def cells(self, number: int, upto: int) -> dict[str, Cell]:
        state = self.state(number, upto)
        draw = self.draws[number]
        # Who is new was established in the months before.
        first = next(index for index, end in enumerate(self.ends) if number < end)
        latest = _EXTRACTS[first].issued_on if first else date(2019, 12, 1)
        established_on = latest - timedelta(days=1 + (draw >> 17) % (120 if first else 7_200))
        street = (draw >> 5) % 400 + state.moves
        region = _ELSEWHERE if state.division is None else DIVISIONS[state.division][1]
        city = "" if state.division is None else "济南市"
        return {
            "enterprise_name": self.name(number, state.renamings),
            "uscc": self.codes[number],
            "established_on": established_on.isoformat(),
            "enterprise_type": _KINDS[self.codes.kind(number)][1],
            "legal_representative": f"示例{_SURNAMES[draw & 7]}某",
            "capital": _CAPITAL[draw % 3].format(10 * (1 + (draw >> 7) % 90)),
            "status": state.status,
            "region": region,
            "address": f"山东省{city}{region}示例路{street}号",
            "industry_code": _INDUSTRIES[(draw >> 3) % len(_INDUSTRIES)],
            "business_scope": f"示例经营项目（{NOTE}）",
        }

    def _special_cells(self, index: int, serial: int) -> dict[str, Cell]:
        number = self.count + 200 * index + 2 * serial
        if _KINDS[self.codes.kind(number)][0] == "92":
            number += 1  # a household's name never reaches raw
        return {
            "enterprise_name": f"济南示例特例{index}{serial:02d}号有限公司",
            "uscc": self.codes[number],
            "established_on": "2015-06-01",
            "enterprise_type": "有限责任公司",
            "legal_representative": "示例壬某",
            "capital": "100万元人民币",
            "status": "存续",
            "region": "历下区",
            "address": f"山东省济南市历下区示例路{serial}号",
            "industry_code": "C3831",
            "business_scope": f"示例经营项目（{NOTE}）",
        }

    def _specials(self, index: int) -> Iterator[_Special]:
        """The planted rows of an extract, each an enterprise of its own."""
        serials = iter(range(100))

        def base(**cells: Cell) -> dict[str, Cell]:
            return self._special_cells(index, next(serials)) | cells

        for _ in range(2):
            cells = base()
            fault = Fault("uscc", "USCC with a wrong check digit", "ENR003")
            yield _Special(cells | {"uscc": wrong_check(str(cells["uscc"]))}, fault)
        yield _Special(base(uscc="N/A"), Fault("uscc", "no code at all", "ENR002"))
        yield _Special(base(enterprise_name=None), Fault("enterprise_name", "name is missing", "ENR001"))
        shifted = base(
            capital=f"示例经营项目、示例销售、示例服务（{NOTE}）",
            region="405万人民币",
            address="济南市",
            business_scope=None,
        )
        yield _Special(shifted, Fault(None, "cells stand in the wrong columns", "ENR005"))
        cells = base()
        code = str(cells["uscc"])
        inner = "0" if code[16] != "0" else "1"
        yield _Special(
            cells | {"uscc": checked(code[:16] + inner)},
            Fault("uscc", "inner organisation code wrong, USCC right", "ENR101", "info"),
        )
        cells = base()
        yield _Special(
            cells | {"uscc": checked("91370199" + str(cells["uscc"])[8:17])},
            Fault("uscc", "division prefix in no list", "ENR102", "info"),
        )
        cells = base()
        yield _Special(
            cells | {"uscc": str(cells["uscc"]).lower()}, Fault("uscc", "USCC in lower case", "ENR103", "info")
        )
        yield _Special(
            base(uscc=registration_no(100 * index + 1)),
            Fault("uscc", "registration number of 15 digits with a right check", "ENR107", "info"),
        )
        yield _Special(base(enterprise_name=f"济南示例特*{index}有限公司"), trap="a masked name: accepted as it is")
        blanks = base(enterprise_type="-", capital="无", business_scope="null", industry_code="N/A")
        yield _Special(blanks, trap="words for nothing in cells that are not needed")
        for region, division in (("章丘市", "370114"), ("济阳县", "370115"), ("莱芜市莱城区", "370116")):
            cells = base(region=region, address=f"山东省{region}示例路1号")
            yield _Special(cells, trap="a division under its former name", division=division)
        away = base(region=_ELSEWHERE, address=f"山东省{_ELSEWHERE}示例路2号")
        yield _Special(away, trap="registered in another city: out of scope", division=None)
        yield _Special(base(), trap="exact duplicate row: counts once", is_doubled=True)

    def extract(self, index: int) -> Iterator[Row]:
        """The rows of an extract: who is new in it, and who was known before."""
        first = self.ends[index - 1] if index else 0
        for number in chain(self.rows[index], range(first, self.ends[index])):
            yield Row(cells=self.cells(number, index))
        for special in self.specials.get(index, ()):
            yield Row(cells=dict(special.cells), error=special.error, trap=special.trap)
            if special.is_doubled:
                yield Row(cells=dict(special.cells), trap=special.trap)

    # What the dimension must show.

    def intervals(self, number: int) -> list[dict[str, str | None]]:
        first = next(index for index, end in enumerate(self.ends) if number < end)
        starts = [first, *(index for index, _ in self.changes.get(number, ()))]
        shown: list[dict[str, str | None]] = []
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            state = self.state(number, start)
            shown.append(
                {
                    "valid_from_on": _EXTRACTS[start].issued_on.isoformat(),
                    "valid_before_on": None if end is None else _EXTRACTS[end].issued_on.isoformat(),
                    "enterprise_name": self.name(number, state.renamings),
                    "division_code": None if state.division is None else _CODES[state.division],
                    "status_code": _STATUS_CODES.get(state.status, "active"),
                }
            )
        return shown

    def figures(self) -> dict[str, Any]:
        accepted = [
            (index, special)
            for index, specials in self.specials.items()
            for special in specials
            if special.error is None or special.error.outcome == "info"
        ]
        #: Day → the last extract issued until then.
        known = {
            date(year, 12, 31): max(i for i, e in enumerate(_EXTRACTS) if e.issued_on <= date(year, 12, 31))
            for year in YEARS
        }
        active = {day: dict.fromkeys(_CODES, 0) for day in known}
        for number in range(self.count):
            state = self.state(number, len(_EXTRACTS))
            for day, upto in known.items():
                if number >= self.ends[upto]:
                    continue
                if number in self.changes:
                    state = self.state(number, upto)
                if state.status in _ACTIVE and state.division is not None:
                    active[day][_CODES[state.division]] += 1
        for index, special in accepted:
            for day, upto in known.items():
                if index <= upto and special.division is not None:
                    active[day][special.division] += 1
        changes = sum(map(len, self.changes.values()))
        return {
            "enterprises": self.count + len(accepted),
            "intervals": self.count + len(accepted) + changes,
            "active": {day.isoformat(): divisions for day, divisions in active.items()},
            "histories": {self.codes[number]: self.intervals(number) for number in self._chosen()},
        }

    def _chosen(self) -> list[int]:
        """Enterprises whose history is told in full: changed more than once, in the late extract too, or never."""
        # Names under codes of individual households never reach raw.
        named = [number for number in self.changes if _KINDS[self.codes.kind(number)][0] != "92"]
        kinds: Sequence[Callable[[list[tuple[int, str]]], bool]] = (
            lambda changes: len(changes) > 1 and changes[0][0] == _LATE,
            lambda changes: len(changes) == 1 and changes[0][0] == _LATE,
            lambda changes: changes[0][1] == "renamed",
            lambda changes: changes[0][1] == "closed",
            lambda changes: changes[0][1] == "left",
        )
        found = [next((n for n in named if is_so(self.changes[n])), None) for is_so in kinds]
        never = next(number for number in range(self.count) if number not in self.changes)
        return sorted({never, *(number for number in found if number is not None)})


_STATUS_CODES = {_CLOSED: "deregistered", _REVOKED: "revoked", _MOVED_OUT: "moved_out"}


@dataclass(frozen=True)
class _Rows:
    """The rows of an extract, made anew each time that they are gone through."""

    register: _Register
    index: int

    def __iter__(self) -> Iterator[Row]:
        return self.register.extract(self.index)


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    register = _Register(seed, scale)
    order = [index for index in range(len(_EXTRACTS)) if index != _LATE]
    for index in (*order, _LATE):
        extract = _EXTRACTS[index]
        yield Delivery(
            source=SOURCE,
            name=extract.name,
            issued_on=extract.issued_on,
            form=extract.form,
            layout=_OLDER_LAYOUT if index == _LATE else _LAYOUT,
            rows=_Rows(register, index),
        )


def truth(found: list[Delivery]) -> dict[str, Any]:
    rows = found[0].rows
    assert isinstance(rows, _Rows)
    return {"enterprises": rows.register.figures()}


RULES = {
    "enterprises": "enterprises: one for each identifier (the credit code, in capitals, or the 15-digit number) that an"
    " accepted row has; intervals: rows of the dimension, one from each day of issue on which attributes differ from"
    " those seen before, whatever the order of arrival; an enterprise that an extract leaves out goes on; active: per"
    " day and division, the interval that holds the day has an active status and lies in the division; histories: all"
    " intervals of some, the division null being another city",
}
