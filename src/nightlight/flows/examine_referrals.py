"""Whether referrals get where they should: for `nightlight doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nightlight.errors import NightlightError
from nightlight.flows.send_referral import Alarms
from nightlight.model.agency_reply import AgencyReply, Outcome
from nightlight.model.health import Finding, Level
from nightlight.model.reporter import ReportingOperator

_PART = "referrals"


@dataclass(frozen=True, slots=True)
class ReferralExamination:
    """``ask``: asks the agency's service whether it is there and takes our credentials; None where there is none."""

    alarms: Alarms
    operator: ReportingOperator
    ask: Callable[[], AgencyReply] | None

    def run(self) -> Iterator[Finding]:
        waiting = self.alarms.all()
        if waiting:
            yield Finding(
                Level.PROBLEM,
                _PART,
                f"{len(waiting)} {'referral needs' if len(waiting) == 1 else 'referrals need'} somebody now.",
                "Open Referrals in the console.",
            )
        if self.ask is None:
            return
        if not (self.operator.first_name and self.operator.last_name and self.operator.email):
            yield Finding(
                Level.WARNING,
                _PART,
                "Reports name no person whom the agency could ask.",
                "Set NIGHTLIGHT_REPORTING_FIRST_NAME, _LAST_NAME and _EMAIL.",
            )
        try:
            reply = self.ask()
        except NightlightError as e:
            yield Finding(Level.PROBLEM, _PART, f"The CyberTipline cannot be asked: {e.message}")
            return
        if reply.outcome is Outcome.OK:
            yield Finding(Level.OK, _PART, "The CyberTipline answers and takes the credentials.")
        else:
            yield Finding(Level.PROBLEM, _PART, f"The CyberTipline does not take us: {reply.description}")
