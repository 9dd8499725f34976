"""Examining a live installation: what works, what tells more than it must, what is broken, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightlight.errors import UnavailableError
from nightlight.model.health import Finding, Level
from nightlight.ports import Clock, Inspector
from nightlight.prevent.notices import Country

#: Of the questions and answers between the module and us; the module says its own.
INTERFACE = 3
_TRIED = "Synapse 1.163"
_CLOCK_MS = 5_000
_INSTALL = "docs/install-synapse.md says how."


@dataclass(frozen=True, slots=True)
class _Setting:
    """A setting of ``homeserver.yaml`` that decides what others learn or what reaches a child."""

    name: str
    wanted: bool
    level: Level
    else_what: str


_SETTINGS = (
    _Setting(
        "msc4155_enabled", True, Level.PROBLEM,
        "Invitations cannot be hidden from clients that use sliding sync, and the ignore list alone has to do it. "
        "It stands under experimental_features",
    ),
    _Setting(
        "require_auth_for_profile_requests", True, Level.WARNING, "Anybody on the internet may read profiles",
    ),
    _Setting(
        "limit_profile_requests_to_users_who_share_rooms", True, Level.WARNING,
        "Every account may read the profile of a child it shares no room with",
    ),
    _Setting(
        "include_profile_data_on_invite", False, Level.WARNING,
        "An invitation tells the inviter the display name and picture of the child",
    ),
    _Setting(
        "allow_profile_lookup_over_federation", False, Level.WARNING, "Other homeservers may read profiles",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Installation:
    """What this side knows. ``as_token``: of the registration file, empty if there is none."""

    homeserver_url: str
    public_url: str
    as_token: str
    has_service_token: bool
    cookie_secure: bool
    country: str
    helplines: Country
    policy: str
    policy_problems: tuple[str, ...]


class Examination:
    def __init__(
        self,
        inspector: Inspector | None,
        clock: Clock,
        installation: Installation,
        further: Callable[[], Iterator[Finding]] = lambda: iter(()),
    ) -> None:
        """``inspector``: None where no homeserver is set. ``further``: parts that need no homeserver."""
        self._further = further
        self._inspector = inspector
        self._clock = clock
        self._here = installation

    def run(self) -> Iterator[Finding]:
        """One part after the other, as each is looked at."""
        yield from self._own_settings()
        yield from self._further()
        if self._inspector is None:
            if not self._here.has_service_token:
                yield Finding(
                    Level.PROBLEM, "doors", "Neither a homeserver nor a service token is set: nobody can ask.",
                    "Set NIGHTLIGHT_HOMESERVER_URL, or NIGHTLIGHT_SERVICE_TOKEN_FILE for a messenger's own backend.",
                )  # fmt: skip
            return
        try:
            version = self._inspector.version()
        except UnavailableError as e:
            yield Finding(
                Level.PROBLEM, "homeserver", e.message,
                f"Is NIGHTLIGHT_HOMESERVER_URL ({self._here.homeserver_url}) its address as seen from here?",
            )  # fmt: skip
            return
        level = Level.OK if version.startswith(_TRIED) else Level.WARNING
        yield Finding(level, "homeserver", f"{version} answers.", "" if level is Level.OK else f"Tried with {_TRIED}.")
        inspector = self._inspector
        yield self._try(
            "admin token", inspector.require_admin, "Our token is one of a server admin.",
            "Make an admin account for Nightlight alone and put its token into NIGHTLIGHT_HOMESERVER_TOKEN_FILE.",
        )  # fmt: skip
        yield self._try(
            "OpenID", inspector.require_openid, "OpenID tokens can be checked: people can report and sign in.",
            "Add the resource openid to the listener that Nightlight reaches.",
        )  # fmt: skip
        yield from self._module(inspector)
        yield from self._history(inspector)

    def _own_settings(self) -> Iterator[Finding]:
        here = self._here
        for problem in here.policy_problems:
            yield Finding(
                Level.PROBLEM, "policy", problem, "See `nightlight policy in-force` and `nightlight log verify`."
            )
        yield Finding(Level.OK, "policy", f"In force: {here.policy}.")
        unchecked = ", ".join(line.name for line in here.helplines.lines if not line.checked)
        if unchecked:
            yield Finding(
                Level.WARNING, "helplines", f"Nobody has checked the helplines of {here.country}: {unchecked}.",
                "Compare them with their own pages and write the day into helplines.yaml (NIGHTLIGHT_CATALOGUE_DIR).",
            )  # fmt: skip
        else:
            yield Finding(Level.OK, "helplines", f"The helplines of {here.country} were checked by a person.")
        if here.public_url.startswith("https://"):
            yield Finding(Level.OK, "address", f"People reach Nightlight at {here.public_url}.")
        else:
            yield Finding(
                Level.WARNING, "address", f"People would reach Nightlight at {here.public_url}, unencrypted.",
                "Put a reverse proxy with HTTPS before it and set NIGHTLIGHT_PUBLIC_URL.",
            )  # fmt: skip
        if not here.cookie_secure:
            yield Finding(
                Level.WARNING,
                "cookies",
                "Session cookies are sent without HTTPS, too.",
                "Unset NIGHTLIGHT_COOKIE_SECURE.",
            )

    def _module(self, inspector: Inspector) -> Iterator[Finding]:
        try:
            about = inspector.module()
        except UnavailableError as e:
            yield Finding(
                Level.PROBLEM, "module", e.message,
                f"Load it, with the secret of NIGHTLIGHT_MODULE_SECRET_FILE; {_INSTALL}",
            )  # fmt: skip
            return
        if about.get("version") != INTERFACE:
            yield Finding(
                Level.PROBLEM, "module", f"It speaks version {about.get('version')}, Nightlight version {INTERFACE}.",
                "Install the synapse-module of this release and restart Synapse.",
            )  # fmt: skip
            return
        if about.get("contact") is not True:
            yield Finding(
                Level.PROBLEM, "module", "It is loaded, but asks nobody about contact.",
                f"Set url and state_path in its configuration; {_INSTALL}",
            )  # fmt: skip
            return
        if about.get("not_reached"):
            yield Finding(
                Level.PROBLEM, "module", f"It does not reach Nightlight at {about.get('url')}: {about['not_reached']}.",
                "Is Nightlight served there, and is the secret the same on both sides?",
            )  # fmt: skip
        else:
            yield Finding(Level.OK, "module", f"It asks Nightlight at {about.get('url')} and is answered.")
        yield from self._module_settings(about)
        found = about.get("synapse")
        yield from self._synapse(found if isinstance(found, Mapping) else {})

    def _module_settings(self, about: Mapping[str, Any]) -> Iterator[Finding]:
        if about.get("without_answer") == "allow":
            yield Finding(
                Level.PROBLEM, "module", "While Nightlight does not answer, strangers reach children.",
                "Set without_answer: hide in the module's configuration.",
            )  # fmt: skip
        if about.get("keep_encrypted") is not True:
            yield Finding(
                Level.WARNING,
                "module",
                "Encrypted rooms can be talked in without encryption.",
                "Set keep_encrypted: true.",
            )
        p95, step = about.get("decision_ms_p95"), about.get("answer_after_ms")
        if isinstance(p95, int | float) and isinstance(step, int):
            if p95 > step:
                yield Finding(
                    Level.WARNING, "timing",
                    f"One decision in twenty takes longer than {step} ms ({p95:.0f} ms): its time tells what it was.",
                    f"Set answer_after_ms to {int(p95 * 2) // 10 * 10 + 10}, or make decisions faster.",
                )  # fmt: skip
            else:
                yield Finding(Level.OK, "timing", f"Decisions take {p95:.1f} ms (95 of 100), answers {step} ms.")
        waiting = about.get("waiting")
        undecided = waiting.get("undecided", 0) if isinstance(waiting, Mapping) else 0
        if undecided:
            yield Finding(
                Level.WARNING, "waiting", f"{undecided:,} invitations are hidden and wait for a decision.",
                "They are decided by themselves within minutes; if not, see Synapse's log.",
            )  # fmt: skip
        apart = abs(about["time"] - self._clock.now()) if isinstance(about.get("time"), int) else 0
        if apart > _CLOCK_MS:
            yield Finding(
                Level.WARNING,
                "clocks",
                f"Synapse's clock and ours are {apart / 1000:.0f} seconds apart.",
                "Use NTP on both.",
            )

    def _synapse(self, found: Mapping[str, Any]) -> Iterator[Finding]:
        good = True
        for setting in _SETTINGS:
            if found.get(setting.name) is not setting.wanted:
                good = False
                value = str(setting.wanted).lower()
                yield Finding(
                    setting.level,
                    "synapse",
                    f"{setting.else_what}.",
                    f"Set {setting.name}: {value} in homeserver.yaml.",
                )
        if not found.get("server_notices"):
            good = False
            yield Finding(
                Level.PROBLEM, "notices", "Server notices are off: children are not told of requests.",
                f"Set server_notices in homeserver.yaml; {_INSTALL}",
            )  # fmt: skip
        elif not found.get("server_notices_auto_join"):
            good = False
            yield Finding(
                Level.WARNING, "notices", "A notice is an invitation that has to be accepted before it is read.",
                "Set auto_join: true under server_notices in homeserver.yaml.",
            )  # fmt: skip
        if found.get("worker"):
            yield Finding(Level.WARNING, "synapse", "The module answers from a worker; it was not tried there.")
        if good:
            yield Finding(Level.OK, "synapse", "Its settings tell strangers no more than they have to.")

    def _history(self, inspector: Inspector) -> Iterator[Finding]:
        if not self._here.as_token:
            yield Finding(
                Level.PROBLEM, "history", "No room history arrives: who knows whom is not known here.",
                f"Make a registration file and set NIGHTLIGHT_APPSERVICE_FILE; {_INSTALL}",
            )  # fmt: skip
            return
        try:
            took = inspector.ping_history(self._here.as_token)
        except UnavailableError as e:
            yield Finding(
                Level.PROBLEM, "history", e.message,
                "Name the registration file in app_service_config_files, check the url in it, and restart Synapse.",
            )  # fmt: skip
            return
        yield Finding(Level.OK, "history", f"Room history arrives (there and back in {took} ms).")

    @staticmethod
    def _try(part: str, look: Callable[[], None], good: str, mend: str) -> Finding:
        try:
            look()
        except UnavailableError as e:
            return Finding(Level.PROBLEM, part, e.message, mend)
        return Finding(Level.OK, part, good)
