"""Reports, what reviewers find, bans, and the end of a ban that was wrong."""

from __future__ import annotations

from nightlight.model.event import EventKind
from nightlight.town.contact import Contact
from nightlight.town.parameters import DAY_MS, HOUR_MS
from nightlight.town.rhythm import hour_of_day
from nightlight.town.roles import Role
from nightlight.town.world import World

#: Shares, invented: proofs among reports about harm; violations found in them; bans that are undone.
_PROVEN = 0.6
_VIOLATION_IF_PROVEN, _VIOLATION_IF_NOT = 0.85, 0.2
_SPAM_VIOLATION = 0.7
_UNDONE = 0.03


class Consequences:
    def __init__(self, world: World, contact: Contact) -> None:
        self._world = world
        self._contact = contact
        contact.on_unwanted.append(self._unwanted)
        contact.on_connected.append(self._connected)

    def report(self, reporter: int, reported: int, category: str) -> None:
        world = self._world
        people, dice = world.people, world.dice
        if people.banned[reporter] or people.banned[reported]:
            return
        world.record(EventKind.REPORT_MADE, reporter, reported, word=category)
        if people.role[reported] == Role.SPAMMER:
            outcome = "violation" if dice.random() < _SPAM_VIOLATION else "inconclusive"
        elif people.is_harmful(reported):
            proven = dice.random() < _PROVEN
            if proven:
                world.after(0.02, 1, self._verified, reporter, reported, category)
            chance = _VIOLATION_IF_PROVEN if proven else _VIOLATION_IF_NOT
            outcome = "violation" if dice.random() < chance else "inconclusive"
        else:
            if dice.random() < 0.3:
                world.after(0.02, 1, self._verified, reporter, reported, category)
            outcome = dice.choices(("no_violation", "inconclusive", "violation"), (80, 18, 2))[0]
        world.after(3, 96, self._decide, reporter, reported, outcome)

    def _verified(self, reporter: int, reported: int, category: str) -> None:
        self._world.record(EventKind.REPORT_VERIFIED, reporter, reported, word=category)

    def _decide(self, reporter: int, reported: int, outcome: str) -> None:
        world = self._world
        if world.people.banned[reported]:
            return
        world.record(EventKind.DECISION_MADE, world.staff, reported, word=outcome)
        if outcome == "no_violation":
            world.record(EventKind.REPORT_DISMISSED, reporter, reported)
        elif outcome == "violation" and world.people.role[reported] in (Role.SPAMMER, Role.HARMFUL):
            world.after(0.2, 24, self._ban, reported)

    def _ban(self, person: int) -> None:
        world = self._world
        if world.people.banned[person]:
            return
        world.record(EventKind.ACCOUNT_BANNED, person)
        world.set_banned(person, True)
        if world.dice.random() < _UNDONE:
            world.after(72, 480, self._unban, person)
            return
        for told in world.on_ban:
            told(person)

    def _unban(self, person: int) -> None:
        self._world.record(EventKind.ACCOUNT_UNBANNED, person)
        self._world.set_banned(person, False)

    def _unwanted(self, asker: int, asked: int) -> None:
        people, dice = self._world.people, self._world.dice
        if people.role[asker] == Role.SPAMMER:
            if dice.random() < 0.12:
                self.report(asked, asker, "spam")
        elif people.is_harmful(asker) and dice.random() < 0.05:
            self.report(asked, asker, dice.choice(("grooming", "harassment", "other")))

    def _connected(self, asker: int, asked: int, edge: int) -> None:
        """What comes of a new chat with somebody who means harm: much talk, and sometimes a block and a report."""
        world, dice = self._world, self._world.dice
        if not world.people.is_harmful(asker) or not world.people.young[asked]:
            return
        world.ties.weight[edge] = 0.0  # how much they talk is said here
        for day in range(dice.randint(2, 6)):
            midnight = world.now // DAY_MS * DAY_MS + day * DAY_MS
            hours = {hour_of_day(dice.random(), young=True, weekend=False) for _ in range(dice.randint(1, 5))}
            for hour in sorted(hours):
                # Counted when the hour is over, a little later than the hour itself.
                moment = midnight + (hour + 1) * HOUR_MS + dice.randrange(1, 60_000)
                if moment > world.now + HOUR_MS:
                    world.at(moment, self._contact.talk, asker, asked, edge, int(dice.paretovariate(1.1) * 25) % 900)
        if dice.random() < 0.3:
            world.after(30, 240, self._turn_away, asked, asker)

    def _turn_away(self, child: int, other: int) -> None:
        dice = self._world.dice
        if self._world.people.banned[other]:
            return
        if dice.random() < 0.6:
            self.report(child, other, dice.choices(("grooming", "sextortion", "threat", "other"), (5, 2, 1, 3))[0])
        if dice.random() < 0.8:
            self._contact.block(child, other)
