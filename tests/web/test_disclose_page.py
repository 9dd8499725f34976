"""What `/report` is served as: its files, its policy, its words."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from nightlight.errors import RefusedError
from nightlight.model.report import Category
from nightlight.web.disclose.routes import STATIC, DisclosurePage, disclosure_routes, file_hashes

PAGE = DisclosurePage("https://matrix.example.org/", "example.org", "https://www.example.net/", 50, 20, 1000)


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=disclosure_routes(PAGE)), base_url="https://nightlight.test")


def test_the_page_may_load_its_own_files_and_talk_to_one_homeserver(client: TestClient) -> None:
    for path in ["/report", "/report/config.json", *(f"/report/static/{name}" for name in file_hashes())]:
        answer = client.get(path)
        assert answer.status_code == 200, path
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["worker-src"] == policy["style-src"] == "'self'"
        assert policy["connect-src"] == "'self' https://matrix.example.org"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "no-" in answer.headers["cache-control"]
        assert "set-cookie" not in answer.headers


def test_what_the_page_is_told_holds_no_secret(client: TestClient) -> None:
    assert client.get("/report/config.json").json() == {
        "homeserver": "https://matrix.example.org",
        "serverName": "example.org",
        "quickExit": "https://www.example.net/",
        "messagesMax": 50,
        "contextMax": 20,
        "noteCharsMax": 1000,
        "categories": list(Category),
    }


@pytest.mark.parametrize(
    "path", ["/report/static/../routes.py", "/report/static/%2e%2e/routes.py", "/report/static/", "/report/static/none"]
)
def test_nothing_but_the_files_of_the_page_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/report", "/report/config.json", "/report/static/report.css"])
def test_nothing_can_be_sent_to_the_page(client: TestClient, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "matrix.example.org",
        "https://",
        "https://a.example; script-src *",
        "https://a b",
        "ftp://a",
    ],
)
def test_addresses_that_would_bend_the_policy_are_refused(address: str) -> None:
    with pytest.raises(RefusedError, match="homeserver_public_url"):
        DisclosurePage(address, "example.org", "https://www.example.net/", 1, 1, 1)
    with pytest.raises(RefusedError, match="quick_exit_url"):
        DisclosurePage("https://a.example", "example.org", address, 1, 1, 1)


def test_no_file_of_the_page_names_another_place_to_load_from() -> None:
    """Whoever reads the source finds what the policy enforces: no script, picture, font or module from elsewhere."""
    addresses: dict[str, set[str]] = {}
    for name in file_hashes():
        source = (STATIC / name).read_text()
        without_comments = re.sub(r"^\s*(//|\*|/\*).*$", "", source, flags=re.M)
        addresses[name] = set(re.findall(r"https?://[^\s\"'`)]+", without_comments))
        for imported in re.findall(r"from \"([^\"]+)\"", source):
            assert imported.startswith("."), (name, imported)
    assert {name for name, found in addresses.items() if found} == {"app/words/de.js", "app/words/en.js", "icon.svg"}
    assert addresses["icon.svg"] == {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in "".join((STATIC / name).read_text() for name in file_hashes())


def test_every_language_says_everything() -> None:
    """By key, nested ones included; what is computed takes the same number of values."""

    def keys(language: str) -> list[tuple[str, str, bool]]:
        source = (STATIC / f"app/words/{language}.js").read_text()
        found = re.findall(r"^( +)([A-Za-z_]+): ([\[{(\"`])?", source, flags=re.M)
        inline = re.findall(r"([A-Za-z_]+): \"", source)
        return [(indent, key, kind == "(") for indent, key, kind in found] + [("", key, False) for key in inline]

    assert keys("en") == keys("de")
    english = (STATIC / "app/words/en.js").read_text()
    for category in Category:
        assert f"    {category}: " in english


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_helpline_dials_the_number_that_it_shows(language: str) -> None:
    """A child who taps 911 must not be put through to something else."""
    source = (STATIC / f"app/words/{language}.js").read_text()
    numbers = re.findall(r'\["[^"]+", "([^"]+)", "tel:(\d+)"\]', source)
    assert len(numbers) == source.count('"tel:') >= 5
    assert [shown.replace(" ", "") for shown, _ in numbers] == [dialled for _, dialled in numbers]


def test_every_failure_that_the_page_can_meet_has_words() -> None:
    english = (STATIC / "app/words/en.js").read_text()
    errors = english[english.index("  errors: {") :]
    raised: set[str] = set()
    for name in file_hashes():
        source = (STATIC / name).read_text()
        raised |= set(re.findall(r"(?:KeyEngineError|MatrixError)\(\"([A-Za-z_]+)\"", source))
        raised |= set(re.findall(r"throw \{ code: \"([a-z_]+)\"", source))
    raised |= {"file_damaged", "passphrase_wrong", "unreachable", "nonsense", "cancelled", "worker_failed"}
    assert len(raised) > 20
    assert {code for code in raised if f"    {code}: " not in errors} == set()


def test_without_javascript_the_page_says_what_to_do_instead(client: TestClient) -> None:
    found = re.search(r"<noscript>(.*)</noscript>", client.get("/report").text, flags=re.S)
    assert found is not None
    assert "use the report button of your app" in found[1]
    assert "116 111" in found[1]
