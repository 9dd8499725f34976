"""Two real Synapse servers on loopback that know each other, one of them with Nightlight."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nightlight.demo.loopback import free_port
from nightlight.demo.synapse import Synapse
from tests.integration.prevention import Account, Protected


class Neighbours:
    """``town``: the server with Nightlight; ``elsewhere``: another one, without."""

    def __init__(self, folder: Path, policy: str = "teen-default") -> None:
        certificate, key = _certificate(folder)
        settings, listener = _federating(free_port(), certificate, key)
        self.town = Protected(folder / "town", policy, settings, [listener])
        settings, listener = _federating(free_port(), certificate, key)
        self.elsewhere = Synapse(folder / "elsewhere" / "synapse", settings, further_listeners=[listener])
        self._number = 0

    def __enter__(self) -> Neighbours:
        self.elsewhere.start()
        try:
            self.town.__enter__()
        except BaseException:
            self.elsewhere.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.town.__exit__(kind, error, trace)
        self.elsewhere.stop()

    def account(self, name: str) -> Account:
        """Somebody new on the other server."""
        self._number += 1
        return Account.new(self.elsewhere, f"{name}{self._number}")


def _federating(port: int, certificate: Path, key: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and a listener, as in ``homeserver.yaml``: whoever is on loopback may federate."""
    listener = {
        "port": port,
        "type": "http",
        "tls": True,
        "bind_addresses": ["127.0.0.1"],
        "resources": [{"names": ["federation"]}],
    }
    settings = {
        "server_name": f"localhost:{port}",
        "tls_certificate_path": str(certificate),
        "tls_private_key_path": str(key),
        "federation_verify_certificates": False,
        "federation_domain_whitelist": None,
        "ip_range_blacklist": [],
        "federation_ip_range_blacklist": [],
        "federation": {"destination_min_retry_interval": "1s", "destination_max_retry_interval": "2s"},
    }
    return settings, listener


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for ``localhost`` that nobody but the key itself has signed, and that key."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "private.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
