"""The page of a backtest in a real browser: from a disk, day and night, readable for everybody, asking nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser

from nightlight.detect.backtest import Backtest, History, Tally, Versus
from nightlight.detect.backtest_report import backtest_values
from nightlight.detect.batch import WindowsEngine
from nightlight.detect.definitions import DAY_MS
from nightlight.detect.judged import Decisions, Labels
from tests.browser import browser
from tests.detect.packs import pack_of
from tests.detect.streams import columns_of, random_events
from tests.detect.test_backtest import FEATURES, RULES

pytest.importorskip("matplotlib")

__all__ = ["browser"]

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nightlight.cli.backtest_page import backtest_page

    events = random_events(1_500, seed=13, step_ms=20_000)
    since, until, pack = events[0].t, events[-1].t + 1, pack_of(FEATURES, RULES)
    tally, columns = Tally(pack, since, until, 0), columns_of(events)
    tally.add(columns, WindowsEngine(pack).add_batch(columns))
    decisions = Decisions(since, until, until, 90 * DAY_MS)
    for account in range(0, 300, 3):
        decisions.add(account, until - 1, "violation" if account % 2 else "no_violation")
    result = tally.result(decisions, Labels(dict.fromkeys(range(40), "ring"), 300), [])
    both = Versus(0, 0, result.anyone.accounts)
    found = Backtest(History(since, until, since, until, 1_500, 0, 299, since), result, result, both, both)
    file = tmp_path_factory.mktemp("page") / "out.html"
    file.write_text(backtest_page(backtest_values(found, exact=False)))
    return file


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_is_readable_for_everybody(browser: Browser, page_file: Path, scheme: Scheme, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    wrong: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(page)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    sideways = page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
    context.close()
    assert asked == [page_file.as_uri()]
    assert wrong == []
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert (ground, ink) == (
        ("rgb(255, 255, 255)", "rgb(28, 32, 36)") if scheme == "light" else ("rgb(20, 23, 26)", "rgb(231, 234, 237)")
    )
    assert not sideways
