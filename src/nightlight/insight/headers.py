"""What the words above a column mean. Words that are not listed mean nothing: a person says so in the mapping."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.insight.cells import without_footnote
from nightlight.insight.dates import read_written_period
from nightlight.insight.period import Period
from nightlight.insight.platforms import OTHER, UNKNOWN, Platforms
from nightlight.insight.spelling import key_of, shown


class Role(StrEnum):
    """What a column is. The word that a mapping uses."""

    FORCE = "force"
    PERIOD = "period"
    DATE = "date"
    OFFENCE = "offence"
    #: What one row names: several platforms, or one.
    PLATFORMS = "platforms"
    PLATFORM = "platform"
    COUNT = "count"
    #: All offences, whatever their platform; those with a platform; those without.
    TOTAL = "total"
    KNOWN = "known"
    UNKNOWN = "unknown"
    #: A sum of the cells beside it: checked, never used.
    SUM = "sum"
    ANSWER = "answer"
    IGNORE = "ignore"


#: Columns that hold figures.
FIGURES = frozenset({Role.COUNT, Role.TOTAL, Role.KNOWN, Role.UNKNOWN, Role.SUM})
#: Columns that say what a line is about; cells that were merged hold for every line beside them.
ABOUT = frozenset({Role.FORCE, Role.PERIOD, Role.DATE, Role.OFFENCE, Role.PLATFORM, Role.PLATFORMS})

_PHRASES: dict[Role, str] = {
    Role.FORCE: "force, police force, police force name, force name, name of force, constabulary, police service, "
    "police, force area, police force area, police area, name of police force, police forces, forces, agency",
    Role.DATE: "date, date recorded, recorded date, offence date, date of offence, date reported, reported date, "
    "crime date, date created, created date, committed date, date committed, date of crime, crime recorded date, "
    "recorded on, date recorded on, date crime recorded, date offence recorded",
    Role.PERIOD: "period, time period, reporting period, financial year, fin year, year, fy, calendar year, quarter, "
    "month, year recorded, recorded year, financial year recorded, year ending, dates covered, period covered, "
    "month recorded, recorded month, year of offence, offence year, timeframe, time frame",
    Role.OFFENCE: "offence, offence type, type of offence, crime type, type of crime, offence group, offence category, "
    "offence description, offence name, offence title, offence class, offence classification, crime, crime category, "
    "crime group, crime description, category, category of offence, home office offence, ho offence, crime name, "
    "offence sub group, offence subgroup, offence code and title, ho offence description, description",
    Role.PLATFORMS: "platforms, platforms used, social media platforms, apps, apps used, sites used, websites, "
    "platforms involved, social media platforms used, online platforms, platforms recorded, social media sites, "
    "apps websites, platforms named, platforms mentioned, applications used, social media apps",
    Role.PLATFORM: "platform, platform used, social media, social media platform, social media platform used, app, "
    "app used, application, application used, website, site, social network, social media site, social media used, "
    "online platform, online platform used, platform name, name of platform, app name, app website, website app, "
    "social media app, platform recorded, platform type, communication platform, social media type, media platform, "
    "social networking site, site used, method platform, social media name, internet platform",
    Role.COUNT: "count, counts, number, no, number of offences, no of offences, offences, offence count, offences "
    "recorded, recorded offences, number of offences recorded, number of recorded offences, number of crimes, no of "
    "crimes, crimes, crime count, crimes recorded, recorded crimes, count of offences, count of crimes, frequency, "
    "volume, quantity, records, number of records, number of recorded crimes, number recorded, incidents, figure, "
    "total offences, total number of offences, total crimes, all offences, total recorded, total recorded offences, "
    "total no of offences, offences total, total offences recorded, count of crime number, no offences",
    Role.SUM: "total, totals, grand total, sum, overall, overall total, sub total, subtotal, total all platforms, "
    "all platforms, row total, total of all platforms",
    Role.KNOWN: "known, known platform, platform known, offences with a known platform, platform recorded total, "
    "with platform, total known, total with platform, total with known platform, known total, total where known, "
    "offences where platform known, offences where the platform is known",
    Role.ANSWER: "answer, response, reply, status, foi response, response status, outcome, foi outcome, "
    "force response, outcome of request, request status, result, response received, response type, foi status",
}
_ROLES = {phrase.strip(): role for role, phrases in _PHRASES.items() for phrase in phrases.split(",")}
_NUMBERED = re.compile(r"(platform|app|social media|site|social media platform)s? ?\d{1,2}")
_BRACKETS = re.compile(r"\((s|es)\)", re.IGNORECASE)
_PARTED = re.compile(r"[^\w]+|_")
#: Words of a header, among which the end of a period is looked for.
_WORDS_MAX = 12


@dataclass(frozen=True, slots=True)
class Column:
    """One column, understood. ``index`` counts from 0. ``words``: why it is taken for that.

    Of figures: ``platform``, a name in the table, ``other``, ``unmatched`` or none, with its ``spelling``; and the
    ``period``, ``group`` or ``force`` that every cell is about.
    """

    index: int
    header: str
    role: Role
    words: str
    platform: str = ""
    spelling: str = ""
    period: Period | None = None
    group: str = ""
    force: str = ""


def phrase_of(text: str) -> str:
    """A header in the form in which it is looked up."""
    plain, _ = without_footnote(" ".join(text.split()))
    return " ".join(_PARTED.sub(" ", _BRACKETS.sub(r"\1", plain)).casefold().split())


def read_header(index: int, text: str, table: Platforms) -> Column:
    """A column by its header alone; ``ignore`` where the words say nothing."""
    header, phrase = shown(text), phrase_of(text)
    role = _ROLES.get(phrase)
    if role is None and _NUMBERED.fullmatch(phrase):
        role = Role.PLATFORMS
    if role is not None:
        return Column(index, header, role, "its header says so")
    if (period := _period(text)) is not None:
        return Column(index, header, Role.COUNT, f"its header is a period, {period}", period=period)
    found = _platform(index, header, text, table)
    if found is not None:
        return found
    for name, period in _parted(text):
        inner = read_header(index, name, table)
        if inner.role in FIGURES and inner.period is None:
            return replace(inner, header=header, period=period, words=f"{inner.words}, of {period}")
    return Column(index, header, Role.IGNORE, "nothing that is known" if header else "it has no header")


def _platform(index: int, header: str, text: str, table: Platforms) -> Column | None:
    plain, _ = without_footnote(" ".join(text.split()))
    name = table.spellings.get(key_of(plain))
    if name is None:
        return None
    if name == UNKNOWN:
        # A column called "none" or "n/a" says something else than one for offences without a platform.
        return Column(index, header, Role.UNKNOWN, "offences whose platform nobody knows")
    words = "a platform without a name" if name == OTHER else f"the platform {name}"
    return Column(index, header, Role.COUNT, words, platform=name, spelling=header)


def _parted(text: str) -> Iterator[tuple[str, Period]]:
    """ "Facebook 2019/20", "2019/20: Facebook": a header with a period at either end."""
    words = text.split()
    for at in range(1, len(words) if len(words) <= _WORDS_MAX else 1):
        for name, said in ((words[:at], words[at:]), (words[at:], words[:at])):
            period = _period(" ".join(said).strip(" ():,–-"))
            if period is not None:
                yield " ".join(name).strip(" :,–-("), period


def _period(text: str) -> Period | None:
    try:
        return read_written_period(without_footnote(text.strip())[0])
    except RefusedError:
        return None
