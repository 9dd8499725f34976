"""The documentation says what is there: every setting, command, route, code, category, key and link."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route
from typer.main import get_command

from nightlight.cli.data import retention_file
from nightlight.cli.main import app as cli
from nightlight.cli.prevalence import Form
from nightlight.cli.retention_pictures import bound_words, when_words
from nightlight.insight.caveats import CaveatCode
from nightlight.insight.findings import By
from nightlight.model.account import AgeBand
from nightlight.model.attachment import ATTACHMENT_EXPLANATIONS, AttachmentCode
from nightlight.model.contact import ContactFacts, ContactOutcome, Direction, Relation
from nightlight.model.event import OWN_KINDS
from nightlight.model.relation import DAY_MS, LIFETIME, Tie
from nightlight.model.report import Category
from nightlight.model.retention import RECORD_CONTENTS
from nightlight.model.verdict import EXPLANATIONS, VERDICT_OF, Code, Verdict
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.event_reader import SHAPES
from nightlight.prevent.policy import FACTS
from nightlight.prevent.policy_file import read_policy
from nightlight.respond.retention_rules import CLOCK_WORDS, ClockStart, read_retention_rules
from nightlight.settings import Settings
from nightlight.web.api.prevention import ServiceLimits, prevention_router
from nightlight.web.api.service import ServiceTokens
from nightlight.web.console.asks import ask_routes
from nightlight.web.console.holds import hold_routes
from nightlight.web.console.policies import policy_routes
from nightlight.web.console.record import record_routes
from nightlight.web.console.routes import console_routes
from nightlight.web.console.second_look import second_look_routes

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "synapse-module" / "README.md"])


def page(name: str) -> str:
    return (ROOT / name).read_text()


def commands() -> set[str]:
    found = set()
    for name, command in get_command(cli).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {child}" for child in inner} if inner else {name}
        found |= {name} if hasattr(command, "files_command") else set()
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    rows = page("docs/settings.md")
    for name, field in Settings.model_fields.items():
        assert f"| `NIGHTLIGHT_{name.upper()}` |" in rows
        assert field.description
        assert field.description in rows
    assert len(re.findall(r"^\| `NIGHTLIGHT_", rows, re.MULTILINE)) == len(Settings.model_fields)


def test_every_variable_that_a_page_names_is_a_setting() -> None:
    known = {f"NIGHTLIGHT_{name.upper()}" for name in Settings.model_fields} | {
        *("NIGHTLIGHT_EXAMPLES", "NIGHTLIGHT_PASSPHRASE", "NIGHTLIGHT_VENV")
    }
    for path in PAGES:
        assert set(re.findall(r"NIGHTLIGHT_[A-Z_0-9]+", path.read_text())) <= known, path


def test_every_command_that_a_page_names_exists_and_every_make_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    known = commands()
    for path in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL):
            for target in re.findall(r"^make ([a-z]+)", block, re.MULTILINE):
                assert target in targets
            for words in re.findall(r"^nightlight ([a-z]+(?: [a-z][a-z-]*)?)", block, re.MULTILINE):
                assert words in known or words.split()[0] in known, words


def test_every_command_is_documented_somewhere() -> None:
    text = "\n".join(path.read_text() for path in PAGES)
    for command in commands() - {"version", "reviewer remove", "reviewer list"}:
        assert f"nightlight {command}" in text or f"make {command}" in text, command


def test_every_option_of_prevalence_is_documented() -> None:
    text = page("docs/prevalence.md")
    group = get_command(cli).commands["prevalence"]  # type: ignore[attr-defined]
    for command in (group.files_command, *group.commands.values()):
        for option in (option for parameter in command.params for option in parameter.opts):
            assert not option.startswith("--") or f"`{option}" in text, option
    for word in (*Form, *By):
        assert f"`{word}`" in text, word


def test_every_caveat_of_a_figure_is_documented() -> None:
    text = page("docs/prevalence.md")
    for code in CaveatCode:
        assert f"`{code}`" in text, code


def test_readme_test_command_is_what_ci_runs() -> None:
    assert "make test" in page("README.md")
    script = page(".ci/run")
    assert "make lint" in script
    assert "make test" in script


def test_every_verdict_code_and_category_is_documented() -> None:
    text = page("docs/api.md")
    for code in Code:
        assert f"| `{VERDICT_OF.get(code, Verdict.REFUSED)}` | `{code}` | {EXPLANATIONS[code]} |" in text
    for category in Category:
        assert f"`{category}`" in text
    for verdict in Verdict:
        assert f"`{verdict}`" in text


def test_every_verdict_on_a_file_is_documented() -> None:
    text = page("docs/console.md")
    for code in AttachmentCode:
        assert f"| `{code}` | {ATTACHMENT_EXPLANATIONS[code]} |" in text


def test_every_route_of_the_console_is_documented() -> None:
    text = page("docs/console.md")
    for route in console_routes(None, None, None, cookie_secure=True, session_seconds=1):  # type: ignore[arg-type]
        if isinstance(route, Route):
            method = "POST" if "POST" in (route.methods or ()) else "GET"
            assert f"`{method} {route.path}`" in text, route.path


@pytest.mark.parametrize("routes", [policy_routes, ask_routes, record_routes])
def test_every_route_about_policies_asks_and_the_record_is_documented(routes: Callable[..., list[BaseRoute]]) -> None:
    text = page("docs/console.md")
    for route in routes(None, None, cookie_secure=True, session_seconds=1):
        assert isinstance(route, Route)
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        assert f"`{method} {route.path}`" in text, route.path


def test_every_route_about_holds_is_documented() -> None:
    text = page("docs/console.md")
    for route in hold_routes(None, None, None, cookie_secure=True, session_seconds=1):  # type: ignore[arg-type]
        assert isinstance(route, Route)
        assert f"`POST {route.path}`" in text, route.path


def test_the_route_of_a_second_look_is_documented() -> None:
    text = page("docs/console.md")
    for route in second_look_routes(None, None, None, cookie_secure=True, session_seconds=1):  # type: ignore[arg-type]
        assert isinstance(route, Route)
        assert f"`POST {route.path}`" in text, route.path


def test_retention_rules_that_come_with_the_package_are_documented_as_they_are() -> None:
    text, rules = page("docs/retention.md"), read_retention_rules(retention_file())
    for rule in rules.rules:
        records = ", ".join(f"`{record}`" for record in sorted(rule.records))
        said = (records, when_words(rule), bound_words(rule), CLOCK_WORDS[rule.start], f"`{rule.legal_basis}`")
        assert f"| `{rule.id}` | {' | '.join(said)} |" in text
    for name, source in rules.sources.items():
        assert f"| `{name}` | {source} |" in text
    for record, contents in RECORD_CONTENTS.items():
        assert f"| `{record}` | {contents} |" in text
    for start in ClockStart:
        assert f"`{start}`" in text
    table = re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| [^|]+ \| at \w+ ", text, re.MULTILINE)
    assert table == [rule.id for rule in rules.rules]


def test_the_example_of_retention_rules_can_be_used() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", page("docs/retention.md"), re.DOTALL)
    assert [rule.id for rule in read_retention_rules(example.encode()).rules] == ["us-cybertipline", "everything-else"]


def test_every_key_of_the_console_is_documented() -> None:
    script = page("src/nightlight/web/console/static/console.js")
    keys = set(re.findall(r"^    \"?([a-z?])\"?: \(\) =>", script, re.MULTILINE))
    assert {"g", "j", "k", "r", "h", "b", "d", "?"} <= keys | {"j", "k"}
    for text in (page("docs/console.md"), page("src/nightlight/web/console/templates/base.html")):
        for key in keys:
            assert f"`{key}`" in text or f"<kbd>{key}</kbd>" in text, key


def test_every_kind_of_event_is_documented_with_its_fields() -> None:
    text = page("docs/events.md")
    for kind, shape in SHAPES.items():
        (row,) = re.findall(rf"^\| `{re.escape(kind)}`( †)? \| (\w*) \| (\w*) \|(.*)\|$", text, re.MULTILINE)
        assert (row[0] != "") == (kind in OWN_KINDS), kind
        for name, shown, needed in (("target", row[1], shape.target), ("room", row[2], shape.room)):
            assert shown == ("yes" if needed else "may" if name in shape.also else ""), kind
        cell = row[3]
        while "(" in cell:
            cell = re.sub(r"\([^()]*\)", "", cell)
        fields = {name: left_out != "" for name, left_out in re.findall(r"`(\w+)`\s*(, may be left out)?", cell)}
        assert fields == {name: not needed for name, (_, needed) in shape.fields.items()}, kind


def test_every_lifetime_is_documented() -> None:
    text = page("docs/events.md")
    for tie in Tie:
        (kept,) = re.findall(rf"^\| `{tie.name.lower()}` \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
        life = LIFETIME[tie]
        if tie is Tie.FORGOTTEN:
            assert kept == "until every process has heard, 1 to 2 hours"
        elif life is None or life == 0:
            assert kept == ("until it ends" if life is None else "until its own end")
        else:
            assert kept == f"{life // DAY_MS} days"


def test_every_route_for_services_is_documented() -> None:
    text = page("docs/api.md")
    parts: Any = SimpleNamespace(contacts=SimpleNamespace(decide=None))
    limits = ServiceLimits(body_bytes=1, json_depth=1, events=1, approaches=1)
    router = prevention_router(parts, ServiceTokens({}), limits)
    for route in router.routes:
        assert isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}:
            assert f"`{method} {route.path.replace(':path', '')}" in text, route.path


def test_every_decision_is_in_the_index() -> None:
    index = page("docs/adr/README.md")
    for path in (ROOT / "docs" / "adr").glob("0*.md"):
        assert f"({path.name})" in index
        assert path.read_text().startswith(f"# {path.name[:4]} ")


def test_version_and_licences_agree() -> None:
    from nightlight import __version__

    main = tomllib.loads(page("pyproject.toml"))["project"]
    module = tomllib.loads(page("synapse-module/pyproject.toml"))["project"]
    assert main["version"] == __version__
    assert (main["license"], module["license"]) == ("Apache-2.0", "AGPL-3.0-or-later")
    assert __version__ in page("CHANGELOG.md")
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in page("synapse-module/LICENSE")
    for path in (ROOT / "synapse-module" / "nightlight_synapse").glob("*.py"):
        assert path.read_text().startswith("# SPDX-License-Identifier: AGPL-3.0-or-later")


def test_lock_file_pins_every_package_with_hashes() -> None:
    pinned = set(re.findall(r"^([a-z0-9_.-]+)==", page("requirements.lock"), re.MULTILINE))
    project = tomllib.loads(page("pyproject.toml"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["demo"],
        *project["dependency-groups"]["dev"],
    ]
    for requirement in wanted:
        name = re.split(r"[\[<>=; ]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, name
    assert "--hash=sha256:" in page("requirements.lock")


def test_every_fact_notice_and_outcome_of_contact_policies_is_documented() -> None:
    text = page("docs/contact-policy.md")
    for fact in FACTS.values():
        assert re.search(rf"^\| `{fact.name}` \| `[^`]+` \| {re.escape(fact.help)} \|$", text, re.MULTILINE), fact.name
    for outcome in ContactOutcome:
        assert f"| `{outcome.word}` |" in text
    for direction in Direction:
        assert f"| `{direction}` |" in text
    for relation in Relation:
        assert f"`{relation}`" in text


def test_the_example_of_a_contact_policy_can_be_used() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", page("docs/contact-policy.md"), re.DOTALL)
    checked = read_policy(example.encode())
    assert checked.warnings == ()
    coach = ContactFacts(
        Direction.GROUP, AgeBand.ADULT, AgeBand.AGE_13_15, Relation.SHARED_ROOM, minor_refusals=2, account_age=9_000
    )
    decided = CompiledPolicy(checked.policy).decide(coach)
    assert (decided.outcome, decided.reasons) == (ContactOutcome.HOLD, ("coaches", "declined-twice"))
