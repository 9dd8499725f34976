"""What can be made to go wrong at the training service of the CyberTipline, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from nightlight.errors import RefusedError

CALLS = ("status", "xsd", "submit", "upload", "fileinfo", "finish", "retract")


class FaultKind(StrEnum):
    """``…_after``: it acts and the caller does not learn of it; otherwise it does not act.

    ``half_answer`` and ``wrong_report`` come after acting; ``duplicate`` acts twice, as where a request is sent twice
    on its way, and answers the second time only; ``delay`` acts and answers late.
    """

    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    DELAY = "delay"
    ERROR_500 = "error_500"
    ERROR_500_AFTER = "error_500_after"
    ERROR_503 = "error_503"
    ERROR_503_AFTER = "error_503_after"
    HALF_ANSWER = "half_answer"
    HTML = "html"
    HTML_AFTER = "html_after"
    REDIRECT = "redirect"
    WRONG_REPORT = "wrong_report"
    DUPLICATE = "duplicate"


#: Those that come instead of acting.
BEFORE = frozenset(
    {FaultKind.DROP_BEFORE, FaultKind.ERROR_500, FaultKind.ERROR_503, FaultKind.HTML, FaultKind.REDIRECT}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """``nth``: at which call of that name since the start, counted from 1; 0: at every one. ``seconds``: of a delay."""

    call: str
    kind: FaultKind
    nth: int
    seconds: float = 1.0


def read_fault(text: str) -> Fault:
    """``submit:drop_after:1``, ``upload:delay:2:0.5``, ``finish:error_503:*``. ``RefusedError('fault_malformed')``."""
    parts = text.split(":")
    try:
        call, kind, nth = parts[0], FaultKind(parts[1]), parts[2] if len(parts) > 2 else "1"
        number = 0 if nth == "*" else int(nth)
        seconds = float(parts[3]) if len(parts) > 3 else 1.0
        fits = call in CALLS and number >= 0 and 0 <= seconds <= 3_600 and len(parts) <= 4
    except (IndexError, ValueError):
        fits = False
    if not fits:
        raise RefusedError(
            "fault_malformed",
            f"{text!r} is no fault.",
            "Write CALL:KIND:NTH, as in submit:drop_after:1. "
            f"Calls: {', '.join(CALLS)}. Kinds: {', '.join(FaultKind)}.",
        )
    return Fault(call, kind, number, seconds)


class FaultPlan:
    """Counts calls, and says which fault comes next."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._faults = list(faults)
        self._counts: Counter[str] = Counter()

    def plan(self, *faults: Fault) -> None:
        """Replaces all that was planned, and counts anew."""
        self._faults = list(faults)
        self._counts.clear()

    def next(self, call: str) -> Fault | None:
        self._counts[call] += 1
        return next(
            (fault for fault in self._faults if fault.call == call and fault.nth in (0, self._counts[call])), None
        )
