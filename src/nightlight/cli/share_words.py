"""Shares and counts as people read them, on a terminal, on a page and in a picture."""

from __future__ import annotations

from nightlight.insight.shares import Figure, Shares
from nightlight.insight.span import Span
from nightlight.insight.years import Change

MINUS = "\N{MINUS SIGN}"


def percent(share: float | None) -> str:
    return "not stated" if share is None else f"{100 * share:.1f} %"


def share(figure: Figure) -> str:
    """With "about" before it where numbers that are not stated exactly could change what is printed."""
    return f"about {percent(figure.share)}" if figure.off >= 0.0005 else percent(figure.share)


def between(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def count(span: Span) -> str:
    if span.exact is not None:
        return f"{span.exact:,}"
    return f"{span.low:,} or more" if span.high is None else f"{span.low:,} to {span.high:,}"


def known(shares: Shares) -> str:
    """The number to divide by where one can be named, else its limits."""
    return count(shares.known) if shares.likely_known is None else f"{shares.likely_known:,}"


def offences(shares: Shares) -> str:
    said = shares.as_json()["offences"]
    return f"{said:,}" if isinstance(said, int) else count(shares.offences)


def unknown(shares: Shares) -> str:
    """Of all offences, those whose platform nobody knows: one share if it is stated, else its limits."""
    limits = shares.unknown_limits
    if shares.unknown_share is not None or limits is None:
        return percent(shares.unknown_share)
    return between(*limits)


def points(change: Change) -> str:
    """A change of a share, in percentage points."""
    limits = f"{_signed(change.low)} to {_signed(change.high)}"
    return limits if change.difference is None else f"{_signed(change.difference)} ({limits})"


def figure_words(figure: Figure) -> str:
    """``3,203 of 5,784, 55.4 % (54.1 to 56.7 %)``."""
    said = "" if figure.share is None else f"{share(figure)} "
    return f"{count(figure.numerator)} of {whole(figure)}, {said}({between(figure.low, figure.high)})"


def whole(figure: Figure) -> str:
    """What a share is of. Where lines of a table stand in for it, it is their sum at most, and that was divided by."""
    if figure.share is not None and figure.denominator.exact is None:
        return f"at most {figure.denominator.high:,}"
    return count(figure.denominator)


def forces(number: int) -> str:
    return f"{number:,} police force{'' if number == 1 else 's'}"


def _signed(share: float) -> str:
    text = f"{100 * abs(share):.1f}"
    return text if text == "0.0" else f"{MINUS if share < 0 else '+'}{text}"
