"""The truth as a file: deliveries, planted errors and traps, and what each source's figures must be."""

from __future__ import annotations

from typing import Any

from baotu.samples.deliveries import NOTE, Delivery
from baotu.samples.sampling import CountRow

RULES = {
    "status": "a delivery with more than 20 % of its rows quarantined is rejected and counts nowhere; one without"
    " a required column is refused; known: bytes that landed before, under the name same_bytes_as",
    "withdraw": "sent by mistake and accepted; the figures here are those with it, after_withdrawal has those of the"
    " same source once it is withdrawn: samples that it changed are then again as other deliveries have them",
    "counts": "rows of tables of counts, the division null being the whole city. counted: a scope without samples,"
    " shown by itself; beside_samples: shown, never added, for samples of the same period and"
    " kind are delivered; total: the sum of other rows, never added; quarantined: passed and failed are not tested",
    "errors": "quarantined: the rule holds the row back; info: only recorded, the row counts",
}


def truth_of(deliveries: list[Delivery]) -> dict[str, Any]:
    """What is so whatever the source: what became of each delivery, and what is planted where."""
    told = [(d.file, row) for d in deliveries if d.is_read for row in d.told]
    return {
        "note": NOTE,
        "deliveries": [_delivery(delivery) for delivery in deliveries],
        "errors": [
            {
                "file": file,
                "file_row": row.file_row,
                "column": row.error.column,
                "what": row.error.what,
                "rule": row.error.rule,
                "outcome": row.error.outcome,
            }
            | row.subject
            for file, row in told
            if row.error is not None
        ],
        "traps": [
            {"file": file, "file_row": row.file_row, "what": row.trap} | row.subject
            for file, row in told
            if row.trap is not None
        ],
        "counts": [
            {
                "file": delivery.file,
                "file_row": row.file_row,
                "period": row.count.period,
                "division": row.count.division,
                "category": row.count.category,
                "kind": row.count.kind,
                "tested": row.count.tested,
                "passed": row.count.passed,
                "failed": row.count.failed,
                "outcome": row.outcome,
            }
            for delivery in deliveries
            if delivery.is_read
            for row in delivery.told
            if isinstance(row, CountRow)
        ],
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    said: dict[str, Any] = {
        "source": delivery.source,
        "file": delivery.file,
        "sha256": delivery.sha256,
        "issued_on": delivery.issued_on.isoformat(),
        "rows_read": delivery.rows_read if delivery.is_read else None,
        "rows_quarantined": delivery.rows_quarantined if delivery.is_read else None,
        "status": delivery.status,
    }
    if delivery.same_bytes_as is not None:
        said["same_bytes_as"] = f"{delivery.source}/{delivery.same_bytes_as}"
    if delivery.is_mistake:
        said["withdraw"] = True
    return said
