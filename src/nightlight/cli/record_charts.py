"""Charts of a record: how soon, and how much of it within the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from nightlight.cli.charts import HATCHES, SERIES, Chart, bars, draw_svg, short
from nightlight.insight.record import RecordShown
from nightlight.insight.record_values import KEPT_BACK, count_words
from nightlight.insight.record_view import within_words
from nightlight.insight.sections import Shown, ShownTable, ShownTimes
from nightlight.insight.suppression import K_MIN
from nightlight.insight.waits import minutes_words


def record_charts(shown: RecordShown) -> list[Chart]:
    made = [_rows(shown.section("reports")), _rows(shown.section("decisions"))]
    for name in ("cases", "handed_over"):
        section = shown.section(name)
        for times in section.times:
            table = section.table(times.times.table)
            made += [*_distribution(section, table), *_against_targets(section, table, times)]
    return made


def _axis(counts: Sequence[int | None], unit: str) -> str:
    """What is kept back may be large: its bar is no measure of it."""
    return f"{unit}; {KEPT_BACK} is kept back and of any size" if None in counts else unit


def _rows(one: Shown) -> Chart:
    section = one.section
    labels = [section.words.get(row, row) for row in one.rows]
    counts = list(one.rows.values())

    def draw(axes: Axes) -> None:
        bars(axes, labels, {section.unit: counts}, say=count_words, kept_back=K_MIN)
        axes.set_xlabel(_axis(counts, section.unit))

    rows = [[label, count_words(count)] for label, count in zip(labels, counts, strict=True)]
    return _chart(section.name, section.title, ["", section.unit], rows, draw, 0.6 + 0.32 * len(labels))


def _distribution(one: Shown, table: ShownTable) -> list[Chart]:
    """All together, by how long it took; none where all of it is kept back."""
    labels = [table.table.word(column) for column in table.columns]
    counts = [table.sums[column] if table.sums else None for column in table.columns]

    def draw(axes: Axes) -> None:
        bars(axes, labels, {one.section.unit: counts}, say=count_words, kept_back=K_MIN)
        axes.set_xlabel(_axis(counts, one.section.unit))

    rows = [[label, count_words(count)] for label, count in zip(labels, counts, strict=True)]
    key, head = f"{one.section.name}-{table.table.name}", ["took", one.section.unit]
    if all(count is None for count in counts):
        return []
    return [_chart(key, table.table.title, head, rows, draw, 0.6 + 0.32 * len(labels))]


def _against_targets(one: Shown, table: ShownTable, times: ShownTimes) -> list[Chart]:
    """None where every row is empty or kept back: an empty chart would look like nothing within the target."""
    section, waits = one.section, table.columns[-1]
    has_waits = table.table.word(waits) == "not yet"
    parts: dict[str, list[float]] = {"within the target": [], "later": [], "not yet": [], "later or not yet": []}
    labels, rows = [], []
    for row, time in times.rows.items():
        count = one.rows[row]
        label = section.words.get(row, row)
        target = minutes_words(time.target or 0)
        rows.append([label, target, count_words(count), count_words(time.within), within_words(time, count)])
        if not count or time.within is None:
            continue
        waiting = table.cells[row, waits] if has_waits else 0
        rest = count - time.within
        labels.append(f"severity {row} ({target})")
        told = (rest - waiting, waiting, 0) if waiting is not None else (0, 0, rest)
        for name, part in zip(parts, (time.within, *told), strict=True):
            parts[name].append(part / count)
    if not labels:
        return []

    def draw(axes: Axes) -> None:
        _stacked(axes, labels, parts)

    head = ["severity", "target", section.unit, "within", "share"]
    key = f"{section.name}-{table.table.name}-targets"
    title = f"{table.table.title}: against the targets"
    return [_chart(key, title, head, rows, draw, 1.1 + 0.4 * len(labels))]


def _stacked(axes: Axes, labels: Sequence[str], parts: Mapping[str, Sequence[float]]) -> None:
    left = [0.0] * len(labels)
    for place, (name, widths) in enumerate(parts.items()):
        if any(widths):
            axes.barh(
                range(len(labels)), list(widths), 0.62, left=left, color=SERIES[place], hatch=HATCHES[place], label=name
            )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(labels)), [short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.2, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    # Above the bars, not on them.
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0.98), ncols=len(parts))


def _chart(
    key: str,
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    draw: Callable[[Axes], None],
    height: float,
) -> Chart:
    said = "; ".join(f"{row[0]} {row[-1]}" for row in rows)
    svg = draw_svg(key, draw, height)
    return Chart(title, f"{title}. {said}.", svg, head, rows)
