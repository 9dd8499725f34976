"""The session of a person's own page: short, in a cookie that scripts and other sites never get."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from nightlight.flows.own_door import OwnDoor
from nightlight.web.console.session import Session, form_token


@dataclass(frozen=True, slots=True)
class OwnSessions:
    """``secure``: the cookie travels only over HTTPS, under a name that browsers hold to this host."""

    door: OwnDoor
    secure: bool
    seconds: int

    @property
    def cookie(self) -> str:
        return "__Host-nightlight-safe" if self.secure else "nightlight-safe"

    @property
    def language_cookie(self) -> str:
        return "__Host-nightlight-language" if self.secure else "nightlight-language"

    def of(self, request: Request) -> Session | None:
        """The session of this request, while it lasts; its ``username`` is the whole account id."""
        token = request.cookies.get(self.cookie)
        account = self.door.account_of(token) if token else None
        return Session(account, form_token(token)) if token and account else None

    def start(self, response: Response, token: str) -> None:
        response.set_cookie(
            self.cookie, token, max_age=self.seconds, path="/", secure=self.secure, httponly=True, samesite="strict"
        )

    def end(self, request: Request, response: Response) -> None:
        token = request.cookies.get(self.cookie)
        if token:
            self.door.sign_out(token)
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="strict")

    def keep_language(self, response: Response, language: str) -> None:
        response.set_cookie(
            self.language_cookie,
            language,
            max_age=365 * 86_400,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )
