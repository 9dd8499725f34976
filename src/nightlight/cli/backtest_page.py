"""A backtest as one page that stands alone: nothing is loaded from anywhere, it can be opened from a disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from nightlight.cli import rule_pictures as words
from nightlight.cli.backtest_charts import charts
from nightlight.cli.charts import colours_css, labelled
from nightlight.cli.page_templates import page_template


def backtest_page(values: Mapping[str, Any]) -> str:
    """HTML, for values as ``backtest_values`` gives them."""
    drawn = [(chart, Markup(labelled(chart))) for chart in charts(values)]  # noqa: S704 - drawn here, words escaped
    return page_template("backtest.html").render(
        values=values,
        packs=[name for name in ("a", "b") if name in values],
        charts=drawn,
        colours=Markup(colours_css()),  # noqa: S704 - constants
        day=words.day,
        moment=words.moment,
        number=words.number,
        mean=words.mean,
        ratio=words.ratio,
        share=words.share,
    )
