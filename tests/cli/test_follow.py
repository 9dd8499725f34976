"""Following a log from outside: honest growth is quiet, forks and rollbacks are shouted, and proof of them is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from nightlight.adapters.transparency.client import LogClient
from nightlight.cli.follower import Follower
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.checkpoint import LogKey, LogSigner, open_checkpoint
from nightlight.evidence.log import LogKind
from nightlight.flows.transparency import Transparency
from nightlight.store.database import Database
from nightlight.web.api.log import log_router
from tests.cli.conftest import Run
from tests.databases import LOG_KEY
from tests.loopback import served

SIGNER = LogSigner("log.test", Ed25519PrivateKey.from_private_bytes(b"l" * 32))


class Log:
    """A log that can be rolled back, forked and given another key, all behind one address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = SIGNER
        self.store = self._open("honest")
        self.broken: Response | None = None

    def _open(self, name: str) -> Database:
        store = Database(f"sqlite:///{self.folder / name}.sqlite3", LOG_KEY)
        store.migrate()
        return store

    def grow(self, count: int = 3, actor: str = "robin") -> None:
        with self.store.write() as tx:
            for number in range(count):
                tx.log(number, LogKind.CASE_VIEWED, actor, f"case_{number}", {})

    def swap(self, name: str, copy_of: str | None = None) -> None:
        self.store.close()
        if copy_of:
            shutil.copy(self.folder / f"{copy_of}.sqlite3", self.folder / f"{name}.sqlite3")
        self.store = self._open(name)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def answer(request, call_next):  # type: ignore[no-untyped-def]
            return self.broken or await call_next(request)

        app.include_router(log_router(_Current(self)))  # type: ignore[arg-type]
        return app


class _Current:
    """The log's transparency, whatever it is at the moment."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __getattr__(self, name: str) -> object:
        return getattr(Transparency(self._log.store, self._log.signer), name)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@pytest.fixture
def url(log: Log) -> Iterator[str]:
    with served(log.app()) as url:
        yield url


@contextmanager
def following(url: str, path: Path, key: LogKey | None = None) -> Iterator[Follower]:
    follower = Follower(LogClient(url), path, key)
    yield follower
    follower.close()


def caught(follower: Follower) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        follower.look()
    return refused.value


def test_honest_growth_is_followed_across_restarts(log: Log, url: str, tmp_path: Path) -> None:
    path = tmp_path / "state" / "log.json"
    for count in (3, 5, 0):
        log.grow(count) if count else None
        with following(url, path) as follower:
            follower.look()
    with following(url, path) as follower:
        assert follower.look() == "log.test: 8 entries, unchanged."


def test_rollback_is_shouted_and_both_checkpoints_are_kept(log: Log, url: str, tmp_path: Path) -> None:
    log.grow(3)
    log.swap("later", copy_of="honest")
    log.grow(3)
    with following(url, tmp_path / "log.json") as follower:
        follower.look()
        log.swap("honest")
        error = caught(follower)
        assert error.code == "log_rolled_back"
        (kept,) = tmp_path.glob("log-caught-*.json")
        said = json.loads(kept.read_text())
        sizes = [open_checkpoint(said[which], [LogKey.parse(said["key"])]).size for which in ("seen", "new")]
        assert sizes == [6, 3]
        assert caught(follower).code == "log_rolled_back"  # what was seen is not forgotten by being denied


@pytest.mark.parametrize("more", [0, 4])
def test_fork_is_shouted(log: Log, url: str, tmp_path: Path, more: int) -> None:
    log.grow(3)
    log.swap("fork", copy_of="honest")
    log.grow(2, actor="robin")
    with following(url, tmp_path / "log.json") as follower:
        follower.look()
        log.swap("honest")
        log.grow(2 + more, actor="nobody")
        assert caught(follower).code == "log_forked"


def test_split_view_shows_when_two_followers_compare(log: Log, url: str, tmp_path: Path) -> None:
    """Each is shown a log of its own; the state file of one catches the log in front of the other."""
    log.grow(3)
    with following(url, tmp_path / "one.json") as one:
        one.look()
    log.swap("other")
    log.grow(3, actor="somebody else")
    with following(url, tmp_path / "two.json") as two:
        two.look()
    with following(url, tmp_path / "one.json") as one:
        assert caught(one).code == "log_forked"


def test_checkpoint_by_an_unknown_key_is_refused(log: Log, url: str, tmp_path: Path) -> None:
    log.grow()
    with following(url, tmp_path / "log.json") as follower:
        follower.look()
        log.signer = LogSigner("log.test", Ed25519PrivateKey.from_private_bytes(b"x" * 32))
        assert caught(follower).code == "checkpoint_unknown_key"


def test_key_that_was_published_is_held_against_the_first_look(log: Log, url: str, tmp_path: Path) -> None:
    log.grow()
    other = LogSigner("log.test", Ed25519PrivateKey.from_private_bytes(b"x" * 32)).key
    with following(url, tmp_path / "log.json", other) as follower:
        assert caught(follower).code == "checkpoint_unknown_key"
    assert not (tmp_path / "log.json").exists()
    with following(url, tmp_path / "log.json", SIGNER.key) as follower:
        follower.look()
    with pytest.raises(RefusedError) as refused:
        Follower(LogClient(url), tmp_path / "log.json", other)
    assert refused.value.code == "log_key_changed"


def test_lying_proof_is_a_fork(log: Log, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.grow()
    with following(url, tmp_path / "log.json") as follower:
        follower.look()
        log.grow()
        monkeypatch.setattr(LogClient, "consistency", lambda *_: [bytes(32)])
        assert caught(follower).code == "log_forked"


@pytest.mark.parametrize(
    "answer",
    [
        RedirectResponse("http://elsewhere.example/"),
        PlainTextResponse("x" * 100_000),
        PlainTextResponse("", 500),
        PlainTextResponse("", 404),
    ],
    ids=["redirect", "endless", "error", "missing"],
)
def test_log_that_answers_nonsense_is_unavailable_and_nothing_is_forgotten(
    log: Log, url: str, tmp_path: Path, answer: Response
) -> None:
    log.grow()
    with following(url, tmp_path / "log.json") as follower:
        follower.look()
        before = (tmp_path / "log.json").read_bytes()
        log.broken = answer
        with pytest.raises(UnavailableError):
            follower.look()
        assert (tmp_path / "log.json").read_bytes() == before
        log.broken = None
        follower.look()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"key": 5, "checkpoint": 5}', "\xff"])
def test_damaged_state_is_not_taken_for_a_first_look(url: str, tmp_path: Path, content: str) -> None:
    (tmp_path / "log.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RefusedError) as refused:
        Follower(LogClient(url), tmp_path / "log.json", None)
    assert refused.value.code == "state_damaged"


def test_command_ends_with_a_status_of_its_own_when_the_log_is_caught(
    log: Log, url: str, run: Run, tmp_path: Path
) -> None:
    log.grow(3)
    log.swap("later", copy_of="honest")
    log.grow(2)
    arguments = ("log", "follow", url, "--once", "--state", "state.json")
    first = run(*arguments)
    assert (first.returncode, "5 entries, seen for the first time" in first.stderr) == (0, True)
    assert run(*arguments).returncode == 0
    log.swap("honest")
    done = run(*arguments)
    assert done.returncode == 3
    assert "CAUGHT" in done.stderr
    assert "state-caught-" in done.stderr
    assert run("log", "follow", "http://127.0.0.1:1", "--once", "--state", "other.json").returncode == 75
