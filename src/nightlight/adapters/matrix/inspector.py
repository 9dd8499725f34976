"""Looking at a live Synapse: does it do what Nightlight needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlight.adapters.matrix.connection import Connection
from nightlight.errors import UnavailableError

_MODULE = "/_synapse/client/nightlight/v1"


class MatrixInspector:
    """Implements ``nightlight.ports.Inspector``. ``timeout``: seconds. Changes nothing."""

    def __init__(self, base_url: str, admin_token: str, module_secret: str, timeout: float) -> None:
        self._connection = Connection(base_url, admin_token, timeout)
        self._module_secret = module_secret

    def close(self) -> None:
        self._connection.close()

    def version(self) -> str:
        answer = self._connection.send("GET", "/_matrix/federation/v1/version")
        server = answer.body.get("server")
        if answer.status != 200 or not isinstance(server, dict):
            # Served with the listener resource "federation" only; the admin interface says it without a name.
            answer = self._connection.send("GET", "/_synapse/admin/v1/server_version")
            found = answer.body.get("server_version")
            if answer.status != 200 or not isinstance(found, str):
                raise UnavailableError(
                    "no_synapse", "No Synapse answers there, or its admin interface is kept from us."
                )
            return f"Synapse {found}"
        return f"{server.get('name')} {server.get('version')}"

    def require_admin(self) -> None:
        answer = self._connection.as_admin("GET", "/_synapse/admin/v1/background_updates/status")
        if answer.status != 200:
            raise UnavailableError("no_admin", f"The admin interface answers with status {answer.status}.")

    def require_openid(self) -> None:
        answer = self._connection.send("GET", "/_matrix/federation/v1/openid/userinfo?access_token=examined")
        if answer.status not in (400, 401):
            raise UnavailableError("no_openid", f"OpenID tokens are not checked there (status {answer.status}).")

    def module(self) -> Mapping[str, Any]:
        secret = {"Authorization": f"Bearer {self._module_secret}"}
        answer = self._connection.send("GET", f"{_MODULE}/about", headers=secret)
        if answer.status == 401:
            raise UnavailableError("module_refuses_us", "The module does not accept our secret.")
        if answer.status != 200:
            raise UnavailableError("no_module", "The Nightlight module is not loaded in Synapse.")
        return answer.body

    def ping_history(self, as_token: str) -> int:
        authorization = {"Authorization": f"Bearer {as_token}"}
        path = "/_matrix/client/v1/appservice/nightlight/ping"
        try:
            answer = self._connection.send("POST", path, {"transaction_id": "examined"}, authorization)
        except UnavailableError as e:
            raise UnavailableError("no_history", f"Synapse could not call us with room history. {e.message}") from None
        took = answer.body.get("duration_ms")
        if answer.status != 200 or type(took) is not int:
            said = str(answer.body.get("error", ""))[:200].rstrip(".")
            raise UnavailableError("no_history", f"Synapse does not know this application service ({said}).")
        return took
