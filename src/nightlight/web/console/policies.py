"""The console's pages for contact policies: read, edit, preview, propose, approve, raise the share, take back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nightlight.errors import RefusedError
from nightlight.flows.change_policy import NOTE_CHARS_MAX, PolicyDesk
from nightlight.flows.policy_book import InForce, PolicyBook
from nightlight.flows.replay_policy import IN_FORCE, PolicyReplay
from nightlight.flows.sign_in import Door
from nightlight.hazmat.strict_yaml import BYTES_MAX, MalformedError, Problem
from nightlight.model.contact_policy import ChangeState, PolicyChange
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.difference import difference
from nightlight.prevent.policy_file import read_policy
from nightlight.prevent.replay_report import cautions, shown
from nightlight.web.console import policy_sheets
from nightlight.web.console.form import text
from nightlight.web.console.guard import Guard, go, guarded, path
from nightlight.web.console.pages import page
from nightlight.web.console.problem import status_of
from nightlight.web.console.session import Session, Sessions

#: A policy as a form sends it: most of its characters become three.
_FORM_BYTES_MAX = 3 * BYTES_MAX + 65_536
#: A look into the past from a page is over within seconds; the command replays everything.
REPLAYED_MAX = 50_000
DAYS = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Policies:
    """``presets``: texts to start from, by name."""

    desk: PolicyDesk
    book: PolicyBook
    replay: PolicyReplay
    presets: Mapping[str, bytes]


def policy_routes(policies: Policies, door: Door, *, cookie_secure: bool, session_seconds: int) -> list[BaseRoute]:
    """Every route about policies. All need a session; every change needs its form token."""
    rooms, signed_in = PolicyPages(policies), Guard(Sessions(door, cookie_secure, session_seconds)).signed_in
    return [
        Route("/policies", guarded(signed_in(rooms.overview)), methods=["GET"]),
        Route("/policies/edit", guarded(signed_in(rooms.edit)), methods=["GET"]),
        Route("/policies/edit", guarded(signed_in(rooms.edited), _FORM_BYTES_MAX), methods=["POST"]),
        Route("/policies/{number}", guarded(signed_in(rooms.change)), methods=["GET"]),
        Route("/policies/{number}/approve", guarded(signed_in(rooms.approve)), methods=["POST"]),
        Route("/policies/{number}/reject", guarded(signed_in(rooms.reject)), methods=["POST"]),
        Route("/policies/{number}/roll-back", guarded(signed_in(rooms.roll_back)), methods=["POST"]),
        Route("/policies/{number}/share", guarded(signed_in(rooms.share)), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class PolicyPages:
    policies: Policies

    def overview(self, _request: Request, _form: FormData, session: Session) -> Response:
        problems = self.policies.book.problems()
        now = self.policies.book.in_force()
        return page(
            "policies.html",
            session=session,
            problems=problems,
            in_force=now,
            changes=self.policies.desk.changes(),
            sheets=policy_sheets.sheets(now.newest),
            now=self.policies.desk.clock.now(),
        )

    def edit(self, request: Request, _form: FormData, session: Session) -> Response:
        start = request.query_params.get("start", "in-force")
        return self._edit_page(session, self._start(start).decode(), started=start)

    def edited(self, _request: Request, form: FormData, session: Session) -> Response:
        typed, does = text(form, "policy"), text(form, "do")
        data = typed.encode("utf-8", "replace")
        values: dict[str, Any] = {
            "note": text(form, "note"),
            "share": text(form, "share") or "100",
            "days": text(form, "days"),
        }
        try:
            if does == "propose":
                change, _ = self.policies.desk.propose(data, _share(values["share"]), values["note"], session.username)
                return go(f"/policies/{change.number}")
            checked = read_policy(data)
        except MalformedError as e:
            return self._edit_page(session, typed, 422, **values, found=e.problems, usable=False)
        except RefusedError as e:
            return self._edit_page(session, typed, status_of(e), **values, error=e)
        compiled = CompiledPolicy(checked.policy)
        preview = self._preview(compiled, values["days"]) if does == "preview" else None
        return self._edit_page(session, typed, **values, found=checked.warnings, usable=True, preview=preview)

    def change(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._change_page(session, self._change(request), days=request.query_params.get("days", ""))

    def approve(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._decided(request, session, self.policies.desk.approve)

    def reject(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._decided(request, session, self.policies.desk.reject)

    def roll_back(self, request: Request, _form: FormData, session: Session) -> Response:
        return self._decided(request, session, self.policies.desk.roll_back)

    def share(self, request: Request, form: FormData, session: Session) -> Response:
        """The same text for more accounts, or fewer: a change of its own, which needs two people again."""
        change, desk = self._change(request), self.policies.desk
        try:
            made, _ = desk.propose(
                desk.text(change.digest), _share(text(form, "share")), text(form, "note"), session.username
            )
        except RefusedError as e:
            return self._change_page(session, change, status_of(e), error=e, note=text(form, "note"))
        return go(f"/policies/{made.number}")

    def _decided(self, request: Request, session: Session, decide: Any) -> Response:
        change = self._change(request)
        try:
            decide(change.number, session.username)
        except RefusedError as e:
            return self._change_page(session, self._change(request), status_of(e), error=e)
        return go(f"/policies/{change.number}")

    def _change(self, request: Request) -> PolicyChange:
        number = path(request, "number")
        found = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
        change = next((one for one in self.policies.desk.changes() if one.number == found), None)
        if change is None:
            raise RefusedError("policy_change_unknown", "There is no such change.", "See the list of changes.")
        return change

    def _start(self, name: str) -> bytes:
        if name in self.policies.presets:
            return self.policies.presets[name]
        if name.isascii() and name.isdigit() and len(name) < 10:
            for change in self.policies.desk.changes():
                if change.number == int(name):
                    return self.policies.desk.text(change.digest)
        return self.policies.book.in_force_text()

    def _edit_page(self, session: Session, typed: str, status: int = 200, **values: Any) -> Response:
        given = {
            "note": "",
            "share": "100",
            "days": "7",
            "started": "",
            "error": None,
            "found": None,
            "usable": None,
            "preview": None,
            **values,
        }
        lines = typed.split("\n")
        given["found"] = _located(given["found"], lines) if given["found"] is not None else None
        numbers = len(lines) + 200
        return page(
            "policy_edit.html",
            status,
            session=session,
            typed=typed,
            lines=len(lines),
            numbers=numbers,
            presets=list(self.policies.presets),
            days_offered=DAYS,
            note_max=NOTE_CHARS_MAX,
            **given,
        )

    def _change_page(
        self,
        session: Session,
        change: PolicyChange,
        status: int = 200,
        *,
        days: str = "",
        error: RefusedError | None = None,
        note: str = "",
    ) -> Response:
        written = self.policies.desk.text(change.digest).decode("utf-8", "replace")
        try:
            compiled = CompiledPolicy(read_policy(written.encode()).policy)
        except RefusedError as e:
            compiled, error = None, error or e
        return page(
            "policy_change.html",
            status,
            session=session,
            change=change,
            problems=self.policies.book.problems(),
            in_force=self.policies.book.in_force(),
            may_approve=change.state is ChangeState.PROPOSED and change.proposed_by != session.username,
            compiled=compiled,
            preview=self._preview(compiled, days, change) if compiled else None,
            days=days,
            days_offered=DAYS,
            written=written,
            error=error,
            note=note,
            note_max=NOTE_CHARS_MAX,
            now=self.policies.desk.clock.now(),
        )

    def _preview(self, new: CompiledPolicy, days: str, change: PolicyChange | None = None) -> dict[str, Any]:
        """What would change, compared with what holds now, and who would have noticed in the last ``days``."""
        now = self.policies.book.in_force()
        old = _compared(now, new, change)
        found = difference(old, new)
        values = {"old": old, "new": new, "found": found, "sheets": policy_sheets.compared(old, new), "replay": None}
        if days.isascii() and days.isdigit() and int(days[:4]) in DAYS:
            at = self.policies.desk.clock.now()
            start = self.policies.replay.newest(int(days), REPLAYED_MAX, at)
            seen = shown(self.policies.replay.run(new, IN_FORCE, start, at + 1))
            cut = at - start < int(days) * 86_400_000
            said = cautions(new, seen.made_under, seen.damaged)
            values["replay"] = {"seen": seen, "start": start, "cut": cut, "cautions": said}
        return values


def _compared(now: InForce, new: CompiledPolicy, change: PolicyChange | None) -> CompiledPolicy:
    """What a policy takes the place of. Where it holds already, for all or for some: what held before it."""
    same = now.newest.policy.digest == new.policy.digest
    return (
        now.before if same and (now.share < 100 or (change is not None and change.number == now.change)) else now.newest
    )


def _share(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and 1 <= len(typed) <= 3):
        raise RefusedError("policy_share", "A policy holds for 1 to 100 of a hundred accounts.")
    return int(typed)


def _located(problems: tuple[Problem, ...], lines: list[str]) -> list[dict[str, Any]]:
    """Each mistake with the line it stands in, and what is before and from its column on."""
    found = []
    for problem in problems:
        line = lines[problem.line - 1] if problem.line <= len(lines) else ""
        first = max(0, problem.column - 40)
        before, rest = line[first : problem.column - 1], line[problem.column - 1 : problem.column + 59]
        found.append({"problem": problem, "before": before, "rest": rest})
    return found
