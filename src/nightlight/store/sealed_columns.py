"""The columns that are sealed under the data key of a case: what is written into them, and what is read out of them.

Beside each of them stands the column of old, which holds the value in the clear where nothing is sealed. A row says by
which of the two is filled how it was written, and never fills both; nobody has to guess.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from nightlight.errors import RefusedError
from nightlight.model.referral import Referral
from nightlight.model.report import Report, ReportedMessage
from nightlight.respond.draft_text import draft_text
from nightlight.store.sealing import Sealing, place


def scope_of(report: Report) -> str:
    """Whose data key a report is sealed under: its case's, or its own for as long as it waits without one."""
    return report.case_id or report.report_id


def note_columns(sealing: Sealing, report: Report) -> dict[str, Any]:
    if not sealing.on:
        return {"note": report.note, "sealed_note": None}
    return {"note": "", "sealed_note": sealing.close(scope_of(report), _note(report.report_id), report.note.encode())}


def note_in(sealing: Sealing, row: Row[Any]) -> str:
    """``row``: of ``reports``. Raises what ``Sealing.open`` raises; so do all of these."""
    if row.sealed_note is None:
        return str(row.note)
    _nothing_beside(row.note)
    return sealing.open(row.case_id or row.report_id, _note(row.report_id), bytes(row.sealed_note)).decode()


def key_columns(sealing: Sealing, report: Report, message: ReportedMessage) -> dict[str, Any]:
    key = message.message_key
    if key is None or not sealing.on:
        return {"message_key": key, "sealed_key": None}
    where = _key(report.report_id, message.position)
    return {"message_key": None, "sealed_key": sealing.close(scope_of(report), where, key)}


def key_in(sealing: Sealing, row: Row[Any], scope: str) -> bytes | None:
    """``row``: of ``reported_messages``; ``scope``: of its report."""
    if row.sealed_key is None:
        return None if row.message_key is None else bytes(row.message_key)
    _nothing_beside(row.message_key)
    return sealing.open(scope, _key(row.report_id, row.position), bytes(row.sealed_key))


def contents_columns(sealing: Sealing, referral: Referral) -> dict[str, Any]:
    if not sealing.on:
        return {"contents": referral.contents, "sealed_contents": None}
    where = _of_referral(referral.referral_id, "contents")
    return {"contents": b"", "sealed_contents": sealing.close(referral.case_id, where, referral.contents)}


def contents_in(sealing: Sealing, row: Row[Any]) -> bytes:
    if row.sealed_contents is None:
        return bytes(row.contents)
    _nothing_beside(row.contents)
    return sealing.open(row.case_id, _of_referral(row.referral_id, "contents"), bytes(row.sealed_contents))


def draft_columns(sealing: Sealing, referral: Referral) -> dict[str, Any]:
    text = None if referral.draft is None else draft_text(referral.draft)
    if text is None or not sealing.on:
        return {"draft": text, "sealed_draft": None}
    where = _of_referral(referral.referral_id, "draft")
    return {"draft": None, "sealed_draft": sealing.close(referral.case_id, where, text.encode())}


def draft_in(sealing: Sealing, row: Row[Any]) -> str | None:
    if row.sealed_draft is None:
        return None if row.draft is None else str(row.draft)
    _nothing_beside(row.draft)
    return sealing.open(row.case_id, _of_referral(row.referral_id, "draft"), bytes(row.sealed_draft)).decode()


def event_sealed(sealing: Sealing, event_id: str, case_id: str, event: bytes) -> bytes:
    return sealing.close(case_id, place("sealed_events", event_id, column="sealed"), event)


def event_in(sealing: Sealing, row: Row[Any]) -> bytes:
    """``row``: of ``sealed_events``."""
    return sealing.open(row.case_id, place("sealed_events", row.event_id, column="sealed"), bytes(row.sealed))


def _nothing_beside(clear: object) -> None:
    if clear:
        raise RefusedError(
            "sealed_damaged",
            "A row holds a value encrypted, and another one beside it in the clear: somebody changed it.",
            "Stop the service, keep a copy of everything as it is, and find out who could write to the database.",
        )


def _note(report_id: str) -> str:
    return place("reports", report_id, column="note")


def _key(report_id: str, position: int) -> str:
    return place("reported_messages", report_id, position, column="message_key")


def _of_referral(referral_id: str, column: str) -> str:
    return place("referrals", referral_id, column=column)
