"""Verifying a bundle: every step raises, and what no step raises about is what is proven.

Nothing is taken from anywhere but the bundle and what the reader trusts beforehand (``Trust``), which may be nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import (
    Attestation,
    fingerprint,
    open_approval,
    open_attestation,
    stamped_bytes,
)
from nightlight.evidence.bundle.container import DEFAULT_LIMITS, BundleLimits, read_members
from nightlight.evidence.bundle.contents import (
    ATTACHMENTS,
    ATTESTATION,
    CHECKPOINT,
    CONVERSATION,
    DECISION,
    ENTRIES,
    MANIFEST,
    MESSAGES_MAX,
    README,
    REPORTS,
    SERVER_KEYS,
    TIMESTAMP,
    is_signature,
    manifest_of,
)
from nightlight.evidence.bundle.files import check_files
from nightlight.evidence.bundle.report import BundleReport, Held, Shown, ShownFile, Stamp, Step
from nightlight.evidence.checkpoint import Checkpoint, LogKey, open_checkpoint
from nightlight.evidence.log import LogEntry, LogKind, open_entry
from nightlight.evidence.relation import relation_of
from nightlight.evidence.server_signature import verify_server_signature
from nightlight.evidence.stored_event import StoredEvent, check_stored_event
from nightlight.evidence.timestamp import verify_timestamp
from nightlight.evidence.verify import AmbiguousContentError, VerifiedMessage, verify_message
from nightlight.hazmat import base64url, strict_json
from nightlight.hazmat.merkle import verify_inclusion
from nightlight.model.case import POLICY_TITLES, Policy
from nightlight.model.verdict import Code, Verdict, verdict_for

_REQUIRED = (README, MANIFEST, ATTESTATION, CONVERSATION, REPORTS, DECISION, CHECKPOINT, ENTRIES)


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that the reader knows from elsewhere. Empty: keys are taken from the bundle, and shown to be compared.

    ``operators``: Ed25519, 32 bytes each; ``log_keys``: as text; ``stamp_roots``: certificates in PEM.
    """

    operators: tuple[bytes, ...] = ()
    log_keys: tuple[str, ...] = ()
    stamp_roots: tuple[bytes, ...] = field(default=(), repr=False)


NO_TRUST = Trust()


def verify_bundle(data: bytes, trust: Trust = NO_TRUST, limits: BundleLimits = DEFAULT_LIMITS) -> BundleReport:
    """What the bundle proves, or ``RefusedError`` that names the step and the member that does not hold.

    Codes: ``bundle_malformed``, ``bundle_incomplete``, ``bundle_changed``, ``bundle_inconsistent``,
    ``attestation_malformed``, ``signature_*``, ``operator_not_trusted``, ``approvals_missing``, ``approval_unknown``,
    ``message_not_proven``, ``log_*``, ``checkpoint_*``, ``timestamp_*``, ``server_*``, ``cbor_malformed``, ``json_*``.
    """
    return _Verification(data, trust, limits).run()


class _Verification:
    def __init__(self, data: bytes, trust: Trust, limits: BundleLimits) -> None:
        self._sha256 = hashlib.sha256(data).hexdigest()
        self._trust = trust
        self._steps: list[Step] = []
        self._members = read_members(data, limits)

    def run(self) -> BundleReport:
        self._held(
            "The file is whole",
            "It is byte for byte as it was written: nothing was cut, padded, packed again or rearranged.",
            "docs/bundle.md, Container",
        )
        attestation = self._attestation()
        self._check_manifest(attestation)
        approved_by = self._approvals(attestation)
        messages, plain = self._messages(attestation)
        decision = self._decision(attestation)
        reports = self._reports(attestation, plain)
        reporters = {report.get("reporter") for report in reports}
        if any(item.own and item.sender not in reporters for item in messages):
            raise _inconsistent(
                CONVERSATION, "a message is said to be a reporter's own, and nobody of its sender reported"
            )
        entries = self._log(attestation, reports, decision, plain)
        files = self._files(messages, entries)
        stamp = self._timestamp(attestation)
        return BundleReport(
            sha256=self._sha256,
            attestation=attestation,
            steps=tuple(self._steps),
            messages=messages,
            reports=tuple(reports),
            decision=decision,
            approved_by=approved_by,
            pinned=bool(self._trust.operators),
            stamp=stamp,
            files=files,
            not_proven=tuple(_not_proven(self._trust, stamp, messages, files, attestation, decision["subject"])),
        )

    # What binds the bundle together

    def _attestation(self) -> Attestation:
        for name in _REQUIRED:
            if name not in self._members:
                raise RefusedError("bundle_incomplete", f"{name} is missing.")
        attestation = open_attestation(self._members[ATTESTATION])
        known = any(hmac.compare_digest(attestation.operator.key, key) for key in self._trust.operators)
        if self._trust.operators and not known:
            raise RefusedError(
                "operator_not_trusted",
                f"The bundle is signed by a key that is not among those you trust: "
                f"{fingerprint(attestation.operator.key)}.",
                "Ask the operator which key is theirs, by another way than the one this file came by.",
            )
        whose = "the key you trust" if known else f"a key that the bundle itself names, {_short(attestation)}"
        self._held(
            "The operator signed it",
            f"{attestation.operator.name} attests this evidence and this decision, with {whose}.",
            "COSE_Sign1, RFC 9052 §4.4; Ed25519, RFC 8032",
        )
        return attestation

    def _check_manifest(self, attestation: Attestation) -> None:
        manifest = self._members[MANIFEST]
        if not hmac.compare_digest(hashlib.sha256(manifest).digest(), attestation.manifest):
            raise _changed(MANIFEST, "it is not the one that the attestation was signed over")
        bound = {name: data for name, data in self._members.items() if not is_signature(name)}
        if manifest_of(bound) != manifest:
            raise self._first_difference(bound, manifest)
        self._held(
            "Nothing was exchanged, added or left out",
            f"All {len(bound)} members are those that the attestation was signed over.",
            "SHA-256, FIPS 180-4",
        )

    def _first_difference(self, bound: Mapping[str, bytes], manifest: bytes) -> RefusedError:
        """Which member it is, in words, where the manifest can be read at all."""
        try:
            listed = {item["name"]: item["sha256"] for item in strict_json.loads(manifest)["members"]}
            names = sorted(bound.keys() | listed.keys())
        except (RefusedError, KeyError, TypeError):
            return _changed(MANIFEST, "it is not a manifest")
        for name in names:
            if name not in bound:
                return RefusedError("bundle_incomplete", f"{str(name)[:80]} is missing.")
            if listed.get(name) != hashlib.sha256(bound[name]).hexdigest():
                return _changed(name, "it is not the one that the manifest names")
        return _changed(MANIFEST, "it lists the members in another way")

    def _approvals(self, attestation: Attestation) -> tuple[str, ...]:
        names = sorted(name for name in self._members if name.startswith("approvals/"))
        approved: dict[str, bytes] = {}
        for number, name in enumerate(names, 1):
            if name != f"approvals/{number:02d}.cose":
                raise _changed(name, "approvals are numbered from 01")
            data = self._members[name]
            try:
                approver = open_approval(self._members[ATTESTATION], data, attestation.approvers)
            except RefusedError as e:
                raise RefusedError("approval_unknown", f"{name} does not count: {e.message}") from None
            if approver.name in approved:
                raise _changed(name, f"{approver.name} stands twice")
            approved[approver.name] = data
        if list(approved) != sorted(approved):
            raise _changed("approvals/", "they are not in the order of the approvers' names")
        if len(approved) < attestation.needed:
            raise RefusedError(
                "approvals_missing",
                f"{attestation.needed} approvals are needed, and {len(approved)} are here.",
                "Ask the operator for the approved bundle.",
            )
        self._approved = approved
        self._held(
            "Enough people approved the hand-over",
            f"{', '.join(approved)} signed it; {attestation.needed} of {len(attestation.approvers)} are needed.",
            "COSE_Sign1 with a detached payload, RFC 9052 §4.1",
        )
        return tuple(approved)

    # What was said

    def _messages(self, attestation: Attestation) -> tuple[tuple[Shown, ...], dict[str, StoredEvent]]:
        value = self._json(CONVERSATION, {"case_id": str, "complete": bool, "messages": list})
        listed = value["messages"]
        if value["case_id"] != attestation.case_id or value["complete"] or len(listed) > MESSAGES_MAX:
            raise _inconsistent(CONVERSATION, "it is about another case, or claims to be complete")
        if len(listed) != len(attestation.messages):
            raise _inconsistent(CONVERSATION, "it lists other messages than the attestation")
        published = self._json(SERVER_KEYS, None) if SERVER_KEYS in self._members else {}
        events: dict[str, StoredEvent] = {}
        shown: list[Shown] = []
        for number, (item, attested) in enumerate(zip(listed, attestation.messages, strict=True), 1):
            line = _line(item, number)
            name = f"messages/{number:04d}.json"
            encoded = self._members.get(name, b"")
            same = (line["event_id"], line["role"], line["verdict"], line["code"]) == (
                attested.event_id,
                attested.role,
                attested.verdict,
                attested.code,
            )
            if not same or not hmac.compare_digest(hashlib.sha256(encoded).digest(), attested.sha256):
                raise _inconsistent(name, "it is not the message that was attested")
            if line["event_id"] in events:
                raise _inconsistent(name, "the same message stands twice")
            event = _event(encoded, line["event_id"], name)
            events[line["event_id"]] = event
            shown.append(_open(event, line, number, published))
        self._say_messages(shown, published)
        return tuple(shown), events

    def _say_messages(self, shown: Sequence[Shown], published: Mapping[str, Any]) -> None:
        proven = [item for item in shown if item.message is not None]
        self._held(
            "The messages are what was sent",
            f"{len(proven)} of {len(shown)} messages were verified again, from their encrypted form: the event id is "
            "the hash of the event, the session named in it signed it, and its key opens it. Nobody who reported it, "
            "and nobody since it was stored, can have changed a word, its sender, its room or its time.",
            'Matrix, "m.megolm.v1.aes-sha2", "Calculating the reference hash"; RFC 8032; RFC 5869',
        )
        unsigned = [item for item in shown if not item.server_signature]
        if unsigned:
            self._open(
                "The sending server's own signature",
                f"Not checked for {len(unsigned)} of {len(shown)} messages: the bundle does not hold that server's "
                "published keys.",
                'Matrix server-server API, "Signing events"',
            )
        else:
            servers = ", ".join(sorted(published))
            self._held(
                "The sending server signed each message",
                f"{servers} accepted each message from the account named and put its own signature under it. The keys "
                "are in the bundle, signed by themselves: compare them with what the server publishes.",
                'Matrix server-server API, "Signing events"',
            )

    # What was reported and decided

    def _decision(self, attestation: Attestation) -> dict[str, Any]:
        fields = dict.fromkeys(("case_id", "outcome", "policy", "policy_title", "reason", "reviewer"), str)
        decision: dict[str, Any] = self._json(DECISION, {**fields, "subject": None, "decided_at": int})
        said = tuple(decision[name] for name in ("case_id", "outcome", "policy", "decided_at"))
        attested = (attestation.case_id, attestation.outcome, attestation.policy, attestation.decided_at)
        if said != attested:
            raise _inconsistent(DECISION, "it is another decision than the attested one")
        if type(decision["subject"]) not in (str, type(None)):
            raise _inconsistent(DECISION, "a field has the wrong kind")
        if (
            decision["policy"] in POLICY_TITLES
            and decision["policy_title"] != POLICY_TITLES[Policy(decision["policy"])]
        ):
            raise _inconsistent(DECISION, "the rule has another name")
        return decision

    def _reports(self, attestation: Attestation, events: Mapping[str, StoredEvent]) -> list[dict[str, Any]]:
        reports = self._json(REPORTS, list)
        if [report.get("report_id") if isinstance(report, dict) else None for report in reports] != list(
            attestation.reports
        ):
            raise _inconsistent(REPORTS, "these are other reports than the attested ones")
        for report in reports:
            if report.keys() != _REPORT.keys() or any(type(report[name]) not in _REPORT[name] for name in _REPORT):
                raise _inconsistent(REPORTS, "a report has other fields, or a field of the wrong kind")
            if any(not isinstance(event, str) or event not in events for event in report["messages"]):
                raise _inconsistent(REPORTS, "a report names messages that are not here")
            if any(events[event].room_id != report["room_id"] for event in report["messages"]):
                raise _inconsistent(REPORTS, "a report is about another room than its messages")
            if min(report["received_at"], report["messages_left_out"]) < 0:
                raise _inconsistent(REPORTS, "a number is negative")
        return list(reports)

    def _log(
        self,
        attestation: Attestation,
        reports: Sequence[Mapping[str, Any]],
        decision: Mapping[str, Any],
        events: Mapping[str, StoredEvent],
    ) -> Sequence[LogEntry]:
        if self._trust.log_keys and attestation.log_key not in self._trust.log_keys:
            raise RefusedError("log_not_trusted", "The bundle names another log than those you trust.")
        checkpoint = open_checkpoint(self._members[CHECKPOINT], [LogKey.parse(attestation.log_key)])
        if (checkpoint.size, checkpoint.root) != (attestation.log_size, attestation.log_root):
            raise _inconsistent(CHECKPOINT, "it is not the checkpoint that was attested")
        entries = [self._entry(item, checkpoint) for item in self._json(ENTRIES, list)]
        _check_decided(entries, attestation, decision)
        for report in reports:
            _check_reported(entries, report, events)
        self._held(
            "It stands in the operator's log",
            f"{len(entries)} entries about this case are proven to be among the first {checkpoint.size} of the log "
            f"{checkpoint.origin}, signed in one tree: the reports, the digest of each message, and the decision. "
            "They cannot have been changed since without everybody who follows the log noticing.",
            "RFC 9162 §2.1.3; C2SP tlog-checkpoint",
        )
        return entries

    def _files(self, messages: Sequence[Shown], entries: Sequence[LogEntry]) -> tuple[ShownFile, ...]:
        listed = self._json(ATTACHMENTS, list) if ATTACHMENTS in self._members else []
        checks = [_detail(entry) for entry in entries if entry.kind == LogKind.ATTACHMENT_CHECKED]
        records = {check["record"]: check.get("list") for check in checks if isinstance(check.get("record"), str)}
        named = ((shown.number, shown.event_id, shown.message) for shown in messages)
        files = check_files(named, listed, self._members, records)
        proven = [file for file in files if file.proven]
        if proven:
            self._held(
                "The attached files are those that were sent",
                f"{_count(len(proven), 'file')} in here, encrypted: each is the one whose hash and key the message "
                "names, and its digests were computed again.",
                'Matrix, "Sending encrypted attachments"',
            )
        if len(proven) < len(files):
            self._open(
                "Files that are not in here",
                f"The messages name {_count(len(files) - len(proven), 'file')} that the bundle does not hold. What is "
                "said of them is what the operator found and logged; whoever has one can compare its hash.",
                'Matrix, "Sending encrypted attachments"',
            )
        return files

    def _entry(self, item: Any, checkpoint: Checkpoint) -> LogEntry:
        if not isinstance(item, dict) or item.keys() != {"entry", "proof"} or not isinstance(item["proof"], list):
            raise _inconsistent(ENTRIES, "an entry has other fields")
        entry = open_entry(item["entry"])
        try:
            proof = [base64.b64decode(step, validate=True) for step in item["proof"]]
        except (TypeError, ValueError, binascii.Error):
            raise _inconsistent(ENTRIES, "a proof is not base64") from None
        verify_inclusion(entry.leaf, entry.number - 1, checkpoint.size, proof, checkpoint.root)
        return entry

    # When

    def _timestamp(self, attestation: Attestation) -> Stamp | None:
        response = self._members.get(TIMESTAMP)
        if response is None:
            self._open(
                "No time-stamp",
                "When this was signed rests on the operator's clock alone.",
                "RFC 3161",
            )
            return None
        message = stamped_bytes(self._members[ATTESTATION], self._approved)
        found = verify_timestamp(response, message, self._trust.stamp_roots)
        if found.at < attestation.proposed_at - _CLOCK_SKEW_MS:
            raise RefusedError(
                "timestamp_contradicts",
                "The time-stamp is older than what it is said to stamp: one of the two clocks is wrong, or a lie.",
            )
        if self._trust.stamp_roots and not found.trusted:
            self._open(
                "A time-stamp of an authority that you do not trust",
                f"{found.authority} stamped it; its root certificate, {found.root.hex()[:32]}…, is not among yours.",
                "RFC 3161 §2.4.2",
            )
            return Stamp(found.at, found.authority, found.trusted)
        whose = "which you trust" if found.trusted else f"whose root certificate is {found.root.hex()[:32]}…"
        self._held(
            "It existed at a certain time",
            f"The authority {found.authority}, {whose}, saw exactly these signatures.",
            "RFC 3161 §2.4.2",
        )
        return Stamp(found.at, found.authority, found.trusted)

    # What the steps are made of

    def _json(self, name: str, shape: Mapping[str, type | None] | type | None) -> Any:
        try:
            value = strict_json.loads(self._members[name], depth_max=32)
        except RefusedError as e:
            raise _inconsistent(name, e.message) from None
        if isinstance(shape, type):
            fits = isinstance(value, shape)
        elif shape is None:
            fits = isinstance(value, dict)
        else:
            fits = isinstance(value, dict) and value.keys() == shape.keys()
            fits = fits and all(kind is None or type(value[field]) is kind for field, kind in shape.items())
        if not fits:
            raise _inconsistent(name, "it has another shape than it should")
        return value

    def _held(self, name: str, proves: str, source: str) -> None:
        self._steps.append(Step(name, proves, source))

    def _open(self, name: str, proves: str, source: str) -> None:
        self._steps.append(Step(name, proves, source, Held.OPEN))


#: How far two honest clocks may lie apart.
_CLOCK_SKEW_MS = 300_000

_LINE: dict[str, tuple[type, ...]] = {
    "event_id": (str,),
    "file": (str,),
    "message_key": (str, type(None)),
    "role": (str,),
    "own": (bool,),
    "omitted_before": (int, type(None)),
    "relation": (dict, type(None)),
    "verdict": (str,),
    "code": (str,),
}


_REPORT: dict[str, tuple[type, ...]] = {
    "report_id": (str,),
    "received_at": (int,),
    "reporter": (str, type(None)),
    "room_id": (str, type(None)),
    "category": (str,),
    "note": (str,),
    "language": (str,),
    "source": (str,),
    "messages": (list,),
    "messages_left_out": (int,),
}


def _line(item: Any, number: int) -> dict[str, Any]:
    where = f"{CONVERSATION}, message {number}"
    if not isinstance(item, dict) or item.keys() != _LINE.keys():
        raise _inconsistent(where, "it has other fields")
    if any(type(item[name]) not in kinds for name, kinds in _LINE.items()):
        raise _inconsistent(where, "a field has the wrong kind")
    if item["file"] != f"messages/{number:04d}.json" or item["role"] not in ("reported", "context"):
        raise _inconsistent(where, "it does not say what it should")
    if item["omitted_before"] is not None and item["omitted_before"] < 0:
        raise _inconsistent(where, "a negative number of messages was left out")
    return dict(item)


def _event(encoded: bytes, event_id: str, name: str) -> StoredEvent:
    try:
        event = check_stored_event(strict_json.loads(encoded, depth_max=100), event_id)
    except RefusedError as e:
        raise RefusedError("message_not_proven", f"{name}: {e.message}") from None
    if event.encoded != encoded:
        raise _inconsistent(name, "it is not written in canonical JSON")
    return event


def _open(event: StoredEvent, line: Mapping[str, Any], number: int, published: Mapping[str, Any]) -> Shown:
    name = line["file"]
    message, raw, code = _verdict(event, line["message_key"], name)
    if (verdict_for(Code(code)).verdict, code) != (line["verdict"], line["code"]):
        raise RefusedError("message_not_proven", f"{name}: the operator says {line['code']}, and it is {code}.")
    relation = relation_of(event.content) or (message.relation if message else None)
    said = line["relation"]
    outer = relation_of(event.content)
    if said != ({"kind": outer.kind, "event_id": outer.event_id} if outer else None):
        raise _inconsistent(name, "it is related to another message than the conversation says")
    return Shown(
        number=number,
        event_id=event.event_id,
        message=message,
        raw=raw,
        sender=event.sender,
        sent_at=event.sent_at,
        role=line["role"],
        own=line["own"],
        omitted=line["omitted_before"],
        relation=(relation.kind, relation.event_id) if relation else None,
        code=code,
        server_signature=_server_signature(event, published),
    )


def _verdict(event: StoredEvent, key: str | None, name: str) -> tuple[VerifiedMessage | None, str, str]:
    try:
        message_key = None if key is None else base64url.decode_urlsafe(key)
    except ValueError:
        raise _inconsistent(name, "its key is not base64url") from None
    try:
        message = verify_message(event, message_key)
    except AmbiguousContentError as e:
        return None, e.raw.decode("utf-8", "backslashreplace"), str(e.code)
    except RefusedError as e:
        if verdict_for(Code(e.code)).verdict is Verdict.REFUSED:
            raise RefusedError("message_not_proven", f"{name}: {e.message}") from None
        return None, "", str(e.code)
    return message, "", str(Code.OK if message.session_id is not None else Code.NOT_ENCRYPTED)


def _server_signature(event: StoredEvent, published: Mapping[str, Any]) -> str:
    try:
        return verify_server_signature(event, published)
    except RefusedError as e:
        if e.code == "server_keys_unknown":
            return ""
        raise


def _check_decided(entries: Sequence[LogEntry], attestation: Attestation, decision: Mapping[str, Any]) -> None:
    """The log's own entry of the decision says the same as the decision that was handed over."""
    decided = [
        entry for entry in entries if entry.kind == LogKind.CASE_DECIDED and entry.subject == attestation.case_id
    ]
    expected = tuple(decision[name] for name in ("reviewer", "outcome", "policy", "reason", "decided_at"))
    logged = [
        (entry.actor, *(_detail(entry).get(name) for name in ("outcome", "policy", "reason")), entry.at)
        for entry in decided
    ]
    if logged != [expected]:
        raise _inconsistent(ENTRIES, "the log does not say that this was decided")


def _check_reported(entries: Sequence[LogEntry], report: Mapping[str, Any], events: Mapping[str, StoredEvent]) -> None:
    """The log's entry of the report fixes the digest of each message as it was preserved."""
    logged: dict[Any, Any] = {}
    actors = set()
    for entry in entries:
        if entry.subject == report["report_id"] and entry.kind in (LogKind.REPORT_RECEIVED, LogKind.REPORT_CHECKED):
            actors.add(entry.actor)
            taken = (entry.at, _detail(entry).get("category"))
            if entry.kind == LogKind.REPORT_RECEIVED and taken != (report["received_at"], report["category"]):
                raise _inconsistent(
                    ENTRIES, "the log says that this was reported at another time, or as something else"
                )
            messages = _detail(entry).get("messages", [])
            for message in messages if isinstance(messages, list) else []:
                if isinstance(message, dict) and isinstance(message.get("event"), str):
                    logged[message["event"]] = message.get("evidence")
    if (report.get("reporter") or "unconfirmed") not in actors:
        raise _inconsistent(ENTRIES, "the log does not say that this was reported, or by somebody else")
    for event_id in report["messages"]:
        if logged.get(event_id) != events[event_id].sha256.hex():
            raise _inconsistent(ENTRIES, "the log fixes another form of a message than the one in the bundle")


def _detail(entry: LogEntry) -> dict[str, Any]:
    try:
        value = strict_json.loads(entry.detail.encode("utf-8", "replace"))
    except RefusedError:
        raise _inconsistent(ENTRIES, "an entry's detail is not JSON") from None
    return value if isinstance(value, dict) else {}


def _not_proven(
    trust: Trust,
    stamp: Stamp | None,
    messages: Sequence[Shown],
    files: Sequence[ShownFile],
    attestation: Attestation,
    subject: str | None,
) -> list[str]:
    said = [
        "Which person held the device from which a message was sent, or typed it.",
        "That these messages are the whole conversation. Others may have come before, after and in between; their "
        "order, and how many were left out, is what the operator was told by the homeserver.",
        "Anybody's age or name.",
        "Who reported it, which messages they pointed at, and what they wrote: the operator says so, and its log "
        "fixed it at that time.",
        "That nobody acted in an account's name: whoever runs its homeserver, or stole its password, could, and could "
        "have made up a message from the start.",
        "That a text was first written by its sender: somebody in the room can send on another's ciphertext.",
    ]
    if not trust.operators:
        said.append(
            f"That the signing key belongs to {attestation.operator.name}: compare its fingerprint, "
            f"{fingerprint(attestation.operator.key)}, with the one they published."
        )
    if stamp is None:
        said.append("When the bundle was signed, other than by the operator's word.")
    elif not stamp.trusted:
        said.append(f"That the time-stamp authority {stamp.authority} can be trusted.")
    if any(not item.server_signature for item in messages):
        said.append("The exact time of a message: it rests on the clock of the server that accepted it.")
    if subject is not None and all(item.sender != subject for item in messages):
        said.append(f"That {subject}, whom the decision is about, wrote anything: no message in here is theirs.")
    if any(file.match is not None for file in files):
        said.append("That a file is on a list of known ones, or on none: the operator's list is not in here.")
    if any(not file.proven and file.digests for file in files):
        said.append("The digests of files that are not in here: the operator's word, fixed in its log.")
    if any(item.message is None for item in messages):
        said.append("What the messages marked as not proven say.")
    return said


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _short(attestation: Attestation) -> str:
    return fingerprint(attestation.operator.key)


def _changed(name: str, why: str) -> RefusedError:
    return RefusedError("bundle_changed", f"{name} was changed: {why}.", "Do not rely on this file; ask for it again.")


def _inconsistent(name: str, why: str) -> RefusedError:
    return RefusedError("bundle_inconsistent", f"{name} does not fit the rest: {why}.")
