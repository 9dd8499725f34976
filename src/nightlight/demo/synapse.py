"""A real Synapse from its wheel: SQLite, loopback, our module loaded, in a folder of its own."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from nightlight.adapters.matrix.history import registration
from nightlight.demo.child import ChildServer
from nightlight.demo.loopback import NO_TLS, free_port
from nightlight.errors import UnavailableError
from nightlight.hazmat import base64url

SERVER_NAME = "town.example"


class Synapse:
    """``start()`` makes it answer, ``stop()`` ends it; starting again continues with the same data and port."""

    def __init__(
        self,
        folder: Path,
        further_settings: dict[str, Any] | None = None,
        nightlight_url: str = "",
        further_listeners: Sequence[dict[str, Any]] = (),
    ) -> None:
        """``further_settings``: as in ``homeserver.yaml``, beside or in place of the ones that this class makes.

        ``nightlight_url``: where Nightlight will listen; with it the module asks about contact, and room history goes
        there.
        """
        self._nightlight_url = nightlight_url
        self.data_dir = folder
        self._further = further_settings or {}
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.server_name = str(self._further.get("server_name", SERVER_NAME))
        self._further_listeners = list(further_listeners)
        self.registration_shared_secret = secrets.token_urlsafe(32)
        self.admin_user = "nightlight"
        self.admin_password = secrets.token_urlsafe(12)
        self.admin_token = ""
        self.database_path = folder / "homeserver.sqlite3"
        self.log_path = folder / "homeserver.log"
        self.module_secret_path = folder.parent / "module-secret"
        self.appservice_path = folder.parent / "appservice.yaml"
        arguments = ["synapse.app.homeserver", "-c", str(folder / "homeserver.yaml")]
        self._server = ChildServer("Synapse", arguments, f"{self.base_url}/health", folder / "output.log")

    def __enter__(self) -> Synapse:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts and waits until it answers; ``UnavailableError`` with the end of its log if it does not.

        Nothing is left running when this raises.
        """
        self._configure()
        self._server.start()
        try:
            if not self.admin_token:
                self.admin_token = self.register(self.admin_user, self.admin_password, admin=True)
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """Stops and starts again: same data, same port."""
        self.stop()
        self.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._server.kill()

    def register(self, localpart: str, password: str, *, admin: bool = False) -> str:
        """Registers an account with the shared secret (Synapse admin API, "Shared-Secret Registration")."""
        path = f"{self.base_url}/_synapse/admin/v1/register"
        with httpx.Client(timeout=30, trust_env=False, verify=NO_TLS) as http:
            nonce = http.get(path).json()["nonce"]
            role = "admin" if admin else "notadmin"
            message = "\x00".join([nonce, localpart, password, role]).encode()
            mac = hmac.new(self.registration_shared_secret.encode(), message, hashlib.sha1).hexdigest()
            body = {"nonce": nonce, "username": localpart, "password": password, "admin": admin, "mac": mac}
            answer = http.post(path, json=body)
        if answer.status_code != 200:
            raise UnavailableError("register", f"Synapse did not register {localpart}: {answer.text[:200]}")
        token: str = answer.json()["access_token"]
        return token

    def _configure(self) -> None:
        if (self.data_dir / "homeserver.yaml").exists():
            return
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.module_secret_path, secrets.token_urlsafe(32))
        signing_key = secrets.token_bytes(32)
        write_private(self.data_dir / "signing.key", f"ed25519 a_demo {base64url.encode_standard(signing_key)}\n")
        # JSON is YAML, too.
        write_private(self.data_dir / "log.yaml", json.dumps(self._logging()))
        write_private(self.data_dir / "homeserver.yaml", json.dumps(self._settings()))

    def _settings(self) -> dict[str, Any]:
        return {
            "server_name": self.server_name,
            "public_baseurl": self.base_url,
            "pid_file": str(self.data_dir / "homeserver.pid"),
            "listeners": [
                {
                    "port": self.port,
                    "type": "http",
                    "bind_addresses": ["127.0.0.1"],
                    "resources": [{"names": ["client", "openid", "keys"]}],
                },
                *self._further_listeners,
            ],
            "database": {"name": "sqlite3", "args": {"database": str(self.database_path)}},
            "log_config": str(self.data_dir / "log.yaml"),
            "media_store_path": str(self.data_dir / "media"),
            "signing_key_path": str(self.data_dir / "signing.key"),
            "macaroon_secret_key": secrets.token_urlsafe(32),
            "form_secret": secrets.token_urlsafe(32),
            "registration_shared_secret": self.registration_shared_secret,
            # Nobody outside this machine is ever asked or told anything.
            "trusted_key_servers": [],
            "federation_domain_whitelist": [],
            "report_stats": False,
            "url_preview_enabled": False,
            "enable_registration": False,
            "presence": {"enabled": False},
            "bcrypt_rounds": 4,
            # An empty database is nothing to be gentle with; until it is done, sliding sync goes by no invite filter.
            "background_updates": {"sleep_enabled": False},
            "server_notices": {
                "system_mxid_localpart": "notices",
                "system_mxid_display_name": "Notices",
                "room_name": "Notices",
                "auto_join": True,
            },
            "modules": [{"module": "nightlight_synapse.NightlightModule", "config": self._module()}],
            **_GENEROUS,
            **(self._prevention() if self._nightlight_url else {}),
            **self._further,
        }

    def _module(self) -> dict[str, Any]:
        config: dict[str, Any] = {"secret_path": str(self.module_secret_path)}
        if self._nightlight_url:
            config |= {"url": self._nightlight_url, "state_path": str(self.data_dir / "nightlight.sqlite3")}
        return config

    def _prevention(self) -> dict[str, Any]:
        """As docs/install-synapse.md tells an operator to set it."""
        made = registration(self._nightlight_url, secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        write_private(self.appservice_path, json.dumps(made))
        return {
            "app_service_config_files": [str(self.appservice_path)],
            "experimental_features": {"msc4155_enabled": True},
            "include_profile_data_on_invite": False,
            "require_auth_for_profile_requests": True,
            "limit_profile_requests_to_users_who_share_rooms": True,
            "allow_profile_lookup_over_federation": False,
            "user_directory": {"enabled": True, "search_all_users": True},
        }

    def _logging(self) -> dict[str, Any]:
        return {
            "version": 1,
            "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
            "handlers": {
                "file": {"class": "logging.FileHandler", "formatter": "plain", "filename": str(self.log_path)}
            },
            "root": {"level": "INFO", "handlers": ["file"]},
            "disable_existing_loggers": False,
        }


def write_private(path: Path, text: str) -> None:
    """A file that nobody else on this machine can read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)


_PLENTY = {"per_second": 10_000, "burst_count": 10_000}
#: Puppets act faster than people.
_GENEROUS: dict[str, Any] = {
    "rc_message": _PLENTY,
    "rc_registration": _PLENTY,
    "rc_login": {"address": _PLENTY, "account": _PLENTY, "failed_attempts": _PLENTY},
    "rc_joins": {"local": _PLENTY, "remote": _PLENTY},
    "rc_joins_per_room": _PLENTY,
    "rc_invites": {"per_room": _PLENTY, "per_user": _PLENTY, "per_issuer": _PLENTY},
    "rc_admin_redaction": _PLENTY,
    "rc_reports": _PLENTY,
    "rc_room_creation": _PLENTY,
}
