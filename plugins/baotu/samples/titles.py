"""Recognition lists: titles of enterprises that come, overlap, lapse, are renewed late, revoked and corrected; some lists
say their title only in the heading or the sidecar, some name enterprises without a code, or by a former name."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from baotu.samples.deliveries import (
    GB18030,
    NOTE,
    UTF8,
    UTF8_BOM,
    YEARS,
    Cell,
    Csv,
    Delivery,
    Fault,
    Layout,
    Row,
    Xlsx,
)
from baotu.samples.enterprises import _KINDS, _Register
from baotu.samples.names import DIVISIONS, wrong_check

SOURCE = "enterprise_titles"

_HEADERS = {
    "seq": "序号",
    "enterprise_name": "企业名称",
    "uscc": "统一社会信用代码",
    "division": "区县",
    "title": "称号",
    "level": "级别",
    "batch": "批次",
    "certificate_no": "证书编号",
    "recognised_on": "认定日期",
    "valid_to": "有效期至",
    "status": "状态",
    "ended_on": "撤销日期",
    "remark": "备注",
}
Cells = dict[str, Cell]

#: Title → family that an indicator counts, or none.
_FAMILIES = {
    "high_tech": "high_tech",
    "srdi_sme": "srdi",
    "srdi_little_giant": "srdi",
    "single_champion": "champion",
    "gazelle": "gazelle",
    "unicorn": "unicorn",
    "cluster_leader": "cluster_leader",
}
_FOUR = {"srdi", "champion", "gazelle", "unicorn"}
_ORDER = {"municipal": 2, "provincial": 3, "national": 4}
#: Spellings of one title.
_SRDI = ("专精特新中小企业", "“专精特新”中小企业", "专精特新企业", "山东省“专精特新”中小企业", "省级专精特新企业")
_ELSEWHERE = "泰安市泰山区"
#: The day of the two batches of a year; what the first of three years before lapses on waits for the second.
_FIRST, _SECOND = (10, 15), (12, 8)
#: New high-tech enterprises of a year at scale 1.
_NEW = {2017: 700, 2018: 900, 2019: 1100, 2020: 1000, 2021: 1100, 2022: 900}


def _after(day: date, years: int) -> date:
    return day.replace(year=day.year + years)


@dataclass(kw_only=True)
class _Record:
    """What a row means, for the truth."""

    #: Number in the register, or a name that is in none.
    holder: int | str
    title: str
    level: str
    known_from: date
    known_before: date | None = None
    begins: date = date.min
    before: date | None = None
    certificate: str | None = None
    #: The day that a revocation ends other records from; None is a grant.
    ends_on: date | None = None
    is_here: bool = True

    def is_known(self, known_at: date) -> bool:
        return self.known_from <= known_at and (self.known_before is None or known_at < self.known_before)


@dataclass(kw_only=True)
class _HeldBack:
    """A row that is held back: its title, if that can be read, and whether it may take a title away."""

    title: str | None
    known_from: date
    may_lower: bool


@dataclass
class _List:
    """A delivery in the making, and what it means."""

    city: _City
    name: str
    issued_on: date
    title: str
    level: str
    rows: list[Row] = field(default_factory=list)

    def place(self, holder: int | str) -> str:
        if isinstance(holder, str):
            return _ELSEWHERE if "外地" in holder else "济南市历下区"
        return "济南市" + DIVISIONS[holder % len(DIVISIONS)][1]

    def grant(
        self,
        holder: int | str,
        begins: date,
        years: int | None = 3,
        own: Cells | None = None,
        *,
        title: str | None = None,
        level: str | None = None,
        before: date | None = None,
        trap: str | None = None,
    ) -> _Record:
        """Half-open: `before` is the first day without the title, the file says the day before it."""
        before = before or (None if years is None else _after(begins, years))
        cells: Cells = {
            "recognised_on": begins.isoformat(),
            "valid_to": None if before is None else (before - timedelta(days=1)).isoformat(),
        }
        own = own or {}
        record = _Record(
            holder=holder,
            title=title or self.title,
            level=level or self.level,
            known_from=self.issued_on,
            begins=begins,
            before=before,
            certificate=str(own["certificate_no"]) if own.get("certificate_no") else None,
            is_here=self.place(holder) != _ELSEWHERE,
        )
        self.city.records.append(record)
        self._add(holder, cells | own, trap=trap)
        return record

    def end(self, holder: int | str, ends_on: date | None, own: Cells) -> None:
        """A row that takes titles away, from the day that it says or else from its list's."""
        self.city.records.append(
            _Record(
                holder=holder,
                title=self.title,
                level=self.level,
                known_from=self.issued_on,
                ends_on=ends_on or self.issued_on,
                certificate=str(own["certificate_no"]) if own.get("certificate_no") else None,
            )
        )
        self._add(holder, {"ended_on": None if ends_on is None else ends_on.isoformat()} | own)

    def other(self, holder: int | str, trap: str, own: Cells) -> None:
        """A row that counts nowhere."""
        self._add(holder, own, trap=trap)

    def faulty(
        self,
        holder: int | str,
        column: str,
        what: str,
        rule: str,
        own: Cells,
        *,
        may_lower: bool = False,
        is_title_known: bool = True,
    ) -> None:
        self.city.held_back.append(
            _HeldBack(title=self.title if is_title_known else None, known_from=self.issued_on, may_lower=may_lower)
        )
        self._add(holder, own, error=Fault(column, what, rule))

    def _add(self, holder: int | str, own: Cells, error: Fault | None = None, trap: str | None = None) -> None:
        cells: Cells = {
            "seq": len(self.rows) + 1,
            "enterprise_name": self.city.name(holder),
            "uscc": self.city.code(holder),
            "division": self.place(holder),
            "remark": NOTE,
        }
        self.rows.append(Row(cells=cells | own, error=error, trap=trap))

    def delivery(
        self, form: Csv | Xlsx, *columns: str, titles: Sequence[str] = (), sidecar: dict[str, str | int] | None = None
    ) -> Delivery:
        return Delivery(
            source=SOURCE,
            name=self.name,
            issued_on=self.issued_on,
            form=form,
            layout=_layout(*columns),
            rows=_Rows(self.city, self.rows),
            titles=tuple(titles),
            sidecar=sidecar,
        )


def _layout(*columns: str) -> Layout:
    return tuple((column, _HEADERS[column]) for column in columns)


class _Rows(list[Row]):
    """The rows of a list, which know the city that they are of."""

    def __init__(self, city: _City, rows: Iterable[Row]) -> None:
        super().__init__(rows)
        self.city = city


class _City:
    """Who holds what, and the lists that say so."""

    def __init__(self, seed: int, scale: float) -> None:
        self.register = _Register(seed, scale)
        self.rng = random.Random(f"{seed}/enterprise_titles")
        #: A tenth is the least that shows every case.
        self.scale = max(scale, 0.1)
        self.records: list[_Record] = []
        self.held_back: list[_HeldBack] = []
        self._serial = 0
        by_change: dict[str, list[int]] = {}
        for number, changes in self.register.changes.items():
            if len(changes) == 1 and self._is_company(number):
                by_change.setdefault(changes[0][1], []).append(number)
        self.changed = {what: sorted(numbers)[:24] for what, numbers in by_change.items()}
        taken = {number for numbers in by_change.values() for number in numbers}
        firsts = range(len(self.register.firsts))
        others = [
            n
            for n in self.rng.sample(range(len(firsts), self.register.count), min(self.register.count // 2, 20_000))
            if self._is_company(n) and n not in taken
        ]
        still = [n for n in firsts if n not in taken]
        self.rng.shuffle(still)
        #: Who gets titles, in this order: companies that other sources name, then any of the register.
        self.pool = [*still, *others]
        self.unknown = [f"济南示例无登记{i:02d}号有限公司" for i in range(1, 7)]
        self.away = [f"外地示例无登记{i:02d}号有限公司" for i in range(1, 3)]
        self.codes = {
            name: self.register.codes[self._free_number(i)] for i, name in enumerate([*self.unknown, *self.away])
        }
        self.places: dict[int, list[tuple[date, str | None]]] = {}

    def _is_company(self, number: int) -> bool:
        return _KINDS[self.register.codes.kind(number)][0] == "91"

    def _free_number(self, serial: int) -> int:
        """Behind the register and its planted rows."""
        return next(n for n in range(self.register.count + 5_000 + 10 * serial, 10**9) if self._is_company(n))

    def name(self, holder: int | str, renamings: int = 0) -> str:
        return holder if isinstance(holder, str) else self.register.name(holder, renamings)

    def code(self, holder: int | str) -> str:
        return self.codes[holder] if isinstance(holder, str) else self.register.codes[holder]

    def certificate(self, year: int) -> str:
        self._serial += 1
        return f"SL{year}37{self._serial:06d}"

    # ------------------------------------------------------------------------------------------------
    # High-tech enterprises: three years each, renewed by a new certificate of the fourth quarter.

    def high_tech(self) -> Iterator[Delivery]:
        lists = {
            "past": _List(self, "2020/高新技术企业名单_历年_20200108.csv", date(2020, 1, 8), "high_tech", "national"),
            "late": _List(
                self, "2022/高新技术企业名单_2021年补充_20220310.csv", date(2022, 3, 10), "high_tech", "national"
            ),
        }
        for year in YEARS:
            for batch, issued_on in ((1, date(year, 11, 5)), (2, date(year, 12, 25))):
                name = f"{year}/高新技术企业认定名单_{year}年第{'一二'[batch - 1]}批.xlsx"
                lists[f"{year}-{batch}"] = _List(self, name, issued_on, "high_tech", "national")
        pool = iter([*self.changed["left"], *self.changed["renamed"], *self.changed["moved"], *self.pool])
        #: Certificates that end in a year.
        due: dict[int, list[_Record]] = {}
        given: dict[int, list[_Record]] = {}

        def certify(holder: int | str, begins: date, to: str) -> None:
            record = lists[to].grant(holder, begins, 3, {"certificate_no": self.certificate(begins.year)})
            due.setdefault(begins.year + 3, []).append(record)
            given.setdefault(begins.year, []).append(record)

        for year in _NEW:
            days = {batch: date(year, *day) for batch, day in ((1, _FIRST), (2, _SECOND))}
            in_past = year < YEARS[0]
            for old in due.get(year, []):
                # A quarter lapses for good; one in ten of the second batch comes early, and two certificates overlap.
                if self.rng.random() < 0.25:
                    continue
                assert old.before is not None
                early = old.before.month == 12 and self.rng.random() < 0.1
                batch = 1 if early else 2
                late = batch == 2 and year == 2021 and self.rng.random() < 0.2
                certify(old.holder, days[batch], "past" if in_past else "late" if late else f"{year}-{batch}")
            for number in range(round(_NEW[year] * self.scale)):
                batch = 1 if number % 3 == 0 else 2
                late = batch == 2 and year == 2021 and number % 5 == 0
                certify(next(pool), days[batch], "past" if in_past else "late" if late else f"{year}-{batch}")
            if year == 2020:
                for holder in (*self.unknown[:3], self.away[0]):
                    certify(holder, days[2], f"{year}-2")
        self._high_tech_faults(lists, pool)

        # An end that was mistyped, and put right two months later.
        first = [record for record in given[2020] if record.begins.month == 12][:3]
        for record in first:
            row = next(r for r in lists["2020-2"].rows if r.cells.get("certificate_no") == record.certificate)
            row.cells["valid_to"] = "2020-12-31"
            record.before = date(2021, 1, 1)
        corrected = _List(self, "2021/高新技术企业名单_更正_20210220.csv", date(2021, 2, 20), "high_tech", "national")
        for record in first:
            record.known_before = corrected.issued_on
            corrected.grant(
                record.holder,
                record.begins,
                own={"certificate_no": record.certificate},
                trap="corrects an earlier list",
            )
        columns = ("seq", "enterprise_name", "uscc", "division", "certificate_no", "recognised_on", "valid_to")
        titled = (*columns[:4], "title", *columns[4:], "status", "ended_on", "remark")

        revoked = [
            _List(self, "2021/取消高新技术企业资格名单_20210920.csv", date(2021, 9, 20), "high_tech", "national"),
            _List(self, "2022/撤销高新技术企业资格名单_20220815.csv", date(2022, 8, 15), "high_tech", "national"),
        ]
        word: Cells = {"title": "高新技术企业", "status": "撤销"}
        standing = [record for record in given[2019] if isinstance(record.holder, int)]
        for record in standing[5:8]:
            # Without a day of its own: from the day of the list.
            revoked[0].end(record.holder, None, word | {"certificate_no": record.certificate})
        # One of them is recognised anew the year after: that is another certificate.
        again = standing[5].holder
        if again not in {record.holder for record in given[2022]}:
            certify(again, date(2022, *_SECOND), "2022-2")
        standing = [record for record in given[2020] if isinstance(record.holder, int) and record not in first]
        for place, record in enumerate(standing[10:15]):
            # Known in August, from June on; by certificate, or by the name alone.
            named: Cells = {"certificate_no": record.certificate} if place < 3 else {"uscc": None}
            revoked[1].end(record.holder, date(2022, 6, 1), word | named)
        revoked[1].faulty(
            standing[20].holder,
            "ended_on",
            "a day of revocation that is no date",
            "TIT013",
            word | {"certificate_no": standing[20].certificate, "ended_on": "另行通知"},
            may_lower=True,
        )
        for past in (lists["past"], lists["late"], corrected):
            for row in past.rows:
                row.cells["title"] = "高新技术企业"
        for place, row in enumerate(lists["late"].rows):
            if place % 4 == 0:
                row.cells["uscc"] = None
        yield lists["past"].delivery(UTF8_BOM, *columns[:4], "title", *columns[4:], "remark")
        for year in YEARS:
            for batch in (1, 2):
                made = lists[f"{year}-{batch}"]
                heading = f"济南市{year}年第{'一二'[batch - 1]}批认定高新技术企业名单（{NOTE}）"
                day = made.issued_on
                yield made.delivery(
                    Xlsx(sheet="名单"), *columns, titles=(heading, f"{day.year}年{day.month}月{day.day}日")
                )
        yield lists["late"].delivery(GB18030, *columns[:4], "title", *columns[4:], "remark")
        yield corrected.delivery(UTF8, *columns[:4], "title", *columns[4:], "remark")
        yield revoked[0].delivery(UTF8, *titled)
        yield revoked[1].delivery(UTF8, *titled)

    def _high_tech_faults(self, lists: dict[str, _List], pool: Iterator[int]) -> None:
        for year in YEARS:
            made = lists[f"{year}-2"]
            day = date(year, *_SECOND)
            usual: Cells = {
                "recognised_on": day.isoformat(),
                "valid_to": (_after(day, 3) - timedelta(days=1)).isoformat(),
            }

            def numbered(usual: Cells = usual, year: int = year) -> Cells:
                return usual | {"certificate_no": self.certificate(year)}

            early = numbered() | {"valid_to": f"{year - 1}-12-06"}
            made.faulty(next(pool), "valid_to", "validity ends before it begins", "TIT008", early)
            undated = numbered() | {"recognised_on": f"{year}-02-30"}
            made.faulty(next(pool), "recognised_on", "a date that does not exist", "TIT006", undated)
            nameless = numbered() | {"enterprise_name": None, "uscc": None}
            made.faulty(next(pool), "enterprise_name", "neither name nor code", "TIT001", nameless)
            odd = next(pool)
            record = made.grant(
                odd, day, 3, {"certificate_no": self.certificate(year), "uscc": wrong_check(self.code(odd))}
            )
            assert record.holder == odd
            made.rows[-1].error = Fault("uscc", "USCC with a wrong check digit", "TIT101", "info")

    # ------------------------------------------------------------------------------------------------
    # 专精特新, single champions, gazelles, unicorns.

    def four_families(self) -> Iterator[Delivery]:
        size = round(130 * self.scale)
        # Some of them are high-tech too, some have moved, been renamed or left.
        pool = iter([*self.changed["renamed"][::-1], *self.changed["left"][::-1], *self.pool[40:]])
        holders: list[int] = []
        due: dict[int, list[_Record]] = {}

        past = _List(
            self, "2020/专精特新中小企业名单_2018至2019年_20200220.csv", date(2020, 2, 20), "srdi_sme", "provincial"
        )
        for year in (2018, 2019):
            for _ in range(size):
                holder = next(pool)
                holders.append(holder)
                # By name alone: what it is called then.
                due.setdefault(year + 3, []).append(
                    past.grant(holder, date(year, 9, 12), own={"batch": f"{year}年度", "uscc": None})
                )
        for place, row in enumerate(past.rows):
            row.cells |= {"title": _SRDI[place % len(_SRDI)], "level": "省级", "status": "认定"}
        columns = tuple(column for column in _HEADERS if column not in ("seq", "certificate_no", "ended_on"))
        yield past.delivery(UTF8, *columns)

        for year in YEARS:
            made = _List(
                self,
                f"{year}/专精特新中小企业名单_{year}年_{year}0920.csv",
                date(year, 9, 20),
                "srdi_sme",
                "provincial",
            )
            for old in due.get(year, []):
                if self.rng.random() < 0.7:
                    # The list comes ten days after the old one's last day.
                    due.setdefault(year + 3, []).append(
                        made.grant(old.holder, date(year, 9, 10), own={"batch": f"{year}年度", "status": "复核通过"})
                    )
            for place in range(size):
                entrant = self.unknown[3 + year - 2020] if place == 0 else next(pool)
                if isinstance(entrant, int):
                    holders.append(entrant)
                made.grant(entrant, date(year, 9, 10), own={"batch": f"{year}年度", "status": "认定"})
            for place, row in enumerate(made.rows):
                row.cells |= {"title": _SRDI[place % len(_SRDI)], "level": "省级"}
            usual: Cells = {
                "level": "省级",
                "batch": f"{year}年度",
                "recognised_on": f"{year}-09-10",
                "valid_to": f"{year + 3}-09-09",
                "status": "认定",
            }
            unknown = usual | {"title": "示例荣誉称号"}
            made.faulty(next(pool), "title", "a title that nobody knows", "TIT002", unknown, is_title_known=False)
            pending = usual | {"title": _SRDI[0], "status": "另行通知"}
            made.faulty(next(pool), "status", "a status that nobody knows", "TIT004", pending, may_lower=True)
            yield made.delivery(GB18030, *columns)

        yield self._municipal(holders)
        yield from self._giants_and_champions(holders)
        yield from self._gazelles_and_unicorns(holders)
        yield self._mixed(holders)

    def _municipal(self, holders: list[int]) -> Delivery:
        """The sidecar says the level: none of them counts."""
        made = _List(self, "2021/专精特新企业名单_20210715.csv", date(2021, 7, 15), "srdi_sme", "municipal")
        for holder in [*holders[::7], *self.pool[-20:]]:
            made.grant(holder, date(2021, 7, 1))
        columns = ("enterprise_name", "uscc", "division", "recognised_on", "valid_to", "remark")
        said: dict[str, str | int] = {"issued_on": "2021-07-15", "title_name": "专精特新中小企业", "level": "市级"}
        return made.delivery(UTF8, *columns, sidecar=said)

    def _giants_and_champions(self, holders: list[int]) -> Iterator[Delivery]:
        columns = (
            "seq",
            "enterprise_name",
            "uscc",
            "division",
            "title",
            "batch",
            "recognised_on",
            "valid_to",
            "remark",
        )
        for year, first in ((2020, 0), (2021, 3)):
            made = _List(
                self,
                f"{year}/小巨人企业名单_{year}1120.csv",
                date(year, 11, 20),
                "srdi_little_giant",
                "national",
            )
            words = ("国家级专精特新“小巨人”企业", "专精特新“小巨人”企业（国家级）", "专精特新小巨人")
            for place, holder in enumerate(holders[first :: max(6, len(holders) // 12)]):
                made.grant(holder, date(year, 11, 13), own={"batch": f"第{'二三'[year - 2020]}批"})
                made.rows[-1].cells["title"] = words[place % 3]
            yield made.delivery(UTF8_BOM, *columns)
        made = _List(self, "2021/单项冠军名单_20211030.csv", date(2021, 10, 30), "single_champion", "national")
        for place, holder in enumerate([*holders[2::9][:6], *self.pool[-30:-26]]):
            # No end is said, and no rule is known: valid until taken away.
            level, word = (("national", "国家级制造业单项冠军示范企业"), ("provincial", "山东省制造业单项冠军企业"))[
                place % 2
            ]
            made.grant(holder, date(2021, 10, 20), None, level=level)
            made.rows[-1].cells["title"] = word
        yield made.delivery(UTF8, *columns)

    def _gazelles_and_unicorns(self, holders: list[int]) -> Iterator[Delivery]:
        """The sidecar alone says title, level and batch; the heading alone says that they are unicorns."""
        columns = ("enterprise_name", "uscc", "division", "valid_to", "remark")
        for year, day in ((2020, date(2020, 6, 10)), (2021, date(2021, 6, 10))):
            issued_on = date(year, 6, 18)
            made = _List(self, f"{year}/企业名单_{issued_on:%Y%m%d}.csv", issued_on, "gazelle", "provincial")
            for holder in [*holders[year - 2020 :: 8][:10], *self.pool[-60 + 12 * (year - 2020) :][:12]]:
                made.grant(holder, day, before=date(year + 3, 6, 10))
            said: dict[str, str | int] = {
                "issued_on": issued_on.isoformat(),
                "title_name": "瞪羚企业",
                "level": "省级",
                "batch": f"{year}年度",
                "recognised_on": day.isoformat(),
            }
            yield made.delivery(UTF8, *columns, sidecar=said)
        gone = _List(self, "2022/瞪羚企业退出名单_20220520.csv", date(2022, 5, 20), "gazelle", "provincial")
        for holder in holders[0::8][:2]:
            gone.end(holder, date(2022, 5, 1), {"title": "瞪羚企业", "status": "退出"})
        yield gone.delivery(UTF8, "enterprise_name", "uscc", "division", "title", "status", "ended_on", "remark")
        unicorns = _List(self, "2021/独角兽企业名单_20211115.xlsx", date(2021, 11, 15), "unicorn", "provincial")
        for holder in (holders[2], self.pool[-61], self.pool[-62]):
            unicorns.grant(holder, date(2021, 11, 1), None)
        yield unicorns.delivery(
            Xlsx(sheet="名单"),
            *("seq", "enterprise_name", "uscc", "division", "recognised_on"),
            titles=(f"2021年山东省独角兽企业名单（{NOTE}）", "2021年11月15日"),
        )

    def _mixed(self, holders: list[int]) -> Delivery:
        """Titles that are none of the four families."""
        made = _List(self, "2022/企业荣誉_20220318.csv", date(2022, 3, 18), "hidden_champion", "provincial")
        words = (
            "隐形冠军企业",
            "瞪羚培育企业",
            "准独角兽企业",
            "制造业单项冠军培育企业",
            "专精特新培育企业",
            "创新型中小企业",
        )
        for holder, word in zip(self.pool[-50:-44], words, strict=True):
            said: Cells = {"title": word, "recognised_on": "2022-03-01", "valid_to": "2025-02-28"}
            made.other(holder, "a title that counts nowhere", said)
        return made.delivery(
            UTF8, *("enterprise_name", "uscc", "division", "title", "recognised_on", "valid_to", "remark")
        )

    # ------------------------------------------------------------------------------------------------
    # Leaders of the Top-Ten clusters: a library that enterprises enter and leave; the reserve is another one.

    def leaders(self) -> Iterator[Delivery]:
        columns = ("enterprise_name", "uscc", "division", "title", "list_year", "recognised_on", "remark")
        pool = [*self.changed["left"][:1], *self.pool[10:60]]
        for year, issued_on, upto in (
            (2020, date(2020, 3, 12), 17),
            (2021, date(2021, 4, 9), 24),
            (2022, date(2022, 4, 15), 31),
        ):
            name = f"{year}/产业集群领军企业名单_{issued_on:%Y%m%d}.csv"
            made = _List(self, name, issued_on, "cluster_leader", "provincial")
            # Each list names all that are in: who was in before is recognised once more.
            for place in range(upto):
                made.grant(pool[place], issued_on - timedelta(days=10), None)
                made.rows[-1].cells["title"] = ("省“十强”产业集群领军企业", "“十强”产业集群领军企业库")[place % 2]
            for place in range(upto, upto + 5):
                reserve: Cells = {
                    "title": "“十强”产业集群领军企业储备库",
                    "recognised_on": (issued_on - timedelta(days=10)).isoformat(),
                }
                made.other(pool[place], "in the reserve library: no leader yet", reserve)
            yield made.delivery(UTF8, *(column for column in columns if column != "list_year"))
        gone = _List(
            self, "2022/产业集群领军企业退出名单_20220930.csv", date(2022, 9, 30), "cluster_leader", "provincial"
        )
        for place in (3, 19):
            gone.end(pool[place], date(2022, 9, 1), {"title": "“十强”产业集群领军企业", "status": "退出"})
        yield gone.delivery(UTF8, "enterprise_name", "uscc", "division", "title", "status", "ended_on", "remark")

    # ------------------------------------------------------------------------------------------------
    # What the warehouse must show.

    def is_here(self, record: _Record, day: date, known_at: date) -> bool:
        """By the register as it was extracted until then, else as the list says."""
        if isinstance(record.holder, str):
            return record.is_here
        if record.holder not in self.places:
            self.places[record.holder] = [
                (date.fromisoformat(str(span["valid_from_on"])), span["division_code"])
                for span in self.register.intervals(record.holder)
            ]
        seen = [code for start, code in self.places[record.holder] if start <= min(day, known_at)]
        return seen[-1] is not None if seen else record.is_here

    def last_day(self, record: _Record, ends: list[_Record]) -> date | None:
        """The first day without the title, by what is known."""
        days = [record.before] if record.before else []
        for end in ends:
            if end.title != record.title or end.ends_on is None:
                continue
            if end.certificate and record.certificate:
                is_meant = end.certificate == record.certificate
            else:
                is_meant = end.holder == record.holder and record.begins <= end.ends_on
            if is_meant:
                days.append(end.ends_on)
        return min(days, default=None)

    def at(self, day: date, known_at: date) -> dict[str, Any]:
        """The four measures and the bridge, of a day and as known on another."""
        known = [record for record in self.records if record.is_known(known_at)]
        ends = [record for record in known if record.ends_on is not None]
        begun = [
            record
            for record in known
            if record.ends_on is None and record.begins <= day and self.is_here(record, day, known_at)
        ]
        valid = [r for r in begun if (last := self.last_day(r, ends)) is None or day < last]
        four = [r for r in valid if _FAMILIES[r.title] in _FOUR and _ORDER[r.level] >= 3]
        steps = [
            sum(_FAMILIES[r.title] in _FOUR for r in begun),
            len({(r.holder, r.title, r.level) for r in four}),
            len({(r.holder, _FAMILIES[r.title]) for r in four}),
            len({r.holder for r in four}),
        ]
        units: dict[str, tuple[set[str], set[Any]]] = {
            "HIGH_TECH_ENTERPRISES": ({"high_tech"}, {(r.holder,) for r in valid if r.title == "high_tech"}),
            "TITLED_ENTERPRISES": (_FOUR, {(r.holder,) for r in four}),
            "TITLES": (_FOUR, {(r.holder, r.title, r.level) for r in four}),
            "TOP_TEN_LEADERS": ({"cluster_leader"}, {(r.holder,) for r in valid if r.title == "cluster_leader"}),
        }
        return {"measures": {m: self._measure(day, known_at, *of) for m, of in units.items()}, "bridge": steps}

    def _measure(self, day: date, known_at: date, families: set[str], units: set[Any]) -> dict[str, int] | None:
        first = min(r.known_from for r in self.records if _FAMILIES[r.title] in families)
        if max(first, date(2020, 1, 1)) > min(day, known_at):
            return None
        held = [
            row
            for row in self.held_back
            if row.known_from <= known_at and (row.title is None or _FAMILIES[row.title] in families)
        ]
        return {
            "value": len(units),
            "unlinked": sum(isinstance(unit[0], str) for unit in units),
            "quarantined": len(held),
            "worst_case": max(len(units) - sum(row.may_lower for row in held), 0),
        }


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    city = _City(seed, scale)
    yield from city.high_tech()
    yield from city.four_families()
    yield from city.leaders()


def truth(found: list[Delivery]) -> dict[str, Any]:
    rows = found[0].rows
    assert isinstance(rows, _Rows)
    city = rows.city
    ends = [date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1) for year in YEARS for month in range(1, 13)]
    now = date(9999, 12, 31)
    shown: dict[str, Any] = {"then": {}, "now": {}, "bridge": {}}
    for day in ends:
        shown["then"][day.isoformat()] = city.at(day, day)["measures"]
        current = city.at(day, now)
        shown["now"][day.isoformat()] = current["measures"]
        if day.month == 12:
            shown["bridge"][day.isoformat()] = current["bridge"]
    return {"titles": shown}


RULES = {
    "titles": "counts on the last day of each month; then: as known that day, now: as known when all has come. An"
    " enterprise holds a title from its first day until the day before it ends, where it is in the city by the register"
    " as extracted until then, else by its list; what is revoked ends on its day once that is known; null before the"
    " first list of any of a measure's families; unlinked: of them, in no register. worst_case: rows held back that may"
    " take a title away do so. bridge: rows of lists, valid titles of provincial level or above, one a family, one an"
    " enterprise",
}
