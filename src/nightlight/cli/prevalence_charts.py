"""Pictures of prevalence: shares with their intervals, beside them what nobody knows; and shares through the years."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nightlight.cli import share_words as words
from nightlight.cli.charts import (
    FAINT,
    INK,
    LINES,
    MARKERS,
    SERIES,
    SOFT,
    Chart,
    beside,
    draw_svg,
    short,
)
from nightlight.errors import RefusedError
from nightlight.insight.findings import By, Findings
from nightlight.insight.shares import Figure, Shares
from nightlight.insight.trends import Kind, Name, Trend

#: Narrow enough to be read on a telephone, and in a column of print.
_WIDTH = 4.7
_PLATFORMS_MAX, _OWNERS_MAX = 12, 8
#: More periods than that stand aslant.
_UPRIGHT_MAX = 4
_LINES_MAX = len(SERIES) - 1
_HEAD = ("share of", "offences", "of", "share", "95 % limits", "least of all", "most of all")


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    share: float | None
    low: float
    high: float
    colour: str
    hatch: str


def prevalence_charts(findings: Findings) -> list[Chart]:
    """The whole first; then a trend for every group of offences that has one."""
    return [
        shares_chart(findings.whole),
        *(trend_chart(one, f"trend-{place}") for place, one in enumerate(findings.trends)),
    ]


def one_chart(findings: Findings) -> Chart:
    """The picture for a file of its own; ``RefusedError``: ``no_trend``, ``several_trends``."""
    if findings.by not in (By.PERIOD, By.PLATFORM):
        return shares_chart(findings.whole)
    if not findings.trends:
        reasons = " ".join(one.words for one in findings.unshown) or "There are no two periods that follow each other."
        raise RefusedError("no_trend", f"There is no trend to draw. {reasons}", "Leave out --by for the shares alone.")
    if len(findings.trends) > 1:
        groups = ", ".join(short(one.offence_group) for one in findings.trends[:20])
        raise RefusedError(
            "several_trends", "Every group of offences has a trend of its own.", f"Add --offence: {groups}."
        )
    return trend_chart(findings.trends[0], "trend")


def shares_chart(shares: Shares) -> Chart:
    platforms, owners = shares.platforms[:_PLATFORMS_MAX], shares.owners[:_OWNERS_MAX]
    bars = [_bar(figure, SERIES[0], "") for figure in platforms] + [_bar(one, SERIES[1], "////") for one in owners]
    unknown = shares.unknown_limits if shares.unknown_share is None else (0.0, shares.unknown_share)

    def draw(axes: Axes) -> None:
        # A gap between platforms and owners, and one before what nobody knows: it is a share of something else.
        places = [place + 0.6 * (place >= len(platforms)) for place in range(len(bars))]
        for place, bar in zip(places, bars, strict=True):
            _draw_bar(axes, place, bar)
        last = (places[-1] if places else -1) + 1.6
        low, high = unknown or (0.0, 0.0)
        axes.barh(
            last, high - low, 0.62, left=low, facecolor="none", edgecolor=SOFT, hatch="..", linewidth=1, linestyle="--"
        )  # fmt: skip
        beside(axes, words.unknown(shares), high, last)
        axes.set_yticks([*places, last], [*(bar.label for bar in bars), "PLATFORM UNKNOWN\n(of all offences)"])
        axes.set_ylim(last + 0.6, -0.6)
        axes.set_xlim(0, 1.14)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.set_xlabel("share of offences with a known platform,\nwith its 95 % limits")
        axes.tick_params(axis="y", length=0)
        _caption(axes, f"{words.forces(shares.forces)}: {words.known(shares)} offences with a known platform")

    title = "Share of offences in which each platform was named"
    left_out = len(shares.platforms) - len(platforms) + len(shares.owners) - len(owners)
    said = [f"{name}: {words.share(one)}" for one in platforms[:5] for name in [short(one.name)]]
    alt = (
        f"Bars of {len(platforms)} platforms and {len(owners)} owners, with limits. {'; '.join(said)}. "
        f"No platform is known for {words.unknown(shares)} of all offences."
        + (f" {left_out} smaller ones stand in the table alone." if left_out else "")
    )
    svg = draw_svg("shares", draw, 1.6 + 0.3 * (len(bars) + 2), width=_WIDTH)
    rows = [_row(one.name, one) for one in (*shares.platforms, *shares.owners)]
    rows.append(
        ["platform unknown", words.count(shares.unknown), words.offences(shares), words.unknown(shares), "", "", ""]
    )
    return Chart(title, alt, svg, _HEAD, rows)


def trend_chart(trend: Trend, key: str) -> Chart:
    names = _lines(trend)
    places = range(len(trend.periods))

    def draw(axes: Axes) -> None:
        for number, name in enumerate(names):
            shift = 0.05 * (number - (len(names) - 1) / 2)
            found = [(place + shift, one) for place, one in zip(places, trend.figures[name], strict=True)]
            stated = [(x, one, one.share) for x, one in found if isinstance(one, Figure) and one.share is not None]
            axes.errorbar(
                [x for x, _, _ in stated],
                [share for _, _, share in stated],
                yerr=[
                    [max(0.0, share - one.low) for _, one, share in stated],
                    [max(0.0, one.high - share) for _, one, share in stated],
                ],
                color=SERIES[number], linestyle=LINES[number], marker=MARKERS[number], markersize=4.5,
                linewidth=1.5, elinewidth=1, capsize=2.5, label=_label(name),
            )  # fmt: skip
        unknown = [(place, share) for place, share in zip(places, trend.unknown, strict=True) if share is not None]
        axes.plot(
            [place for place, _ in unknown], [share for _, share in unknown],
            color=SOFT, linestyle=(0, (1, 2)), marker="x", linewidth=1.5, label="PLATFORM UNKNOWN (of all offences)",
        )  # fmt: skip
        many = len(trend.periods) > _UPRIGHT_MAX
        axes.set_xticks(
            list(places),
            [_period(str(period)) for period in trend.periods],
            fontsize=7.5, rotation=40 if many else 0, ha="right" if many else "center",
        )  # fmt: skip
        axes.set_xlim(-0.4, len(trend.periods) - 0.6)
        drawn = [one.high for name in names for one in trend.figures[name] if isinstance(one, Figure)]
        axes.set_ylim(0, 1.05 * max(0.1, *drawn, *(share or 0 for share in trend.unknown)))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
        axes.set_ylabel("share, with its 95 % limits")
        axes.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.5)
        if axes.figure is not None:
            axes.figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=8)
        _caption(axes, f"{group}: {forces} that answered for every period")

    forces, group = words.forces(len(trend.forces)), short(trend.offence_group, 60)
    title = f"Shares through the years, {group}"
    said = "; ".join(f"{_label(name)} {', '.join(_share(one) for one in trend.figures[name])}" for name in names)
    alt = (
        f"Lines over {len(trend.periods)} periods, {trend.periods[0]} to {trend.periods[-1]}, of {forces} that "
        f"answered for all of them: {said}. Platform unknown: {', '.join(map(words.percent, trend.unknown))}."
    )
    rows = [
        [_label(name), *(words.figure_words(one) if isinstance(one, Figure) else one.words for one in figures)]
        for name, figures in trend.figures.items()
    ]
    rows.append(["platform unknown, of all offences", *map(words.percent, trend.unknown)])
    svg = draw_svg(key, draw, 4.1 + 0.1 * len(names), width=_WIDTH)
    return Chart(title, alt, svg, ["share of", *map(str, trend.periods)], rows)


def _lines(trend: Trend) -> list[Name]:
    """The largest platforms, and owners that had several of them: what can be told apart in one picture."""
    platforms = [name for name in trend.figures if name.kind is Kind.PLATFORM]
    alike = {_numbers(trend, name) for name in platforms}
    owners = [name for name in trend.figures if name.kind is Kind.OWNER and _numbers(trend, name) not in alike]
    most = min(2, len(owners))
    largest = sorted(platforms, key=lambda name: -_highest(trend, name))
    return [*largest[: _LINES_MAX - most], *owners[:most]]


def _highest(trend: Trend, name: Name) -> float:
    return max((one.high for one in trend.figures[name] if isinstance(one, Figure)), default=0.0)


def _numbers(trend: Trend, name: Name) -> tuple[object, ...]:
    return tuple(one.numerator if isinstance(one, Figure) else None for one in trend.figures[name])


def _bar(figure: Figure, colour: str, hatch: str) -> _Bar:
    return _Bar(short(figure.name), figure.share, figure.low, figure.high, colour, hatch)


def _draw_bar(axes: Axes, place: float, bar: _Bar) -> None:
    middle = bar.share
    if middle is None:
        # No share is stated: from limit to limit, and no bar that would look like a number.
        axes.barh(
            place, bar.high - bar.low, 0.62, left=bar.low, facecolor="none", edgecolor=bar.colour, hatch=bar.hatch
        )
        middle = (bar.low + bar.high) / 2
    else:
        axes.barh(place, middle, 0.62, color=bar.colour, hatch=bar.hatch, alpha=0.85)
    axes.errorbar(
        middle, place, xerr=[[max(0.0, middle - bar.low)], [max(0.0, bar.high - middle)]],
        fmt="none", ecolor=INK, capsize=3, linewidth=1.2,
    )  # fmt: skip
    beside(axes, words.between(bar.low, bar.high) if bar.share is None else words.percent(bar.share), bar.high, place)


def _caption(axes: Axes, text: str) -> None:
    """What a picture must say wherever it is shown alone."""
    axes.set_title(fill(text, 58), loc="left", fontsize=8.5, color=SOFT)


def _row(name: str, figure: Figure) -> list[str]:
    return [
        short(name), words.count(figure.numerator), words.whole(figure), words.share(figure),
        words.between(figure.low, figure.high), words.percent(figure.least), words.percent(figure.most),
    ]  # fmt: skip


def _label(name: Name) -> str:
    return short(name.text) + (" (owner)" if name.kind is Kind.OWNER else "")


def _share(figure: object) -> str:
    return words.share(figure) if isinstance(figure, Figure) else "none"


def _period(text: str) -> str:
    return text.replace("/", "\nto ")
