"""The town: a homeserver, Nightlight in front of it, and a reviewer, started together and stopped together."""

from __future__ import annotations

import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from nightlight.demo.clearing_house import ClearingHouse
from nightlight.demo.loopback import free_port
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse, write_private


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str


class Town:
    """What the servers keep lives in ``folder``: Nightlight's data, and Synapse's in ``synapse/``.

    Leaving the context stops what was started, and nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = free_port()
        self.synapse = Synapse(folder / "synapse", nightlight_url=f"http://127.0.0.1:{self._port}")
        self.clearing_house = ClearingHouse(folder / "clearing-house")
        self.service_token = secrets.token_urlsafe(32)
        self.reviewer = Login("robin", secrets.token_urlsafe(12))
        self.service: Service | None = None

    def __enter__(self) -> Town:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the homeserver and the training service, then Nightlight, and adds the reviewer."""
        token_file = self.folder / "service-token"
        write_private(token_file, self.service_token)
        self.service = Service(
            self.folder,
            self.synapse,
            self.synapse.module_secret_path,
            self._port,
            service_token_file=str(token_file),
            appservice_file=str(self.synapse.appservice_path),
            detection="live",
            rings="live",
            ncmec_url=self.clearing_house.url,
            ncmec_credentials_file=str(self.clearing_house.credentials),
            reporting_first_name="Robin",
            reporting_last_name="Example",
            reporting_email="safety@example.org",
        )
        with ThreadPoolExecutor(2) as beside:
            added = beside.submit(self.service.add_reviewer, self.reviewer.username, self.reviewer.password)
            ready = beside.submit(self.clearing_house.start)
            self.synapse.start()
            added.result()
            ready.result()
        self.service.start()

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()
        self.clearing_house.stop()
        self.synapse.stop()

    @property
    def nightlight(self) -> Service:
        assert self.service is not None, "the town is not up"  # noqa: S101
        return self.service

    def write_info(self, path: Path) -> None:
        """What another tool needs to drive the running town, as JSON; the file appears whole or not at all."""
        info = {
            "homeserver_url": self.synapse.base_url,
            "server_name": self.synapse.server_name,
            "registration_shared_secret": self.synapse.registration_shared_secret,
            "homeserver_admin": {"user": self.synapse.admin_user, "password": self.synapse.admin_password},
            "nightlight_url": self.nightlight.url,
            "reviewer": {"username": self.reviewer.username, "password": self.reviewer.password},
            "data_dir": str(self.folder),
        }
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(info, file, indent=2)
        draft.replace(path)
