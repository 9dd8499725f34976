"""The page in a real browser and on paper: day and night, on a telephone, for everybody, asking nobody."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any, Literal

import pypdf
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser

from nightlight.insight.findings import By
from tests.browser import browser
from tests.cli.prevalence_answers import OWNERS, READINGS, findings

pytest.importorskip("matplotlib")

__all__ = ["browser"]

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nightlight.cli.prevalence_page import prevalence_page

    file = tmp_path_factory.mktemp("page") / "prevalence.html"
    file.write_text(prevalence_page(findings(By.PERIOD)))
    return file


@pytest.fixture(scope="module")
def paper() -> pypdf.PdfReader:
    from nightlight.cli.prevalence_page import prevalence_pdf

    return pypdf.PdfReader(io.BytesIO(prevalence_pdf(findings(None, *OWNERS))))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_is_readable_for_everybody(browser: Browser, page_file: Path, scheme: Scheme, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    wrong: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(page)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    sideways = page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg text')].map((one) => one.getBoundingClientRect().height))"
    )
    scripts = page.evaluate("document.scripts.length")
    with page.expect_download() as started:
        page.click("text=prevalence.json")
    downloaded = json.loads(Path(started.value.path()).read_text())
    context.close()
    assert asked[0] == page_file.as_uri()
    assert all(url.startswith("data:") for url in asked[1:])
    assert wrong == []
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert (ground, ink) == (
        ("rgb(255, 255, 255)", "rgb(28, 32, 36)") if scheme == "light" else ("rgb(20, 23, 26)", "rgb(231, 234, 237)")
    )
    assert not sideways
    assert smallest > 8
    assert scripts == 0
    assert downloaded == json.loads(json.dumps(findings(By.PERIOD).as_json()))


def test_every_caveat_file_and_spelling_is_on_the_page(page_file: Path) -> None:
    text = page_file.read_text()
    whole = findings().whole
    words = re.sub(r"&#34;|&quot;", '"', text).replace("\N{NO-BREAK SPACE}", " ")
    for caveat in (*whole.caveats, *(one for figure in whole.owners for one in figure.caveats), *READINGS[0].caveats):
        assert caveat.words in words
    for told in (READINGS[0].sha256, READINGS[1].name, "Snapcaht", "Eastmoor", "Westvale", "Refused"):
        assert told in text
    assert "<script" not in text
    assert "\u202e" not in text


def test_downloads_are_the_files_of_the_command(page_file: Path) -> None:
    from nightlight.cli.prevalence_data import findings_csv

    links = re.findall(r'download="([^"]+)" href="data:[^,]+,([^"]+)"', page_file.read_text())
    files = {name: base64.b64decode(data) for name, data in links}
    assert set(files) == {"prevalence.csv", "prevalence.json", "prevalence-1.svg", "prevalence-2.svg"}
    assert files["prevalence.csv"].decode() == findings_csv(findings(By.PERIOD))


def test_a_page_of_every_kind_is_written() -> None:
    from nightlight.cli.prevalence_page import prevalence_page

    for by in (None, By.PLATFORM, By.OFFENCE):
        text = prevalence_page(findings(by, *OWNERS))
        assert ("By platform, from period to period" in text) == (by is By.PLATFORM)
        assert "meta" in text


def test_the_same_figures_are_on_paper_and_links_and_downloads_are_not(paper: pypdf.PdfReader) -> None:
    text = " ".join(" ".join(page.extract_text() for page in paper.pages).split())
    for told in (
        "41.3 %",
        "39.7 to 43.0 %",
        "30.1 %",
        "Refused",
        "Eastmoor",
        "Wilson",
        "6 apart",
        "Kent⟦U+202E⟧txt.exe",
    ):
        assert told in text, told
    assert "Downloads" not in text
    assert not any("/Annots" in page for page in paper.pages)


def test_paper_can_be_read_in_decades_and_by_a_screen_reader(paper: pypdf.PdfReader) -> None:
    root: Any = paper.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert 'part="2"' in root["/Metadata"].get_data().decode()
    assert "/EmbeddedFiles" not in root.get("/Names", {})
