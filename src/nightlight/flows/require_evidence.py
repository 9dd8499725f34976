"""What needs a case's evidence asks first whether it was erased."""

from __future__ import annotations

from nightlight.errors import RefusedError
from nightlight.model.retention import Erasure, Record
from nightlight.ports import Transaction
from nightlight.respond.calendar import date_words


def evidence_erased(tx: Transaction, case_id: str) -> Erasure | None:
    """The erasure of what was said in the case, None while it is there."""
    done = (one for one in tx.erasures_of(case_id) if one.record is Record.CASE_EVIDENCE and one.erased_at is not None)
    return next(done, None)


def require_evidence(tx: Transaction, case_id: str) -> None:
    """``RefusedError('erased')`` once what was said in the case is gone."""
    erasure = evidence_erased(tx, case_id)
    if erasure is not None and erasure.erased_at is not None:
        raise RefusedError(
            "erased",
            f"The evidence of this case was erased on {date_words(erasure.erased_at)}, as the rule "
            f"{erasure.rule} says. Nobody can read it any more.",
            "What was erased, by digest, stands in the log.",
        )
