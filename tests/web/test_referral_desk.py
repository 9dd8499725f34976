"""The referral desk in the console: what is shown, who may do what, and that it works by hand."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyrage
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from fastapi import FastAPI
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from nightlight.adapters.age import unseal
from nightlight.adapters.cybertipline.client import TiplineClient, TiplineTimes
from nightlight.adapters.cybertipline.documents import TiplineDocuments
from nightlight.adapters.cybertipline.preview import tipline_preview
from nightlight.adapters.cybertipline.schema import Schema
from nightlight.adapters.packages.package import KINDS
from nightlight.adapters.packages.preview import package_form
from nightlight.errors import RefusedError
from nightlight.flows.examine_referrals import ReferralExamination
from nightlight.flows.prepare_report import Preparation
from nightlight.flows.preview_referral import Previewer
from nightlight.flows.send_referral import Alarms, Sender, filed, prior_reports, taken_back
from nightlight.flows.submit import Submitter
from nightlight.model.account import AgeBand
from nightlight.model.case import Outcome, Policy
from nightlight.model.draft import AgencyKind
from nightlight.model.health import Level
from nightlight.model.referral import Referral, ReferralState
from nightlight.model.reporter import ReportingOperator
from nightlight.model.submission import Submission
from nightlight.respond.draft_edit import NewFact
from nightlight.web.app import build_app
from nightlight.web.console.referral_desk import ReferralPages, referral_desk_routes
from nightlight.web.console.routes import console_routes
from tests.browser import browser
from tests.flows.handing_over import CLOCK, hand_over_desk, sender
from tests.flows.referring import DAY_MS, NCMEC, Referring, seen
from tests.loopback import served
from tests.simulators.cybertipline import PASSWORD as SECRET
from tests.simulators.cybertipline import USER, SimulatedTipline, simulated_tipline
from tests.web.conftest import PASSWORD
from tests.web.test_console_browser import page_of
from tests.world import World

__all__ = ["browser"]

IDENTITY = pyrage.x25519.Identity.generate()


@pytest.fixture
def referring(world: World) -> Referring:
    world.door.add_reviewer("sam", PASSWORD, "test")
    return Referring(world)


def app_of(referring: Referring, submitter: Submitter | None = None) -> FastAPI:
    world = referring.world
    alarms = Alarms(world.store, world.clock, DAY_MS)
    world.door = replace(world.door, alarms=lambda: len(alarms.all()))
    preparation = Preparation(world.store, world.vault, 10_000_000)
    operator = ReportingOperator("Example Chat")
    forms = {kind: package_form(kind, operator) for kind in KINDS}
    forms[AgencyKind.NCMEC] = lambda prepared: tipline_preview(prepared, operator, Schema.own())
    previewer = Previewer(world.store, world.clock, preparation, forms)

    def drafted() -> list[Referral]:
        with world.store.read() as tx:
            return tx.referrals()

    pages = ReferralPages(referring.desk, previewer, drafted, alarms.all, submitter, hand_over_desk(world, operator))
    routes = [
        *console_routes(world.desk, world.door, world.referrer, cookie_secure=False, session_seconds=3600),
        *referral_desk_routes(pages, world.door, cookie_secure=False, session_seconds=3600),
    ]
    return build_app([], routes, world.store)


class Reviewer:
    def __init__(self, referring: Referring, name: str, submitter: Submitter | None = None) -> None:
        self.client = TestClient(app_of(referring, submitter), base_url="http://nightlight.test")
        answer = self.client.post("/login", data={"username": name, "password": PASSWORD})
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.text)
        assert found
        self.csrf = found[1]

    def send(self, address: str, **data: str | list[str]) -> tuple[int, str]:
        answer = self.client.post(address, data={"csrf": self.csrf, **data})
        return answer.status_code, html.unescape(answer.text)

    def form(self, referral: Referral) -> dict[str, str | list[str]]:
        """What the page's form would send if nothing was changed."""
        page = self.client.get(f"/referrals/{referral.referral_id}").text
        (form,) = re.findall(r'<form id="draft-form".*?</form>', page, re.DOTALL)
        data: dict[str, str | list[str]] = {}
        for tag in re.findall(r"<input[^>]*>", form):
            attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            name, value = attributes.get("name", ""), html.unescape(attributes.get("value", "on"))
            if attributes.get("type") != "checkbox":
                data[name] = value
            elif " checked" in tag:
                before = data.get(name, [])
                data[name] = [*before, value] if isinstance(before, list) else [before, value]
        for name, body in re.findall(r'<select name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
            chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', body)
            data[name] = html.unescape(chosen[1] or chosen[2]) if chosen else ""
        for name, value in re.findall(r'<textarea name="([^"]*)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
            data[name] = html.unescape(value)
        return data


@pytest.fixture
def robin(referring: Referring) -> Reviewer:
    return Reviewer(referring, "robin")


@pytest.fixture
def sam(referring: Referring) -> Reviewer:
    return Reviewer(referring, "sam")


def test_without_a_session_there_is_nothing(referring: Referring) -> None:
    referral = referring.begun()
    client = TestClient(app_of(referring), base_url="http://nightlight.test", follow_redirects=False)
    one = f"/referrals/{referral.referral_id}"
    for address in ("/referrals", one):
        assert client.get(address).headers["location"].startswith("/login")
    for step in ("save", "preview", "propose", "sign", "return", "withdraw", "review"):
        assert client.post(f"{one}/{step}", data={"reason": "x"}).headers["location"].startswith("/login")
    assert referring.sent == []


@pytest.mark.parametrize("step", ["save", "preview", "propose", "sign", "return", "withdraw", "review"])
def test_a_form_of_another_site_changes_nothing(referring: Referring, robin: Reviewer, step: str) -> None:
    referral = referring.begun()
    robin.csrf = "0" * 64
    status, _ = robin.send(f"/referrals/{referral.referral_id}/{step}", reason="x")
    assert status == 403
    assert referring.desk.sheet(referral.referral_id).referral == referral


def test_begun_from_the_case_it_shows_each_fact_with_what_it_rests_on(referring: Referring, robin: Reviewer) -> None:
    case_id = referring.decided()
    assert "Begin the referral" in robin.client.get(f"/cases/{case_id}").text
    status, page = robin.send(f"/cases/{case_id}/draft", agency=NCMEC)
    assert status == 200
    for said in ("proven by the reported messages: $", referring.world.mallory, "of what this agency can be told"):
        assert said in page
    assert "[abusive message 1]" not in page
    assert NCMEC in robin.client.get("/referrals").text


def test_a_form_sent_back_as_it_came_changes_nothing(referring: Referring, robin: Reviewer) -> None:
    referring.age(referring.world.bob, AgeBand.AGE_13_15)
    referring.remember(referring.world.bob, emails=("bob@example.org",), seen=(seen("192.0.2.7", 5),))
    referral = referring.begun()
    before = referring.draft(referral)
    status, _ = robin.send(f"/referrals/{referral.referral_id}/save", **robin.form(referral))
    assert status == 200
    assert referring.draft(referral) == before


def test_what_was_typed_is_still_there_after_a_refusal(referring: Referring, robin: Reviewer) -> None:
    referral = referring.begun()
    form = robin.form(referral) | {"new-name-0": "suspect.ip", "new-value-0": "[no address]"}
    status, page = robin.send(f"/referrals/{referral.referral_id}/save", **form)
    assert status == 422
    assert "that is not an internet address" in page
    assert "[no address]" in page


def test_a_draft_that_changed_meanwhile_is_not_overwritten(
    referring: Referring, robin: Reviewer, sam: Reviewer
) -> None:
    referral = referring.begun()
    form = robin.form(referral)
    sam.send(
        f"/referrals/{referral.referral_id}/save",
        **{**sam.form(referral), "new-name-0": "suspect.more", "new-value-0": "[by sam]"},
    )
    changed = {**form, "new-name-0": "suspect.more", "new-value-0": "[by robin]"}
    status, page = robin.send(f"/referrals/{referral.referral_id}/save", **changed)
    assert status == 409
    assert "Somebody changed this draft meanwhile" in page
    assert [f.value for f in referring.draft(referral).facts if f.name == "suspect.more"] == ["[by sam]"]


def test_two_people_send_it_and_one_cannot(referring: Referring, robin: Reviewer, sam: Reviewer) -> None:
    referral = referring.begun()
    one = f"/referrals/{referral.referral_id}"
    robin.send(f"{one}/save", **robin.form(referral), then="propose")
    page = robin.client.get(one).text
    assert "Somebody else has to sign it off" in page
    assert "Sign it off and send it" not in page
    status, _ = robin.send(f"{one}/sign", seen=referring.digest(referral))
    assert status == 422
    assert referring.sent == []
    sam.send(f"{one}/sign", seen=referring.digest(referral))
    assert referring.sent == [referral.referral_id]
    assert "signed the referral off" in sam.client.get(f"/cases/{referral.case_id}").text


def test_urgent_goes_at_once_and_asks_for_a_review(referring: Referring, robin: Reviewer, sam: Reviewer) -> None:
    referral = referring.begun()
    one = f"/referrals/{referral.referral_id}"
    reason = {"new-name-0": "incident.urgent_reason", "new-value-0": "[a meeting tomorrow]", "urgent": "on"}
    robin.send(f"{one}/save", **{**robin.form(referral), **reason}, then="propose")
    assert referring.sent == [referral.referral_id]
    assert "A second person still has to look at it" in robin.client.get(one).text
    sam.send(f"{one}/review", reason="it was right")
    assert referring.desk.sheet(referral.referral_id).referral.reviewed_by == "sam"
    assert "A second person still" not in robin.client.get(one).text


def test_given_back_and_withdrawn_with_a_reason(referring: Referring, robin: Reviewer, sam: Reviewer) -> None:
    referral = referring.begun()
    one = f"/referrals/{referral.referral_id}"
    robin.send(f"{one}/save", **robin.form(referral), then="propose")
    assert sam.send(f"{one}/return", reason=" ")[0] == 422
    sam.send(f"{one}/return", reason="the summary is not clear")
    assert referring.desk.sheet(referral.referral_id).referral.state is ReferralState.DRAFT
    robin.send(f"{one}/withdraw", reason="told otherwise")
    assert referring.desk.sheet(referral.referral_id).referral.state is ReferralState.WITHDRAWN


def test_looking_at_the_preview_is_looking_at_the_messages_and_stands_in_the_log(
    referring: Referring, robin: Reviewer
) -> None:
    referral = referring.begun()
    with referring.world.store.read() as tx:
        before = len(tx.log_of(referral.case_id))
    _, page = robin.send(f"/referrals/{referral.referral_id}/preview")
    assert "[abusive message 1]" in page
    with referring.world.store.read() as tx:
        kinds = [entry.kind for entry in tx.log_of(referral.case_id)][before:]
    assert kinds == ["evidence.viewed", "evidence.viewed", "draft.read"]


def test_markup_in_a_draft_stays_text(referring: Referring, robin: Reviewer) -> None:
    markup = "</textarea><script>alert(1)</script>\u202e"
    referring.remember(referring.world.mallory, display_name=markup)
    referral = referring.begun()
    page = robin.client.get(f"/referrals/{referral.referral_id}").text
    assert "<script>alert" not in page


def test_a_referral_that_is_not_there_is_not_there(robin: Reviewer) -> None:
    assert robin.client.get("/referrals/none").status_code == 404
    assert robin.send("/referrals/none/sign", seen="")[0] == 404


# To the agency


@dataclass
class Connected:
    """A desk whose referrals go to a training service that stands in for the agency."""

    referring: Referring
    submitter: Submitter
    service: SimulatedTipline
    client: TiplineClient

    def __post_init__(self) -> None:
        sender = Sender(lambda: self.submitter, CLOCK, self.referring.world.new_id)
        self.referring.send = sender.send

    def signed(self) -> Referral:
        """A referral that two people sent."""
        referral = self.referring.begun()
        digest = self.referring.digest(referral)
        self.referring.desk.propose(referral.referral_id, "robin", digest)
        self.referring.desk.approve(referral.referral_id, "sam", digest)
        return referral

    def referral(self, referral: Referral) -> Referral:
        return self.referring.desk.sheet(referral.referral_id).referral


@pytest.fixture
def connected(referring: Referring, tmp_path: Path) -> Iterator[Connected]:
    world = referring.world
    with simulated_tipline(tmp_path / "tipline") as service:
        client = TiplineClient(service.url, lambda: (USER, SECRET), times=TiplineTimes(2, 5, 5, 10, 20))
        preparation = Preparation(world.store, world.vault, 10_000_000)

        def documents(submission: Submission) -> TiplineDocuments:
            with world.store.read() as tx:
                referral = tx.referral(submission.referral_id)
            assert referral is not None
            operator = ReportingOperator("Example Chat", "Alex", "Example")
            return TiplineDocuments(preparation.prepare(referral), operator, Schema.own(), preparation.content)

        submitter = Submitter(world.store, client, documents, world.clock, world.new_id, filed, taken_back)
        yield Connected(referring, submitter, service, client)
        client.close()


def test_what_two_people_signed_is_with_the_agency_and_its_number_is_here(connected: Connected) -> None:
    referral = connected.signed()
    robin = Reviewer(connected.referring, "robin", connected.submitter)
    one = f"/referrals/{referral.referral_id}"
    assert "on its way" in robin.client.get(f"{one}/progress").text
    connected.submitter.run_due()
    (report,) = connected.service.finished()
    assert connected.referral(referral).state is ReferralState.FILED
    assert connected.referral(referral).reference == str(report.report_id)
    page = robin.client.get(one).text
    assert "the agency has it" in page
    assert str(report.report_id) in page
    assert connected.referring.world.audit().head.number > 0


def test_a_later_report_about_the_same_account_names_the_earlier_one(connected: Connected) -> None:
    connected.signed()
    connected.submitter.run_due()
    (report,) = connected.service.finished()
    world = connected.referring.world
    event = world.homeserver.say(world.room, world.mallory, "[abusive message 2]")
    case_id = world.report(event).report.case_id or ""
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    connected.referring.find_prior = prior_reports
    second = connected.referring.desk.begin(case_id, "robin", NCMEC)
    assert connected.referring.draft(second).values("suspect.prior_report") == (str(report.report_id),)


def test_a_failed_referral_cannot_be_missed_and_can_be_tried_again(connected: Connected) -> None:
    referral = connected.signed()
    connected.service.fail("submit:error_500:*")
    robin = Reviewer(connected.referring, "robin", connected.submitter)
    clock = connected.referring.world.clock
    assert "somebody now" not in robin.client.get("/").text
    for _ in range(60):
        connected.submitter.run_due()
        clock.at += 3_600_000
    robin = Reviewer(connected.referring, "robin", connected.submitter)  # sessions end long before that
    for address in ("/", "/referrals", f"/cases/{referral.case_id}"):
        assert "1 referral needs somebody now." in robin.client.get(address).text
    assert connected.referral(referral).state is ReferralState.APPROVED  # nothing follows that did not happen
    connected.service.fail()
    status, page = robin.send(f"/referrals/{referral.referral_id}/retry")
    if status == 422:  # it goes on by itself
        assert "did not fail" in page
    clock.at += 86_400_000
    connected.submitter.run_due()
    assert len(connected.service.finished()) == 1
    robin = Reviewer(connected.referring, "robin", connected.submitter)
    assert "somebody now" not in robin.client.get("/").text


def test_an_overdue_referral_cannot_be_missed(connected: Connected) -> None:
    connected.signed()
    connected.referring.world.clock.at += DAY_MS + 1
    robin = Reviewer(connected.referring, "robin", connected.submitter)
    assert "1 referral needs somebody now." in robin.client.get("/").text
    assert "is overdue" in robin.client.get("/referrals").text


def test_what_nobody_can_know_is_asked_of_a_person(connected: Connected) -> None:
    referral = connected.signed()
    connected.service.fail("finish:drop_after:1", "finish:error_503:*")
    connected.submitter.run_due()
    # The report is deleted as far as the service says, and nobody knows if its end was taken.
    sheet = connected.referring.desk.sheet(referral.referral_id)
    assert sheet.submission is not None
    assert sheet.submission.finish_unknown
    assert len(connected.service.finished()) == 1


def test_the_doctor_says_what_needs_somebody_and_whether_the_agency_answers(connected: Connected) -> None:
    world = connected.referring.world
    alarms = Alarms(world.store, world.clock, DAY_MS)
    nobody, somebody = ReportingOperator("x"), ReportingOperator("x", "Alex", "Example", "safety@example.org")
    examination = ReferralExamination(alarms, somebody, connected.client.status)
    assert [finding.level for finding in examination.run()] == [Level.OK]
    connected.service.fail("status:error_500:*")
    examination = ReferralExamination(alarms, nobody, connected.client.status)
    assert [finding.level for finding in examination.run()] == [Level.WARNING, Level.PROBLEM]
    connected.signed()
    world.clock.at += DAY_MS + 1
    assert [finding.what for finding in ReferralExamination(alarms, nobody, None).run()] == [
        "1 referral needs somebody now."
    ]


def test_taken_back_before_it_is_filed(connected: Connected) -> None:
    referral = connected.signed()
    robin = Reviewer(connected.referring, "robin", connected.submitter)
    assert robin.send(f"/referrals/{referral.referral_id}/retract", reason=" ")[0] == 422
    robin.send(f"/referrals/{referral.referral_id}/retract", reason="sent by mistake")
    connected.submitter.run_due()
    assert connected.service.finished() == []
    assert "taken back" in robin.client.get(f"/referrals/{referral.referral_id}").text
    # What was wrong with it can be put right in another: the child is still to be protected.
    assert connected.referral(referral).state is ReferralState.WITHDRAWN
    desk = connected.referring.desk
    better = desk.begin(referral.case_id, "robin", NCMEC)
    digest = connected.referring.digest(better)
    desk.propose(better.referral_id, "robin", digest)
    desk.approve(better.referral_id, "sam", digest)
    connected.submitter.run_due()
    assert len(connected.service.finished()) == 1
    assert connected.referring.world.audit().head.number > 0


def test_without_a_connection_nothing_is_signed_into_nowhere(connected: Connected) -> None:
    connected.referring.send = Sender(lambda: None, CLOCK, connected.referring.world.new_id).send
    referral = connected.referring.begun()
    digest = connected.referring.digest(referral)
    connected.referring.desk.propose(referral.referral_id, "robin", digest)
    with pytest.raises(RefusedError) as caught:
        connected.referring.desk.approve(referral.referral_id, "sam", digest)
    assert caught.value.code == "not_connected"
    assert connected.referral(referral).state is ReferralState.PROPOSED


@pytest.fixture
def url(referring: Referring) -> Iterator[str]:
    with served(app_of(referring)) as url:
        yield url


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "light"), (390, "dark")])
def test_the_desk_fits_and_has_no_obstacles(
    browser: Browser, referring: Referring, url: str, width: int, scheme: str
) -> None:
    world = referring.world
    referring.age(world.bob, AgeBand.AGE_13_15)
    referring.remember(world.mallory, display_name="Mallory " * 10, seen=(seen("2001:db8::7", world.clock.at),))
    referral = referring.begun()
    with page_of(browser, url, width=width, scheme=scheme) as page:  # type: ignore[arg-type]
        for address in ("/referrals", f"/referrals/{referral.referral_id}"):
            page.goto(url + address)
            expect(page.locator("h1")).to_be_visible()
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="As the agency will see it").click()
        expect(page.locator("h1")).to_contain_text("will see it")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_a_draft_is_written_and_proposed(browser: Browser, referring: Referring, url: str) -> None:
    referral = referring.begun()
    with page_of(browser, url, javascript=False) as page:
        page.goto(f"{url}/referrals/{referral.referral_id}")
        page.get_by_label("Which person").first.fill("1")
        page.get_by_label("What", exact=True).first.select_option("suspect.country")
        page.get_by_label("Value", exact=True).first.fill("GB")
        page.get_by_role("button", name="Save and ask a second person").click()
        expect(page.get_by_text("Somebody else has to sign it off")).to_be_visible()
    assert referring.draft(referral).value("suspect.country") == "GB"


# To an agency without a service


@pytest.fixture
def carried(referring: Referring) -> Referral:
    """A referral to the NCA that two people signed."""
    referring.kind = AgencyKind.NCA
    referring.send = sender(referring.world).send
    referring.recipient = str(IDENTITY.to_public())
    referral = referring.begun()
    referring.saved(referral, "robin", NewFact("incident.priority", "P2", 1))
    digest = referring.digest(referral)
    referring.desk.propose(referral.referral_id, "robin", digest)
    return referring.desk.approve(referral.referral_id, "sam", digest)


def test_a_package_is_downloaded_sealed_and_said_to_have_arrived(
    referring: Referring, carried: Referral, robin: Reviewer
) -> None:
    one = f"/referrals/{carried.referral_id}"
    page = robin.client.get(one).text
    assert "to be taken there" in page
    assert "No evidence bundle goes along yet" in page
    status, page = robin.send(f"{one}/arrived", reference="NCA/1")
    assert status == 409
    assert "Nobody has taken the package yet" in page
    answer = robin.client.post(f"{one}/package", data={"csrf": robin.csrf})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{carried.referral_id}.zip.age"'
    assert answer.headers["cache-control"] == "no-store"
    archive = zipfile.ZipFile(io.BytesIO(unseal(answer.content, [str(IDENTITY)])))
    assert {"referral.json", "referral.pdf", "conversation.txt", "MANIFEST.sha256"} <= set(archive.namelist())
    status, page = robin.send(f"{one}/arrived", reference="")
    assert status == 422
    status, page = robin.send(f"{one}/arrived", reference="NCA/1 <b>")
    assert status == 200
    assert "<b>" in page  # unescaped by the test: it stands there as text
    assert "the agency has it" in page
    assert "Download the package again" in page
    status, page = robin.send(f"{one}/retract", reason="too late")
    assert status == 409
    assert referring.world.audit().head.number > 0


def test_a_package_needs_a_session_and_the_form_token(carried: Referral, referring: Referring, robin: Reviewer) -> None:
    one = f"/referrals/{carried.referral_id}"
    client = TestClient(app_of(referring), base_url="http://nightlight.test", follow_redirects=False)
    for step in ("package", "arrived"):
        assert client.post(f"{one}/{step}", data={"reference": "x"}).headers["location"].startswith("/login")
        assert robin.client.post(f"{one}/{step}", data={"csrf": "0" * 64}).status_code == 403
    assert robin.send("/referrals/referral_x/package")[0] == 404


def test_a_package_is_taken_back_before_it_arrives(referring: Referring, carried: Referral, robin: Reviewer) -> None:
    one = f"/referrals/{carried.referral_id}"
    status, page = robin.send(f"{one}/retract", reason="it was a mistake")
    assert status == 200
    assert "taken back" in page
    assert "Download" not in page
    assert robin.send(f"{one}/package")[0] == 409
    assert referring.desk.begin(carried.case_id, "robin", NCMEC).state is ReferralState.DRAFT


def test_the_preview_of_a_package_is_what_the_agency_gets(carried: Referral, robin: Reviewer) -> None:
    status, page = robin.send(f"/referrals/{carried.referral_id}/preview")
    assert status == 200
    assert "P2: High" in page
    assert "[abusive message 1]" in page


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_of_a_package_is_accessible_and_works_by_hand(
    browser: Browser, referring: Referring, carried: Referral, url: str, width: int, scheme: str
) -> None:
    with page_of(browser, url, width=width, scheme=scheme) as page:  # type: ignore[arg-type]
        page.goto(f"{url}/referrals/{carried.referral_id}")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download the package").click()
        assert Path(download.value.path()).read_bytes().startswith(b"age-encryption.org/v1")
        page.get_by_label("What the agency calls it").fill("NCA/2026/17")
        page.get_by_role("button", name="The agency has it").click()
        expect(page.get_by_text("the agency calls it NCA/2026/17")).to_be_visible()
    assert referring.world.audit().head.number > 0
