"""Referrals from a draft: begun from a case, written, signed off by a second person, sent. Every step is in the log.

What was signed off is exactly what goes out: each step names the digest of the draft it was taken on, and a draft that
changed meanwhile is refused. An urgent one goes out at once and is reviewed after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.fill_draft import DraftFiller, accounts_in
from nightlight.flows.record_report import NewId
from nightlight.flows.require_evidence import evidence_erased, require_evidence
from nightlight.flows.standing import require_standing, stands
from nightlight.model.case import Case, CaseState, Decision
from nightlight.model.draft import AgencyKind, Draft
from nightlight.model.referral import GONE_OUT, Agency, Referral, ReferralState
from nightlight.model.submission import Submission
from nightlight.ports import Clock, Store, Transaction
from nightlight.respond.conversation import conversation
from nightlight.respond.draft_check import Checked, Finding, Weight, check_draft
from nightlight.respond.draft_edit import Edit, edited
from nightlight.respond.draft_text import draft_text
from nightlight.respond.duties import Advice, Duty, Force, Having, Situation, advise
from nightlight.respond.enforcement import reason_in_words

#: Puts a referral on its way, within the transaction that approves it.
Send = Callable[[Transaction, Referral, int], None]


@dataclass(frozen=True, slots=True)
class DraftSheet:
    """A referral as it is shown: ``digest`` is what a step on it has to name. ``checked``: what stands in its way.

    ``advice``: which agencies have to be told, may be, or are not told a second time, and why. ``erased``: nothing is
    left of the draft, because the evidence of its case is erased.
    """

    referral: Referral
    case: Case
    decision: Decision
    draft: Draft
    digest: str
    checked: Checked
    proven: tuple[str, ...]
    advice: tuple[Advice, ...]
    submission: Submission | None = None
    erased: bool = False


@dataclass(frozen=True, slots=True)
class ReferralDesk:
    """``prior``: the agency's numbers of earlier finished reports about an account, the newest last.

    ``duties``: rules about whose duty it is; ``established``: the operator's countries, ISO 3166-1 alpha-2.
    """

    store: Store
    clock: Clock
    new_id: NewId
    filler: DraftFiller
    send: Send
    prior: Callable[[Transaction, AgencyKind, str], list[int]]
    duties: tuple[Duty, ...] = ()
    established: frozenset[str] = frozenset()

    def begin(self, case_id: str, reviewer: str, agency_name: str) -> Referral:
        """A draft, filled from what is known. That ages were looked at for it is logged.

        ``RefusedError``: ``case_not_found``, ``not_decided``, ``no_violation``, ``overturned``, ``agency_not_found``,
        ``already_drafted``, ``erased``.
        """
        with self.store.read() as tx:
            case, _, agency = self._allowed(tx, case_id, agency_name)
            accounts = accounts_in(case, tx.reports_of(case_id))
        gathered = self.filler.gather(accounts)
        now = self.clock.now()
        with self.store.write() as tx:
            case, decision, agency = self._allowed(tx, case_id, agency_name)
            if any(
                other.agency.name == agency.name and other.draft is not None and other.state in _OPEN
                for other in tx.referrals_of(case_id)
            ):
                raise RefusedError(
                    "already_drafted", "There is a draft for this agency already.", "Go on with that one."
                )
            prior = self.prior(tx, agency.kind, case.subject) if case.subject else []
            draft = self.filler.fill(tx, agency.kind, case, decision, gathered, now, prior)
            referral = Referral(
                referral_id=self.new_id("referral"),
                case_id=case_id,
                agency=agency,
                legal_basis="",
                proposed_by=reviewer,
                proposed_at=now,
                needed=1,
                state=ReferralState.DRAFT,
                messages=len(draft.messages),
                attestation=b"",
                contents=b"",
                approvals=(),
                draft=draft,
            )
            tx.add_referral(referral)
            for account in accounts:
                name = self.filler.people.pseudonym(account)
                tx.log(now, LogKind.AGE_VIEWED, reviewer, name, {"reason": referral.referral_id})
            detail = {"referral": referral.referral_id, "agency": agency.name, "draft": digest_of(draft)}
            tx.log(now, LogKind.DRAFT_BEGUN, reviewer, case_id, detail)
        return referral

    def sheet(self, referral_id: str) -> DraftSheet:
        """``RefusedError('referral_not_found')``."""
        with self.store.read() as tx:
            return self._sheet(tx, referral_id)

    def save(self, referral_id: str, reviewer: str, edit: Edit, seen: str) -> Referral:
        """Takes over what a reviewer changed. ``seen``: the digest of the draft it was changed from.

        Whoever changes a draft is its author from then on, so that nobody signs off words of their own.
        ``RefusedError``: ``draft_changed``, ``not_a_draft`` and what ``draft_edit.edited`` raises.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            sheet = self._seen(tx, referral_id, seen, ReferralState.DRAFT)
            draft = edited(sheet.draft, edit, sheet.referral.agency.kind, reviewer, sheet.proven)
            if draft == sheet.draft:
                return sheet.referral
            saved = replace(
                sheet.referral, draft=draft, proposed_by=reviewer, proposed_at=now, messages=len(draft.messages)
            )
            tx.save_referral(saved)
            self._log(tx, LogKind.DRAFT_CHANGED, reviewer, saved, now, draft=digest_of(draft))
        return saved

    def propose(self, referral_id: str, reviewer: str, seen: str) -> Referral:
        """Asks a second person to sign it off; an urgent one goes out at once, and is reviewed after.

        ``RefusedError``: ``draft_changed``, ``not_a_draft``, ``draft_incomplete``.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            sheet = self._seen(tx, referral_id, seen, ReferralState.DRAFT)
            _require_complete(sheet.checked)
            urgent = sheet.draft.urgent
            state = ReferralState.APPROVED if urgent else ReferralState.PROPOSED
            proposed = replace(sheet.referral, state=state, proposed_by=reviewer, proposed_at=now)
            tx.save_referral(proposed)
            self._log(tx, LogKind.DRAFT_PROPOSED, reviewer, proposed, now, draft=seen, urgent=urgent)
            if urgent:
                self.send(tx, proposed, now)
        return proposed

    def approve(self, referral_id: str, reviewer: str, seen: str) -> Referral:
        """A second person signs it off, and it goes out.

        ``RefusedError``: ``draft_changed``, ``not_a_draft``, ``draft_incomplete``, ``own_draft``.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            sheet = self._seen(tx, referral_id, seen, ReferralState.PROPOSED)
            _require_another(sheet.referral, reviewer)
            _require_complete(sheet.checked)
            approved = replace(sheet.referral, state=ReferralState.APPROVED, reviewed_by=reviewer, reviewed_at=now)
            tx.save_referral(approved)
            self._log(tx, LogKind.DRAFT_APPROVED, reviewer, approved, now, draft=seen)
            self.send(tx, approved, now)
        return approved

    def send_back(self, referral_id: str, reviewer: str, reason: str) -> Referral:
        """Back to its author, with what is wrong with it. ``RefusedError``: ``not_a_draft``, ``reason_missing``."""
        return self._change(
            referral_id, reviewer, reason, (ReferralState.PROPOSED,), ReferralState.DRAFT, LogKind.DRAFT_RETURNED
        )

    def withdraw(self, referral_id: str, reviewer: str, reason: str) -> Referral:
        """Gives it up before it goes out. ``RefusedError``: ``not_a_draft``, ``reason_missing``."""
        return self._change(
            referral_id,
            reviewer,
            reason,
            (ReferralState.DRAFT, ReferralState.PROPOSED),
            ReferralState.WITHDRAWN,
            LogKind.DRAFT_WITHDRAWN,
        )

    def review(self, referral_id: str, reviewer: str, finding: str) -> Referral:
        """The second look at an urgent referral that went out already. ``finding``: in words.

        ``RefusedError``: ``not_urgent``, ``own_draft``, ``reason_missing``.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            referral = self._referral(tx, referral_id)
            gone = referral.state in (ReferralState.APPROVED, *GONE_OUT)
            if referral.draft is None or not referral.draft.urgent or not gone or referral.reviewed_by:
                raise RefusedError("not_urgent", "This referral does not wait for a review.", "Reload the page.")
            _require_another(referral, reviewer)
            reviewed = replace(referral, reviewed_by=reviewer, reviewed_at=now)
            tx.save_referral(reviewed)
            words = reason_in_words(finding)
            digest = digest_of(referral.draft)
            self._log(tx, LogKind.DRAFT_REVIEWED, reviewer, reviewed, now, draft=digest, reason=words)
        return reviewed

    def _change(
        self,
        referral_id: str,
        reviewer: str,
        reason: str,
        before: tuple[ReferralState, ...],
        after: ReferralState,
        kind: LogKind,
    ) -> Referral:
        words, now = reason_in_words(reason), self.clock.now()
        with self.store.write() as tx:
            referral = self._referral(tx, referral_id)
            if referral.draft is None or referral.state not in before:
                raise _not_a_draft()
            changed = replace(referral, state=after)
            tx.save_referral(changed)
            self._log(tx, kind, reviewer, changed, now, reason=words)
        return changed

    def _allowed(self, tx: Transaction, case_id: str, agency_name: str) -> tuple[Case, Decision, Agency]:
        case, decision = tx.case(case_id), tx.decision_of(case_id)
        if case is None:
            raise RefusedError("case_not_found", "There is no such case.")
        if decision is None or case.state is not CaseState.DECIDED:
            raise RefusedError("not_decided", "Only a decided case can be referred.", "Decide it first.")
        require_evidence(tx, case_id)
        require_standing(decision)
        agency = next((known for known in tx.agencies() if known.name == agency_name), None)
        if agency is None:
            raise RefusedError("agency_not_found", "There is no such agency.", "`nightlight agency add` adds one.")
        return case, decision, agency

    def _sheet(self, tx: Transaction, referral_id: str) -> DraftSheet:
        referral = self._referral(tx, referral_id)
        case, decision = tx.case(referral.case_id), tx.decision_of(referral.case_id)
        if referral.draft is None or case is None or decision is None:
            raise RefusedError("not_a_draft", "This referral is a bundle on its own: there is no draft of it.")
        lines = conversation(tx.reports_of(case.case_id))
        proven = tuple(line.message.event_id for line in lines if line.message.verdict.proven)
        advice = advise(self.duties, self._situation(tx, referral, referral.draft, decision, bool(proven)))
        checked = check_draft(referral.draft, referral.agency.kind, self.clock.now())
        twice = next((a for a in advice if a.agency is referral.agency.kind and a.force is Force.MUST_NOT), None)
        if twice is not None and referral.state not in GONE_OUT:
            found = Finding(Weight.STOPS, "", twice.why, f"Source: {twice.source}.")
            checked = replace(checked, findings=(found, *checked.findings))
        if not stands(decision) and referral.state not in GONE_OUT:
            found = Finding(Weight.STOPS, "", "The decision on this case was overturned.", "Withdraw the referral.")
            checked = replace(checked, findings=(found, *checked.findings))
        digest, submission = digest_of(referral.draft), tx.submission_of(referral.referral_id)
        erased = evidence_erased(tx, case.case_id) is not None
        return DraftSheet(referral, case, decision, referral.draft, digest, checked, proven, advice, submission, erased)

    def _situation(
        self, tx: Transaction, referral: Referral, draft: Draft, decision: Decision, proven: bool
    ) -> Situation:
        others = [other for other in tx.referrals_of(referral.case_id) if other.referral_id != referral.referral_id]
        has = {Having.FILES} if any(file.included for file in draft.files) else set()
        if draft.value("incident.url"):
            has.add(Having.WEB_ADDRESS)
        if proven:
            has.add(Having.PROOF)
        return Situation(
            established=self.established,
            # A country that is known counts, also where it is not told.
            places=frozenset(fact.value for fact in draft.facts if fact.name.endswith(".country")),
            policy=decision.policy,
            has=frozenset(has),
            reported_to=frozenset(other.agency.kind for other in others if other.state in GONE_OUT),
        )

    def _seen(self, tx: Transaction, referral_id: str, seen: str, state: ReferralState) -> DraftSheet:
        sheet = self._sheet(tx, referral_id)
        if sheet.referral.state is not state:
            raise _not_a_draft()
        if sheet.digest != seen:
            raise RefusedError("draft_changed", "Somebody changed this draft meanwhile.", "Reload the page and look.")
        return sheet

    def _referral(self, tx: Transaction, referral_id: str) -> Referral:
        referral = tx.referral(referral_id)
        if referral is None:
            raise RefusedError("referral_not_found", "There is no such referral.")
        return referral

    def _log(
        self, tx: Transaction, kind: LogKind, actor: str, referral: Referral, now: int, **detail: str | bool
    ) -> None:
        tx.log(now, kind, actor, referral.case_id, {"referral": referral.referral_id, **detail})


_OPEN = frozenset({ReferralState.DRAFT, ReferralState.PROPOSED, ReferralState.APPROVED})


def digest_of(draft: Draft) -> str:
    """SHA-256 of the draft's text, in hexadecimal: what a signature on it is over."""
    return hashlib.sha256(draft_text(draft).encode()).hexdigest()


def _require_complete(checked: Checked) -> None:
    if not checked.can_go:
        first = next(finding for finding in checked.findings if finding.weight == "stops")
        raise RefusedError("draft_incomplete", f"It cannot go out like this. {first.message}", first.hint)


def _require_another(referral: Referral, reviewer: str) -> None:
    if reviewer == referral.proposed_by:
        raise RefusedError("own_draft", "Whoever wrote it does not sign it off.", "Ask a second person.")


def _not_a_draft() -> RefusedError:
    return RefusedError("not_a_draft", "The referral is not at that step any more.", "Reload the page.")
