"""The master key, which wraps the data key of every case: held here (a file, the environment), or by a KMS."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from nightlight.adapters.people_seal import derived
from nightlight.errors import RefusedError, UnavailableError

_NONCE_BYTES = 12
_NAME_BYTES = 4
KEY_BYTES = 32
#: The first byte of what is wrapped says by which kind of key.
_HELD, _BY_COMMAND = b"\x01", b"\x02"

#: What a KMS answers at most, in base64: AWS and Google wrap at most 4 and 64 KiB.
_ANSWER_BYTES_MAX = 131_072
_ANSWER_SECONDS = 10.0
#: ``EX_DATAERR`` of sysexits.h: how a command says that what it was given is not of its key.
_NOT_OF_THIS_KEY = 65


class HeldMasterKey:
    """Implements ``nightlight.ports.MasterKey`` with 32 bytes that this process is given.

    ChaCha20-Poly1305 (RFC 8439) under a key derived from them, with a random nonce and the context as associated data.
    ``read`` is asked once, when the key is first needed.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read

    @property
    def name(self) -> str:
        """A short id of the key, derived from it, that says nothing about it."""
        return self._derived[0].hex()

    def wrap(self, plain: bytes, context: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        name, cipher = self._derived
        return _HELD + name + nonce + cipher.encrypt(nonce, plain, context.encode())

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """``RefusedError``: ``master_key_wrong``, ``case_key_damaged``."""
        kind, name, rest = wrapped[:1], wrapped[1 : 1 + _NAME_BYTES], wrapped[1 + _NAME_BYTES :]
        own, cipher = self._derived
        if kind == _BY_COMMAND:
            raise wrong(self.name, "the command of a key management service")
        if kind != _HELD or len(name) != _NAME_BYTES:
            raise damaged()
        if name != own:
            raise wrong(self.name, name.hex())
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise damaged() from None

    @cached_property
    def _derived(self) -> tuple[bytes, ChaCha20Poly1305]:
        key = self._read()
        if len(key) != KEY_BYTES:
            raise RefusedError("master_key_malformed", f"The master key is not {KEY_BYTES} bytes in hexadecimal.")
        return derived(key, "master-name")[:_NAME_BYTES], ChaCha20Poly1305(derived(key, "master"))


class CommandMasterKey:
    """Implements ``nightlight.ports.MasterKey`` by a command that talks to a key management service.

    It is started without a shell, with ``wrap`` or ``unwrap`` and the context as its last arguments. It reads base64
    from its standard input and writes base64 to its standard output. It ends with status 65 if what it is to unwrap is
    not of its key, and with any other but 0 if it cannot say. It is given ten seconds.
    """

    #: The command knows which key it is; here it has no other name.
    name = "command"

    def __init__(self, command: str, seconds: float = _ANSWER_SECONDS) -> None:
        """``RefusedError('master_key_command')`` if it is no command line."""
        self._seconds = seconds
        try:
            self._command = shlex.split(command)
        except ValueError:
            self._command = []
        if not self._command:
            raise RefusedError("master_key_command", "NIGHTLIGHT_MASTER_KEY_COMMAND is not a command line.")

    def wrap(self, plain: bytes, context: str) -> bytes:
        """``UnavailableError('master_key_unavailable')``."""
        return _BY_COMMAND + self._ask("wrap", plain, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """``RefusedError``: ``master_key_wrong``, ``case_key_damaged``; ``UnavailableError`` as ``wrap`` raises it."""
        if wrapped[:1] == _HELD:
            raise wrong("the command of a key management service", wrapped[1 : 1 + _NAME_BYTES].hex())
        if wrapped[:1] != _BY_COMMAND:
            raise damaged()
        return self._ask("unwrap", wrapped[1:], context)

    def _ask(self, what: str, data: bytes, context: str) -> bytes:
        status, answer = self._run([*self._command, what, context], base64.b64encode(data) + b"\n")
        if status == _NOT_OF_THIS_KEY and what == "unwrap":
            raise wrong("that of the command", "another one, as the command says")
        if status != 0:
            raise _unavailable(f"it ended with status {status}")
        try:
            decoded = base64.b64decode(answer.strip(), validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if not decoded:
            raise _unavailable("it did not answer in base64")
        return decoded

    def _run(self, command: list[str], data: bytes) -> tuple[int, bytes]:
        # Our own secrets are none of its business; those of its service it finds in the environment.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTLIGHT_")}
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what it complains of may name what it was given
                env=environment,
                start_new_session=True,
            )
        except OSError as e:
            raise _unavailable(f"it cannot be started: {e.strerror}") from None
        with process:
            try:
                return self._talk(process, data, time.monotonic() + self._seconds)
            finally:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _talk(self, process: subprocess.Popen[bytes], data: bytes, end: float) -> tuple[int, bytes]:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101 - for the type checker
        with contextlib.suppress(BrokenPipeError):
            # A wrapped key fits into the pipe, so this does not wait for a command that does not read.
            process.stdin.write(data)
            process.stdin.close()
        answer = b""
        while True:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise _unavailable(f"it did not answer within {self._seconds:g} seconds")
            part = os.read(process.stdout.fileno(), 65_536)
            if not part:
                break
            answer += part
            if len(answer) > _ANSWER_BYTES_MAX:
                raise _unavailable("it answered far too much")
        try:
            return process.wait(max(0.1, end - time.monotonic())), answer
        except subprocess.TimeoutExpired:
            raise _unavailable("it answered and did not end") from None


def wrong(present: str, needed: str) -> RefusedError:
    return RefusedError(
        "master_key_wrong",
        f"The evidence is encrypted under another master key: under {needed}. The present one is {present}.",
        "Restore the master key that belongs to this database from its backup (docs/evidence-vault.md). Without it "
        "nobody can open the evidence of these cases any more. After a planned change of keys: nightlight evidence "
        "rekey --old-key-file.",
    )


def damaged() -> RefusedError:
    return RefusedError(
        "case_key_damaged",
        "The wrapped data key of a case does not open under its master key: it was changed, or is another case's.",
        "Restore the database from a backup, and find out who could write to it.",
    )


def _unavailable(why: str) -> UnavailableError:
    return UnavailableError("master_key_unavailable", f"The command that holds the master key gave no answer: {why}.")
