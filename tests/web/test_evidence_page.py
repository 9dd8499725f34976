"""The page of ``nightlight verify --html`` in a real browser: readable for everybody, day and night, on any screen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect

from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.web.evidence.page import evidence_page
from tests.browser import browser
from tests.bundles import BundleMaker

__all__ = ["browser"]

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With everything that a page can show: a gap, a reply, own words, an unproven message, a file."""
    maker = BundleMaker(picture=b"a picture of a circle", locked=(1,), answers=True)
    path = tmp_path_factory.mktemp("page") / "case.html"
    path.write_text(evidence_page(verify_bundle(maker.make())))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_page_is_accessible_asks_for_nothing_and_fits_the_screen(
    browser: Browser, file: Path, scheme: Scheme, width: int
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    context.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator("article.message.unproven").first).to_contain_text("Not proven: No message key")
    expect(page.locator("article.message.own")).to_contain_text("replies to message 1")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert asked == [file.as_uri()]
    assert complaints == []
    context.close()
