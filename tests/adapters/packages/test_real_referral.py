"""A referral of a real case in a real store: what the vault keeps goes out sealed, decrypted on its way."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import pyrage
import pytest

from nightlight.adapters.age import unseal
from nightlight.adapters.packages.archive import write_package
from nightlight.adapters.packages.package import Package
from nightlight.demo.pictures import a_red_circle
from nightlight.flows.prepare_report import Preparation
from nightlight.model.case import Outcome, Policy
from nightlight.model.draft import AgencyKind
from nightlight.store.database import Database
from tests.adapters.packages import made
from tests.databases import database, database_url, postgres
from tests.flows.referring import NCMEC, Referring
from tests.simulators.homeserver import SimulatedHomeserver
from tests.simulators.shared import shared_simulator
from tests.world import World

__all__ = ["database", "database_url", "postgres", "shared_simulator"]


@pytest.fixture
def world(shared_simulator: tuple[SimulatedHomeserver, str], database: Database) -> Iterator[World]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    world = World(simulator, database, url)
    yield world
    world.matrix.close()


def test_a_kept_picture_reaches_the_agency_as_it_was_sent(world: World) -> None:
    identity = pyrage.x25519.Identity.generate()
    referring = Referring(world, kind=AgencyKind.POLICE)
    world.people.add_agency(NCMEC, str(identity.to_public()), "test", AgencyKind.POLICE)
    circle = a_red_circle()
    event = world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(circle), filename="shape.png")
    case_id = world.report(event, world.abusive).report.case_id or ""
    world.checker.run_due()
    (view,) = world.desk.case(case_id, "robin").attachments[event]
    world.desk.keep_attachment(case_id, event, view.attachment.attachment_id, "robin", "for the agency")
    world.desk.decide(case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "what was found", [])
    referral = referring.desk.begin(case_id, "robin", NCMEC)
    preparation = Preparation(world.store, world.vault, 10_000_000)
    out = io.BytesIO()
    package = Package(replace(referral, reviewed_by="kim"), preparation.prepare(referral), made.OPERATOR)
    write_package(package, preparation.content, out)
    archive = zipfile.ZipFile(io.BytesIO(unseal(out.getvalue(), [str(identity)])))
    document = json.loads(archive.read("referral.json"))
    (file,) = document["files"]
    assert archive.read(file["name"]) == circle
    assert file["viewed"] is False
    assert b"[abusive message 1]" in archive.read("conversation.txt")
    assert {one["event_id"] for one in document["conversation"]["messages"]} == {event, world.abusive}
    assert world.key(world.abusive).hex() not in json.dumps(document)
