"""From one period to another: only over forces that answered for both, because forces differ from year to year."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from nightlight.insight.caveats import Caveat, CaveatCode, unknown_share
from nightlight.insight.period import UNSTATED, Period
from nightlight.insight.platforms import Platforms
from nightlight.insight.shares import Figure, Refusal, owner_figure, platform_figure
from nightlight.insight.tally import Tally
from nightlight.insight.wilson import newcombe

#: From here on, a change in what is unknown may by itself look like a change in a share.
UNKNOWN_MOVED = 0.1


@dataclass(frozen=True, slots=True)
class Change:
    """``difference``: the later share less the earlier one, between -1 and 1, with limits of 95 %; None where a share
    is not stated exactly. ``forces``: those that answered for both periods; figures are of these alone.
    """

    name: str
    forces: frozenset[str]
    earlier: Figure
    later: Figure
    difference: float | None
    low: float
    high: float
    caveats: tuple[Caveat, ...] = ()

    @property
    def certain(self) -> bool:
        """Chance alone does not explain it."""
        return self.low > 0 or self.high < 0


def following(period: Period, periods: Collection[Period]) -> Period | None:
    """The next of ``periods``: what begins when this one ends comes first, then what is as long, then what is near.

    Forces may answer for overlapping years, some of the calendar and some of the budget; each follows its own kind.
    """
    later = [one for one in periods if one.first > period.last]
    length = period.last - period.first
    return min(
        later,
        key=lambda one: (one.first != period.last + 1, one.last - one.first != length, one.first, one.last),
        default=None,
    )


def platform_change(name: str, earlier: Tally, later: Tally) -> Change | Refusal:
    """How the share of a platform changed; a ``Refusal`` where that cannot be said."""
    return _change(name, earlier, later, lambda tally: platform_figure(tally, name))


def owner_change(owner: str, table: Platforms, earlier: Tally, later: Tally) -> Change | Refusal:
    """How the share of an owner changed, with what it owned in each of the periods."""
    return _change(owner, earlier, later, lambda tally: owner_figure(tally, table, owner))


def _change(name: str, earlier: Tally, later: Tally, figure: Callable[[Tally], Figure | Refusal]) -> Change | Refusal:
    refusal = incomparable(name, earlier, later)
    if refusal is not None:
        return refusal
    forces = earlier.forces & later.forces
    earlier, later = earlier.only(forces), later.only(forces)
    before, after = figure(earlier), figure(later)
    if isinstance(before, Refusal):
        return before
    if isinstance(after, Refusal):
        return after
    if before.share is None or after.share is None:
        difference, low, high = None, after.low - before.high, after.high - before.low
    else:
        difference = after.share - before.share
        low, high = newcombe(before.share, (before.low, before.high), after.share, (after.low, after.high))
    return Change(name, forces, before, after, difference, low, high, _caveats(earlier, later))


def incomparable(name: str, earlier: Tally, later: Tally) -> Refusal | None:
    """Why nothing in two tallies can be compared, said of one name; None if it can."""
    forces = earlier.forces & later.forces
    if not forces:
        return Refusal(name, "no_common_force", f"No change of {name}: no force answered for both periods.")
    if len(earlier.periods) != 1 or len(later.periods) != 1:
        return Refusal(name, "periods_mixed", f"No change of {name}: on both sides belongs one period.")
    (before,), (after,) = earlier.periods, later.periods
    if UNSTATED in (before, after):
        return Refusal(name, "period_not_stated", f"No change of {name}: a period is not stated.")
    if before.last >= after.first:
        return Refusal(name, "periods_overlap", f"No change of {name}: {before} does not end before {after} begins.")
    if len(earlier.offence_groups) != 1 or earlier.offence_groups != later.offence_groups:
        return Refusal(
            name, "groups_differ", f"No change of {name}: on both sides belongs one group of offences, the same."
        )
    return None


def _caveats(earlier: Tally, later: Tally) -> tuple[Caveat, ...]:
    return (*period_caveats(min(earlier.periods), min(later.periods)), *_about_unknown(earlier, later))


def period_caveats(before: Period, after: Period) -> tuple[Caveat, ...]:
    """What has to be said where one period does not follow the other as one year does another."""
    said = []
    if after.first != before.last + 1:
        months = after.first - before.last - 1
        gap = "lies a month" if months == 1 else f"lie {months} months"
        said.append(Caveat(CaveatCode.PERIODS_APART, f"Between {before} and {after} {gap} without figures here."))
    if after.last - after.first != before.last - before.first:
        said.append(Caveat(CaveatCode.PERIODS_UNEQUAL, f"{before} and {after} are not of the same length."))
    return tuple(said)


def _about_unknown(earlier: Tally, later: Tally) -> tuple[Caveat, ...]:
    before, after = unknown_share(earlier), unknown_share(later)
    if before is None or after is None or abs(after - before) < UNKNOWN_MOVED:
        return ()
    return (
        Caveat(
            CaveatCode.UNKNOWN_MOVED,
            f"For {100 * before:.0f} % of the earlier and {100 * after:.0f} % of the later offences no platform is "
            "known: the way of recording may have changed rather than the offences.",
        ),
    )
