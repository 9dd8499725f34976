"""Prevalence as one page that stands alone: figures, pictures, method, how good the data are, and downloads.

Nothing is loaded from anywhere. On paper it is the same page, without what only a screen can do.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nightlight import __version__
from nightlight.adapters.paper import pdf_of
from nightlight.cli import share_words as words
from nightlight.cli.charts import colours_css, labelled, printed, standalone
from nightlight.cli.page_templates import page_template
from nightlight.cli.prevalence_charts import prevalence_charts
from nightlight.cli.prevalence_data import findings_csv, findings_json
from nightlight.insight.caveats import Caveat
from nightlight.insight.findings import Findings
from nightlight.insight.period import Period
from nightlight.insight.platforms import OTHER
from nightlight.insight.shares import Figure, Refusal, Shares
from nightlight.insight.trends import Kind, Name, Step
from nightlight.insight.years import Change
from nightlight.respond.visible import visible

#: A page carries no larger file along; it says how to get one.
DOWNLOAD_BYTES_MAX = 6_000_000
#: So many groups are shown in full on a screen and on paper; of more, the summary alone.
_FULL_ON_SCREEN, _FULL_ON_PAPER = 100, 12
_TEXT_MAX = 2_000
_LARGEST = 3
#: What is recorded, what limits cover, and how much is unknown: nobody reads a figure before these.
_FIRST = 3
_PAIRS_MAX = 20


@dataclass(frozen=True, slots=True)
class _Download:
    """``href`` is empty for what is too large."""

    name: str
    what: str
    href: Markup


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two periods and everything that changed between them; or why nothing can be said."""

    offence_group: str
    earlier: Period
    later: Period
    refusal: Refusal | None
    forces: int
    caveats: Sequence[Caveat]
    changes: Sequence[tuple[Name, Change | Refusal]]


def prevalence_page(findings: Findings) -> str:
    """HTML for a screen, with downloads."""
    return _render(findings, on_paper=False)


def prevalence_pdf(findings: Findings) -> bytes:
    """``UnavailableError('pages_unavailable')`` where the system cannot lay out pages."""
    return pdf_of(_render(findings, on_paper=True))


def _render(findings: Findings, *, on_paper: bool) -> str:
    draw = printed if on_paper else labelled
    charts, changes = prevalence_charts(findings), _changes(findings)
    downloads = [] if on_paper else _downloads(findings, [standalone(chart) for chart in charts])
    return page_template(
        "prevalence.html", _shown
    ).render(
        findings=findings,
        whole=findings.whole,
        charts=[(chart, Markup(draw(chart))) for chart in charts],  # noqa: S704 - drawn here, words escaped
        colours=Markup(colours_css()),  # noqa: S704 - constants
        downloads=downloads,
        on_paper=on_paper,
        full=len(findings.groups) <= (_FULL_ON_PAPER if on_paper else _FULL_ON_SCREEN),
        largest=_largest,
        is_refusal=lambda one: isinstance(one, Refusal),
        lead=_lead(findings.whole),
        first_caveats=findings.whole.caveats[:_FIRST],
        changes=changes[:_PAIRS_MAX],
        more_changes=max(0, len(changes) - _PAIRS_MAX),
        words=words,
        version=__version__,
    )


def _shown(value: object) -> object:
    """Whatever a stranger wrote: everything unseen is seen, and nothing is endless. Markup of ours stays as it is."""
    if type(value) is not str:
        return value
    text = visible(value if len(value) <= _TEXT_MAX else value[: _TEXT_MAX - 1] + "…")
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _lead(shares: Shares) -> list[tuple[Kind, Figure]]:
    """What is said first: the platform and the owner that have the most for certain; an owner of one platform is it."""
    platforms = [one for one in shares.platforms if one.name != OTHER]
    alone = {one.numerator for one in platforms}
    owners = [one for one in shares.owners if one.numerator not in alone]
    found = ((Kind.PLATFORM, platforms), (Kind.OWNER, owners))
    return [(kind, max(figures, key=lambda one: one.low)) for kind, figures in found if figures]


def _changes(findings: Findings) -> list[_Pair]:
    """Steps by what they lead from and to."""
    pairs: dict[tuple[str, Period, Period], list[Step]] = {}
    for step in findings.steps:
        pairs.setdefault((step.offence_group, step.earlier, step.later), []).append(step)
    made = []
    for (group, earlier, later), steps in pairs.items():
        changes = [(step.name, step.change) for step in steps if step.name is not None]
        stated = [change for _, change in changes if isinstance(change, Change)]
        whole = [step.change for step in steps if step.name is None and isinstance(step.change, Refusal)]
        made.append(
            _Pair(
                group,
                earlier,
                later,
                whole[0] if whole else None,
                len(stated[0].forces) if stated else 0,
                stated[0].caveats if stated else (),
                changes,
            )
        )
    return made


def _largest(shares: Shares) -> tuple[Figure, ...]:
    return shares.platforms[:_LARGEST]


def _downloads(findings: Findings, pictures: list[str]) -> list[_Download]:
    files = [
        ("prevalence.csv", "every figure, a line each", "text/csv", findings_csv(findings)),
        ("prevalence.json", "everything on this page, for programs", "application/json", findings_json(findings)),
    ]
    for place, picture in enumerate(pictures):
        files.append((f"prevalence-{place + 1}.svg", f"picture {place + 1}", "image/svg+xml", picture))
    return [_Download(name, what, _data_url(kind, text.encode())) for name, what, kind, text in files]


def _data_url(kind: str, data: bytes) -> Markup:
    if len(data) > DOWNLOAD_BYTES_MAX:
        return Markup("")
    return Markup(f"data:{kind};charset=utf-8;base64,{base64.b64encode(data).decode()}")  # noqa: S704 - base64
