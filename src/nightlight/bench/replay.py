"""Replaying a contact policy over recorded decisions, as ``nightlight policy replay`` does it."""

from __future__ import annotations

import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nightlight.adapters.people_seal import PeopleSeal
from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.cli.data import preset
from nightlight.flows.people import People
from nightlight.flows.policy_book import PolicyBook
from nightlight.flows.replay_policy import Against, PolicyReplay
from nightlight.model.account import AgeBand
from nightlight.model.contact import Approach, ContactFacts, DecidedContact, Direction, Relation
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.facts import facts_from_bytes, facts_to_bytes
from nightlight.prevent.names import NameKey
from nightlight.prevent.policy_file import read_policy
from nightlight.store.database import Database

DECISIONS = 200_000
ACCOUNTS = 50_000
ROUNDS = 3
_START = 1_790_000_000_000
_SPACING_MS = 2_000
_CHUNK = 5_000


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as folder:
        store = Database(f"sqlite:///{Path(folder) / 'replay.sqlite3'}", bytes(32))
        store.migrate()
        people = People(NameKey(bytes(32)), PeopleSeal(bytes(32)))
        progress(f"replay, recording {DECISIONS:,} decisions")
        one, other = (CompiledPolicy(read_policy(preset(name)).policy) for name in ("teen-default", "strict"))
        sample = _record(store, people, one)
        progress("replay, replaying")
        replay = PolicyReplay(store, people, PolicyBook(store, preset("teen-default"), lambda _change: None))
        end = _START + DECISIONS * _SPACING_MS
        rates, grown = [], 0
        for _ in range(ROUNDS):
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            start = time.perf_counter()
            report = replay.run(other, Against(one), _START, end)
            rates.append(report.decisions / (time.perf_counter() - start) * 60)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        assert report.decisions == DECISIONS  # noqa: S101 - a bench that replays nothing would be fast
        beside = {
            "decisions": float(DECISIONS),
            "changed": float(report.changed),
            "deciding_once_us": _each(lambda _, facts: one.decide(facts), people, sample),
            "opening_the_facts_us": _each(lambda made, _: _opened(people, made), people, sample),
            "more_memory_in_the_last_round_kb": float(grown),
        }
        store.close()
    return [Figure("policy_replay", statistics.median(rates), "decisions/min", 1_000_000, "higher", beside)]


def _record(store: Database, people: People, policy: CompiledPolicy) -> list[DecidedContact]:
    """Decisions of every kind, as the service writes them: sealed facts, one row each."""
    draw = random.Random(1)  # noqa: S311 - the same world in every run
    sample: list[DecidedContact] = []
    for first in range(0, DECISIONS, _CHUNK):
        made = [_decision(number, draw, people, policy) for number in range(first, min(first + _CHUNK, DECISIONS))]
        sample = sample or made
        with store.write() as tx:
            tx.add_contact_decisions(made)
    return sample


def _decision(number: int, draw: random.Random, people: People, policy: CompiledPolicy) -> DecidedContact:
    actor, target = draw.sample(range(ACCOUNTS), 2)
    bands = list(AgeBand)
    facts = ContactFacts(
        draw.choice(list(Direction)),
        bands[actor % len(bands)],
        bands[target % len(bands)],
        draw.choice(list(Relation)),
        account_age=draw.randrange(10_000),
        minor_refusals=int(draw.random() < 0.02),
        mutual_connections=draw.randrange(3),
        limits=tuple((limit.id, 0) for limit in policy.policy.limits),
    )
    decision_id, decided = f"cd_{number:024x}", policy.decide(facts)
    return DecidedContact(
        decision_id,
        _START + number * _SPACING_MS,
        Approach(f"@account{actor}:home.test", f"@account{target}:home.test", facts.direction, "!room:home.test"),
        decided.outcome,
        decided.reasons,
        decided.notices,
        0,
        decided.policy,
        people.seal.close(f"facts/{decision_id}", facts_to_bytes(facts)),
    )


def _opened(people: People, made: DecidedContact) -> ContactFacts:
    return facts_from_bytes(people.seal.open(f"facts/{made.decision_id}", made.facts))


def _each(
    call: Callable[[DecidedContact, ContactFacts], object], people: People, sample: Sequence[DecidedContact]
) -> float:
    """Microseconds of one call, by the mean over the sample."""
    pairs = [(made, _opened(people, made)) for made in sample]
    start = time.perf_counter()
    for made, facts in pairs:
        call(made, facts)
    return (time.perf_counter() - start) / len(pairs) * 1e6


BENCH = Bench("replay", "Another contact policy over recorded decisions, facts unsealed one by one.", _measure)
