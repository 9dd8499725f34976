"""Reviewing a case: the queue, the case, looking at a message (never unseen), and deciding."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nightlight.errors import RefusedError
from nightlight.evidence.attachment import AttachedFile, attachments_of, without_file_keys
from nightlight.evidence.log import LogEntry, LogKind
from nightlight.evidence.relation import only_relates
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import AmbiguousContentError, VerifiedMessage, verify_message
from nightlight.flows.alerts import Alerts
from nightlight.flows.attachments import AttachmentPolicy, AttachmentView, attachment_views
from nightlight.flows.keep_attachment import AttachmentKeeper
from nightlight.flows.outbox import put
from nightlight.flows.record_report import NewId
from nightlight.flows.report_events import OUTCOMES, of_decision
from nightlight.flows.require_evidence import evidence_erased, require_evidence
from nightlight.flows.standing import ordered_elsewhere
from nightlight.flows.take_events import EventIntake
from nightlight.model.action import AFTER_OVERTURN, Action, ActionKind, ActionState
from nightlight.model.attachment import Attachment
from nightlight.model.case import Case, CaseState, Decision, Outcome, Policy
from nightlight.model.hold import Hold
from nightlight.model.referral import Agency, Referral
from nightlight.model.report import RelationKind, Report, ReportedMessage
from nightlight.model.retention import Erasure, Record
from nightlight.model.signal import Alert, Signal
from nightlight.model.verdict import Code
from nightlight.ports import Clock, Store, Transaction
from nightlight.respond.conversation import Line, conversation
from nightlight.respond.enforcement import check_decision, plan_actions
from nightlight.respond.retention import Line as Kept
from nightlight.respond.retention import Planner
from nightlight.respond.retention_rules import RetentionRules
from nightlight.respond.second_look import Undoing, undoing

QUEUE_MAX = 200
#: The newest signals about the account that a case shows.
SIGNALS_MAX = 100

_CHANGED = {RelationKind.EDIT: "New text:", RelationKind.REACTION: "Reaction:"}

#: Verdicts under which there is something to look at.
OPENED = (Code.OK, Code.NOT_ENCRYPTED, Code.CONTENT_AMBIGUOUS)


@dataclass(frozen=True, slots=True)
class Queue:
    """Cases to look at, the most pressing first, and how many there are of each kind.

    ``overturned``: ids of those whose decision was taken back.
    """

    cases: list[Case]
    open: int
    decided: int
    pending: int
    overturned: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything about a case except what the messages say: that needs ``Desk.reveal``.

    ``lines``: one for each event, in the room's order, with the best verdict that any report reached.
    """

    case: Case
    reports: list[Report]
    lines: list[Line]
    decision: Decision | None
    actions: list[Action]
    log: list[LogEntry]
    referrals: list[Referral]
    agencies: list[Agency]

    attachments: Mapping[str, Sequence[AttachmentView]] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    signals: Sequence[Signal] = ()
    holds: Sequence[Hold] = ()
    erasures: Sequence[Erasure] = ()
    #: What overturning the decision would lead to, or has led to; None where it found no violation.
    undoing: Undoing | None = None
    #: What becomes of each record that there still is; empty where no rules are known.
    retention: Sequence[Kept] = ()

    @property
    def erased(self) -> Mapping[Record, Erasure]:
        """What of the case is gone."""
        return {one.record: one for one in self.erasures if one.erased_at is not None}

    @property
    def messages(self) -> list[ReportedMessage]:
        return [line.message for line in self.lines]


@dataclass(frozen=True, slots=True)
class RevealedMessage:
    """What one proven message says. ``ambiguous``: the raw, malformed content, as far as it is text."""

    event_id: str
    sender: str
    sent_at: int
    type: str
    body: str = field(repr=False)
    #: Everything the message carries, as JSON, where that is more than its text: apps may show other parts of it.
    rest: str = field(default="", repr=False)
    media: tuple[str, ...] = ()
    ambiguous: bool = False
    #: "New text:" or "Reaction:", where ``body`` is that; empty for what was simply said.
    changed: str = ""
    files: tuple[AttachedFile, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Desk:
    """A reviewer's desk."""

    store: Store
    clock: Clock
    new_id: NewId
    events: EventIntake
    policy: AttachmentPolicy = field(default_factory=AttachmentPolicy)
    keeper: AttachmentKeeper | None = None
    alerts: Alerts | None = None
    rules: RetentionRules | None = None

    def queue(self, state: CaseState = CaseState.OPEN) -> Queue:
        with self.store.read() as tx:
            cases = tx.cases(state, QUEUE_MAX)
            return Queue(
                cases,
                tx.count_cases(CaseState.OPEN),
                tx.count_cases(CaseState.DECIDED),
                tx.pending_count(),
                tx.overturned_among([case.case_id for case in cases]) if state is CaseState.DECIDED else (),
            )

    def case(self, case_id: str, reviewer: str) -> CaseFile:
        """The case file. Opening it is logged once for each reviewer and case."""
        with self.store.read() as tx:
            file = self._file(tx, case_id)
        seen = any(entry.kind == LogKind.CASE_VIEWED and entry.actor == reviewer for entry in file.log)
        if seen:
            return file
        with self.store.write() as tx:
            tx.log(self.clock.now(), LogKind.CASE_VIEWED, reviewer, case_id, {})
            return self._file(tx, case_id)

    def reveal(self, case_id: str, event_id: str, reviewer: str) -> RevealedMessage:
        """Opens one message for one reviewer: the view is in the log, durably, before the text is returned."""
        with self.store.write() as tx:
            file = self._file(tx, case_id)
            message = next((m for m in file.messages if m.event_id == event_id), None)
            if message is None:
                raise RefusedError("message_not_found", "There is no such message in this case.")
            return self._reveal(tx, case_id, message, reviewer)

    def reveal_all(self, case_id: str, reviewer: str) -> dict[str, RevealedMessage]:
        """Opens every message of the case that can be opened; each view stands in the log by itself."""
        with self.store.write() as tx:
            file = self._file(tx, case_id)
            can_be_opened = [message for message in file.messages if message.verdict.code in OPENED]
            return {message.event_id: self._reveal(tx, case_id, message, reviewer) for message in can_be_opened}

    def _reveal(self, tx: Transaction, case_id: str, message: ReportedMessage, reviewer: str) -> RevealedMessage:
        require_evidence(tx, case_id)
        revealed = self._open(tx, message)
        tx.log(self.clock.now(), LogKind.EVIDENCE_VIEWED, reviewer, case_id, {"event": message.event_id})
        return revealed

    def decide(
        self, case_id: str, reviewer: str, outcome: Outcome, policy: Policy, reason: str, kinds: Sequence[ActionKind]
    ) -> Decision:
        """Decides an open case once. The decision, its actions and the log stand or fall together."""
        now = self.clock.now()
        with self.store.write() as tx:
            file = self._file(tx, case_id)
            if file.case.state is not CaseState.OPEN:
                raise RefusedError("already_decided", "Somebody decided this case already.", "Reload the page.")
            check_decision(file.case, outcome, policy, reason, kinds)
            proven = [self._verified(tx, m) for m in file.messages if m.reported and m.verdict.proven] if kinds else []
            plan = plan_actions(file.case, policy, kinds, proven)
            decision = Decision(self.new_id("decision"), case_id, now, reviewer, outcome, policy, reason.strip())
            tx.add_decision(decision)
            tx.save_case(replace(file.case, state=CaseState.DECIDED))
            tx.log(
                now,
                LogKind.CASE_DECIDED,
                reviewer,
                case_id,
                {"outcome": outcome, "policy": policy, "reason": decision.reason, "proven": file.case.proven},
            )
            own = of_decision(file.case, file.reports, decision)
            if self.alerts is not None:
                own += self.alerts.decided(tx, file.case, decision, OUTCOMES[outcome])
            self.events.record(tx, own, now)
            for planned in plan:
                put(tx, self.new_id, case_id, reviewer, planned, now)
        return decision

    def retry(self, action_id: str, reviewer: str) -> Action:
        """Puts a failed action back into the outbox."""
        now = self.clock.now()
        with self.store.write() as tx:
            action = tx.action(action_id)
            if action is None or action.state is not ActionState.FAILED:
                raise RefusedError("not_failed", "Only a failed action can be tried again.", "Reload the page.")
            if not action.target:
                raise RefusedError("erased", "Whom this action was about is erased.")
            decision = tx.decision_of(action.case_id) if action.case_id else None
            if decision is not None and decision.overturn is not None and action.kind not in AFTER_OVERTURN:
                raise RefusedError("overturned", "The decision that ordered this was overturned.", "Reload the page.")
            # The error stays until the next try ends: that there was a try must not be forgotten (``second_look``).
            again = replace(action, state=ActionState.PENDING, attempts=0, next_attempt_at=now, updated_at=now)
            tx.save_action(again)
            tx.log(now, LogKind.ACTION_RETRIED, reviewer, action.case_id or "", {"action": action_id})
        return again

    def keep_attachment(
        self, case_id: str, event_id: str, attachment_id: str, reviewer: str, reason: str
    ) -> Attachment:
        """See ``AttachmentKeeper.keep``."""
        return self._keeper().keep(case_id, event_id, attachment_id, reviewer, reason)

    def check_attachment_again(self, case_id: str, event_id: str, attachment_id: str, reviewer: str) -> Attachment:
        """See ``AttachmentKeeper.check_again``."""
        return self._keeper().check_again(case_id, event_id, attachment_id, reviewer)

    def _keeper(self) -> AttachmentKeeper:
        if self.keeper is None or not self.policy.check:
            raise RefusedError("attachments_off", "This installation does not look into attachments.")
        return self.keeper

    def _file(self, tx: Transaction, case_id: str) -> CaseFile:
        case = tx.case(case_id)
        if case is None:
            raise RefusedError("case_not_found", "There is no such case.")
        reports = tx.reports_of(case_id)
        lines = conversation(reports)
        erasures = tx.erasures_of(case_id)
        there = evidence_erased(tx, case_id) is None
        views = attachment_views(tx, case_id, [line.message.event_id for line in lines] if there else [], self.policy)
        decision, actions, now = tx.decision_of(case_id), tx.actions_of(case_id), self.clock.now()
        kept = tx.kept_case(case_id, now) if self.rules is not None else None
        return CaseFile(
            case,
            reports,
            lines,
            decision,
            actions,
            tx.log_of(case_id),
            tx.referrals_of(case_id),
            tx.agencies(),
            views,
            tx.alerts_of(case_id),
            tx.signals_about(self.events.number(case.subject), SIGNALS_MAX) if case.subject else (),
            tx.holds_of(case_id),
            erasures,
            _undoing(tx, decision, actions),
            Planner(self.rules).plan(kept, now) if self.rules is not None and kept is not None else (),
        )

    def _open(self, tx: Transaction, message: ReportedMessage) -> RevealedMessage:
        try:
            opened = self._verified(tx, message)
        except AmbiguousContentError as e:
            text = e.raw.decode("utf-8", "backslashreplace")
            return RevealedMessage(
                message.event_id, message.sender or "", message.sent_at or 0, "?", text, ambiguous=True
            )
        said = {"body", "msgtype"} | ({"m.relates_to"} if only_relates(opened.content) else set())
        more = opened.content.keys() - said or opened.type not in ("m.room.message", "m.reaction")
        rest = (
            json.dumps(
                {"type": opened.type, "content": without_file_keys(opened.content)}, indent=2, ensure_ascii=False
            )
            if more
            else ""
        )
        return RevealedMessage(
            opened.event_id,
            opened.sender,
            opened.sent_at,
            opened.type,
            opened.body,
            rest,
            opened.media,
            changed=_CHANGED.get(opened.relation.kind, "") if opened.relation else "",
            files=attachments_of(opened),
        )

    def _verified(self, tx: Transaction, message: ReportedMessage) -> VerifiedMessage:
        """Verifies again from the preserved event: nothing opened is ever stored."""
        if message.verdict.code not in OPENED:
            raise RefusedError("not_open", "This message was never opened: nobody here can read it.")
        preserved = tx.preserved(message.event_id)
        if preserved is None:
            raise RefusedError("evidence_missing", "The preserved event is gone from the database. See the log.")
        return verify_message(check_stored_event(json.loads(preserved), message.event_id), message.message_key)


def _undoing(tx: Transaction, decision: Decision | None, actions: Sequence[Action]) -> Undoing | None:
    if decision is None or decision.outcome is not Outcome.VIOLATION:
        return None
    return undoing(actions, ordered_elsewhere(tx, decision.case_id, actions))
