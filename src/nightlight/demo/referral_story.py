"""The clearing house is told: a draft filled from the case, two people, and filed once although an answer is lost."""

from __future__ import annotations

import asyncio
import secrets

from nightlight.demo.outcome import Outcome
from nightlight.demo.reviewer import ReviewerSession
from nightlight.demo.stage import Scene, Stage
from nightlight.demo.town import Login

AGENCY = "Training CyberTipline"


class ReferralStory:
    """``begin`` makes agency and second reviewer known beside the earlier scenes; ``end`` waits until it is done."""

    def __init__(self, stage: Stage, outcome: Outcome) -> None:
        self._stage = stage
        self._outcome = outcome
        self._second = Login("sam", secrets.token_urlsafe(12))
        self._prepared: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._prepared = asyncio.create_task(asyncio.to_thread(self._prepare))

    async def end(self) -> None:
        if self._prepared is not None:
            await asyncio.wait([self._prepared])

    def scenes(self) -> list[Scene]:
        return [("Two people tell the clearing house, whose first answer is lost", self._told)]

    def _prepare(self) -> None:
        nightlight = self._stage.town.nightlight
        nightlight.add_reviewer(self._second.username, self._second.password)
        added = nightlight.run("agency", "add", AGENCY, "--kind", "ncmec")
        self._stage.expect(added.returncode == 0, "the agency", added.stderr)

    async def _told(self) -> None:
        if self._prepared is not None:
            await self._prepared
        referral = await asyncio.to_thread(self._sign)
        house = self._stage.town.clearing_house

        async def arrived() -> bool:
            return bool(house.numbers()[0])

        await self._stage.until("the report is at the clearing house", arrived, 60)

        async def said() -> bool:
            with self._stage.reviewer() as robin:
                return "the agency has it" in await asyncio.to_thread(robin.referral, referral)

        await self._stage.until("the console says so", said)
        filed, unfinished = house.numbers()
        self._stage.expect(len(filed) == 1, "filed once", f"the clearing house has {len(filed)} reports")
        self._stage.expect(unfinished == 1, "the lost answer", f"{unfinished} reports were opened and left")
        self._outcome.filed = (
            f"report {filed[0]} at a training CyberTipline, signed by two people; its first answer was lost, and still "
            "it is there once"
        )

    def _sign(self) -> str:
        with self._stage.reviewer() as robin:
            referral = robin.begin_referral(self._outcome.case_id, AGENCY)
            robin.step_referral(referral, "propose")
            refused = robin.step_referral(referral, "sign")
            self._stage.expect(refused != 303, "four eyes", "whoever wrote a referral could sign it off")
        with ReviewerSession(self._stage.town.nightlight.url) as sam:
            sam.sign_in(self._second.username, self._second.password)
            signed = sam.step_referral(referral, "sign")
            self._stage.expect(signed == 303, "signing", f"the console answered {signed}")
        return referral
