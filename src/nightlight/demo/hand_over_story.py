"""Handing over: two people approve that an agency is told, and somebody who knows nothing of us checks what it got."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyrage

from nightlight.demo.outcome import Outcome
from nightlight.demo.report_story import CONTEXT, REPORTED, ReportStory
from nightlight.demo.stage import Scene, Stage

AGENCY = "Example Agency"
APPROVERS = ("alex", "billie")

_Process = subprocess.CompletedProcess[str]


class HandOverStory:
    """``begin`` makes the agency and the approvers known, beside the earlier scenes: an office does that once, before
    there is a case. ``end`` waits until nothing of it runs any more.
    """

    def __init__(self, stage: Stage, report: ReportStory, outcome: Outcome) -> None:
        self._stage = stage
        self._report = report
        self._outcome = outcome
        self._desk = stage.devices / "agency"
        self._prepared: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._prepared = asyncio.create_task(asyncio.to_thread(self._prepare))

    async def end(self) -> None:
        if self._prepared is not None:
            await asyncio.wait([self._prepared])

    def scenes(self) -> list[Scene]:
        return [("Two people approve that an agency is told", self._agency_is_told)]

    def last_scenes(self) -> list[Scene]:
        return [("A stranger checks the bundle, and follows the log", self._stranger_checks)]

    def _prepare(self) -> None:
        self._desk.mkdir()
        identity = pyrage.x25519.Identity.generate()
        (self._desk / "identity").write_text(f"{identity}\n")
        self._run("agency", "add", AGENCY, "--recipient", str(identity.to_public()))
        for name in APPROVERS:
            made = self._run("approver", "keygen", "--unprotected", "--out", str(self._desk / name))
            self._run("approver", "add", name, "--public-key", made.stdout.strip())

    async def _agency_is_told(self) -> None:
        if self._prepared is not None:
            await self._prepared
        await asyncio.to_thread(self._refer)

    def _refer(self) -> None:
        attestation, sealed = self._desk / "attestation", str(self._desk / "case.bundle.age")
        with self._stage.reviewer() as session:
            chosen = [self._stage.events[CONTEXT], self._stage.events[REPORTED], self._report.picture]
            session.refer(self._outcome.case_id, AGENCY, "[the law that asks for it]", chosen)
        referral = self._run("referral", "list").stdout.split("\t")[0]
        # Commands that do not wait for each other run side by side: most of each is starting Python.
        with ThreadPoolExecutor(2) as pool:
            early = pool.submit(
                self._stage.town.nightlight.run, "referral", "export", referral, "--out", f"{sealed}.too-early"
            )
            self._run("referral", "attestation", referral, "--out", str(attestation))
            refused = early.result()
            self._stage.expect(
                refused.returncode == 1, "approvals", "a bundle left the house before two people approved it"
            )
            list(pool.map(lambda name: self._approve(name, referral), APPROVERS))
            trust = pool.submit(self._run, "referral", "trust")
            self._run("referral", "export", referral, "--out", sealed)
            (self._desk / "trust.json").write_text(trust.result().stdout)
        self._outcome.referred = f"sealed for the {AGENCY}, after {' and '.join(APPROVERS)} had signed"

    def _approve(self, name: str, referral: str) -> None:
        approval = str(self._desk / f"{name}.approval")
        key = str(self._desk / name)
        self._run("approver", "sign", str(self._desk / "attestation"), "--key", key, "--out", approval, "--yes")
        self._run("referral", "approve", referral, approval)

    def _run(self, *arguments: str) -> _Process:
        """A command of ours, as the operator types it."""
        return self._done(self._stage.town.nightlight.run(*arguments))

    async def _stranger_checks(self) -> None:
        await asyncio.to_thread(self._check_as_a_stranger)

    def _check_as_a_stranger(self) -> None:
        desk = self._desk
        bent = bytearray((desk / "case.bundle.age").read_bytes())
        bent[len(bent) // 2] ^= 1
        (desk / "bent").write_bytes(bent)
        keys = ("--identity", "identity", "--trust", "trust.json")
        with ThreadPoolExecutor(2) as pool:
            followed = pool.submit(self._follow)
            checked = pool.submit(
                self._stranger, "verify", "case.bundle.age", *keys, "--html", "case.html", "--json"
            ).result()
            refused = pool.submit(self._stranger, "verify", "bent", *keys).result()
            self._outcome.followed = followed.result()
        self._stage.expect(refused.returncode == 1, "the bundle", "a bundle with one bit changed was accepted")
        report = json.loads(self._done(checked).stdout)
        texts = [message["content"]["body"] for message in report["messages"] if message["proven"]]
        self._stage.expect(sorted(texts) == sorted([CONTEXT, REPORTED, "shape.png"]), "the bundle", str(texts))
        held = sum(1 for step in report["steps"] if step["held"])
        self._outcome.checked = (
            f"{len(texts)} of {len(texts)} messages proven; {held} checks held, {len(report['steps']) - held} left "
            f"open (a time-stamp, the file itself); {len(report['not_proven'])} things named that are not proven"
        )

    def _follow(self) -> str:
        """Follows the log twice: the second time there is something to compare with."""
        for _ in range(2):
            url = self._stage.town.nightlight.url
            followed = self._done(self._stranger("log", "follow", url, "--once", "--state", "log.json"))
        return " ".join(followed.stderr.split())

    def _stranger(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A process that knows nothing of us: no settings, no data folder, an empty environment."""
        return subprocess.run(
            [sys.executable, "-m", "nightlight.cli.main", *arguments],
            cwd=self._desk,
            env={"PATH": os.environ.get("PATH", ""), "COLUMNS": "400"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _done(self, process: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
        self._stage.expect(process.returncode == 0, " ".join(process.args), process.stderr)
        return process
