"""The pages: whatever a stranger wrote, they read as what it is, fetch nothing, and do not grow without end."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pypdf
import pytest

from nightlight.adapters.packages.document import package_document
from nightlight.adapters.packages.pdf import PageLimits, package_html, package_pdf
from nightlight.adapters.paper import nothing_fetched
from nightlight.errors import UnavailableError
from nightlight.model.draft import AgencyKind, Basis, Fact
from tests.adapters.packages import made

HOSTILE = (
    Fact("incident.summary", "x" * 200_000, Basis.REVIEWER, "robin"),
    Fact("incident.priority", "P1", Basis.REVIEWER, "robin"),
    Fact("suspect.account_id", "@שלום:مرحبا.example", Basis.HOMESERVER, "x"),
    Fact("suspect.screen_name", "a\u202eb\x00\x1b[31m\ud800", Basis.REVIEWER, "robin"),
    Fact("suspect.display_name", "<script>alert(1)</script>", Basis.REVIEWER, "robin"),
    Fact("suspect.display_name", "<img src=https://evil.example/x>{{ 7*7 }}", Basis.REVIEWER, "robin"),
    Fact("suspect.display_name", "<link rel=attachment href=file:///etc/hostname>", Basis.REVIEWER, "robin"),
    Fact("suspect.profile_url", "https://" + "y" * 900, Basis.REVIEWER, "robin"),
    Fact("victim.email", "left-out@example.org", Basis.HOMESERVER, "x", included=False),
    *(Fact("suspect.ip", f"192.0.2.{number}", Basis.HOMESERVER, "x") for number in range(120)),
)
LINES = tuple(made.line(f"$event{number}", f"[message {number}]", omitted=number % 2) for number in range(1000))
SMALL = PageLimits(rows=12, messages=8)


def document_of(kind: AgencyKind, *args: Any, **changes: Any) -> dict[str, Any]:
    return package_document(made.package(kind, *args, **changes))


def text_of(data: bytes) -> str:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    return " ".join(" ".join(pages).split())


@pytest.fixture(scope="module")
def hostile() -> bytes:
    return package_pdf(document_of(AgencyKind.NCA, HOSTILE, LINES), SMALL)


@pytest.fixture(scope="module")
def police() -> bytes:
    return package_pdf(document_of(AgencyKind.POLICE, files=(made.file(), made.file(2))))


def test_tricks_are_printed_as_their_numbers_and_markup_as_text(hostile: bytes) -> None:
    text = text_of(hostile)
    assert "a⟦U+202E⟧b⟦U+0000⟧⟦U+001B⟧[31m⟦U+D800⟧" in text.replace(" ", "")
    assert "<script>alert(1)</script>" in text.replace(" ", "")
    assert "{{7*7}}" in text.replace(" ", "")
    assert "\u202e" not in text
    assert "written from right to left" in text


def test_pages_carry_no_script_no_link_and_no_file(hostile: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(hostile))
    assert not reader.attachments
    assert not any("/Annots" in page for page in reader.pages)
    for word in (b"/JavaScript", b"/OpenAction", b"/Launch", b"/URI", b"/EmbeddedFiles"):
        assert word not in hostile


def test_very_long_things_are_cut_and_say_where_the_whole_is(hostile: bytes) -> None:
    text = text_of(hostile)
    assert "Cut here: the first 6,000 of 200,000 characters. The whole is in referral.json." in text
    assert "Cut here: 8 of 1,000 messages. All of them are in conversation.txt." in text
    assert "Cut here: 12 of" in text
    assert "[message 7]" in text
    assert "[message 8]" not in text
    assert len(pypdf.PdfReader(io.BytesIO(hostile)).pages) < 15


def test_no_line_runs_off_the_page() -> None:
    import weasyprint

    html = package_html(document_of(AgencyKind.NCA, HOSTILE, LINES[:3]), SMALL)
    for page in weasyprint.HTML(string=html, url_fetcher=nothing_fetched()).render().pages:
        for box in page._page_box.descendants():
            if getattr(box, "text", None):
                assert box.position_x >= 0
                assert box.position_x + box.width <= page.width - 60
                assert box.position_y + box.height <= page.height


def test_what_was_taken_out_is_on_no_page(hostile: bytes) -> None:
    assert "left-out" not in text_of(hostile)


def test_every_page_says_for_whom_and_which(hostile: bytes) -> None:
    pages = pypdf.PdfReader(io.BytesIO(hostile)).pages
    for number, page in enumerate(pages, 1):
        text = " ".join(page.extract_text().split())
        assert "Restricted: for National Crime Agency only" in text
        assert "Referral referral_000007" in text
        assert f"Page {number} of {len(pages)}" in text


def test_pages_are_for_screen_readers_and_for_the_archive(hostile: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(hostile))
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Referral referral_000007 to National Crime Agency"
    assert 'part="2"' in root["/Metadata"].get_data().decode()
    assert 'conformance="A"' in root["/Metadata"].get_data().decode()


def test_pages_say_nothing_of_when_they_were_written(hostile: bytes) -> None:
    metadata: Any = pypdf.PdfReader(io.BytesIO(hostile)).metadata or {}
    assert not {"/CreationDate", "/ModDate"} & metadata.keys()


def test_the_same_document_is_the_same_pages_in_another_process(police: bytes) -> None:
    code = (
        "import hashlib\n"
        "from nightlight.adapters.packages.document import package_document\n"
        "from nightlight.adapters.packages.pdf import package_pdf\n"
        "from nightlight.model.draft import AgencyKind\n"
        "from tests.adapters.packages import made\n"
        "files = (made.file(), made.file(2))\n"
        "print(hash('x'), package_pdf(package_document(made.package(AgencyKind.POLICE, files=files))).hex())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert bytes.fromhex(ran.stdout.split()[1]) == police


def test_police_read_facts_messages_files_and_what_is_proven(police: bytes) -> None:
    text = text_of(police)
    for said in (
        made.MALLORY, "proven by the reported messages", "13 to 15", "from what is known of ages (declared)",
        "[abusive message 1]", "3 messages in between, not in here.", "There may be messages in between.",
        "by nobody of the service", "What is proven and what is not", "known and left out", "Urgency", "kim",
        "3 messages, 2 files",
    ):  # fmt: skip
        assert said in text, said
    for file in document_of(AgencyKind.POLICE)["files"]:
        for name in ("sha256", "sha1", "md5"):
            assert file[name] in text.replace(" ", "")


def test_the_iwf_reads_its_form_and_no_message() -> None:
    text = text_of(package_pdf(document_of(AgencyKind.IWF)))
    for said in ("Category", "Date seen", "https://one.example/a", "[what can be reached there]"):
        assert said in text
    for hidden in ("abusive", "shape.png", "case_1", "kim", made.MALLORY):
        assert hidden not in text


@pytest.mark.parametrize("priority", ["P1", "P2", "P3"])
def test_the_nca_sees_the_priority_first(priority: str) -> None:
    facts = (Fact("incident.priority", priority, Basis.REVIEWER, "robin"),)
    html = package_html(document_of(AgencyKind.NCA, facts))
    assert html.index(f'<p class="big">{priority}</p>') < html.index("<h1>")


def test_an_urgent_one_that_nobody_signed_says_so() -> None:
    html = package_html(document_of(AgencyKind.POLICE, reviewed_by="", reviewed_at=None))
    assert "Nobody yet" in html


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="https://evil.example/x.png">',
        '<img src="data:image/png;base64,AAAA">',
        '<link rel="stylesheet" href="file:///etc/hostname">',
        '<style>@import url("https://evil.example/x.css");</style>',
        '<style>@font-face { font-family: x; src: url("file:///x.ttf") } p { font-family: x }</style><p>x</p>',
    ],
)
def test_a_template_that_wanted_to_fetch_something_makes_no_pages(markup: str) -> None:
    import weasyprint

    with pytest.raises(BaseException, match="Pages fetch nothing"):
        weasyprint.HTML(string=markup, url_fetcher=nothing_fetched()).write_pdf()


def test_without_pango_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoPango:
        @staticmethod
        def find_spec(name: str, _path: object = None, _target: ModuleType | None = None) -> ModuleSpec | None:
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")
            return None

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoPango, *sys.meta_path])
    with pytest.raises(UnavailableError) as caught:
        package_pdf(document_of(AgencyKind.NCA))
    assert caught.value.code == "pages_unavailable"
    assert "libpango" in caught.value.message


def test_whoever_starts_the_service_does_not_wait_for_the_page_writer() -> None:
    code = "import sys, nightlight.adapters.packages.archive; sys.exit('weasyprint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
