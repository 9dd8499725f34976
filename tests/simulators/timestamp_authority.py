"""A time-stamp authority (RFC 3161): OpenSSL's, with certificates that are made for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

DAY = timedelta(days=1)

_CONFIG = """
[tsa]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
certs = {folder}/chain.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class TimestampAuthority:
    """Root, one CA below it, and a signer; what of them is wrong, the test says.

    ``valid``: from when to when the signer's certificate is good, seen from now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "Example Root",
        valid: tuple[timedelta, timedelta] = (-DAY, DAY),
        with_root: bool = True,
    ) -> None:
        if shutil.which("openssl") is None:
            message = "no openssl here; type: sudo apt-get install -y openssl"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        now = datetime.now(UTC)
        root_key, ca_key, signer_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        long = (now - 400 * DAY, now + 400 * DAY)
        self.root = _certificate(name, root_key, name, root_key, long, ca=True)
        self.ca = _certificate(f"{name} CA", ca_key, name, root_key, long, ca=True)
        self._ca_key, self._signer_key, self._serial = ca_key, signer_key, x509.random_serial_number()
        self._valid = (now + valid[0], now + valid[1])
        self.signer = self.certify_signer()
        chain = [self.ca, self.root] if with_root else [self.ca]
        (folder / "signer.pem").write_bytes(self.signer.public_bytes(Encoding.PEM))
        (folder / "chain.pem").write_bytes(b"".join(item.public_bytes(Encoding.PEM) for item in chain))
        (folder / "signer.key").write_bytes(signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
        self.queries: list[bytes] = []
        self.app = Starlette(routes=[Route("/", self._answer, methods=["POST"])])

    def certify_signer(
        self, usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.TIME_STAMPING, *, critical: bool = True
    ) -> x509.Certificate:
        """A certificate for the signer's key, always with the same issuer and number."""
        ca = str(self.ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        return _certificate(
            ca.replace("CA", "Signer"), self._signer_key, ca, self._ca_key, self._valid, usage=usage, critical=critical,
            serial=self._serial,
        )  # fmt: skip

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(Encoding.PEM)

    def reply(self, query: bytes) -> bytes:
        """The response to a request, both in DER."""
        (self.folder / "query.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", str(self.folder / "openssl.cnf"), "-section", "tsa"]
        command += ["-queryfile", str(self.folder / "query.tsq"), "-out", str(self.folder / "reply.tsr")]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)
        return (self.folder / "reply.tsr").read_bytes()

    async def _answer(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/timestamp-query"
        self.queries.append(await request.body())
        return Response(self.reply(self.queries[-1]), media_type="application/timestamp-reply")


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, datetime],
    *,
    ca: bool = False,
    usage: x509.ObjectIdentifier | None = None,
    critical: bool = True,
    serial: int | None = None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=critical)
    return builder.sign(issuer_key, SHA256())
