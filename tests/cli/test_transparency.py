"""``nightlight transparency`` as an operator types it, and its page in a browser and on paper."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser

from nightlight.cli.data import regulator_template
from nightlight.insight.record import NOT_FOR_PUBLICATION, RecordTargets, make_record
from nightlight.insight.record_rows import count_rows
from nightlight.insight.regulator import TEMPLATES, read_template
from nightlight.insight.waits import read_targets
from nightlight.store.database import Database
from tests.browser import browser
from tests.cli.conftest import Run
from tests.databases import LOG_KEY
from tests.store.test_record import PERIOD, made, store_rows

pytest.importorskip("matplotlib")

__all__ = ["browser"]

PERIOD_OF_ROWS = ("--from", "2024-10", "--to", "2024-11")
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("record")
    store = Database(f"sqlite:///{folder}/nightlight.sqlite3", LOG_KEY)
    store.migrate()
    store_rows(store, made(random.Random(5), 150))
    store.close()
    return folder


def test_every_format_says_the_same_and_writes_where_it_is_told(run: Run, data: Path, tmp_path: Path) -> None:
    where = {"NIGHTLIGHT_DATA_DIR": str(data)}
    table = run("transparency", *PERIOD_OF_ROWS, **where)
    assert (table.returncode, table.stderr) == (0, "")
    assert "Reports received" in table.stdout
    values = json.loads(run("transparency", *PERIOD_OF_ROWS, "--format", "json", **where).stdout)
    assert (values["from"], values["to"], values["finished"]) == ("2024-10-01", "2024-11-30", True)
    lines = list(csv.DictReader(io.StringIO(run("transparency", *PERIOD_OF_ROWS, "--format", "csv", **where).stdout)))
    total = next(line for line in lines if (line["section"], line["row"], line["table"]) == ("cases", "", ""))
    assert int(total["value"]) == values["cases"]["total"] > 100
    assert not any(
        0 < float(line["value"]) < 10 for line in lines if line["value"] and "minutes" not in line["measure"]
    )
    for name, start in (("html", b"<!doctype html>"), ("pdf", b"%PDF-1.7"), ("table", b"Record for")):
        out = tmp_path / f"record.{name}"
        done = run("transparency", *PERIOD_OF_ROWS, "--format", name, "--out", str(out), **where)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert out.read_bytes().startswith(start)


def test_exact_numbers_are_marked_in_every_format(run: Run, data: Path, tmp_path: Path) -> None:
    where = {"NIGHTLIGHT_DATA_DIR": str(data)}
    for name in ("table", "json", "csv", "html"):
        out = tmp_path / name
        done = run("transparency", *PERIOD_OF_ROWS, "--exact", "--format", name, "--out", str(out), **where)
        assert NOT_FOR_PUBLICATION in done.stderr
        assert NOT_FOR_PUBLICATION in out.read_text() or json.loads(out.read_text())["not_for_publication"] is True
    assert NOT_FOR_PUBLICATION not in run("transparency", *PERIOD_OF_ROWS, **where).stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_says_what_is_not_held(run: Run, data: Path, template: str) -> None:
    where = {"NIGHTLIGHT_DATA_DIR": str(data)}
    done = run("transparency", "--from", "2024-10-05", "--to", "2024-11", "--template", template, **where)
    assert done.returncode == 0
    assert "not held by Nightlight." in done.stdout
    assert "Careful: A template wants whole months" in done.stderr
    lines = run("transparency", *PERIOD_OF_ROWS, "--template", template, "--format", "csv", **where).stdout
    missing = [line for line in csv.DictReader(io.StringIO(lines)) if line["status"] == "not_held"]
    assert missing
    assert all(line["value"] == "" for line in missing)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2024-11", "--to", "2024-10"), "end before that"),
        (("--from", "2999-01", "--to", "2999-02"), "in the future"),
        (("--from", "soon", "--to", "2024-10"), "not a month or a day"),
        ((*PERIOD_OF_ROWS, "--template", "dsa-99"), "There is no template 'dsa-99'"),
        ((*PERIOD_OF_ROWS, "--format", "pdf"), "A PDF is not for a terminal"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, data: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run("transparency", *arguments, NIGHTLIGHT_DATA_DIR=str(data))
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_targets_are_the_operators_and_a_slip_in_them_is_named(run: Run, data: Path) -> None:
    where = {"NIGHTLIGHT_DATA_DIR": str(data)}
    said = run("transparency", *PERIOD_OF_ROWS, "--exact", NIGHTLIGHT_TARGET_FIRST_LOOK="2,4,24,72,168", **where).stdout
    assert "2 h" in said
    done = run("transparency", *PERIOD_OF_ROWS, NIGHTLIGHT_TARGET_DECISION="soon", **where)
    assert "NIGHTLIGHT_TARGET_DECISION: 'soon' is not 5 numbers of hours" in done.stderr
    done = run("transparency", *PERIOD_OF_ROWS, "--format", "csv", "--out", "/nowhere/record.csv", **where)
    assert (done.returncode, "cannot be written" in done.stderr) == (75, True)


def test_an_agency_with_a_formula_for_a_name_is_text_in_a_spreadsheet(run: Run, tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path}/data/nightlight.sqlite3", LOG_KEY)
    store.migrate()
    rows = made(random.Random(5), 150)
    for row in rows.referrals:
        object.__setattr__(row, "agency", "=HYPERLINK(1)")
    store_rows(store, rows)
    store.close()
    text = run("transparency", *PERIOD_OF_ROWS, "--format", "csv").stdout
    assert "'=HYPERLINK(1)" in text
    assert '"=HYPERLINK' not in text


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nightlight.cli.record_page import record_page

    targets = RecordTargets(*(read_targets(hours, "t") for hours in ("1,4,24,72,168",) * 3))
    record = make_record(PERIOD, count_rows(PERIOD, made(random.Random(8), 900)), targets, PERIOD.end, 90)
    folder = tmp_path_factory.mktemp("page")
    (folder / "record.html").write_text(record_page(record.shown(whole=False), None, "Safety <team> of town.example"))
    filled = read_template("dsa-15", regulator_template("dsa-15"))
    (folder / "template.html").write_text(record_page(record.shown(whole=True), filled, "Safety team"))
    return folder


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("name", ["record", "template"])
def test_the_page_is_readable_for_everybody_and_asks_nobody(
    browser: Browser, page_file: Path, scheme: Scheme, width: int, name: str
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    wrong: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text))
    uri = (page_file / f"{name}.html").as_uri()
    page.goto(uri)
    found = Axe().run(page)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    sideways = page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
    pictures = page.locator("svg[role=img]").count()
    context.close()
    assert asked == [uri]
    assert wrong == []
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 26)")
    assert not sideways
    assert pictures == 0 if name == "template" else pictures > 4


def test_a_page_for_paper_has_the_colours_of_the_day() -> None:
    from nightlight.cli.record_page import record_page

    targets = RecordTargets(*(read_targets(hours, "t") for hours in ("1,4,24,72,168",) * 3))
    record = make_record(PERIOD, count_rows(PERIOD, made(random.Random(8), 300)), targets, PERIOD.end, 90)
    html = record_page(record.shown(whole=False), None, "Safety team", paper=True)
    assert "var(--one)" not in html
    assert "#1f5fa8" in html
