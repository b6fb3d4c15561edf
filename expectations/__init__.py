"""Suites as Python: one module a source, each rule written once.

A module offers `ROW_RULES` (expectations on the slice, one row of it per source row and item), `PROFILE` (column name
→ SQL aggregate over the slice's rows of one delivery; what is called `…_share` is also compared with the deliveries
before, see baotu.drift) and `DELIVERY_RULES` (expectations on the profile). Severity:
critical rejects the delivery, warning quarantines the row, info is only recorded. Rule codes are stable: alerts,
history and people refer to them.
"""

from typing import Any


def about(rule: str, column: str | None, zh: str, en: str) -> dict[str, Any]:
    """The `meta` of an expectation: its code, the column it is about, and its text in both languages."""
    return {"rule": rule, "column": column, "zh": zh, "en": en}


def failing_rows(condition: str) -> str:
    """A query for rows that a plain expectation cannot state; only keys, never cell values."""
    return f"with slice as (select * from {{batch}}) select delivery_id, row_no, item_no from slice where {condition}"
