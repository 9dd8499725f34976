"""A desk for referrals that a person carries, with real packages, for tests."""

from __future__ import annotations

from nightlight.adapters.packages.archive import write_package
from nightlight.adapters.packages.package import Package
from nightlight.flows.hand_over import HandOverDesk, Outgoing
from nightlight.flows.prepare_report import Preparation
from nightlight.flows.send_referral import Sender
from nightlight.model.reporter import ReportingOperator
from nightlight.ports import Sink
from nightlight.respond.referral_clock import ReferralClock
from tests.world import World

HOUR_MS = 3_600_000
OPERATOR = ReportingOperator("Example Chat")
CLOCK = ReferralClock(24 * HOUR_MS, HOUR_MS, {"P1": HOUR_MS, "P2": 24 * HOUR_MS, "P3": 72 * HOUR_MS})


def hand_over_desk(world: World, operator: ReportingOperator = OPERATOR) -> HandOverDesk:
    def pack(outgoing: Outgoing, out: Sink) -> list[tuple[str, bytes]]:
        package = Package(outgoing.referral, outgoing.prepared, operator, outgoing.decision, outgoing.bundle)
        return [(member.name, member.sha256) for member in write_package(package, outgoing.read, out)]

    preparation = Preparation(world.store, world.vault, 10_000_000)
    return HandOverDesk(world.store, world.clock, world.new_id, preparation, world.referrer, pack)


def sender(world: World) -> Sender:
    """For an installation that is connected to no agency's service."""
    return Sender(lambda: None, CLOCK, world.new_id)
