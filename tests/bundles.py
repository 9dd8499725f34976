"""Small, real bundles for tests: real Megolm messages, a real log, real signatures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight.evidence.attachment import attachment_record, attachments_of
from nightlight.evidence.bundle.attestation import Attestation, AttestedMessage, NamedKey, approve
from nightlight.evidence.bundle.container import write_members
from nightlight.evidence.bundle.contents import (
    ATTESTATION,
    MANIFEST,
    BundledMessage,
    ProvenEntry,
    build_contents,
)
from nightlight.evidence.bundle.files import BundledFile
from nightlight.evidence.checkpoint import LogSigner
from nightlight.evidence.log import LogEntry, LogKind, head_of, next_entry
from nightlight.evidence.relation import relation_of
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import verify_message
from nightlight.hazmat.merkle import Frontier, Node, inclusion_ranges, proof_from
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState, Digests
from nightlight.model.case import Case, CaseState, Decision, Outcome, Policy
from nightlight.model.report import (
    Category,
    MessageRole,
    Report,
    ReportedMessage,
    ReportSource,
    ReportState,
)
from nightlight.model.verdict import Code, verdict_for
from tests.simulators.world import SimulatedWorld

NOW = 1_790_000_000_000


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return key(name).public_key().public_bytes_raw()


OPERATOR = "Safety team of sim.example"
APPROVERS = ("alex", "billie", "charlie")


def record_of(file: BundledFile) -> str:
    found = file.attachment
    return attachment_record(found.attachment_id, found.event_id, found.reference, found.code, found.digests)


@dataclass
class BundleMaker:
    """Bob reports what Mallory said, the reply is his own; then it is decided, attested and approved by two of three.

    Everything can be replaced before ``make``.
    """

    texts: tuple[str, ...] = ("[abusive message 1]", "[abusive message 2]", "[a reply]")
    needed: int = 2
    approved_by: tuple[str, ...] = ("alex", "billie")
    case_id: str = "case_1"
    server_keys: Mapping[str, Any] | None = None
    #: Sent after the texts, checked, and kept.
    picture: bytes | None = None
    attestation_changes: dict[str, Any] = field(default_factory=dict)
    log_before: int = 5
    sent_at: int = NOW - 60_000
    #: Numbers of messages, from 0, whose keys the reporter did not have.
    locked: tuple[int, ...] = ()
    #: Whether the last text answers the first.
    answers: bool = False
    #: Milliseconds, by the operator's clock.
    decided_after: int = 1

    def __post_init__(self) -> None:
        self.world = SimulatedWorld(clock=lambda: self.sent_at)
        self.bob, self.mallory = (self.world.account(name) for name in ("bob", "mallory"))
        self.room = self.world.room(self.bob, self.mallory)
        last = len(self.texts) - 1
        self.events: list[str] = []
        for number, text in enumerate(self.texts):
            sender = self.bob if number and number == last else self.mallory
            answer = self.answers and number == last
            more = {"m.relates_to": {"m.in_reply_to": {"event_id": self.events[0]}}} if answer else {}
            self.events.append(self.world.say(self.room, sender, text, **more))
        if self.picture is not None:
            self.description = self.world.upload(self.picture)
            self.events.append(self.world.send_file(self.room, self.mallory, self.description))

    def messages(self) -> list[BundledMessage]:
        made = []
        for number, event_id in enumerate(self.events):
            raw = {key: value for key, value in self.world.events[event_id].items() if key != "unsigned"}
            event = check_stored_event(raw, event_id)
            own = event.sender == self.bob
            locked = number in self.locked
            made.append(
                BundledMessage(
                    event_id,
                    event.encoded,
                    None if locked else self.world.message_keys[event_id],
                    verdict_for(Code.NO_KEY if locked else Code.OK),
                    MessageRole.CONTEXT if own else MessageRole.REPORTED,
                    own,
                    None if number == 0 else number - 1,
                    relation_of(event.content),
                )
            )
        return made

    def files(self) -> list[BundledFile]:
        if self.picture is None:
            return []
        message = self.messages()[-1]
        (file,) = attachments_of(
            verify_message(check_stored_event(json.loads(message.event), message.event_id), message.message_key)
        )
        hashes = (hashlib.new(name, self.picture).digest() for name in ("sha256", "sha1", "md5"))
        attachment = Attachment(
            "attachment_1", message.event_id, file.reference, 0, AttachmentState.CHECKED, AttachmentCode.MATCHES_EVENT,
            1, NOW, NOW, Digests(len(self.picture), *hashes),
        )  # fmt: skip
        return [BundledFile(attachment, "no_match", self.world.blobs[self.description["url"]])]

    def report(self) -> Report:
        reported = tuple(
            ReportedMessage(number, m.event_id, m.verdict, self.mallory, NOW, role=MessageRole(m.role))
            for number, m in enumerate(self.messages())
        )
        source, state = ReportSource.API, ReportState.CHECKED
        return Report(
            "report_1", NOW + self.log_before, self.bob, self.room, Category.GROOMING, "a note", "en", source, state,
            self.case_id, None, reported,
        )  # fmt: skip

    def entries(self) -> tuple[list[LogEntry], list[LogEntry]]:
        """The whole log, and what of it is about the case."""
        whole: list[LogEntry] = []

        def log(kind: LogKind, actor: str, subject: str, detail: dict[str, Any], late: int = 0) -> LogEntry:
            salt = hashlib.sha256(b"salt %d" % len(whole)).digest()
            whole.append(next_entry(len(whole), NOW + len(whole) + late, kind, actor, subject, detail, salt))
            return whole[-1]

        for number in range(self.log_before):
            log(LogKind.CASE_VIEWED, "robin", f"case_{100 + number}", {})
        messages = [
            {"event": m.event_id, "verdict": "VERIFIED", "code": "ok", "evidence": m.sha256.hex()}
            for m in self.messages()
        ]
        received = {"case": self.case_id, "category": Category.GROOMING, "messages": messages}
        reported = log(LogKind.REPORT_RECEIVED, self.bob, "report_1", received)
        said = {"outcome": Outcome.VIOLATION, "policy": Policy.CHILD_GROOMING, "reason": "what was found", "proven": 2}
        decided = log(LogKind.CASE_DECIDED, "robin", self.case_id, said, self.decided_after - 1)
        checks = [
            log(LogKind.ATTACHMENT_CHECKED, "nightlight", self.case_id, {"record": record_of(file), "list": file.match})
            for file in self.files()
        ]
        return whole, [reported, decided, *checks]

    def contents(self) -> tuple[dict[str, bytes], Frontier]:
        whole, chosen = self.entries()
        frontier = Frontier()
        nodes: dict[Node, bytes] = {}
        for entry in whole:
            frontier, completed = frontier.append(entry.leaf)
            nodes.update(completed)
        proven = [
            ProvenEntry(entry, proof_from(inclusion_ranges(entry.number - 1, frontier.size), nodes)) for entry in chosen
        ]
        decided = chosen[1]
        case = Case(self.case_id, NOW, CaseState.DECIDED, self.mallory, self.room, Category.GROOMING, 0, 2, 2, 1)
        decision = Decision(
            "decision_1", self.case_id, decided.at, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found"
        )
        members = build_contents(
            case,
            decision,
            self.messages(),
            [self.report()],
            self.signer.sign(head_of(frontier)),
            proven,
            server_keys=self.server_keys,
            files=self.files(),
        )
        return members, frontier

    @property
    def signer(self) -> LogSigner:
        return LogSigner("sim.example/nightlight", key("log"))

    def attestation(self, members: Mapping[str, bytes], frontier: Frontier) -> Attestation:
        attested = Attestation(
            bundle_id="referral_1",
            case_id=self.case_id,
            operator=NamedKey(OPERATOR, public("operator")),
            homeserver="sim.example",
            agency="Example Agency",
            recipient="age1example",
            legal_basis="an example of a legal basis",
            outcome=Outcome.VIOLATION,
            policy=Policy.CHILD_GROOMING,
            decided_at=self.entries()[1][1].at,
            proposed_at=NOW + 1_000,
            proposed_by="robin",
            messages=tuple(
                AttestedMessage(m.event_id, m.sha256, m.role, m.verdict.verdict, m.verdict.code)
                for m in self.messages()
            ),
            reports=("report_1",),
            manifest=hashlib.sha256(members[MANIFEST]).digest(),
            log_key=self.signer.key.text,
            log_size=frontier.size,
            log_root=frontier.root(),
            needed=self.needed,
            approvers=tuple(NamedKey(name, public(name)) for name in APPROVERS),
            software="0",
        )
        return replace(attested, **self.attestation_changes)

    def members(self) -> dict[str, bytes]:
        members, frontier = self.contents()
        return self.signed(members, frontier)

    def signed(self, members: dict[str, bytes], frontier: Frontier) -> dict[str, bytes]:
        attestation = self.attestation(members, frontier).sign(key("operator"))
        signed = {**members, ATTESTATION: attestation}
        for number, name in enumerate(self.approved_by, 1):
            signed[f"approvals/{number:02d}.cose"] = approve(attestation, key(name))
        return signed

    def make(self) -> bytes:
        return write_members(self.members())
