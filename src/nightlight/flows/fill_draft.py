"""A draft filled from a case: what is known, with where it comes from, and only what is needed marked to go out.

Nothing is invented. What is known and not needed is in the draft too, taken out, so that the reviewer sees that it is
known and decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightlight.errors import UnavailableError
from nightlight.flows.people import People
from nightlight.model.account import MINORS, UNKNOWN_AGE, Age, AgeBand, month_of
from nightlight.model.account_record import AccountRecord
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.case import POLICY_TITLES, Case, Decision, Policy
from nightlight.model.draft import AgencyKind, Basis, Draft, DraftFile, Fact
from nightlight.model.report import Report, ReportedMessage
from nightlight.ports import AccountRecords, Transaction
from nightlight.respond.conversation import Line, conversation
from nightlight.respond.instant import rfc3339
from nightlight.respond.referral_fields import FIELDS, INCIDENT_TYPES

#: Connections and devices seen this long around the incident go out; the rest is known and stays here.
WINDOW_MS = 14 * 86_400_000
#: What the schema calls it, where the rule that was broken decides it. The rest is for a person to say.
_INCIDENT_OF = {
    Policy.CHILD_GROOMING: INCIDENT_TYPES[6],
    Policy.CHILD_SEXTORTION: INCIDENT_TYPES[6],
    Policy.CHILD_IMAGERY: INCIDENT_TYPES[0],
}
_BAND = {
    AgeBand.UNDER_13: "under 13",
    AgeBand.AGE_13_15: "13 to 15",
    AgeBand.AGE_16_17: "16 or 17",
    AgeBand.ADULT: "adult",
}
_CLOSING = (ActionKind.DEACTIVATE, ActionKind.LOCK, ActionKind.SUSPEND)
#: Of the child, the homeserver's records are known and stay here until somebody decides that they are needed.
_KEPT_BACK_OF_VICTIM = ("email", "phone", "ip", "device", "display_name")


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the homeserver has on record, asked before any transaction: None where it does not answer."""

    records: dict[str, AccountRecord | None]
    answered: bool = True


@dataclass(frozen=True, slots=True)
class DraftFiller:
    """``platform``: the service's name as agencies know it. ``records``: None where there is nothing to ask."""

    people: People
    platform: str
    records: AccountRecords | None

    def gather(self, accounts: Sequence[str]) -> Gathered:
        """The homeserver being away does not hold a referral up; the draft can be filled again."""
        if self.records is None:
            return Gathered({})
        try:
            return Gathered({account: self.records.record(account) for account in accounts})
        except UnavailableError:
            return Gathered({}, answered=False)

    def fill(
        self,
        tx: Transaction,
        agency: AgencyKind,
        case: Case,
        decision: Decision,
        gathered: Gathered,
        now: int,
        prior: Sequence[int] = (),
    ) -> Draft:
        """``prior``: the agency's numbers of earlier reports about the same account."""
        reports = tx.reports_of(case.case_id)
        lines = conversation(reports)
        chosen = [line for line in lines if _goes_out(line, case)]
        first = min((line.message.sent_at for line in chosen if line.message.sent_at is not None), default=None)
        ages = {account: self._age(tx, account) for account in accounts_in(case, reports)}
        facts = [
            *self._incident(case, decision, chosen, first),
            *_minors_on_both_sides(case, reports, ages, now),
            *self._suspect(case, chosen, ages, gathered, tx.actions_of(case.case_id), first, now, prior),
            *self._victims(case, reports, ages, gathered, first, now),
        ]
        allowed = [fact for fact in facts if agency in FIELDS[fact.name].places]
        events = [line.message.event_id for line in chosen]
        files = tuple(
            DraftFile(attachment.attachment_id, attachment.event_id)
            for attachment in tx.attachments_of(events)
            if attachment.kept_at is not None and attachment.verdict.bound
        )
        return Draft(tuple(allowed), tuple(events), files)

    def _age(self, tx: Transaction, account: str) -> Age:
        return self.people.age_of(tx, account) or UNKNOWN_AGE

    def _incident(self, case: Case, decision: Decision, chosen: Sequence[Line], first: int | None) -> Iterator[Fact]:
        if kind := _INCIDENT_OF.get(decision.policy):
            yield Fact("incident.type", kind, Basis.CASE, case.case_id)
        if first is not None:
            origin = next(line.message.event_id for line in chosen if line.message.sent_at == first)
            yield Fact("incident.at", rfc3339(first), Basis.PROVEN, origin)
            yield Fact(
                "incident.at_description",
                "When the homeserver stamped the first of the reported messages",
                Basis.CASE,
                case.case_id,
            )
        yield Fact("incident.platform", self.platform, Basis.CASE, case.case_id)
        if decision.policy is Policy.CHILD_SEXTORTION:
            yield Fact("incident.sextortion", "yes", Basis.CASE, case.case_id)
        yield Fact("incident.summary", summary(decision, chosen), Basis.CASE, case.case_id)
        yield Fact("chat.client", "Matrix, end-to-end encrypted", Basis.CASE, case.case_id)
        if case.room_id:
            yield Fact("chat.room", case.room_id, Basis.CASE, case.case_id)

    def _suspect(
        self,
        case: Case,
        chosen: Sequence[Line],
        ages: dict[str, Age],
        gathered: Gathered,
        actions: Sequence[Action],
        first: int | None,
        now: int,
        prior: Sequence[int],
    ) -> Iterator[Fact]:
        account = case.subject
        if account is None:
            return
        proof = next((line.message.event_id for line in chosen if _proven_by(line.message, account)), None)
        basis = Basis.PROVEN if proof else Basis.REPORTER
        yield Fact("suspect.account_id", account, basis, proof or case.case_id)
        yield Fact("suspect.screen_name", account.partition(":")[0].removeprefix("@"), basis, proof or case.case_id)
        yield from _band("suspect", account, ages, now, 1)
        yield from _on_record("suspect", gathered.records.get(account), first, 1)
        closed = [a for a in actions if a.kind in _CLOSING and a.state is ActionState.DONE and a.target == account]
        if closed:
            at = min(action.updated_at for action in closed)
            yield Fact("suspect.disabled_at", rfc3339(at), Basis.CASE, closed[0].action_id)
        for number in prior:
            yield Fact("suspect.prior_report", str(number), Basis.CASE, case.case_id)

    def _victims(
        self,
        case: Case,
        reports: Sequence[Report],
        ages: dict[str, Age],
        gathered: Gathered,
        first: int | None,
        now: int,
    ) -> Iterator[Fact]:
        for person, account in enumerate(_children(case, reports, ages, now), 1):
            origin = next(report.report_id for report in reports if report.reporter == account)
            yield Fact("victim.account_id", account, Basis.CASE, origin, person)
            name = account.partition(":")[0].removeprefix("@")
            yield Fact("victim.screen_name", name, Basis.CASE, origin, person, included=False)
            yield from _band("victim", account, ages, now, person)
            yield from _on_record("victim", gathered.records.get(account), first, person)


def accounts_in(case: Case, reports: Sequence[Report]) -> list[str]:
    """Whom a referral may be about: the reported account, and those who reported."""
    named = [case.subject, *(report.reporter for report in reports)]
    return list(dict.fromkeys(account for account in named if account))


def summary(decision: Decision, chosen: Sequence[Line]) -> str:
    """What happened, from the case alone: no word of a message, and nothing that is not in the record."""
    proven = sum(line.message.verdict.proven for line in chosen)
    said = (
        f"{proven} message{'' if proven == 1 else 's'} of the reported account "
        f"{'was' if proven == 1 else 'were'} opened with keys that a participant of the conversation gave, and each is "
        "proven to be what the account's device encrypted and the homeserver stored. No other message was opened."
        if proven
        else "No message of the reported account is proven; this referral rests on what was reported."
    )
    return (
        f"{said}\n\nA person on the safety team decided on {rfc3339(decision.decided_at)} that this breaks the rule "
        f'"{POLICY_TITLES[decision.policy]}", for this reason: {decision.reason}'
    )


def _goes_out(line: Line, case: Case) -> bool:
    """What was reported of the account the case is about; what was said around it stays here until it is chosen."""
    message = line.message
    return message.reported and message.verdict.proven and message.sender == case.subject


def _proven_by(message: ReportedMessage, account: str) -> bool:
    return message.verdict.proven and message.sender == account


def _children(case: Case, reports: Sequence[Report], ages: dict[str, Age], now: int) -> list[str]:
    """Those who reported and are known to be minors, the subject of the case not among them."""
    month = month_of(now)
    reporters = dict.fromkeys(report.reporter for report in reports if report.reporter)
    return [one for one in reporters if one != case.subject and ages[one].in_month(month) in MINORS]


def _minors_on_both_sides(case: Case, reports: Sequence[Report], ages: dict[str, Age], now: int) -> Iterator[Fact]:
    subject = ages.get(case.subject or "", UNKNOWN_AGE)
    if subject.in_month(month_of(now)) in MINORS and _children(case, reports, ages, now):
        # Known, and taken out: that it is between children is for a person to say.
        yield Fact("incident.minor_to_minor", "yes", Basis.AGE, case.case_id, included=False)


def _band(role: str, account: str, ages: dict[str, Age], now: int, person: int) -> Iterator[Fact]:
    age = ages.get(account, UNKNOWN_AGE)
    band = _BAND.get(age.in_month(month_of(now)))
    if band:
        yield Fact(f"{role}.age_band", band, Basis.AGE, f"{age.assurance} for {account}", person)


def _on_record(role: str, record: AccountRecord | None, first: int | None, person: int) -> Iterator[Fact]:
    if record is None:
        return
    here = Basis.HOMESERVER

    def fact(name: str, value: str, *, near: bool = True) -> Fact:
        goes = near and not (role == "victim" and name in _KEPT_BACK_OF_VICTIM)
        return Fact(f"{role}.{name}", value, here, record.account, person, goes)

    if record.display_name:
        yield fact("display_name", record.display_name)
    for email in record.emails:
        yield fact("email", email)
    for phone in record.phones:
        yield fact("phone", f"+{phone}" if phone.isdecimal() else phone)
    for seen in record.seen:
        near = first is None or abs(seen.at - first) <= WINDOW_MS
        yield fact("ip", f"{seen.ip} {rfc3339(seen.at)} Other", near=near)
    for device in record.devices:
        recent = any(
            one.device_id == device and (first is None or abs(one.at - first) <= WINDOW_MS) for one in record.seen
        )
        yield fact("device", f"Matrix device {device}", near=recent)
