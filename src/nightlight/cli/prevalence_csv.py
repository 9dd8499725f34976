"""Figures of prevalence as one line each, for a spreadsheet or a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nightlight.cli.csv_cells import Cell, csv_text
from nightlight.insight.findings import By, Findings
from nightlight.insight.shares import Figure, Refusal, Shares
from nightlight.insight.span import Span, exactly

HEAD = (
    "period", "force", "offence", "kind", "name", "offences_low", "offences_high", "share", "low", "high",
    "least", "most", "denominator_low", "denominator_high", "caveats",
)  # fmt: skip
ALL = "all"


def findings_csv(findings: Findings) -> str:
    """The whole first, then its parts. Shares are between 0 and 1; an empty cell is a number that nobody stated.

    ``kind``: platform, owner, ``unknown`` for offences whose platform nobody knows (of all offences), or ``refused``
    for a figure that there is none of. Caveats by their codes; of the figure first, then of all figures beside it.
    """
    return csv_text(HEAD, _rows(findings))


def _rows(findings: Findings) -> Iterator[list[Cell]]:
    period = ALL if findings.period is None else str(findings.period)
    offence = ALL if findings.offence_group is None else findings.offence_group
    yield from _shares([period, ALL, offence], findings.whole)
    place = {By.PERIOD: 0, By.FORCE: 1, By.OFFENCE: 2}.get(findings.by) if findings.by else None
    for group in findings.groups:
        where: list[Cell] = [period, ALL, offence]
        if place is not None:
            where[place] = group.name
        yield from _shares(where, group.shares)
    for line in findings.lines:
        for one, figure in line.figures:
            yield _figure([str(one), ALL, offence], line.name.kind.value, figure, ())


def _shares(where: list[Cell], shares: Shares) -> Iterator[list[Cell]]:
    codes = [caveat.code.value for caveat in shares.caveats]
    for kind, figures in (("platform", shares.platforms), ("owner", shares.owners)):
        for figure in figures:
            yield _figure(where, kind, figure, codes)
    whole = (
        shares.offences if shares.unknown_share is None else exactly((shares.likely_known or 0) + shares.unknown.low)
    )
    yield [
        *where, "unknown", "unknown", *_limits(shares.unknown), shares.unknown_share, None, None, None, None,
        *_limits(whole), ";".join(codes),
    ]  # fmt: skip
    for refusal in shares.refusals:
        yield _figure(where, "refused", refusal, codes)


def _figure(where: list[Cell], kind: str, figure: Figure | Refusal, codes: Iterable[str]) -> list[Cell]:
    if isinstance(figure, Refusal):
        return [*where, "refused", figure.name, *[None] * (len(HEAD) - len(where) - 3), figure.code]
    said = dict.fromkeys([*(caveat.code.value for caveat in figure.caveats), *codes])
    return [
        *where, kind, figure.name.lower(), *_limits(figure.numerator), figure.share, figure.low, figure.high,
        figure.least, figure.most, *_limits(figure.denominator), ";".join(said),
    ]  # fmt: skip


def _limits(span: Span) -> tuple[int, int | None]:
    return span.low, span.high
