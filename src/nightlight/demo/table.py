"""The story as it is shown at the end: scenes in a few lines, a report's way, and who could reach whom and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nightlight.demo.cast import BY_NAME, COMING, REACHED
from nightlight.demo.outcome import Outcome
from nightlight.demo.prevention_story import Told, Unseen
from nightlight.demo.reach import Reached
from nightlight.model.contact import ContactOutcome


@dataclass(frozen=True, slots=True)
class _Look:
    sign: str
    plain: str
    colour: str
    words: str


#: A sign and a letter tell outcomes apart, so that nothing hangs on the colour.
_LOOKS = {
    ContactOutcome.ALLOW: _Look("✓", "+", "green", "arrives"),
    ContactOutcome.ALLOW_WITH_NOTICE: _Look("!", "!", "cyan", "arrives, with a notice"),
    ContactOutcome.REQUEST: _Look("?", "?", "yellow", "the child is asked first"),
    ContactOutcome.HOLD: _Look("…", "~", "magenta", "waits unseen for {hours} h"),
    ContactOutcome.DENY: _Look("✗", "x", "red", "never arrives"),
}
#: The rules of the preset in words; a rule that is not among them is shown by its id alone.
_WORDS = {
    "connections": "they know each other",
    "everybody-else": "an adult is asked",
    "somebody-the-child-knows": "both are in a small room, the class's or the team's",
    "adults-to-16-and-17": "an adult, somebody of 16 or 17",
    "young-people-ask-each-other": "young people ask each other",
    "only-people-i-know": "a stranger",
    "fresh-account-without-friends": "a new account without a common friend",
    "adults-to-under-16": "an adult or unknown age whom a child under 16 does not know",
    "much-older-to-under-13": "16 or 17, and a child under 13 who does not know them",
    "reported-with-proof": "what this account sent to a child is proven",
    "asks-many-children": "has asked too many children today",
    "watched": "two families of signals agree about this account",
    "blocked": "the child blocks this account",
}


def tables(outcome: Outcome, seconds: float, *, unicode: bool = True) -> Iterator[RenderableType]:
    """What is printed, from top to bottom. ``unicode``: whether the terminal can show more than ASCII."""
    yield _heading("Before anything is written: who reaches whom")
    for told in outcome.told:
        yield _scene(told)
    yield _heading("After: one report, proven")
    yield _pairs(_report(outcome))
    yield _heading("Later: nobody reports anything, and two families of signals agree")
    for told in outcome.found:
        yield _scene(told)
    yield _heading(f"Who could reach whom by a message of their own, and why ({seconds:.0f} s)")
    yield Padding(_matrix(outcome.reach, unicode), (0, 0, 0, 1))
    yield ""
    for unseen in outcome.never_arrived:
        yield _never_arrived(unseen)


def _heading(text: str) -> RenderableType:
    return Padding(Text(text, style="bold underline"), (1, 0, 0, 0))


def _scene(told: Told) -> RenderableType:
    return Group(Padding(Text(told.title, style="bold"), (1, 0, 0, 1)), _pairs(told.lines, indent=3))


def _pairs(rows: tuple[tuple[str, str], ...], indent: int = 1) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim" if indent > 1 else "", width=30 - indent)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))
    return Padding(table, (0, 0, 0, indent))


def _report(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    return (
        ("Mallory reached Bob", "Bob had accepted before Nightlight knew anybody's age, and that still holds"),
        ("Encrypted messages sent", str(outcome.encrypted)),
        ("Readable to the servers", str(outcome.readable)),
        ("Bob reported", " and ".join(outcome.reported)),
        ("By his app's own button", outcome.first_verdict),
        ("By nightlight disclose", f"proven: {outcome.proven}"),
        ("Mallory's forged report", outcome.forged),
        ("The reviewer decided", outcome.decision),
        ("The homeserver did", "\n".join(outcome.enforced)),
        ("One tap on Bob's page", outcome.blocked),
        ("The picture, unseen", outcome.file),
        ("The evidence left", outcome.referred),
        ("The clearing house has", outcome.filed),
        ("Readable, in the end", f"{outcome.readable_after} messages beyond the reported ones"),
        ("Birth months readable", str(outcome.ages_readable)),
        ("nightlight log verify", outcome.log),
        ("A stranger verified", outcome.checked),
        ("A stranger followed", outcome.followed),
    )


def _matrix(reach: Mapping[tuple[str, str], Reached], unicode: bool) -> RenderableType:
    letters = _letters(reach)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("who comes", no_wrap=True)
    for name in REACHED:
        table.add_column(f"{BY_NAME[name].title}\n{BY_NAME[name].shown_age}", justify="center", width=5, no_wrap=True)
    for one in COMING:
        cells = [_cell(reach.get((one, other)), letters, unicode) for other in REACHED]
        table.add_row(Text.assemble((f"{BY_NAME[one].title:8}", "bold"), (BY_NAME[one].role, "dim")), *cells)
    reasons = Table.grid(padding=(0, 2, 0, 0))
    reasons.add_column(no_wrap=True)
    reasons.add_column()
    reasons.add_column(style="dim", no_wrap=True)
    for (outcome, reason), letter in letters.items():
        look = _LOOKS[outcome]
        held = next(one.hold_ms for one in reach.values() if (one.outcome, one.reason) == (outcome, reason))
        words = look.words.format(hours=held // 3_600_000)
        reasons.add_row(
            Text(f"{_sign(look, unicode)} {letter}", style=look.colour),
            f"{words}: {_WORDS[reason]}" if reason in _WORDS else words,
            reason,
        )
    return Group(table, reasons)


def _letters(reach: Mapping[tuple[str, str], Reached]) -> dict[tuple[ContactOutcome, str], str]:
    """A letter for each outcome with its reason, the mildest first, in the order in which the table shows them."""
    found = dict.fromkeys((one.outcome, one.reason) for one in reach.values())
    return {key: chr(ord("a") + place) for place, key in enumerate(sorted(found, key=lambda key: key[0]))}


def _cell(reached: Reached | None, letters: Mapping[tuple[ContactOutcome, str], str], unicode: bool) -> Text:
    if reached is None:
        return Text("-", style="dim")
    look = _LOOKS[reached.outcome]
    return Text(f"{_sign(look, unicode)} {letters[reached.outcome, reached.reason]}", style=look.colour)


def _sign(look: _Look, unicode: bool) -> str:
    return look.sign if unicode else look.plain


def _never_arrived(unseen: Unseen) -> RenderableType:
    child = BY_NAME[unseen.target]
    text = Text.assemble(
        ("An approach that never arrived: ", "bold"),
        f"{unseen.actor} asked {child.title}, {child.age}. {unseen.actor} was answered {unseen.answer}, and is shown "
        f'"invited". {child.title} sees nothing, and was told nothing.',
    )
    return Padding(text, (0, 0, 0, 1))
