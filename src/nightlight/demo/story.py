"""The whole story, scene after scene. Every scene checks what it claims; one that does not happen raises StoryError."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from nightlight.demo.cast import COMING, REACHED
from nightlight.demo.closed_doors import found_in
from nightlight.demo.detection_story import DetectionStory
from nightlight.demo.hand_over_story import HandOverStory
from nightlight.demo.moving_in import MovingIn
from nightlight.demo.outcome import Outcome
from nightlight.demo.prevention_story import PreventionStory
from nightlight.demo.reach import Reach
from nightlight.demo.referral_story import ReferralStory
from nightlight.demo.report_story import CONTEXT, REPORTED, ReportStory
from nightlight.demo.stage import Stage, StoryError, everybody
from nightlight.demo.town import Town
from nightlight.errors import NightlightError

Progress = Callable[[str], None]


class Story:
    """Plays in a town that is up."""

    steps = 25

    def __init__(self, town: Town, progress: Progress) -> None:
        self._town = town
        self._progress = progress

    async def play(self) -> Outcome:
        self._progress("Fourteen people sign in")
        with _reach(self._town) as reach:
            async with everybody(self._town) as stage:
                return await self._play(stage, reach)

    async def _play(self, stage: Stage, reach: Reach) -> Outcome:
        outcome = Outcome()
        moving_in, prevention = MovingIn(stage, reach), PreventionStory(stage)
        report, detection = ReportStory(stage, outcome), DetectionStory(stage)
        hand_over, referral = HandOverStory(stage, report, outcome), ReferralStory(stage, outcome)

        async def look_again() -> None:
            await asyncio.to_thread(self._look_again, stage, moving_in.birth_months, outcome)

        async def table() -> None:
            outcome.reach = {
                (one, other): reach.preview(stage.id_of(one), stage.id_of(other))
                for one in COMING
                for other in REACHED
                if one != other
            }

        scenes = [
            *moving_in.scenes(),
            *detection.first_scenes(),
            *prevention.scenes(),
            *report.scenes(),
            *detection.scenes(),
            *prevention.last_scenes(),
            *hand_over.scenes(),
            *referral.scenes(),
            ("Is everything in the log, and still nothing else readable?", look_again),
            *hand_over.last_scenes(),
            ("Who could reach whom now?", table),
        ]
        try:
            hand_over.begin()
            referral.begin()
            for title, scene in scenes:
                self._progress(title)
                with _told_as(title):
                    await scene()
        finally:
            await hand_over.end()
            await referral.end()
        outcome.found = detection.told
        outcome.told, outcome.never_arrived = prevention.told, prevention.never_arrived
        return outcome

    def _look_again(self, stage: Stage, birth_months: list[str], outcome: Outcome) -> None:
        kept_closed = [text.encode() for text in stage.said if text not in (REPORTED, CONTEXT)]
        readable = found_in([self._town.folder], kept_closed)
        outcome.readable_after = len(readable)
        stage.expect(not readable, "closed doors", f"the servers can read {readable}")
        ages = found_in([self._town.folder], [born.encode() for born in birth_months])
        outcome.ages_readable = len(ages)
        stage.expect(not ages, "ages", f"birth months stand in {sorted(map(str, ages.values()))}")
        verified = self._town.nightlight.run("log", "verify")
        stage.expect(verified.returncode == 0, "nightlight log verify", verified.stderr)
        outcome.log = " ".join(verified.stderr.split())


@contextmanager
def _reach(town: Town) -> Iterator[Reach]:
    reach = Reach(town.folder, town.synapse.server_name)
    try:
        yield reach
    finally:
        reach.close()


@contextmanager
def _told_as(title: str) -> Iterator[None]:
    try:
        yield
    except StoryError:
        raise
    except (NightlightError, httpx.HTTPError, TimeoutError, KeyError, AssertionError) as e:
        raise StoryError(title, f"{type(e).__name__}: {e}") from e
