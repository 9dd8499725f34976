"""A small country that does not exist: four forces over three years, one that refused, one that hides small numbers."""

from __future__ import annotations

from nightlight.insight.caveats import Caveat, CaveatCode
from nightlight.insight.findings import By, Findings, findings_of
from nightlight.insight.offences import Answer, Count, Offence, Offences, Reply
from nightlight.insight.owner_groups import with_owners
from nightlight.insight.period import Period, read_period
from nightlight.insight.reading import Answered, ReadColumn, Reading
from nightlight.insight.span import exactly, read_span
from tests.insight.answers import TABLE

YEARS = tuple(map(read_period, ("2019-10/2020-09", "2020-10/2021-09", "2021-10/2022-09")))
GROUP = "sexual communication with a child"
OWNERS = ("meta=facebook,messenger,instagram,whatsapp", "snap=snapchat")
#: Everything that a stranger might write to be taken for something else.
HOSTILE = '<script>alert("1")</script>'
OVERRIDE = "Kent\u202etxt.exe"
#: How many offences name what a cell says, in the first year; later ones grow or shrink by the step.
CELLS = {
    "Snapchat": (48, 14), "Insta": (31, 3), "FB": (22, -5), "Messenger (FB)": (12, 2), "What's App": (15, 4),
    "Snap; Insta": (9, 1), "FB and Messenger": (7, -1), "Kik": (8, -3), "Roblox": (3, 2), "Other": (6, 1),
    "Yubo; Snapchat": (2, 1), "Snapcaht": (3, 0), HOSTILE: (1, 0), "unknown": (40, 35),
}  # fmt: skip


def answered() -> Answered:
    offences = Offences()
    for force, scale in (("Northshire", 3), ("Southmere", 2), (OVERRIDE, 1)):
        for place, year in enumerate(YEARS):
            if force == OVERRIDE and place == 0:
                continue
            for cell, (first, step) in CELLS.items():
                offence = Offence.of_cell(force, year, GROUP, TABLE.read_cell(cell))
                offences.add(offence, max(1, scale * (first + place * step)))
    _counts(offences, YEARS[1])
    _counts(offences, YEARS[2])
    offences.add(Answer("Eastmoor", YEARS[0], GROUP, Reply.REFUSED))
    offences.add(Answer("Westvale", YEARS[0], GROUP, Reply.NO_DATA))
    return Answered(offences, READINGS)


def _counts(offences: Offences, year: Period) -> None:
    for platform, number in (
        ("snapchat", "41"),
        ("whatsapp", "12"),
        ("kik", "<5"),
        ("unknown", "60"),
        ("total", "130"),
    ):
        span = exactly(int(number)) if number.isdigit() else read_span(number)
        offences.add(Count("Eastmoor", year, GROUP, platform, span))


def findings(by: By | None = None, *owners: str) -> Findings:
    return findings_of(answered(), with_owners(TABLE, owners), by=by)


READINGS = (
    Reading(
        "northshire and southmere.csv",
        "3f" * 32,
        1_234,
        (
            ReadColumn("Police force", "force", "the force that answers"),
            ReadColumn("Platform(s) used", "platforms", "several in one cell, parted by ; , / and"),
            ReadColumn("=HYPERLINK(1)", "nothing", "left out"),
        ),
        (Caveat(CaveatCode.TOTALS_DIFFER, "Line 40 says 1,240 in all; the lines above it add up to 1,234: 6 apart."),),
    ),
    Reading("eastmoor.xlsx", "a0" * 32, 12, (ReadColumn("App", "platform", "one in a line"),), ()),
)
