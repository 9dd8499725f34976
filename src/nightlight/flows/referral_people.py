"""Who takes part in referrals: agencies that may be given evidence, and people whose signatures approve it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.model.draft import AgencyKind
from nightlight.model.referral import Agency, Approver
from nightlight.ports import Clock, Store

_NAME = re.compile(r"[^\W_](?:[\w .,&'()/-]{0,126}[\w.)])?\Z")
#: An X25519 recipient (https://age-encryption.org/v1, "The X25519 recipient type"): Bech32, in small letters.
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}\Z")
PUBLIC_KEY_BYTES = 32
#: Kinds of agency whose packages are files, sealed to a key of theirs.
SEALED_TO = frozenset({AgencyKind.POLICE, AgencyKind.NCA})


@dataclass(frozen=True, slots=True)
class ReferralPeople:
    """Adds and removes agencies and approvers. ``by``: who does it, for the log."""

    store: Store
    clock: Clock

    def add_agency(self, name: str, recipient: str, by: str, kind: AgencyKind = AgencyKind.POLICE) -> None:
        """``recipient``: may be empty where nothing is sealed to the agency, as for NCMEC and the IWF.

        ``RefusedError``: ``name_malformed``, ``recipient_malformed``.
        """
        agency = Agency(_checked(name), recipient.strip(), kind)
        if not _RECIPIENT.match(agency.recipient) and (agency.recipient or kind in SEALED_TO):
            raise RefusedError(
                "recipient_malformed",
                "The agency's key is not an age recipient.",
                "It starts with age1 and has 62 characters; `age-keygen` prints it. A secret key is never asked for.",
            )
        with self.store.write() as tx:
            tx.add_agency(agency)
            detail = {"name": name, "recipient": agency.recipient, "kind": kind}
            tx.log(self.clock.now(), LogKind.AGENCY_ADDED, by, "agencies", detail)

    def remove_agency(self, name: str, by: str) -> None:
        with self.store.write() as tx:
            if not tx.remove_agency(name):
                raise RefusedError("agency_not_found", f"There is no agency named {name!r}.")
            tx.log(self.clock.now(), LogKind.AGENCY_REMOVED, by, "agencies", {"name": name})

    def add_approver(self, name: str, public_key: bytes, by: str) -> None:
        """``RefusedError``: ``name_malformed``, ``public_key_malformed``, ``public_key_taken``."""
        approver = Approver(_checked(name), public_key)
        if len(public_key) != PUBLIC_KEY_BYTES:
            raise RefusedError(
                "public_key_malformed",
                f"An approver's public key is {PUBLIC_KEY_BYTES} bytes of Ed25519.",
                "`nightlight approver keygen` makes a key and prints the public part.",
            )
        with self.store.write() as tx:
            # One person with two names would count twice.
            if any(other.public_key == public_key and other.name != approver.name for other in tx.approvers()):
                raise RefusedError("public_key_taken", "Another approver has this key.", "Everybody needs their own.")
            tx.add_approver(approver)
            tx.log(self.clock.now(), LogKind.APPROVER_ADDED, by, "approvers", {"name": name, "key": public_key.hex()})

    def remove_approver(self, name: str, by: str) -> None:
        with self.store.write() as tx:
            if not tx.remove_approver(name):
                raise RefusedError("approver_not_found", f"There is no approver named {name!r}.")
            tx.log(self.clock.now(), LogKind.APPROVER_REMOVED, by, "approvers", {"name": name})


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise RefusedError(
            "name_malformed", "A name has up to 128 letters, digits, spaces and simple punctuation, a letter first."
        )
    return name
