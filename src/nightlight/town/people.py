"""Accounts and what is known of each: arrays that grow with people, never with events."""

from __future__ import annotations

from array import array

from nightlight.detect.fields import Type, code
from nightlight.town.roles import STRATEGIES, Role, Strategy

UNDER_13, AGE_13_15, AGE_16_17, ADULT, UNKNOWN = (
    code(Type.BAND, band) for band in ("under_13", "13_15", "16_17", "adult", "unknown")
)


class People:
    """An account is its index. ``band``: as the platform knows it; ``young``: whether it is a child's in truth."""

    def __init__(self) -> None:
        self.created = array("q")
        self.band = array("b")
        self.young = array("b")
        self.banned = array("b")
        self.role = array("b")
        self.strategy = array("b")
        self.ring = array("i")
        #: Several accounts may be one human's.
        self.human = array("i")
        #: Those of children, to choose from.
        self.children: list[int] = []
        self.adults: list[int] = []

    def __len__(self) -> int:
        return len(self.created)

    def add(
        self,
        created: int,
        band: int,
        role: Role,
        *,
        young: bool,
        strategy: Strategy = Strategy.NONE,
        ring: int = 0,
        human: int = -1,
    ) -> int:
        account = len(self.created)
        self.created.append(created)
        self.band.append(band)
        self.young.append(young)
        self.banned.append(0)
        self.role.append(role)
        self.strategy.append(STRATEGIES.index(strategy))
        self.ring.append(ring)
        self.human.append(account if human < 0 else human)
        (self.children if young else self.adults).append(account)
        return account

    def is_harmful(self, account: int) -> bool:
        return self.role[account] == Role.HARMFUL
