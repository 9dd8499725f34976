"""Referrals: documents built and validated in a second, and how long from a signature to a finished report."""

from __future__ import annotations

import hashlib
import os
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyrage import x25519

from nightlight.adapters.cybertipline import samples
from nightlight.adapters.cybertipline.client import TiplineClient
from nightlight.adapters.cybertipline.documents import TiplineDocuments
from nightlight.adapters.cybertipline.schema import Schema, own_xsd
from nightlight.adapters.cybertipline.writer import report_xml
from nightlight.adapters.objects import FolderObjects
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.bench.harness import Bench, Figure, Progress, alternate
from nightlight.cli.foundation import SystemClock
from nightlight.demo.cybertipline import CyberTipline
from nightlight.flows.prepare_report import Prepared, PreparedFile
from nightlight.flows.send_referral import filed, taken_back
from nightlight.flows.submit import Submitter
from nightlight.hazmat.attachment import Opening, plaintext_of
from nightlight.model.case import Case, CaseState
from nightlight.model.draft import AgencyKind, Basis, Draft, Fact
from nightlight.model.referral import Agency, Referral, ReferralState
from nightlight.model.report import Category
from nightlight.model.reporter import ReportingOperator
from nightlight.respond.instant import rfc3339
from nightlight.respond.referral_fields import INCIDENT_TYPES
from nightlight.store.database import Database

DOCUMENTS = 40
ROUNDS = 8
SUBMISSIONS = 5
FILES = 3
FILE_BYTES = 5_000_000
_CASE = "case_bench"
_CREDENTIALS = ("bench", "bench bench bench")


def _measure(progress: Progress) -> Sequence[Figure]:
    progress("referral documents")
    documents = _documents()
    progress("a signed referral to a finished report")
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        return [documents, _filed(Path(folder))]


def _documents() -> Figure:
    """The longest document there is: everything filled, every branch of every choice."""
    schema, report = Schema.own(), samples.full_report()
    xml = report_xml(report)
    times = alternate(
        {
            "both": lambda _: schema.check(report_xml(report)),
            "validating": lambda _: schema.check(xml),
        },
        rounds=ROUNDS,
        batch=DOCUMENTS,
        clock=time.thread_time,
    )
    beside = {
        "validating_the_same_bytes_per_s": times["validating"].rate,
        "bytes": float(len(xml)),
        "p99_ms": times["both"].p99 * 1e3,
    }
    return Figure("referral_documents", times["both"].rate, "built and validated/s", 200, "higher", beside)


def _filed(folder: Path) -> Figure:
    """Durable SQLite before and after each step, files opened twice on their way, a training service on loopback."""
    clock = SystemClock()
    store = Database(f"sqlite:///{folder / 'bench.sqlite3'}", bytes(32))
    store.migrate()
    secret = str(x25519.Identity.generate())
    vault = CaseVault(FolderObjects(folder / "vault"), lambda _case: secret, FlatFolder(folder / "old"))
    kept = {}
    for number in range(FILES):
        opening = Opening(secrets.token_bytes(32), secrets.token_bytes(8) + bytes(8))
        data = _encrypted(opening, secrets.token_bytes(FILE_BYTES))
        digest = hashlib.sha256(data).digest()
        vault.keep(_CASE, digest, [data])
        kept[f"file-{number}"] = (opening, digest)

    def read(file: PreparedFile) -> Iterator[bytes]:
        opening, digest = kept[file.name]
        return plaintext_of(opening, digest, lambda: vault.read(_CASE, digest), FILE_BYTES + 1)

    prepared = _prepared(list(kept), clock.now())
    documents = TiplineDocuments(prepared, ReportingOperator("bench"), Schema.own(), read)
    service = CyberTipline(folder / "tipline", _CREDENTIALS, Schema.own().check, clock.now, schema=own_xsd())
    with _serving(service) as url:
        client = TiplineClient(url, lambda: _CREDENTIALS)
        new_id = lambda kind: f"{kind}_{secrets.token_hex(8)}"  # noqa: E731
        submitter = Submitter(store, client, lambda _: documents, clock, new_id, filed, taken_back)
        taken = [_once(submitter, store, clock.now) for _ in range(SUBMISSIONS)]
        client.close()
    finished = len(service.finished())
    store.close()
    if finished != SUBMISSIONS:
        raise RuntimeError(f"{finished} of {SUBMISSIONS} reports were finished")
    beside = {"files": float(FILES), "bytes_in_each": float(FILE_BYTES), "slowest_s": max(taken)}
    return Figure("referral_filed", statistics.median(taken), "s", 2, "lower", beside)


def _once(submitter: Submitter, store: Database, now: Callable[[], int]) -> float:
    start = time.perf_counter()
    with store.write() as tx:
        at, referral_id = now(), f"referral_{secrets.token_hex(8)}"
        tx.add_case(_case(f"case_{referral_id}", at))
        tx.add_referral(_referral(referral_id, f"case_{referral_id}", at))
        submitter.enqueue(tx, referral_id, f"case_{referral_id}", "bench", False, at + 3_600_000, at)
    submitter.run_due()
    return time.perf_counter() - start


def _case(case_id: str, now: int) -> Case:
    return Case(case_id, now, CaseState.DECIDED, None, None, Category.GROOMING, 0, 1, 1, 1)


def _referral(referral_id: str, case_id: str, now: int) -> Referral:
    agency = Agency("bench", "", AgencyKind.NCMEC)
    signed = ReferralState.APPROVED
    return Referral(referral_id, case_id, agency, "", "bench", now, 1, signed, 1, b"", b"", (), draft=Draft())


def _prepared(names: list[str], now: int) -> Prepared:
    facts = (
        Fact("incident.type", INCIDENT_TYPES[6], Basis.CASE, _CASE),
        Fact("incident.at", rfc3339(now), Basis.CASE, _CASE),
        Fact("suspect.account_id", "@example:chat.example.org", Basis.CASE, _CASE),
    )
    files = tuple(PreparedFile(name, "", None, False, None, None) for name in names)
    return Prepared(Draft(facts), "[abusive message 1]", files)


def _encrypted(opening: Opening, plaintext: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(opening.key), modes.CTR(opening.counter)).encryptor()
    return cipher.update(plaintext) + cipher.finalize()


@contextmanager
def _serving(service: CyberTipline) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(service, host="127.0.0.1", port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


BENCH = Bench("referral", "Documents for an agency, and a signed referral with files until it is finished.", _measure)
