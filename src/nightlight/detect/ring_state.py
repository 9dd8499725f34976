"""What rings are worked out from while events come: the graph, who is banned, and who was found in violation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nightlight.detect.definitions import LIFETIME_MAX_MS, Purpose
from nightlight.detect.fields import Seen, Type, code
from nightlight.detect.ring import Facts
from nightlight.detect.rings import Rings
from nightlight.errors import RefusedError
from nightlight.model.account import AgeBand
from nightlight.model.event import EventKind

#: Kinds of events that say something about rings; no other has to be read.
KINDS = frozenset(
    {
        EventKind.ACCOUNT_DEVICE,
        EventKind.ACCOUNT_NUMBER,
        EventKind.ACCOUNT_BANNED,
        EventKind.ACCOUNT_UNBANNED,
        EventKind.CONTACT_DECLINED,
        EventKind.CONTACT_BLOCKED,
        EventKind.CONTACT_UNBLOCKED,
        EventKind.ROOM_JOINED,
        EventKind.REPORT_MADE,
        EventKind.REPORT_VERIFIED,
        EventKind.REPORT_DISMISSED,
        EventKind.DECISION_MADE,
    }
)
#: How long it counts that reviewers found a violation, milliseconds after they did.
VIOLATION_MS = LIFETIME_MAX_MS[Purpose.REPORTS]

_BANNED = code(Type.KIND, EventKind.ACCOUNT_BANNED.value)
_UNBANNED = code(Type.KIND, EventKind.ACCOUNT_UNBANNED.value)
_DECIDED = code(Type.KIND, EventKind.DECISION_MADE.value)
_VIOLATION = code(Type.WORD, "violation")
_NO_VIOLATION = code(Type.WORD, "no_violation")
_MAGIC = b"nightlight-ring-state-1\n"
_CHECKSUM = 32


@dataclass(slots=True)
class RingState:
    """``number``: of the last event that it has seen. ``violations``: by account, when reviewers found one (ms)."""

    rings: Rings = field(default_factory=Rings)
    number: int = 0
    banned: set[int] = field(default_factory=set)
    violations: dict[int, int] = field(default_factory=dict)

    def see(self, events: Iterable[Seen]) -> None:
        """Events in the order of the log. One that is older than the last look counts as of that look."""
        last = self.rings.last_t
        seen = [one if one.t >= last else one._replace(t=last) for one in events]
        self.rings.add_batch(seen)
        for one in seen:
            if one.kind == _BANNED:
                self.banned.add(one.actor)
            elif one.kind == _UNBANNED:
                self.banned.discard(one.actor)
            elif one.kind == _DECIDED and one.word == _VIOLATION:
                self.violations[one.target] = one.t
            elif one.kind == _DECIDED and one.word == _NO_VIOLATION:
                self.violations.pop(one.target, None)

    def rebuild(self, now: int) -> None:
        """Lets go of everything that is over. To be called at least daily."""
        self.rings.rebuild(max(now, self.rings.last_t))
        self.violations = {one: t for one, t in self.violations.items() if now - t < VIOLATION_MS}

    def forget(self, accounts: Iterable[int]) -> None:
        """Nothing is known of these accounts any longer."""
        gone = list(accounts)
        self.rings.forget(*gone)
        self.banned.difference_update(gone)
        for one in gone:
            self.violations.pop(one, None)

    def facts(self, now: int, band: Callable[[int], AgeBand]) -> Mapping[int, Facts]:
        """Of every account; walked through, only of those that are banned or were found in violation."""
        return _FactsAt(self, now, band)

    def to_bytes(self, now: int) -> bytes:
        """With a checksum over all of it."""
        self.rebuild(now)
        known = {
            "number": self.number,
            "banned": sorted(self.banned),
            "violations": sorted(self.violations.items()),
        }
        body = _MAGIC + json.dumps(known).encode() + b"\n" + self.rings.snapshot(self.rings.last_t)
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> RingState:
        """``RefusedError('rings_snapshot')``: damaged, or of another version; the log gives the state again."""
        body, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
        if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != checksum:
            raise RefusedError("rings_snapshot", "The snapshot of rings is damaged or of another version.")
        line, _, rest = body[len(_MAGIC) :].partition(b"\n")
        known = json.loads(line)
        return cls(Rings.restored(rest), known["number"], set(known["banned"]), dict(known["violations"]))


class _FactsAt(Mapping[int, Facts]):
    def __init__(self, state: RingState, now: int, band: Callable[[int], AgeBand]) -> None:
        self._banned, self._band = state.banned, band
        self._violations = {one for one, t in state.violations.items() if now - t < VIOLATION_MS}

    def __getitem__(self, account: int) -> Facts:
        return Facts(self._band(account), account in self._banned, account in self._violations)

    def __iter__(self) -> Iterator[int]:
        return iter(self._banned | self._violations)

    def __len__(self) -> int:
        return len(self._banned | self._violations)
