"""Whether published figures follow from the counts that were published with them.

A share follows if the counts, rounded as the share is, give it. Where a count is missing, what can be derived from
the figures beside it is derived, and nothing else is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.insight.span import COUNT_MAX, Span

_NUMBER = re.compile(r"\d{1,9}(?!\d)", re.ASCII)
_SHARE = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?\Z", re.ASCII)
#: Rounding at exactly a half is done either way.
_HALF = 0.5 + 1e-9
#: Names under which platforms are published together, with what belongs to them.
TOGETHER: Mapping[str, frozenset[str]] = {
    "facebook_owned": frozenset({"facebook", "facebook_messenger", "instagram", "whatsapp"}),
    "meta_owned": frozenset({"facebook", "facebook_messenger", "instagram", "whatsapp"}),
    "facebook_instagram": frozenset({"facebook", "instagram"}),
}


class Verdict(StrEnum):
    FOLLOWS = "follows"
    DOES_NOT_FOLLOW = "does_not_follow"
    NOT_COMPUTABLE = "not_computable"
    #: Counts without a share: there is nothing to check, and a share to compute.
    NO_SHARE = "no_share"


class Basis(StrEnum):
    ROW = "row"
    #: The denominator is not published: it is what all shares of that answer, taken together, leave for it.
    ROWS = "rows"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Published:
    """One line of the table. ``share``: percent as it was printed, with ``decimals`` behind the point."""

    line: int
    period: str
    offence_group: str
    platform: str
    recorded: int | None
    #: The number recorded is somebody else's: "38685 (Home Office; E&W)".
    recorded_elsewhere: bool
    known: int | None
    count: int | None
    share: float | None
    decimals: int
    forces: str
    source: str

    @property
    def answer(self) -> tuple[str, str]:
        return self.period, self.offence_group

    @property
    def limits(self) -> tuple[float, float] | None:
        """Between which the share lay before it was rounded."""
        unit = 10.0**-self.decimals
        return None if self.share is None else (max(0.0, self.share - _HALF * unit), self.share + _HALF * unit)


@dataclass(frozen=True, slots=True)
class Finding:
    """``computed``: percent. ``difference``: printed less computed, in points, or printed less printed for totals.
    ``derived``: what the row leaves open, a count or the number of known offences. ``unknown_share``: percent.
    """

    line: int
    subject: str
    verdict: Verdict
    basis: Basis
    words: str
    computed: float | None = None
    difference: float | None = None
    derived: Span | None = None
    unknown_share: float | None = None


@dataclass(frozen=True, slots=True)
class Printed:
    """The same number as another source prints it. ``platform``: empty for the offences with a known platform."""

    period: str
    offence_group: str
    platform: str
    value: int
    source: str


#: Disagreements between sources that the table names and cannot show, because it has one row for each figure.
PRINTED = (
    Printed("2019-10/2020-09", "image+online_sexual", "", 9_360, "printed elsewhere"),
    Printed("2019-10/2020-09", "image+online_sexual", "", 9_470, "printed elsewhere"),
    Printed("2023-04/2024-03", "sexual_communication_with_a_child", "facebook_messenger", 12, "ITV"),
)


def read_published(rows: Iterable[Mapping[str, str]]) -> tuple[Published, ...]:
    """Rows by the names of their columns; ``RefusedError('published_malformed')`` with the line, which counts from 2.

    Of "38685 (Home Office; E&W)" the number is read. The source "same" is the one above.
    """
    read: list[Published] = []
    for line, row in enumerate(rows, start=2):
        source = row.get("source_url", "").strip()
        recorded = row.get("total_recorded", "").strip()
        share = row.get("published_share_pct", "").strip()
        found = _SHARE.match(share)
        if share and (not found or float(share) > 100):
            raise _malformed(line, f"{share[:40]!r} is not a share in percent")
        if not row.get("period") or not row.get("platform"):
            raise _malformed(line, "the period or the platform is missing")
        read.append(
            Published(
                line,
                row["period"].strip(),
                row.get("offence_group", "").strip(),
                row["platform"].strip(),
                _number(line, recorded),
                not (recorded.isascii() and recorded.isdigit()),
                _number(line, row.get("platform_known", "")),
                _number(line, row.get("count", "")),
                float(share) if share else None,
                len(found[2] or "") if found else 0,
                row.get("forces", "").strip(),
                read[-1].source if source == "same" and read else source,
            )
        )
    return tuple(read)


def audit(rows: Sequence[Published], printed: Sequence[Printed] = PRINTED) -> tuple[Finding, ...]:
    """A finding about every row, then about sums and about figures that sources print differently."""
    return (
        *(_about_row(row, _beside(row, rows)) for row in rows),
        *_about_parts(rows),
        *_about_disagreements(rows, printed),
    )


def _about_row(row: Published, beside: Sequence[Published]) -> Finding:
    name, unknown = f"{row.platform}, {row.period}", _unknown_share(row)
    if row.share is None:
        return _without_share(row, name, beside)
    if row.count is not None and row.known:
        return _follows(row, name, row.count, row.known)
    if row.count is not None:
        return _from_rows(row, name, beside)
    derived = _implied_count(row)
    words = "The count is not published" + (
        f"; {row.share:g} % of {row.known:,} are {derived.low:,} to {derived.high:,}." if derived else ", nor a total."
    )
    return Finding(row.line, name, Verdict.NOT_COMPUTABLE, Basis.NONE, words, derived=derived, unknown_share=unknown)


def _without_share(row: Published, name: str, beside: Sequence[Published]) -> Finding:
    words, computed, basis, known = "No share is published.", None, Basis.NONE, None
    if row.count is not None and row.known:
        computed, basis = 100 * row.count / row.known, Basis.ROW
        words = f"No share is published; the counts give {computed:.1f} %."
    elif row.count is not None:
        known = _agreed_known(beside)
        if known is not None and known.high:
            least, most = 100 * row.count / known.high, 100 * row.count / known.low
            basis = Basis.ROWS
            words = f"No share is published; with the rows beside it, it is {least:.1f} to {most:.1f} %."
    return Finding(
        row.line, name, Verdict.NO_SHARE, basis, words, computed, derived=known, unknown_share=_unknown_share(row)
    )


def _follows(row: Published, name: str, count: int, known: int) -> Finding:
    computed = 100 * count / known
    low, high = row.limits or (0.0, 100.0)
    follows = low <= computed <= high and count <= known
    words = f"{count:,} of {known:,} are {computed:.1f} %; printed: {row.share:g} %."
    return Finding(
        row.line,
        name,
        Verdict.FOLLOWS if follows else Verdict.DOES_NOT_FOLLOW,
        Basis.ROW,
        words,
        computed,
        (row.share or 0.0) - computed,
        unknown_share=_unknown_share(row),
    )


def _from_rows(row: Published, name: str, beside: Sequence[Published]) -> Finding:
    """Without a denominator one share fits whatever it is; several must fit the same."""
    ours = _implied_known(row)
    if ours is None or sum(_implied_known(one) is not None for one in beside) < 2:
        words = "How many offences have a known platform is not published" + (
            f"; the share says {ours.low:,} to {ours.high:,}." if ours else "."
        )
        return Finding(row.line, name, Verdict.NOT_COMPUTABLE, Basis.NONE, words, derived=ours)
    agreed = _agreed_known(beside)
    if agreed is None or (row.recorded is not None and agreed.low > row.recorded):
        words = f"{row.count:,} would be {row.share:g} % of {ours.low:,} to {ours.high:,}, which other rows contradict."
        return Finding(row.line, name, Verdict.DOES_NOT_FOLLOW, Basis.ROWS, words, derived=ours)
    words = f"{row.count:,} are {row.share:g} % of {agreed.low:,} to {agreed.high:,}, and so say the rows beside it."
    return Finding(row.line, name, Verdict.FOLLOWS, Basis.ROWS, words, derived=agreed)


def _agreed_known(rows: Sequence[Published]) -> Span | None:
    """How many offences with a known platform fit all shares of one answer; None without at least two of them."""
    spans = [span for row in rows if (span := _implied_known(row)) is not None]
    met: Span | None = spans[0] if len(spans) > 1 else None
    for span in spans[1:]:
        met = met.meet(span) if met is not None else None
    return met


def _about_parts(rows: Sequence[Published]) -> Iterable[Finding]:
    """Platforms published together are no more than the sum of them, and no less than the largest."""
    for row in rows:
        members = TOGETHER.get(row.platform)
        parts = [one for one in _beside(row, rows) if members and one.platform in members and one.count is not None]
        if row.count is None or len(parts) < 2:
            continue
        counts = [one.count or 0 for one in parts]
        summed, largest = sum(counts), max(counts)
        follows = largest <= row.count <= summed
        equal = " As a plain sum it counts an offence twice that names two of them." if row.count == summed else ""
        words = f"{' + '.join(f'{count:,}' for count in counts)} = {summed:,}; printed: {row.count:,}.{equal}"
        yield Finding(
            row.line,
            f"{row.platform} as a sum, {row.period}",
            Verdict.FOLLOWS if follows else Verdict.DOES_NOT_FOLLOW,
            Basis.ROWS,
            words,
            difference=float(row.count - summed),
        )


def _about_disagreements(rows: Sequence[Published], printed: Sequence[Printed]) -> Iterable[Finding]:
    for other in printed:
        rows_of_answer = [row for row in rows if row.answer == (other.period, other.offence_group)]
        row = next((one for one in rows_of_answer if not other.platform or one.platform == other.platform), None)
        ours = None if row is None else row.share if other.platform else row.known
        if row is None or ours is None or ours == other.value:
            continue
        what = f"share of {other.platform} in percent" if other.platform else "offences with a known platform"
        yield Finding(
            row.line,
            f"{what}, {row.period}",
            Verdict.DOES_NOT_FOLLOW,
            Basis.ROWS,
            f"One source prints {_printed(ours)}, another {_printed(other.value)} ({other.source}): "
            f"{_printed(abs(ours - other.value))} apart.",
            difference=float(ours - other.value),
        )


def _printed(number: float) -> str:
    return f"{number:,.12g}"


def _beside(row: Published, rows: Sequence[Published]) -> list[Published]:
    return [other for other in rows if other.answer == row.answer]


def _implied_known(row: Published) -> Span | None:
    """Of how many offences the count can be the share that is printed."""
    if row.count is None or not row.share or row.limits is None or row.limits[0] <= 0:
        return None
    low, high = row.limits
    least, most = _up(100 * row.count / high), int(100 * row.count / low)
    return Span(least, most) if least <= most <= COUNT_MAX else None


def _implied_count(row: Published) -> Span | None:
    if row.known is None or row.limits is None:
        return None
    low, high = row.limits
    least, most = _up(low * row.known / 100), int(high * row.known / 100)
    return Span(least, min(most, row.known)) if least <= min(most, row.known) else None


def _unknown_share(row: Published) -> float | None:
    if not row.recorded or row.recorded_elsewhere or row.known is None or row.known > row.recorded:
        return None
    return 100 * (1 - row.known / row.recorded)


def _up(value: float) -> int:
    return int(value) + (value > int(value))


def _number(line: int, text: str) -> int | None:
    if not text.strip():
        return None
    found = _NUMBER.match(text.strip())
    if not found:
        raise _malformed(line, f"{text[:40]!r} is not a number")
    return int(found[0])


def _malformed(line: int, what: str) -> RefusedError:
    return RefusedError("published_malformed", f"Line {line}: {what}.", "Leave a cell empty if nothing is published.")
