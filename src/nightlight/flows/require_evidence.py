"""What needs a case's evidence asks first whether it was erased."""

from __future__ import annotations

from nightlight.errors import RefusedError
from nightlight.model.retention import Record
from nightlight.ports import Transaction
from nightlight.respond.calendar import date_words


def require_evidence(tx: Transaction, case_id: str) -> None:
    """``RefusedError('erased')`` once what was said in the case is gone."""
    for erasure in tx.erasures_of(case_id):
        if erasure.record is Record.CASE_EVIDENCE and erasure.erased_at is not None:
            raise RefusedError(
                "erased",
                f"The evidence of this case was erased on {date_words(erasure.erased_at)}, as the rule "
                f"{erasure.rule} says. Nobody can read it any more.",
                "What was erased, by digest, stands in the log.",
            )
