"""Charts as SVG, drawn by matplotlib: right by day and by night, without colours alone, with their words and numbers.

Colours are variables. A page that shows a chart takes ``colours_css``; a chart that stands alone brings it along.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import matplotlib as mpl
from lxml import etree
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nightlight.respond.visible import visible

#: After Okabe and Ito's colours for the colour-blind, darkened or lightened until each has a contrast of 3:1 or more.
LIGHT: Mapping[str, str] = {
    "ground": "#ffffff", "card": "#f3f5f7", "ink": "#1c2024", "soft": "#575f66", "line": "#80878e",
    "one": "#1f5fa8", "two": "#a8501f", "three": "#00735a", "four": "#9a3f78", "five": "#7d5f00",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "ground": "#14171a", "card": "#1e2327", "ink": "#e7eaed", "soft": "#a9b1b8", "line": "#7d868e",
    "one": "#74b0f4", "two": "#f0a06c", "three": "#3cc9a3", "four": "#e59bc6", "five": "#edc34f",
}  # fmt: skip
#: Stand in for the variables while matplotlib draws.
_DRAWN = {f"#0102{place:02x}": name for place, name in enumerate(LIGHT)}
_BY_NAME = {name: colour for colour, name in _DRAWN.items()}
INK, SOFT, FAINT = (_BY_NAME[name] for name in ("ink", "soft", "line"))
#: One after another; every series has a hatch, a line and a marker of its own besides.
SERIES = tuple(_BY_NAME[name] for name in ("one", "two", "three", "four", "five", "ink"))
HATCHES = ("", "////", "....", "xxxx", "----", "\\\\\\\\")
LINES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "solid", "dashed", "dotted", "dashdot", (0, (6, 2)), (0, (1, 1)),
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P")
Number = TypeVar("Number", int, float)
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
LABEL_MAX = 32
_ALT_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Chart:
    """``alt``: what is to be seen, in words. ``head`` and ``rows``: the same as a table."""

    title: str
    alt: str
    svg: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def draw_svg(key: str, draw: Callable[[Axes], None], height: float, *, legend: bool = False, width: float = 9.0) -> str:
    """``height`` and ``width`` in inches. Text stays text; ids carry ``key``, so that many charts fit one page."""
    style = {
        "svg.fonttype": "none", "svg.hashsalt": key, "font.size": 9, "text.color": INK, "axes.labelcolor": INK,
        "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK, "hatch.color": INK, "text.parse_math": False,
        "axes.spines.top": False, "axes.spines.right": False, "text.usetex": False,
    }  # fmt: skip
    # A letter that matplotlib's font does not have is the reader's to draw: text stays text.
    with mpl.rc_context(style), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", message="Glyph|.*font")
        figure = Figure(figsize=(width, max(height, 1.4)), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        draw(axes)
        if legend:
            axes.legend(frameon=False, loc="best")
        written = io.BytesIO()
        figure.savefig(written, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _written(_of_key(_parsed(written.getvalue()), key))


def bars(
    axes: Axes,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Number | None]],
    *,
    say: Callable[[Number | None], str],
    kept_back: float = 0,
) -> None:
    """Bars from left to right, one group for each label, one bar in it for each series; ``say`` writes beside each.

    A number that is None is kept back: drawn at its upper limit ``kept_back``, so that it never looks like nothing.
    """
    height = 0.8 / max(1, len(series))
    for place, (name, column) in enumerate(series.items()):
        at = [row - 0.4 + height * (place + 0.5) for row in range(len(labels))]
        widths = [kept_back if number is None else number for number in column]
        color, hatch = SERIES[place % len(SERIES)], HATCHES[place % len(HATCHES)]
        axes.barh(at, widths, height * 0.9, color=color, hatch=hatch, label=short(name))
        for y, width, number in zip(at, widths, column, strict=True):
            beside(axes, say(number), width, y)
    axes.set_yticks(range(len(labels)), [short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.margins(x=0.2)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def beside(axes: Axes, text: str, x: float, y: float) -> None:
    """A number at the end of its bar."""
    axes.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=8, color=INK)


def short(text: str, most: int = LABEL_MAX) -> str:
    """A label on one line, with everything unseen made seen, and not longer than a chart bears."""
    line = " ".join(visible(text[: 8 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def labelled(chart: Chart) -> str:
    """The picture for a page, with its words for those who do not see it; its table is the page's to show."""
    return _written(_named(_parsed(chart.svg.encode()), chart))


def standalone(chart: Chart) -> str:
    """The picture as a file of its own: colours for day and night, its words, and its table as text."""
    root = _named(_parsed(chart.svg.encode()), chart)
    table = "\n".join("\t".join(" ".join(visible(cell).split()) for cell in row) for row in (chart.head, *chart.rows))
    key, ground = root.get("id", ""), etree.Element(f"{_SVG}rect", width="100%", height="100%")
    ground.set("style", "fill: var(--ground)")
    for place, (name, text) in enumerate((("metadata", table), ("style", colours_css("svg")))):
        part = etree.Element(f"{_SVG}{name}", id=f"{key}-{name}")
        part.text = f"\n{text}\n"
        root.insert(2 + place, part)
    root.insert(4, ground)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _written(root) + "\n"


def printed(chart: Chart) -> str:
    """The picture for paper, and for programs that know no variables: the colours of the day."""
    return re.sub(r"var\(--([a-z]+)\)", lambda found: LIGHT[found[1]], labelled(chart))


def colours_css(where: str = ":root") -> str:
    """The variables: by day, by night, and by day again on paper."""
    light, dark = ("; ".join(f"--{name}: {colour}" for name, colour in colours.items()) for colours in (LIGHT, DARK))
    return (
        f"{where} {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {where} {{ {dark} }} }}"
    )


def _of_key(root: etree._Element, key: str) -> etree._Element:
    """Ids of its own, colours by variable, and no style that would reach beyond the picture."""
    for element in list(root.iter()):
        parent = element.getparent()
        if parent is not None and (
            not isinstance(element.tag, str) or element.tag in (f"{_SVG}style", f"{_SVG}metadata")
        ):
            parent.remove(element)
            continue
        for name, value in element.attrib.items():
            element.set(name, _attribute(str(name), str(value), key))
    root.set("id", key)
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    return root


def _attribute(name: str, value: str, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if name in ("href", _HREF) and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    if name in ("style", "fill", "stroke"):
        return re.sub("#0102[0-9a-f]{2}", lambda found: f"var(--{_DRAWN[found[0]]})", value).replace(
            "url(#", f"url(#{key}-"
        )
    return value.replace("url(#", f"url(#{key}-") if name in ("clip-path", "mask") else value


def _named(root: etree._Element, chart: Chart) -> etree._Element:
    """What a screen reader says: <https://www.w3.org/TR/SVG2/struct.html#TitleElement>, with WAI-ARIA's role."""
    key = root.get("id", "")
    for place, (name, text) in enumerate((("title", chart.title), ("desc", chart.alt[:_ALT_MAX]))):
        part = etree.Element(f"{_SVG}{name}", id=f"{key}-{name}")
        part.text = visible(text)
        root.insert(place, part)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    return root


def _parsed(data: bytes) -> etree._Element:
    """Only what matplotlib wrote here is ever read."""
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _written(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode")
