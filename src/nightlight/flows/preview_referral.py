"""A referral as the agency will see it. Looking at it is looking at the messages in it, and is logged as that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.prepare_report import Preparation, Prepared
from nightlight.model.draft import AgencyKind
from nightlight.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One line of the form. ``depth``: how far inside, from 0. ``value``: empty for a heading."""

    depth: int
    label: str
    value: str = field(default="", repr=False)


#: What an agency's form makes of what was prepared; it raises ``RefusedError`` for what the form cannot hold.
Form = Callable[[Prepared], Sequence[PreviewRow]]


@dataclass(frozen=True, slots=True)
class Previewer:
    store: Store
    clock: Clock
    preparation: Preparation
    forms: Mapping[AgencyKind, Form]

    def look(self, referral_id: str, reviewer: str) -> Sequence[PreviewRow]:
        """The whole form; each message in it is logged as seen before anything is returned.

        ``RefusedError``: ``referral_not_found``, ``not_a_draft``, ``no_preview`` and what the form refuses.
        """
        with self.store.read() as tx:
            referral = tx.referral(referral_id)
        if referral is None:
            raise RefusedError("referral_not_found", "There is no such referral.")
        form = self.forms.get(referral.agency.kind)
        if form is None or referral.draft is None:
            raise RefusedError("no_preview", "There is no preview of this referral.")
        rows = form(self.preparation.prepare(referral))
        now = self.clock.now()
        with self.store.write() as tx:
            for event_id in referral.draft.messages:
                tx.log(now, LogKind.EVIDENCE_VIEWED, reviewer, referral.case_id, {"event": event_id})
            tx.log(now, LogKind.DRAFT_READ, reviewer, referral.case_id, {"referral": referral_id})
        return rows
