"""What detection says: signals of rules about accounts, and alerts that bring them before people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.model.contact import SignalFamily


class RuleMode(StrEnum):
    """What a rule may do."""

    #: Its signals count.
    LIVE = "live"
    #: Its signals are written down and change nothing for anybody.
    SHADOW = "shadow"
    #: It is not looked at: it went wrong, or somebody stopped it.
    PAUSED = "paused"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule's condition held at event ``number``. Times in milliseconds since 1970, UTC.

    ``about``: the account's keyed number. ``until``: when it stops to count. ``values``: of the features that the
    condition asked for. ``outcome``: what reviewers found later, as in ``decision.made``; empty: nothing yet.
    """

    number: int
    rule: str
    about: int
    account: str
    raised_at: int
    until: int
    family: SignalFamily
    severity: Severity
    mode: RuleMode
    pack: str
    reason: str
    values: Mapping[str, float] = field(default_factory=dict)
    outcome: str = ""


class AlertKind(StrEnum):
    #: Two independent families of signals agree about one account.
    WATCH = "watch"
    #: Several accounts are joined by devices, numbers, victims or rooms.
    RING = "ring"


class AlertState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people should look at. Nothing in it is proven.

    ``identity``: the keyed number of the account, or what a ring is known again by. ``accounts``: those it is about.
    ``detail``: of a ring, its members and joints.
    """

    alert_id: str
    kind: AlertKind
    identity: int
    accounts: tuple[str, ...]
    opened_at: int
    changed_at: int
    state: AlertState
    case_id: str | None
    reasons: tuple[str, ...]
    detail: Mapping[str, object] = field(default_factory=dict)


class ChangeKind(StrEnum):
    """How the rules in force were changed."""

    ADOPTED = "adopted"
    PROPOSED_LIVE = "proposed_live"
    WENT_LIVE = "went_live"
    TO_SHADOW = "to_shadow"
    PAUSED = "paused"
    PAUSED_ITSELF = "paused_itself"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One change, with everything that held after it. ``modes``: of rules that are not in shadow, by id and meaning."""

    number: int
    at: int
    kind: ChangeKind
    rule: str
    by: str
    note: str
    pack: str
    modes: Mapping[str, RuleMode]
    #: Rules that somebody proposed to make live: by id and meaning, who it was.
    proposed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BacktestRecord:
    """That a backtest of these rules was run: what promotion asks for. ``rules``: their meanings, by id."""

    at: int
    by: str
    pack: str
    rules: Mapping[str, str]
    summary: Mapping[str, object]
