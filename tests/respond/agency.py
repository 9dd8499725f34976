"""An agency that follows the rules of the reporting interface, with a clock of its own, for tests of the machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from nightlight.model.agency_reply import Acted, AgencyReply, Outcome, Problem
from nightlight.model.submission import Step, StepKind, Submission

HOUR = 3_600_000
NOW = 1_800_000_000_000


def ok(**more: object) -> AgencyReply:
    return AgencyReply(Outcome.OK, Acted.YES, "Done.", code=0, **more)  # type: ignore[arg-type]


def failure(
    outcome: Outcome = Outcome.RETRY, acted: Acted = Acted.UNKNOWN, problem: Problem = Problem.CUT_SHORT
) -> AgencyReply:
    return AgencyReply(outcome, acted, "What went wrong.", problem=problem)


@dataclass
class Agency:
    """Follows the interface's rules with a clock of its own. ``filed``: finished reports, with their files."""

    clock: int = NOW
    reports: dict[int, list[str]] = field(default_factory=dict)
    changed: dict[int, tuple[int, int]] = field(default_factory=dict)
    filed: dict[int, list[str]] = field(default_factory=dict)
    retracted: set[int] = field(default_factory=set)
    described: set[str] = field(default_factory=set)

    def act(self, step: Step, submission: Submission) -> AgencyReply:
        for number, (at, last) in list(self.changed.items()):
            if max(at + 24 * HOUR, last + HOUR) <= self.clock and number not in self.retracted:
                del self.reports[number], self.changed[number]
        if step.kind is StepKind.OPEN:
            number = 100 + len(self.reports) + len(self.filed) + len(self.retracted) + self.clock % 7919
            while number in self.reports or number in self.filed or number in self.retracted:
                number += 1
            self.reports[number], self.changed[number] = [], (self.clock, self.clock)
            return ok(report_id=number)
        number = submission.report_id or 0
        if number in self.filed:
            return failure(Outcome.ALREADY_FINISHED, Acted.NO, Problem.NONE)
        if number in self.retracted:
            return failure(Outcome.ALREADY_RETRACTED, Acted.NO, Problem.NONE)
        if number not in self.reports:
            return failure(Outcome.REPORT_GONE, Acted.NO, Problem.NONE)
        self.changed[number] = (self.changed[number][0], self.clock)
        if step.kind is StepKind.UPLOAD:
            file_id = f"{number}-{len(self.reports[number])}-{step.position}"
            self.reports[number].append(file_id)
            return ok(report_id=number, file_id=file_id, md5=bytes(16))
        if step.kind is StepKind.DESCRIBE:
            file_id = submission.files[step.position].file_id
            assert file_id in self.reports[number]
            assert file_id not in self.described, "the details of a file are sent once"
            self.described.add(file_id)
            return ok(report_id=number)
        if step.kind is StepKind.RETRACT:
            self.retracted.add(number)
            del self.reports[number], self.changed[number]
            return ok(report_id=number)
        self.filed[number] = self.reports.pop(number)
        del self.changed[number]
        return ok(report_id=number, file_ids=tuple(self.filed[number]))
