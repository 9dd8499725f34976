"""A town from its first day to its last: blocks of events, and at the end who was who."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from nightlight.town.consequences import Consequences
from nightlight.town.contact import Contact
from nightlight.town.conversations import Conversations
from nightlight.town.everyday import Everyday
from nightlight.town.journal import BLOCK_ROWS, Block, Journal
from nightlight.town.parameters import DAY_MS, HOUR_MS, Parameters
from nightlight.town.rhythm import WEEKDAYS
from nightlight.town.settlement import settle
from nightlight.town.strategies import Strategies
from nightlight.town.world import World


class Town:
    """``blocks`` is read once, from beginning to end; ``world`` is then as it was on the last day."""

    def __init__(self, parameters: Parameters, *, block_rows: int = BLOCK_ROWS) -> None:
        self.parameters = parameters
        self.journal = Journal(parameters.seed, parameters.events, parameters.doubled, block_rows)
        self.world = World(parameters, self.journal)
        self.town = settle(self.world)
        self._contact = Contact(self.world)
        consequences = Consequences(self.world, self._contact)
        self._everyday = Everyday(self.world, self.town, self._contact, consequences)
        self.strategies = Strategies(self.world, self._contact)
        self._conversations = Conversations(self.world)

    def blocks(self) -> Iterator[Block]:
        """The events in their order, ``parameters.events`` of them."""
        parameters, journal = self.parameters, self.journal
        starts = [parameters.start_ms + day * DAY_MS for day in range(parameters.days)]
        weights = [WEEKDAYS[datetime.fromtimestamp(start / 1000, UTC).weekday()] for start in starts]
        #: Copies come on top of the events; a few more are made on the last day than will be needed.
        wanted = parameters.events / (1 + parameters.doubled)
        besides = 0.0
        reached = 0.0
        for day, start in enumerate(starts):
            reached += weights[day] / sum(weights)
            last = day == len(starts) - 1
            missing = wanted * reached - journal.events
            before = journal.events
            talk = max(0, int(missing * 1.25 + 200 if last else missing - besides))
            said = self._live(start, talk)
            besides = 0.7 * besides + 0.3 * (journal.events - before - said) if day else journal.events - before - said
            yield from journal.blocks()
            if journal.full:
                return
        # Whoever draws the same pair twice in an hour is counted once: what is missing is said in a last hour.
        while journal.events < wanted + 1:
            end = max(self.journal.t, starts[-1] + DAY_MS)
            self._live(end // DAY_MS * DAY_MS + DAY_MS, int((wanted - journal.events) * 1.2) + 200)
        yield from journal.blocks(last=True)

    def _live(self, start: int, talk: int) -> int:
        """One day. Returns how many rows of talk there were."""
        world = self.world
        weekend = datetime.fromtimestamp(start / 1000, UTC).weekday() >= 5
        self._everyday.plan(start)
        self.strategies.plan(start)
        day = self._conversations.day(talk, weekend=weekend)
        said = 0
        for hour in range(24):
            end = start + (hour + 1) * HOUR_MS
            world.live_until(end)
            before = self.journal.events
            self._conversations.flush(day, hour, end)
            said += self.journal.events - before
        world.rooms.drop_empty_seats()
        return said

    def counts(self) -> dict[str, int]:
        """Of the accounts by role, of those that do harm by strategy."""
        from nightlight.town.roles import STRATEGIES, Role

        people = self.world.people
        roles = Counter(Role(role).name.lower() for role in people.role)
        strategies = Counter(f"harmful: {STRATEGIES[one].value}" for one in people.strategy if one)
        return {**dict(sorted(roles.items())), **dict(sorted(strategies.items()))}
