"""The reviewer's session: a cookie that scripts cannot read, and a token that other sites cannot guess."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from nightlight.errors import RefusedError
from nightlight.flows.sign_in import Door


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. ``csrf``: the token that every form of this session carries.

    ``alarms``: how many referrals failed, are overdue, or went out urgent and unreviewed.
    """

    username: str
    csrf: str = field(repr=False)
    alarms: int = 0

    def mark(self, *said: str) -> str:
        """A mark on an address that only this session can have made."""
        framed = "\n".join(said).encode("utf-8", "replace")
        return hmac.new(self.csrf.encode(), b"nightlight/mark/1\n" + framed, hashlib.sha256).hexdigest()[:32]

    def knows(self, mark: str, *said: str) -> bool:
        return hmac.compare_digest(self.mark(*said).encode(), mark.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Sessions:
    """``secure``: the cookie travels only over HTTPS, under a name that browsers hold to this host."""

    door: Door
    secure: bool
    seconds: int

    @property
    def cookie(self) -> str:
        return "__Host-nightlight" if self.secure else "nightlight"

    def of(self, request: Request) -> Session | None:
        """The session of this request, while it lasts."""
        token = request.cookies.get(self.cookie)
        username = self.door.user_of(token) if token else None
        return Session(username, form_token(token), self.door.alarms()) if token and username else None

    def start(self, response: Response, username: str, password: str) -> None:
        """Signs in, or raises what ``Door.sign_in`` raises."""
        token = self.door.sign_in(username, password)
        response.set_cookie(
            self.cookie, token, max_age=self.seconds, path="/", secure=self.secure, httponly=True, samesite="strict"
        )

    def end(self, request: Request, response: Response) -> None:
        token = request.cookies.get(self.cookie)
        if token:
            self.door.sign_out(token)
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="strict")


def check_csrf(session: Session, given: str) -> None:
    """A form of another site does not know the token (OWASP, "Cross-Site Request Forgery Prevention")."""
    if not hmac.compare_digest(session.csrf.encode(), given.encode("utf-8", "replace")):
        raise RefusedError("csrf", "This form did not come from this session.", "Reload the page and try again.")


def check_origin(request: Request) -> None:
    """For the sign-in form, which has no session yet: what the browser says of where the request comes from."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        # Behind a proxy the scheme may differ; the host is what tells sites apart.
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign:
        raise RefusedError("csrf", "The sign-in form was sent from another site.", "Open the sign-in page here.")


def local_path(target: str) -> str:
    """``target`` if it is a path on this site, else the queue: nobody is sent elsewhere after signing in."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and "\\" not in target else "/"


def form_token(token: str) -> str:
    """The token that the forms of a session carry."""
    return hmac.new(token.encode(), b"nightlight/csrf/1", hashlib.sha256).hexdigest()
