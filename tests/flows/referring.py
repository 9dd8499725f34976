"""A decided case and a referral desk over it, for tests of referrals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyrage

from nightlight.errors import UnavailableError
from nightlight.flows.draft_referral import ReferralDesk, Send
from nightlight.flows.fill_draft import DraftFiller
from nightlight.flows.referral_people import SEALED_TO
from nightlight.model.account import Age, AgeBand, Assurance
from nightlight.model.account_record import AccountRecord, SeenAt
from nightlight.model.case import Outcome, Policy
from nightlight.model.draft import AgencyKind, Draft
from nightlight.model.referral import Referral
from nightlight.ports import Transaction
from nightlight.respond.draft_edit import Edit, NewFact
from nightlight.respond.duties import Duty
from tests.world import World

NCMEC = "NCMEC CyberTipline"
DAY_MS = 86_400_000


@dataclass
class Records:
    """What a homeserver has on record; ``away``: it does not answer."""

    known: dict[str, AccountRecord] = field(default_factory=dict)
    away: bool = False

    def record(self, account: str) -> AccountRecord | None:
        if self.away:
            raise UnavailableError("homeserver_unreachable", "The homeserver does not answer.")
        return self.known.get(account)


@dataclass
class Referring:
    """``sent``: what went out, in its order."""

    world: World
    records: Records = field(default_factory=Records)
    sent: list[str] = field(default_factory=list)
    prior: list[int] = field(default_factory=list)
    kind: AgencyKind = AgencyKind.NCMEC
    duties: tuple[Duty, ...] = ()
    send: Send | None = None
    find_prior: Callable[[Transaction, AgencyKind, str], list[int]] | None = None
    recipient: str = field(default_factory=lambda: str(pyrage.x25519.Identity.generate().to_public()))

    @property
    def desk(self) -> ReferralDesk:
        world = self.world
        filler = DraftFiller(world.prevention_people, "town.example", self.records)
        parts = (
            world.store,
            world.clock,
            world.new_id,
            filler,
            self.send or self._send,
            self.find_prior or self._prior,
        )
        return ReferralDesk(*parts, self.duties)

    def _prior(self, _tx: Transaction, _kind: AgencyKind, _account: str) -> list[int]:
        return self.prior

    def _send(self, _tx: Transaction, referral: Referral, _now: int) -> None:
        self.sent.append(referral.referral_id)

    def age(self, account: str, band: AgeBand) -> None:
        people = self.world.prevention_people
        one = people.number(account)
        with self.world.store.write() as tx:
            tx.put_age(one, people.close_age(one, Age(band, Assurance.DECLARED)), tx.next_change())

    def remember(self, account: str, **changes: object) -> None:
        values: dict[str, object] = {
            "created_at": None,
            "display_name": "",
            "emails": (),
            "phones": (),
            "devices": (),
            "seen": (),
            "deactivated": False,
        }
        self.records.known[account] = AccountRecord(account=account, **{**values, **changes})  # type: ignore[arg-type]

    def decided(self, policy: Policy = Policy.CHILD_GROOMING) -> str:
        """The id of a decided case of two messages, with an agency to refer it to."""
        world = self.world
        recipient = self.recipient if self.kind in SEALED_TO else ""
        world.people.add_agency(NCMEC, recipient, "test", self.kind)
        case_id = world.report(world.opening, world.abusive).report.case_id or ""
        world.desk.decide(case_id, "robin", Outcome.VIOLATION, policy, "what was found", [])
        return case_id

    def begun(self, policy: Policy = Policy.CHILD_GROOMING) -> Referral:
        return self.desk.begin(self.decided(policy), "robin", NCMEC)

    def digest(self, referral: Referral) -> str:
        return self.desk.sheet(referral.referral_id).digest

    def saved(self, referral: Referral, reviewer: str = "robin", *added: NewFact, urgent: bool = False) -> Referral:
        """The draft with facts added."""
        draft = self.draft(referral)
        edit = edit_of(draft, added=added, urgent=urgent)
        return self.desk.save(referral.referral_id, reviewer, edit, self.digest(referral))

    def draft(self, referral: Referral) -> Draft:
        return self.desk.sheet(referral.referral_id).draft


def edit_of(draft: Draft, added: tuple[NewFact, ...] = (), *, urgent: bool = False, **values: object) -> Edit:
    """An edit that changes nothing but what is named."""
    included = {place for place, fact in enumerate(draft.facts) if fact.included}
    edit = Edit(included, {}, added, draft.messages, draft.files, urgent)
    return Edit(**{**{name: getattr(edit, name) for name in Edit.__slots__}, **values})


def seen(ip: str, at: int, device: str = "DEVICE") -> SeenAt:
    return SeenAt(ip, at, device)
