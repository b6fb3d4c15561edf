"""From a published number back to the files and rows behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from baotu import storage
from baotu.periods import Period, parse_period
from baotu.report import VERDICTS


class NotTraceable(Exception):
    """There is no such published number; the message says what there is."""


@dataclass(frozen=True)
class Trace:
    """A number, whether core still adds up to it, the deliveries it came from, and their rows."""

    number: dict[str, Any]
    #: What core gives for the same question now.
    numerator: Decimal | None
    denominator: Decimal
    #: Deliveries that were applied after this number was published: why core may differ.
    applied_since: list[int]
    deliveries: list[dict[str, Any]]
    rows: list[dict[str, Any]] = field(default_factory=list)
    #: Of a count or a published value, what core has for it now.
    value: Decimal | None = None

    @property
    def is_reproduced(self) -> bool:
        """Whether core still gives what was published: its sums n and x, or the value of a count or a reading."""
        if self.number["estimator"] in ("published", "count"):
            return bool(self.value == self.number["value"])
        return self.denominator == (self.number["denominator"] or 0) and (
            self.numerator is None or self.numerator == (self.number["numerator"] or 0)
        )

    def text(self) -> Iterator[str]:
        """Chinese line, then the English one."""
        n = self.number
        shown = f"{n['value']:.4f}" if n["value"] is not None else "—"
        words = VERDICTS.get(n["verdict"])
        zh, en = (words.zh, words.en) if words is not None else (n["verdict"], n["verdict"])
        if n["numerator"] is not None:
            counted = f"{n['numerator']} / {n['denominator']}"
        else:
            counted = f"n = {n['denominator']}" if n["denominator"] is not None else n["unit"]
        yield f"{n['indicator_id']} {n['name_zh']} · {n['period_label_zh']} · {n['measure_code']}: {shown} ({counted}) {zh}"
        yield (
            f"{n['indicator_id']} {n['name_en']}, {n['period_start_on']} to {n['period_end_on']}: {en};"
            f" publication {n['publication_id']}, definition {n['definition_version']}"
        )
        if self.is_reproduced:
            yield "✓ 核心层重新计数与发布值一致 · recounted in core: the same"
        else:
            since = ", ".join(map(str, self.applied_since)) or "—"
            now = f"{self.numerator} / {self.denominator}" if self.value is None else f"{self.value:f}"
            yield (
                f"✗ 核心层现在为 {now},发布之后又计入交付 {since} · core now gives {now}; deliveries applied since: {since}"
            )
        yield ""
        yield "交付 · deliveries"
        digests = (d[which] for d in self.deliveries for which in ("file_sha256", "raw_archived_sha256"))
        kept_at = storage.kept_at([sha256 for sha256 in digests if sha256])
        for d in self.deliveries:
            counted = f"{d['numerator']} / {d['denominator']}" if d["numerator"] is not None else str(d["denominator"])
            yield f"  [{d['delivery_id']}] {d['file_name']} · {d['status']} · 发布 issued {d['issued_on']} · {counted}"
            yield f"      SHA-256 {d['file_sha256']}"
            yield f"      存档 archive {kept_at[d['file_sha256']]}"
            if d["raw_archived_sha256"]:
                yield f"      原始行已移出仓库 raw rows, out of the warehouse {kept_at[d['raw_archived_sha256']]}"
        if self.rows:
            yield ""
            yield "行(部分、表格中的行号) · rows (part, row as the file shows it)"
            for r in self.rows:
                place = f"[{r['delivery_id']}] {r['part'] or '-'} 第 {r['file_row']} 行 row {r['file_row']}"
                yield f"  {place} · {r['key'] or '-'} · {r['outcome']}" + (f" · {r['what']}" if r["what"] else "")


_SAMPLES = """
    from core.sample_measure as sample
    where sample.measure_code = %(measure)s
        and sample.sampled_on between %(start)s and least(%(end)s::date, %(as_of)s)
        and sample.known_from_on <= %(known_at)s
        and (sample.known_before_on is null or sample.known_before_on > %(known_at)s)
"""
_SUMMARIES = """
    from core.summary_measure as summary
    where summary.measure_code = %(measure)s
        and summary.period_start_on >= %(start)s
        and summary.period_end_on <= least(%(end)s::date, %(as_of)s)
        and summary.known_from_on <= %(known_at)s
        and (summary.known_before_on is null or summary.known_before_on > %(known_at)s)
"""
_RESPONSES = """
    from core.fct_survey_response as response
    where response.in_scope
        and response.surveyed_on between %(start)s and least(%(end)s::date, %(as_of)s)
        and response.known_from_on <= %(known_at)s
        and (response.known_before_on is null or response.known_before_on > %(known_at)s)
"""
# The industries that the value is made of; a suppressed one is neither in the number nor in its n.
_SHOWN = """
    and response.industry_code in (
        select satisfaction.industry_code from marts.mart_satisfaction as satisfaction
        where satisfaction.measure_code = 'CSI_0_100' and satisfaction.period_type = %(period_type)s
            and satisfaction.period_start_on = %(start)s and not satisfaction.is_suppressed)
"""


def trace(
    connection: psycopg.Connection,
    indicator_id: str,
    period_text: str,
    *,
    measure_code: str | None = None,
    all_rows: bool = False,
    limit: int = 200,
) -> Trace:
    """Walk from a published number to its deliveries and rows: failing and unjudged ones, or all.

    Raises NotTraceable for an unknown indicator, period or measure.
    """
    period = parse_period(period_text)
    if period is None:
        raise NotTraceable(f"{period_text!r} is no period; write 2021, 2021-Q3 or 2021-07")
    cursor = connection.cursor(row_factory=dict_row)
    number = _number(cursor, indicator_id, period, measure_code)
    asked = {
        "measure": number["measure_code"],
        "period_type": period.period_type,
        "start": number["period_start_on"],
        "end": number["period_end_on"],
        "as_of": number["as_of_on"],
        "known_at": number["known_at_on"],
        "limit": limit,
    }
    if number["estimator"] == "published":
        return _of_readings(cursor, number, asked, limit)
    if number["estimator"] == "count":
        return _of_counts(cursor, number, asked | {"on": number["value_on"]})
    is_rate = number["numerator"] is not None or indicator_id.startswith("Q")
    if is_rate and number["value_basis"] == "reported":
        return _of_summaries(cursor, number, asked, limit)
    if is_rate:
        counts = "count(*) filter (where final_result = 'pass') as numerator, count(*) filter (where is_judged)"
        body, key = _SAMPLES, "sample"
    else:
        counts = "null::bigint as numerator, count(*) filter (where excluded_reason is null and score is not null)"
        body, key = _RESPONSES + _SHOWN, "response"
    total = cursor.execute(f"select {counts} as denominator {body}", asked).fetchone()
    assert total is not None
    counted = cursor.execute(
        f"select {key}.delivery_id, {counts} as denominator {body} group by {key}.delivery_id", asked
    ).fetchall()
    rows = (
        _sample_rows(cursor, asked, all_rows, number["source_id"])
        if is_rate
        else _response_rows(cursor, asked, all_rows)
    )
    return Trace(
        number,
        total["numerator"],
        total["denominator"],
        _applied_since(cursor, number),
        _deliveries(cursor, counted),
        rows,
    )


def _applied_since(cursor: psycopg.Cursor[dict[str, Any]], number: dict[str, Any]) -> list[int]:
    found = cursor.execute(
        "select delivery_id from ops.applied_delivery where build_id > %s order by 1", (number["publication_id"],)
    ).fetchall()
    return [row["delivery_id"] for row in found]


def _deliveries(cursor: psycopg.Cursor[dict[str, Any]], counted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each delivery contributes, with its file."""
    about = cursor.execute(
        "select delivery_id, file_uri, file_sha256, raw_archived_sha256, status, issued_on, regexp_replace(file_uri, '^.*/', '')"
        " as file_name from ops.delivery where delivery_id = any(%s) order by issued_on, delivery_id",
        ([row["delivery_id"] for row in counted],),
    ).fetchall()
    contributed = {row["delivery_id"]: row for row in counted}
    for delivery in about:
        delivery |= contributed[delivery["delivery_id"]]
    return about


def _of_summaries(
    cursor: psycopg.Cursor[dict[str, Any]], number: dict[str, Any], asked: dict[str, Any], limit: int
) -> Trace:
    """A reported number: the lines that were counted, and those left out because a wider or less divided one holds
    them. Chosen here anew, so that the recount can contradict the mart."""
    lines = cursor.execute(
        "select delivery_id, part, file_row, period_start_on, period_end_on, tested_count, passed_count,"
        " coalesce(category_text, scope_text, '合计') as what,"
        " 2 * (not is_whole_city)::integer + (category_code is not null)::integer as divided"
        f" {_SUMMARIES} order by delivery_id, row_no",
        asked,
    ).fetchall()

    def outranks(other: dict[str, Any], line: dict[str, Any]) -> bool:
        ours, theirs = (x["period_end_on"] - x["period_start_on"] for x in (line, other))
        overlaps = (
            other["period_start_on"] <= line["period_end_on"] and other["period_end_on"] >= line["period_start_on"]
        )
        return bool(overlaps and (theirs > ours or (theirs == ours and other["divided"] < line["divided"])))

    by_delivery: dict[int, dict[str, Any]] = {}
    rows = []
    for line in lines:
        is_counted = not any(outranks(other, line) for other in lines)
        if is_counted:
            sums = by_delivery.setdefault(
                line["delivery_id"], {"delivery_id": line["delivery_id"], "numerator": 0, "denominator": 0}
            )
            sums["denominator"] += line["tested_count"]
            known = None not in (sums["numerator"], line["passed_count"])
            sums["numerator"] = sums["numerator"] + line["passed_count"] if known else None
        told = (
            line["tested_count"] if line["passed_count"] is None else f"{line['passed_count']}/{line['tested_count']}"
        )
        outcome = f"{told} {'计入 counted' if is_counted else '已含于合计 within a total'}"
        rows.append(line | {"key": str(line["period_start_on"]), "outcome": outcome})
    parts = list(by_delivery.values())
    passed = [part["numerator"] for part in parts]
    return Trace(
        number,
        None if None in passed else sum(passed, Decimal(0)),
        sum((part["denominator"] for part in parts), Decimal(0)),
        _applied_since(cursor, number),
        _deliveries(cursor, parts),
        rows[:limit],
    )


def _of_readings(
    cursor: psycopg.Cursor[dict[str, Any]], number: dict[str, Any], asked: dict[str, Any], limit: int
) -> Trace:
    """A published value: the readings of the period, the latest date first, and a survey's own index before them."""
    lines = cursor.execute(
        "select reading.delivery_id, reading.part, reading.file_row, reading.value, reading.numerator,"
        " reading.denominator, reading.document as what, to_char(reading.period_end_on, 'YYYY-MM-DD') as key,"
        " 2 as place, reading.period_end_on as value_on, null as wave, reading.known_from_on, reading.origin_id"
        " from core.published_measure as reading where reading.of_measure = %(measure)s"
        " and reading.period_end_on between %(start)s and least(%(end)s::date, %(as_of)s)"
        " and (reading.is_of_a_date or (reading.period_start_on = %(start)s and reading.period_end_on = %(end)s))"
        " and reading.known_from_on <= %(known_at)s"
        " and (reading.known_before_on is null or reading.known_before_on > %(known_at)s)"
        " union all select response.delivery_id, min(response.part), min(response.file_row),"
        " response.published_index, null, null, 'wave ' || response.wave, response.wave, 1, %(end)s::date,"
        " response.wave, response.known_from_on, response.origin_id"
        f" {_RESPONSES} and response.published_index is not null and %(measure)s = 'CSI_PUBLISHED'"
        " group by response.delivery_id, response.published_index, response.wave, response.known_from_on,"
        " response.origin_id order by place, value_on desc, wave desc, known_from_on desc, origin_id desc limit %(limit)s",
        asked,
    ).fetchall()
    words = ("计入 counted", "较早,或他处所说 earlier, or said elsewhere")
    rows = [line | {"outcome": f"{line['value']:f} {words[min(i, 1)]}"} for i, line in enumerate(lines)]
    return Trace(
        number,
        lines[0]["numerator"] if lines else None,
        (lines[0]["denominator"] if lines else None) or Decimal(0),
        _applied_since(cursor, number),
        _deliveries(cursor, rows[:1]),
        rows,
        lines[0]["value"] if lines else None,
    )


#: Titles that are valid, of the city and known, with who holds them.
_TITLES = """
    select title.delivery_id, title.part, title.file_row, title.enterprise_name as key,
        concat_ws(' ', label.label_zh, title.valid_from_on || ' – ' || coalesce(title.valid_before_on::text, '')) as what,
        case when measure.is_of_enterprises then title.holder_id::text
            else concat_ws('/', title.holder_id, title.title_code, title.level_code) end as item,
        1::numeric as value
    from core.title_validity as title
    inner join reference.title_measure as measure using (family)
    inner join reference.enterprise_title as label using (title_code)
    where measure.measure_code = %(measure)s
        and (measure.min_level_order is null or title.level_order >= measure.min_level_order)
        and title.in_scope
        and title.known_from_on <= %(known_at)s and (title.known_before_on is null or title.known_before_on > %(known_at)s)
        and (title.located_from_on is null or title.located_from_on <= %(on)s)
        and (title.located_before_on is null or title.located_before_on > %(on)s)
        and title.valid_from_on <= %(on)s and (title.valid_before_on is null or title.valid_before_on > %(on)s)
"""
#: Records of the brands and bases that the mart counts, as core has them. A count is borne out by an entry, a
#: certificate or a base; a value only by a valuation of that amount.
_BRANDS = """
    select record.delivery_id, record.part, record.file_row, coalesce(record.brand_name, record.base_name) as key,
        concat_ws(' ', record.record_kind, record.list_year, record.status_code, record.brand_value) as what,
        counted.item,
        case when counted.measure_code not like 'BRAND_VALUE%%' or record.brand_value = counted.value
            then counted.value end as value
    from marts.mart_brand_part as counted
    inner join core.brand_record as record
        on counted.item in (record.brand_uid::text, record.base_key) and not record.is_quarantined
    where counted.measure_code = %(measure)s and counted.on_date = %(on)s and counted.known_at_on = %(known_at)s
        and record.known_from_on <= %(known_at)s
        and (record.known_before_on is null or record.known_before_on > %(known_at)s)
        and record.counts_from_on <= %(on)s
        and record.record_kind = any(case
            when counted.measure_code = 'BRANDS_TAISHAN' then array['certificate']
            when counted.measure_code = 'QUALITY_BASES' then array['quality_base']
            when counted.measure_code like 'BRAND_VALUE%%' then array['valuation', 'cultivation']
            else array['cultivation'] end)
"""


def _of_counts(cursor: psycopg.Cursor[dict[str, Any]], number: dict[str, Any], asked: dict[str, Any]) -> Trace:
    """A count or sum at a date: each enterprise, title, brand or base once, with the records that speak for it.

    Titles are counted anew; of brands, whose choice takes several steps, each that the mart counts must have in core what
    bears it out.
    """
    body = _BRANDS if number["measure_code"].startswith(("BRAND", "QUALITY")) else _TITLES
    lines = cursor.execute(f"{body} order by item, delivery_id, file_row", asked).fetchall()
    counted = {line["item"]: line["value"] for line in lines if line["value"] is not None}
    by_delivery: dict[int, set[str]] = {}
    for line in lines:
        by_delivery.setdefault(line["delivery_id"], set()).add(line["item"])
    return Trace(
        number,
        None,
        Decimal(len(counted)),
        _applied_since(cursor, number),
        _deliveries(
            cursor,
            [
                {"delivery_id": delivery_id, "numerator": None, "denominator": len(items)}
                for delivery_id, items in by_delivery.items()
            ],
        ),
        [
            line | {"outcome": "入选依据 why it counts" if line["value"] is None else f"{line['value']:f} 计入 counted"}
            for line in lines[: asked["limit"]]
        ],
        sum(counted.values(), Decimal(0)),
    )


def _number(
    cursor: psycopg.Cursor[dict[str, Any]], indicator_id: str, period: Period, measure_code: str | None
) -> dict[str, Any]:
    found = cursor.execute(
        "select tracking.*, indicator.name_zh, indicator.name_en, indicator.source_id from marts.mart_target_tracking as tracking"
        " inner join marts.dim_indicator as indicator using (indicator_id, definition_version)"
        " where tracking.indicator_id = %(indicator)s and tracking.is_current"
        " and tracking.period_type = %(type)s and tracking.period_start_on = %(start)s"
        " and (tracking.measure_code = %(measure)s or (%(measure)s::text is null and tracking.is_headline))"
        # Both bases of a measure may be published: samples before summaries.
        " order by tracking.value_basis limit 1",
        {
            "indicator": indicator_id,
            "type": period.period_type,
            "start": period.start_on,
            "measure": measure_code,
        },
    ).fetchone()
    if found is not None:
        return found
    known = cursor.execute(
        "select string_agg(distinct indicator_id, ', ') as indicators, string_agg(distinct measure_code, ', ')"
        " filter (where indicator_id = %s) as measures, min(period_start_on) as first, max(period_end_on) as last"
        " from marts.mart_target_tracking",
        (indicator_id,),
    ).fetchone()
    assert known is not None
    raise NotTraceable(
        f"Nothing is published for {indicator_id} {period.start_on}–{period.end_on}"
        f"{f' {measure_code}' if measure_code else ''}; published are {known['indicators']} from {known['first']} to"
        f" {known['last']}" + (f", measures of {indicator_id}: {known['measures']}" if known["measures"] else "")
    )


def _sample_rows(
    cursor: psycopg.Cursor[dict[str, Any]], asked: dict[str, Any], all_rows: bool, source: str
) -> list[dict[str, Any]]:
    """From staging, because a quarantined row is in no fact; part and row are those of the file."""
    wanted = "" if all_rows else "and sample.final_result is distinct from 'pass'"
    return cursor.execute(
        f"with chosen as (select sample.sample_id, sample.described_in_id as delivery_id, sample.final_result, sample.unjudged_reason"
        f" {_SAMPLES} {wanted})"
        " select staged.delivery_id, staged.part, staged.file_row, staged.sample_no as key,"
        " coalesce(chosen.final_result, chosen.unjudged_reason) as outcome,"
        " coalesce((select string_agg(held.rule, ', ') from quarantine.row as held where held.delivery_id ="
        " staged.delivery_id and held.row_no = staged.row_no and held.resolved_at is null), staged.item_name) as what"
        f" from chosen inner join staging.stg_{source} as staged using (sample_id, delivery_id)"
        " order by staged.delivery_id, staged.row_no limit %(limit)s",
        asked,
    ).fetchall()


def _response_rows(
    cursor: psycopg.Cursor[dict[str, Any]], asked: dict[str, Any], all_rows: bool
) -> list[dict[str, Any]]:
    wanted = "" if all_rows else "and response.excluded_reason is not null"
    return cursor.execute(
        "select response.delivery_id, response.part, response.file_row, response.respondent_id as key,"
        " coalesce(response.excluded_reason, round(response.score, 2)::text) as outcome, response.industry_text as what"
        f" {_RESPONSES} {_SHOWN} {wanted} order by response.delivery_id, response.row_no limit %(limit)s",
        asked,
    ).fetchall()
