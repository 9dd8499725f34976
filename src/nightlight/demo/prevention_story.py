"""Who reaches whom: strangers, a classmate, family and coach, the directory, and an hour without Nightlight."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nightlight.demo.cast import BY_NAME
from nightlight.demo.own_page import OwnPage
from nightlight.demo.stage import Scene, Stage

_TALKED_ON = [
    ("helen", "Training is at five on Saturday?"),
    ("carl", "Yes, at five. I bring the balls."),
]
_ASKS = "would like to talk to you"


@dataclass(frozen=True, slots=True)
class Told:
    """A scene as it is told afterwards: who, and what they saw or did."""

    title: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """An approach to a child that never arrived: in which room, and what the one who came was answered."""

    actor: str
    target: str
    room: str
    answer: str


class PreventionStory:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.told: list[Told] = []
        self.never_arrived: list[Unseen] = []
        self._asked_meanwhile = ""

    def scenes(self) -> list[Scene]:
        return [
            ("A stranger asks a child", self._stranger_asks),
            ("A classmate asks, and the child answers", self._classmate_asks),
            ("Family and coach write as ever", self._known_people_write),
            ("Who finds Leo in the directory?", self._directory_is_searched),
            ("Nightlight is killed, and comes back", self._nightlight_is_killed),
        ]

    def last_scenes(self) -> list[Scene]:
        """Later: what takes a moment has happened by then, and what must not happen has still not happened."""
        return [("Did anything reach the children after all?", self._look_again)]

    async def _stranger_asks(self) -> None:
        stage = self._stage
        victor, leo, paul = (stage.accounts[name] for name in ("victor", "leo", "paul"))
        room = await victor.make_room()
        hidden, shown = await victor.invite(room, leo.user_id), await victor.invite(room, paul.user_id)
        seen = [await victor.membership(room, one.user_id) for one in (leo, paul)]
        stage.expect(
            (hidden.status_code, hidden.content) == (shown.status_code, shown.content),
            "the stranger's view",
            f"{hidden.content!r} is not {shown.content!r}",
        )
        stage.expect(seen == ["invite", "invite"], "the stranger's view", str(seen))
        await stage.until("an invitation to an adult", lambda: self._is_asked("paul", room))
        await self._never_arrived("victor", "leo", room, f"{hidden.status_code} {hidden.text}")
        self._tell(
            "A stranger asks a child",
            (
                "Victor asks Leo, who is 12",
                f"the answer is {hidden.status_code} {hidden.text}, and he sees: invited",
            ),
            ("Victor asks Paul, an adult", f"the answer is {shown.status_code} {shown.text}, and he sees: invited"),
            ("Paul's app shows", "an invitation"),
            ("Leo's app shows", "nothing"),
        )

    async def _classmate_asks(self) -> None:
        stage = self._stage
        kim, bob = stage.accounts["kim"], stage.accounts["bob"]
        room = await kim.make_room(bob.user_id)
        stage.expect(room not in await bob.invitations(), "a request", "the invitation was delivered unasked")
        await stage.until("the notice", lambda: self._has_notice("bob"))
        notice = next(text for text in await bob.notices() if _ASKS in text)
        stage.expect("kim" not in notice.lower(), "the notice", "it names who asks")
        async with OwnPage(stage.town.nightlight.url) as page:
            await page.sign_in(await bob.openid_token())
            shown, (request,) = await page.waiting()
            stage.expect("kim" not in shown.lower(), "his page", "it names who asks, unasked")
            await page.accept(request)
        await stage.until("joining", lambda: self._is_in("bob", room))
        self._tell(
            "A classmate asks",
            ("Kim asks Bob", "not delivered yet; Kim sees: invited"),
            ("Bob is told, without a name", f'"{_sentence(notice)}"'),
            ("Bob says yes on his page", "he is in the room, and Kim sees: joined"),
        )
        stage.expect(await kim.membership(room, bob.user_id) == "join", "joining", "Kim does not see it")

    async def _known_people_write(self) -> None:
        stage = self._stage
        lines = []
        for name, child in (("helen", "mia"), ("carl", "bob")):
            one, other = stage.accounts[name], stage.accounts[child]
            room = await one.make_room(other.user_id)
            await stage.until(f"{name} writes to {child}", lambda: self._is_asked(child, room))  # noqa: B023
            lines.append((f"{name.capitalize()} asks {child.capitalize()}", "an invitation at once, as ever"))
        self._tell("Family and coach", *lines)

    async def _directory_is_searched(self) -> None:
        stage = self._stage
        leo = stage.id_of("leo")
        await stage.until("the directory", lambda: self._is_found_by_his_mother("leo", "wanda"))
        found = await stage.accounts["victor"].finds("leo")
        stage.expect(leo not in found, "the directory", "the stranger finds the child")
        self._tell(
            'Who searches the directory for "leo"',
            ("Wanda, his mother", "finds Leo"),
            ("Victor", "finds nobody"),
        )

    async def _nightlight_is_killed(self) -> None:
        stage, accounts = self._stage, self._stage.accounts
        await asyncio.to_thread(stage.town.nightlight.kill)
        try:
            await stage.say_all(stage.rooms["helen", "carl"], _TALKED_ON)
            helen = stage.person("helen")
            await helen.sync()
            read = [text for _, _, text in await helen.decrypted(stage.rooms["helen", "carl"])]
            stage.expect(_TALKED_ON[-1][1] in read, "adults without Nightlight", f"Helen's app shows {read}")
            adults = await accounts["carl"].make_room(accounts["paul"].user_id)
            stage.expect(adults in await accounts["paul"].invitations(), "adults without Nightlight", "not delivered")
            self._asked_meanwhile = await accounts["kim"].make_room(accounts["alice"].user_id)
            room = await accounts["victor"].make_room(accounts["mia"].user_id)
            seen = await accounts["victor"].membership(room, accounts["mia"].user_id)
            stage.expect(seen == "invite", "the stranger's view", seen)
            await self._never_arrived("victor", "mia", room, "200")
            unseen = self._asked_meanwhile not in await accounts["alice"].invitations()
            stage.expect(unseen, "a child without Nightlight", "an undecided invitation was shown")
        finally:
            await asyncio.to_thread(stage.town.nightlight.start)

    async def _look_again(self) -> None:
        stage = self._stage
        await stage.until("deciding what was missed", self._kim_waits_for_alice)
        await stage.until("the notice", lambda: self._has_notice("alice"))
        for one in self.never_arrived:
            invitations = await stage.accounts[one.target].invitations()
            stage.expect(one.room not in invitations, "an approach", f"it reached {one.target}")
            stage.expect(not await self._has_notice(one.target), "an approach", f"{one.target} was told of it")
        self._tell(
            "Nightlight is killed (kill -9), and comes back",
            ("Meanwhile, Helen and Carl", "talk on, encrypted"),
            ("Meanwhile, Carl asks Paul", "an invitation at once: both are known to be adults"),
            ("Meanwhile, Victor asks Mia", "Victor sees: invited. Mia sees nothing"),
            ("Meanwhile, Kim asks Alice", "hidden, as nobody was there to decide"),
            ("Nightlight is back", "Kim's request waits for Alice, who is told; Mia still sees nothing"),
        )

    # What the scenes are made of

    async def _never_arrived(self, actor: str, target: str, room: str, answer: str) -> None:
        invitations = await self._stage.accounts[target].invitations()
        self._stage.expect(room not in invitations, f"{actor} asks {target}", "it was delivered")
        self.never_arrived.append(Unseen(BY_NAME[actor].title, target, room, answer))

    async def _has_notice(self, name: str) -> bool:
        return any(_ASKS in text for text in await self._stage.accounts[name].notices())

    async def _is_asked(self, name: str, room: str) -> bool:
        return room in await self._stage.accounts[name].invitations()

    async def _is_in(self, name: str, room: str) -> bool:
        return room in await self._stage.accounts[name].joined()

    async def _is_found_by_his_mother(self, child: str, mother: str) -> bool:
        # While a new Synapse fills its directory for the first time, it loses who registers meanwhile (seen with
        # 1.163); a name that is set anew brings them back.
        await self._stage.accounts[child].set_name(BY_NAME[child].title)
        return self._stage.id_of(child) in await self._stage.accounts[mother].finds(child)

    async def _kim_waits_for_alice(self) -> bool:
        waiting = await self._stage.messenger.requests(self._stage.id_of("alice"))
        return any(request["room"] == self._asked_meanwhile for request in waiting)

    def _tell(self, title: str, *lines: tuple[str, str]) -> None:
        self.told.append(Told(title, lines))


def _sentence(notice: str) -> str:
    """The first sentence of a notice's text, below its title."""
    text = notice.split("\n\n")[1]
    return text[: text.index(".") + 1]
