"""Agencies, approvers, referrals and their approvals."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, update

from nightlight.model.draft import AgencyKind
from nightlight.model.referral import Agency, Approval, Approver, Referral, ReferralState
from nightlight.respond.draft_text import read_draft
from nightlight.store.schema import agencies, approvals, approvers, referrals
from nightlight.store.sealed_columns import contents_columns, contents_in, draft_columns, draft_in
from nightlight.store.sealing import Sealing


class ReferralTables:
    _connection: Connection
    _sealing: Sealing

    def add_agency(self, agency: Agency) -> None:
        """Adds the agency, or gives a known one a new key."""
        self._put(agencies, agency.name, {"recipient": agency.recipient, "kind": agency.kind})

    def remove_agency(self, name: str) -> bool:
        return self._retire(agencies, name)

    def agencies(self) -> list[Agency]:
        rows = self._connection.execute(select(agencies).where(agencies.c.active).order_by(agencies.c.name))
        return [Agency(row.name, row.recipient, AgencyKind(row.kind)) for row in rows]

    def add_approver(self, approver: Approver) -> None:
        """Adds the approver, or gives a known one a new key."""
        self._put(approvers, approver.name, {"public_key": approver.public_key})

    def remove_approver(self, name: str) -> bool:
        return self._retire(approvers, name)

    def approvers(self) -> list[Approver]:
        rows = self._connection.execute(select(approvers).where(approvers.c.active).order_by(approvers.c.name))
        return [Approver(row.name, bytes(row.public_key)) for row in rows]

    def add_referral(self, referral: Referral) -> None:
        self._connection.execute(
            insert(referrals),
            {
                "referral_id": referral.referral_id,
                "case_id": referral.case_id,
                "agency": referral.agency.name,
                "recipient": referral.agency.recipient,
                "kind": referral.agency.kind,
                "legal_basis": referral.legal_basis,
                "proposed_by": referral.proposed_by,
                "proposed_at": referral.proposed_at,
                "needed": referral.needed,
                "state": referral.state,
                "messages": referral.messages,
                "attestation": referral.attestation,
                "timestamp": referral.timestamp,
                **contents_columns(self._sealing, referral),
                **self._what_it_says(referral),
                "finished_at": referral.finished_at,
            },
        )

    def save_referral(self, referral: Referral) -> None:
        """Stores what can change; of approvals, those that are new."""
        this = referrals.c.referral_id == referral.referral_id
        changes = {
            "state": referral.state,
            "timestamp": referral.timestamp,
            "proposed_by": referral.proposed_by,
            "proposed_at": referral.proposed_at,
            "messages": referral.messages,
            "finished_at": referral.finished_at,
            **self._what_it_says(referral),
        }
        self._connection.execute(update(referrals).where(this), changes)
        known = set(
            self._connection.scalars(
                select(approvals.c.approver).where(approvals.c.referral_id == referral.referral_id)
            )
        )
        for approval in referral.approvals:
            if approval.approver not in known:
                self._connection.execute(
                    insert(approvals),
                    {
                        "referral_id": referral.referral_id,
                        "approver": approval.approver,
                        "approved_at": approval.approved_at,
                        "signature": approval.signature,
                    },
                )

    def referral(self, referral_id: str) -> Referral | None:
        row = self._connection.execute(select(referrals).where(referrals.c.referral_id == referral_id)).first()
        return self._referral(row) if row else None

    def referrals_of(self, case_id: str) -> list[Referral]:
        rows = self._connection.execute(
            select(referrals).where(referrals.c.case_id == case_id).order_by(referrals.c.proposed_at)
        ).all()
        return [self._referral(row) for row in rows]

    def referrals(self) -> list[Referral]:
        rows = self._connection.execute(select(referrals).order_by(referrals.c.proposed_at)).all()
        return [self._referral(row) for row in rows]

    def urgent_unreviewed(self) -> list[tuple[str, int]]:
        table = referrals.c
        out = table.state.in_([ReferralState.APPROVED, ReferralState.EXPORTED, ReferralState.FILED])
        rows = self._connection.execute(
            select(table.referral_id, table.proposed_at)
            .where(table.urgent.is_(True), table.reviewed_by == "", out)
            .order_by(table.proposed_at)
        )
        return [(row.referral_id, row.proposed_at) for row in rows]

    def _put(self, table: Table, name: str, values: dict[str, Any]) -> None:
        changed = self._connection.execute(update(table).where(table.c.name == name), {**values, "active": True})
        if changed.rowcount == 0:
            self._connection.execute(insert(table), {**values, "name": name, "active": True})

    def _retire(self, table: Table, name: str) -> bool:
        changed = self._connection.execute(update(table).where(table.c.name == name, table.c.active), {"active": False})
        return changed.rowcount > 0

    def _referral(self, row: Row[Any]) -> Referral:
        draft = draft_in(self._sealing, row)
        given = self._connection.execute(
            select(approvals).where(approvals.c.referral_id == row.referral_id).order_by(approvals.c.approved_at)
        )
        return Referral(
            referral_id=row.referral_id,
            case_id=row.case_id,
            agency=Agency(row.agency, row.recipient, AgencyKind(row.kind)),
            legal_basis=row.legal_basis,
            proposed_by=row.proposed_by,
            proposed_at=row.proposed_at,
            needed=row.needed,
            state=ReferralState(row.state),
            messages=row.messages,
            attestation=bytes(row.attestation),
            contents=contents_in(self._sealing, row),
            approvals=tuple(Approval(a.approver, a.approved_at, bytes(a.signature)) for a in given),
            timestamp=None if row.timestamp is None else bytes(row.timestamp),
            draft=None if draft is None else read_draft(draft),
            reviewed_by=row.reviewed_by,
            reviewed_at=row.reviewed_at,
            reference=row.reference,
            finished_at=row.finished_at,
        )

    def _what_it_says(self, referral: Referral) -> dict[str, Any]:
        return {
            **draft_columns(self._sealing, referral),
            "urgent": referral.draft is not None and referral.draft.urgent,
            "reviewed_by": referral.reviewed_by,
            "reviewed_at": referral.reviewed_at,
            "reference": referral.reference,
        }
