"""Answers of invented forces, and the table of platforms that comes along."""

from __future__ import annotations

from collections.abc import Iterable

from nightlight.cli.data import shipped_platforms
from nightlight.insight.offences import Answer, Count, Offence, Offences
from nightlight.insight.period import Period, read_period
from nightlight.insight.platforms import read_platforms
from nightlight.insight.shares import Figure, Shares, shares_of
from nightlight.insight.span import Span, exactly
from nightlight.insight.tally import Tally

TABLE = read_platforms(shipped_platforms())
YEAR = read_period("2019-10/2020-09")
NEXT_YEAR = read_period("2020-10/2021-09")
GROUP = "indecent_images"


def offence(cell: str, force: str = "Northshire", period: Period = YEAR) -> Offence:
    return Offence.of_cell(force, period, GROUP, TABLE.read_cell(cell))


def count(platform: str, number: int | Span, force: str = "Northshire", period: Period = YEAR) -> Count:
    return Count(force, period, GROUP, platform, number if isinstance(number, Span) else exactly(number))


def tally_of(rows: Iterable[Offence | Count | Answer]) -> Tally:
    offences = Offences()
    offences.add_all(rows)
    return offences.tally()


def shares(rows: Iterable[Offence | Count | Answer]) -> Shares:
    return shares_of(tally_of(rows), TABLE)


def figure(shown: Shares, name: str) -> Figure:
    return next(one for one in (*shown.platforms, *shown.owners) if one.name == name)
