"""``nightlight verify`` as a whole process on a bundle of a thousand messages."""

from __future__ import annotations

import hashlib
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.bench.verify import make_messages
from nightlight.errors import UnavailableError
from nightlight.evidence.bundle.attestation import Attestation, AttestedMessage, NamedKey, approve
from nightlight.evidence.bundle.container import write_members
from nightlight.evidence.bundle.contents import ATTESTATION, MANIFEST, BundledMessage, ProvenEntry, build_contents
from nightlight.evidence.checkpoint import LogSigner
from nightlight.evidence.log import LogEntry, LogKind, head_of, next_entry
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import verify_message
from nightlight.hazmat.merkle import Frontier, Node, inclusion_ranges, proof_from
from nightlight.model.case import Case, CaseState, Decision, Outcome, Policy
from nightlight.model.report import Category, MessageRole, Report, ReportedMessage, ReportSource, ReportState
from nightlight.model.verdict import Code, verdict_for

MESSAGES = 1_000
RUNS = 5
_NOW = 1_790_000_000_000


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as folder:
        progress("bundle, making it")
        made = make_messages(MESSAGES)
        path = Path(folder) / "case.bundle"
        path.write_bytes(_bundle(made.events, made.keys))
        progress("bundle, verifying it")
        whole = [_run("verify", str(path), "--json") for _ in range(RUNS)]
        bare = [_run("version") for _ in range(RUNS)]
        start = time.perf_counter()
        for (event_id, raw), key in zip(made.events, made.keys, strict=True):
            verify_message(check_stored_event(raw, event_id), key)
        messages = time.perf_counter() - start
        start = time.perf_counter()
        for ciphertext in made.ciphertexts:
            made.inbound.decrypt(ciphertext)
        peer = time.perf_counter() - start
        size = path.stat().st_size
    beside = {
        "worst_s": max(whole),
        "starting_the_command_s": statistics.median(bare),
        "its_messages_alone_s": messages,
        "vodozemac_decrypt_alone_s": peer,
        "bundle_mb": size / 1e6,
    }
    return [Figure("bundle_verify", statistics.median(whole), f"s for {MESSAGES:,} messages", 2, "lower", beside)]


def _run(*arguments: str) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "nightlight.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode != 0 or (arguments[0] == "verify" and not json.loads(done.stdout)["verified"]):
        said = (done.stdout + done.stderr)[-300:]
        raise UnavailableError("bench", f"nightlight {arguments[0]} failed: {said}", retry=False)
    return taken


def _bundle(events: Sequence[tuple[str, dict[str, Any]]], keys: Sequence[bytes]) -> bytes:
    operator, log_key, *people = (Ed25519PrivateKey.generate() for _ in range(4))
    signer = LogSigner("bench.example/nightlight", log_key)
    messages = []
    for number, ((event_id, raw), key) in enumerate(zip(events, keys, strict=True)):
        stored = check_stored_event(raw, event_id)
        omitted = 0 if number else None
        verdict = verdict_for(Code.OK)
        messages.append(
            BundledMessage(event_id, stored.encoded, key, verdict, MessageRole.REPORTED, False, omitted, None)
        )
    logged = [{"event": m.event_id, "verdict": "VERIFIED", "code": "ok", "evidence": m.sha256.hex()} for m in messages]
    reported = {"category": Category.HARASSMENT, "messages": logged}
    decided = {"outcome": Outcome.VIOLATION, "policy": Policy.HARASSMENT, "reason": "x", "proven": MESSAGES}
    entries = [
        _entry(0, LogKind.REPORT_RECEIVED, "@bob:bench.example", "report_1", reported),
        _entry(1, LogKind.CASE_DECIDED, "robin", "case_1", decided),
    ]
    frontier = Frontier()
    nodes: dict[Node, bytes] = {}
    for entry in entries:
        frontier, completed = frontier.append(entry.leaf)
        nodes.update(completed)
    proven = [ProvenEntry(e, proof_from(inclusion_ranges(e.number - 1, frontier.size), nodes)) for e in entries]
    case = Case("case_1", _NOW, CaseState.DECIDED, None, "!room:bench.example", Category.HARASSMENT, 2, 1, 1, 1)
    decision = Decision("decision_1", "case_1", _NOW + 1, "robin", Outcome.VIOLATION, Policy.HARASSMENT, "x")
    members = build_contents(case, decision, messages, [_report(messages)], signer.sign(head_of(frontier)), proven)
    named = [NamedKey(f"approver {n}", k.public_key().public_bytes_raw()) for n, k in enumerate(people)]
    attestation = Attestation(
        "referral_1", "case_1", NamedKey("bench", operator.public_key().public_bytes_raw()), "bench.example",
        "agency", "age1bench", "none", decision.outcome, decision.policy, decision.decided_at, _NOW + 2, "robin",
        tuple(AttestedMessage(m.event_id, m.sha256, m.role, m.verdict.verdict, m.verdict.code) for m in messages),
        ("report_1",), hashlib.sha256(members[MANIFEST]).digest(), signer.key.text, frontier.size, frontier.root(),
        2, tuple(named), "bench",
    ).sign(operator)  # fmt: skip
    members[ATTESTATION] = attestation
    for number, person in enumerate(people, 1):
        members[f"approvals/{number:02d}.cose"] = approve(attestation, person)
    return write_members(members)


def _entry(size: int, kind: LogKind, actor: str, subject: str, detail: dict[str, Any]) -> LogEntry:
    return next_entry(size, _NOW + size, kind, actor, subject, detail, secrets.token_bytes(32))


def _report(messages: Sequence[BundledMessage]) -> Report:
    reported = tuple(
        ReportedMessage(number, m.event_id, m.verdict, "@mallory:bench.example", _NOW)
        for number, m in enumerate(messages)
    )
    return Report(
        "report_1", _NOW, "@bob:bench.example", "!room:bench.example", Category.HARASSMENT, "", "en",
        ReportSource.API, ReportState.CHECKED, "case_1", None, reported,
    )  # fmt: skip


BENCH = Bench("bundle", "`nightlight verify` as a process, on a bundle of 1,000 messages.", _measure)
