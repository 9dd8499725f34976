"""Pictures: as they were when somebody last looked at them, told apart without colours, and words stay words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

pytest.importorskip("matplotlib")

from matplotlib.axes import Axes

from nightlight.cli.charts import (
    DARK,
    HATCHES,
    LIGHT,
    LINES,
    MARKERS,
    SERIES,
    Chart,
    bars,
    draw_svg,
    labelled,
    printed,
    standalone,
)
from nightlight.cli.prevalence_charts import one_chart, prevalence_charts, shares_chart, trend_chart
from nightlight.errors import RefusedError
from nightlight.insight.findings import By
from nightlight.insight.shares import shares_of
from tests.cli.pictures import differences
from tests.cli.prevalence_answers import OWNERS, findings
from tests.insight.answers import TABLE, count, offence, tally_of

VECTORS = Path(__file__).parents[1] / "vectors"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '$x^2$ </text><script>alert(1)</script>"\x00\u202e' + "y" * 500


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_every_colour_stands_out_by_day_and_by_night(colours: dict[str, str]) -> None:
    for ground in ("ground", "card"):
        for name, colour in colours.items():
            least = {"ground": 0.0, "card": 0.0, "ink": 7.0, "soft": 4.5}.get(name, 3.0)
            assert contrast(colour, colours[ground]) >= least, (name, ground)
    assert LIGHT.keys() == DARK.keys()


def test_series_are_told_apart_without_colours() -> None:
    assert len(SERIES) == len(set(HATCHES)) == len(set(LINES)) == len(set(MARKERS))


def _seen(colour: str, kind: str) -> tuple[float, float, float]:
    """As somebody without one kind of cone sees it: Viénot, Brettel and Mollon (1999), in linear light."""
    linear = [(int(colour[place : place + 2], 16) / 255) ** 2.2 for place in (1, 3, 5)]
    rows = {
        "protan": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
        "deutan": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
    }[kind]
    red, green, blue = (sum(a * b for a, b in zip(row, linear, strict=True)) for row in rows)
    return red, green, blue


@pytest.mark.parametrize("kind", ["protan", "deutan"])
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_platforms_and_owners_have_colours_that_the_colour_blind_tell_apart(colours: dict[str, str], kind: str) -> None:
    one, two = (_seen(colours[name], kind) for name in ("one", "two"))
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) > 0.1


@pytest.mark.parametrize(("name", "place"), [("prevalence_shares.svg", 0), ("prevalence_trend.svg", 1)])
def test_pictures_are_as_they_were_looked_at(name: str, place: int) -> None:
    charts = prevalence_charts(findings(None, *OWNERS))
    assert differences(standalone(charts[place]), (VECTORS / name).read_text()) == []


def test_a_picture_that_differs_is_noticed() -> None:
    kept = (VECTORS / "prevalence_shares.svg").read_text()
    assert differences(kept.replace("41.3 %", "14.3 %"), kept)
    assert differences(kept.replace("var(--one)", "var(--two)", 1), kept)
    assert differences(re.sub(r"(<path d=\"M )\d+", r"\g<1>9", kept), kept)


def test_what_nobody_knows_has_a_bar_of_its_own_or_says_that_it_is_not_stated() -> None:
    assert "PLATFORM UNKNOWN" in shares_chart(findings().whole).svg
    unstated = shares_chart(shares_of(tally_of([count("kik", 5)]), TABLE))
    assert "PLATFORM UNKNOWN" in unstated.svg
    assert ">0.0 to 100.0 %<" in unstated.svg
    assert unstated.rows[-1] == ["platform unknown", "0 or more", "5 or more", "0.0 to 100.0 %", "", "", ""]


def test_a_share_that_is_not_stated_is_drawn_as_its_limits_and_written_as_them() -> None:
    chart = shares_chart(findings().whole)
    assert "21.3 to 25.9 %" in chart.svg
    assert list(chart.rows[1][:4]) == ["instagram", "752 to 810", "3,321", "not stated"]


def test_a_trend_is_of_the_same_forces_and_says_how_many() -> None:
    (trend,) = findings().trends
    chart = trend_chart(trend, "trend")
    assert "2 police forces that" in chart.svg
    assert "2 police forces" in chart.alt
    assert list(chart.head) == ["share of", *map(str, trend.periods)]


def test_one_picture_is_the_trend_where_periods_are_asked_for() -> None:
    assert "through the years" in one_chart(findings(By.PLATFORM)).title
    assert "through the years" not in one_chart(findings(By.FORCE)).title


def test_pictures_of_nothing_and_of_everything_are_drawn() -> None:
    assert shares_chart(shares_of(tally_of([]), TABLE)).rows == [
        ["platform unknown", "0", "0", "not stated", "", "", ""]
    ]
    many = shares_of(tally_of([offence(name) for name in TABLE.names]), TABLE)
    assert f"{len(many.platforms) - 12 + len(many.owners) - 8} smaller ones" in shares_chart(many).alt


def test_no_trend_is_refused_with_the_reason() -> None:
    from nightlight.insight.findings import findings_of
    from nightlight.insight.offences import Offences
    from nightlight.insight.reading import Answered

    offences = Offences()
    offences.add(offence("Kik"))
    with pytest.raises(RefusedError, match="no two periods"):
        one_chart(findings_of(Answered(offences, ()), TABLE, by=By.PERIOD))


def _draw(axes: Axes) -> None:
    bars(
        axes,
        [HOSTILE, "plain"],
        {HOSTILE: [3, None], "b": [1, 2]},
        say=lambda n: "<10" if n is None else str(n),
        kept_back=10,
    )


def test_dangerous_names_stay_text_and_short() -> None:
    chart = Chart(HOSTILE, HOSTILE, draw_svg("key", _draw, 2, legend=True), [HOSTILE], [[HOSTILE]])
    for svg in (labelled(chart), standalone(chart), printed(chart)):
        root = etree.fromstring(svg.encode())
        assert not list(root.iter(f"{SVG}script"))
        assert "\u202e" not in svg
        shown = [text.text or "" for text in root.iter(f"{SVG}text")]
        assert all(len(text) <= 32 for text in shown)
        assert any(text.startswith("$x^2$ </text><script>") for text in shown)


def test_a_number_that_is_kept_back_never_looks_like_nothing() -> None:
    svg = draw_svg("key", lambda axes: bars(axes, ["a"], {"b": [None]}, say=lambda _: "<10", kept_back=10), 2)
    assert "&lt;10" in svg
    drawn = re.findall(r'd="M ([\d.]+) [\d.]+ +L ([\d.]+)[^"]*" clip-path', svg)
    assert any(float(right) - float(left) > 50 for left, right in drawn)


def test_a_file_of_its_own_has_its_words_its_table_its_colours_and_asks_nobody() -> None:
    root = etree.fromstring(standalone(shares_chart(findings().whole)).encode())
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "shares-title shares-desc"
    assert [str(child.tag).removeprefix(SVG) for child in list(root)[:5]] == [
        "title",
        "desc",
        "metadata",
        "style",
        "rect",
    ]
    assert "snapchat\t1,373\t3,321\t41.3 %" in (root[2].text or "")
    assert "prefers-color-scheme: dark" in (root[3].text or "")
    links = [str(value) for one in root.iter() for name, value in one.attrib.items() if str(name).endswith("href")]
    assert all(link.startswith("#shares-") for link in links)
    assert "url(" not in re.sub(r"url\(#shares-", "", etree.tostring(root, encoding="unicode"))


def test_on_paper_colours_are_those_of_the_day() -> None:
    chart = shares_chart(findings().whole)
    assert "var(" in labelled(chart)
    assert "var(" not in printed(chart)
    assert LIGHT["one"] in printed(chart)
