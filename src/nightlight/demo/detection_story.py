"""Somebody whom the homeserver suspended comes back with another account: seen from metadata, looked at by a person."""

from __future__ import annotations

import asyncio
import re
from html import unescape

from nightlight.demo.prevention_story import Told
from nightlight.demo.stage import Scene, Stage

#: The messenger's keyed hash of one device.
_DEVICE = "5e" * 16
_BACK, _GONE = "finn", "mallory"
_ASKED = ("leo", "alice", "mia")


class DetectionStory:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.told: list[Told] = []
        self._case = ""

    def first_scenes(self) -> list[Scene]:
        return [("The messenger says who uses which device", self._device_is_known)]

    def scenes(self) -> list[Scene]:
        return [("Who was suspended comes back with another account", self._comes_back)]

    async def _device_is_known(self) -> None:
        await self._stage.messenger.says_device(self._stage.id_of(_GONE), _DEVICE)

    async def _comes_back(self) -> None:
        stage = self._stage
        account = stage.accounts[_BACK]
        await stage.messenger.says_device(account.user_id, _DEVICE)
        one = await self._signals()
        stage.expect(set(one) == {"item of a banned account"}, "signals", str(one))
        stage.expect("Watched now" not in await self._page(), "one family", "it alone changed something")
        for child in _ASKED:
            room = await account.make_room(stage.id_of(child))
            unseen = room not in await stage.accounts[child].invitations()
            stage.expect(unseen, f"{_BACK} asks {child}", "it was delivered")
        await stage.until("the second family", self._is_watched)
        both = await self._signals()
        await stage.until("the case", self._has_case)
        case = await asyncio.to_thread(self._open_case)
        stage.expect("nobody reported" in case, "the case", "it does not say that nobody reported anything")
        stage.expect("Reveal" not in case, "the case", "there is something to reveal in it")
        self.told.append(
            Told(
                "Mallory, suspended, comes back as Finn",
                (
                    ("Finn uses Mallory's phone", "one signal, which only engineers see; nothing changes for Finn"),
                    ("Finn asks three children", "nobody is shown it: the account is of today and knows nobody there"),
                    ("With the third one", f"{len(both)} signals of two families agree: the account is watched"),
                    (
                        "Contact policy then",
                        "lets what it asks of Nina, 16, wait 72 hours and not 48; no more happens by itself",
                    ),
                    ("The reviewer finds", "a case without any content, marked not proven, with the reasons in words"),
                ),
            )
        )

    # What the scene is made of

    async def _page(self) -> str:
        """The account's page, as the reviewer at the console has it: that it was looked at is in the log."""

        def look() -> str:
            with self._stage.reviewer() as session:
                return session.signals(self._stage.id_of(_BACK))

        return await asyncio.to_thread(look)

    async def _signals(self) -> list[str]:
        found = re.findall(r'href="/rules/([a-z_0-9]+)"', await self._page())
        return [name.replace("_", " ") for name in dict.fromkeys(found)]

    async def _is_watched(self) -> bool:
        return "Watched now" in await self._page()

    async def _has_case(self) -> bool:
        found = re.search(r"/cases/(case_[0-9a-f]+)", await self._page())
        self._case = found[1] if found else ""
        return bool(found)

    def _open_case(self) -> str:
        with self._stage.reviewer() as session:
            return unescape(session.case(self._case))
