"""Prevalence in a terminal. The words carry it, colours only help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from nightlight.cli import share_words as words
from nightlight.insight.findings import By, Findings, Line
from nightlight.insight.reading import Reading
from nightlight.insight.shares import Figure, Refusal, Shares
from nightlight.insight.trends import Kind, Name, Step
from nightlight.respond.visible import visible

_CELL_MAX, _SPELLINGS_MAX, _FORCES_MAX = 80, 30, 60


def findings_picture(findings: Findings) -> RenderableType:
    shown: list[RenderableType] = [*_whole(findings.whole)]
    for group in findings.groups:
        shown += [Text(), Text(f"{findings.by}: {_cell(group.name)}", style="bold"), *_part(group.shares)]
    if findings.lines:
        shown += [Text(), _lines(findings.lines)]
    if findings.by in (By.PERIOD, By.PLATFORM) and findings.steps:
        shown += [Text(), _steps(findings.steps)]
    elif findings.steps:
        shown += [Text(), Text("There are changes from period to period: add --by platform to see them.")]
    shown += [Text(), *_quality(findings)]
    return Group(*shown)


def reading_words(reading: Reading) -> str:
    """One line for a file that was read. How its columns were understood is told while it is read."""
    return f"{_cell(reading.name)}: {reading.rows:,} rows, SHA-256 {reading.sha256}"


def _whole(shares: Shares) -> Iterator[RenderableType]:
    yield Text(f"{words.offences(shares)} offences", style="bold") + Text(
        f"   platform known: {words.known(shares)}, unknown: {words.count(shares.unknown)} "
        f"({words.unknown(shares)})   {words.forces(shares.forces)}"
    )
    yield from _figures(shares)


def _part(shares: Shares) -> Iterator[RenderableType]:
    if shares.platforms or not (shares.refused or shares.no_data):
        yield from _whole(shares)
    else:
        yield Text("Refused to answer." if shares.refused else "Holds no data, or cannot search for it.")


def _figures(shares: Shares) -> Iterator[RenderableType]:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("share of", "offences", "of", "share", "95 % limits", "of all, at least", "of all, at most"):
        first = head == "share of"
        table.add_column(head, justify="left" if first else "right", overflow="fold", no_wrap="%" in head)
    for title, figures in (("", shares.platforms), ("owners, each offence once", shares.owners)):
        if figures and title:
            table.add_row(Text(title, style="dim"))
        for one in figures:
            table.add_row(*map(escape, _row(one)))
    table.add_row(
        "platform unknown", words.count(shares.unknown), words.offences(shares), words.unknown(shares),
        Text("of all offences", style="dim"),
    )  # fmt: skip
    yield table
    for refusal in shares.refusals:
        yield Text(f"No figure: {_line(refusal.words)}", style="yellow")


def _row(figure: Figure) -> list[str]:
    return [
        _cell(figure.name), words.count(figure.numerator), words.whole(figure), words.share(figure),
        words.between(figure.low, figure.high).replace(" to ", "–"), words.percent(figure.least),
        words.percent(figure.most),
    ]  # fmt: skip


def _lines(lines: Sequence[Line]) -> RenderableType:
    table = _table(
        "By platform: all forces that answered for a period", "share of", *(str(p) for p, _ in lines[0].figures)
    )
    for line in lines:
        cells = [_line(one.words) if isinstance(one, Refusal) else words.figure_words(one) for _, one in line.figures]
        table.add_row(escape(_name(line.name)), *map(escape, cells))
    return table


def _steps(steps: Sequence[Step]) -> RenderableType:
    table = _table(
        "Changes, in percentage points: only the forces that answered for both periods",
        "share of", "offences", "from", "to", "forces", "points (95 % limits)", "more than chance",
    )  # fmt: skip
    for step in steps:
        where = [
            "any" if step.name is None else _name(step.name),
            _cell(step.offence_group),
            str(step.earlier),
            str(step.later),
        ]
        if isinstance(step.change, Refusal):
            table.add_row(*map(escape, [*where, "", _line(step.change.words), ""]))
            continue
        said = "\n".join([words.points(step.change), *(caveat.words for caveat in step.change.caveats)])
        table.add_row(
            *map(escape, [*where, str(len(step.change.forces)), said, "yes" if step.change.certain else "no"])
        )
    return table


def _quality(findings: Findings) -> Iterator[RenderableType]:
    shares = findings.whole
    if shares.unmatched:
        table = _table("Spellings that the table of platforms does not have", "as written", "offences", "is it this?")
        for one in shares.unmatched[:_SPELLINGS_MAX]:
            table.add_row(escape(_cell(one.text)), words.count(one.count), escape(one.suggestion or "–"))
        yield table
        if len(shares.unmatched) > _SPELLINGS_MAX:
            yield Text(f"and {len(shares.unmatched) - _SPELLINGS_MAX:,} more: they are all in --format json.")
        yield Text()
    for title, names in (
        ("Figures come from", shares.answered),
        ("Refused", shares.refused),
        ("Hold no data, or cannot search for it", shares.no_data),
        ("Left out", shares.left_out),
    ):
        if names:
            more = f" and {len(names) - _FORCES_MAX:,} more" if len(names) > _FORCES_MAX else ""
            yield Text(f"{title} ({len(names):,}): {', '.join(map(_cell, names[:_FORCES_MAX]))}{more}")
    yield Text()
    own = (caveat for figure in (*shares.platforms, *shares.owners) for caveat in figure.caveats)
    for caveat in (*shares.caveats, *own):
        yield Text(f"• {_line(caveat.words)}")
    for reading in findings.readings:
        for caveat in reading.caveats:
            yield Text(f"• {_line(caveat.words)}")
    for refusal in findings.unshown:
        yield Text(f"• {_line(refusal.words)}")


def _table(title: str, *columns: str) -> Table:
    return Table(
        *columns, title=title, title_justify="left", title_style="bold", box=None, header_style="bold", pad_edge=False
    )


def _name(name: Name) -> str:
    return _cell(name.text) + (" (owner)" if name.kind is Kind.OWNER else "")


def _cell(text: str) -> str:
    line = " ".join(visible(text[: 4 * _CELL_MAX]).split())
    return line if len(line) <= _CELL_MAX else line[: _CELL_MAX - 1] + "…"


def _line(text: str) -> str:
    return " ".join(visible(text[:2_000]).split())
