"""Where the log is: an address, what is needed to get in, and the shape of the log there."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from nightlight.errors import RefusedError, UnavailableError

PARTITIONS_MAX = 256
#: In this time JetStream itself knows a message again; afterwards its expected place does.
DUPLICATES_S = 120.0


@dataclass(frozen=True, slots=True)
class LogPlace:
    """One log. Whoever reads and whoever writes it must name the same number of ``partitions``, for ever.

    ``name``: of the log; its streams are ``<name>-0``, ``<name>-1`` and so on. ``replicas``: of each stream, for a new
    log. ``credentials``: a NATS credentials file. ``ca``, ``certificate``, ``key``: PEM files; with ``tls://``
    addresses the server is checked against ``ca`` or the system's authorities.
    """

    url: str
    name: str = "nightlight-events"
    partitions: int = 4
    replicas: int = 1
    credentials: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("nats://", "tls://")):
            raise RefusedError("nats_url", "The log's address must start with nats:// or tls://.")
        if not 1 <= self.partitions <= PARTITIONS_MAX:
            raise RefusedError("nats_partitions", f"A log has 1 to {PARTITIONS_MAX} partitions.")
        if not self.name.replace("-", "").isalnum():
            raise RefusedError("nats_name", "A log's name is made of letters, digits and hyphens.")

    def stream(self, partition: int) -> str:
        return f"{self.name}-{partition}"

    def subject(self, partition: int) -> str:
        return f"{self.name}.{partition}"


@asynccontextmanager
async def connected(place: LogPlace) -> AsyncIterator[JetStreamContext]:
    """A connection that ends with the block. ``UnavailableError`` if the server does not answer or goes away."""
    tls = None
    if place.url.startswith("tls://"):
        tls = ssl.create_default_context(cafile=str(place.ca) if place.ca else None)
        if place.certificate:
            tls.load_cert_chain(place.certificate, place.key)
    try:
        connection = await nats.connect(
            place.url,
            tls=tls,
            user_credentials=str(place.credentials) if place.credentials else None,
            connect_timeout=5,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.2,
            error_cb=_silent,
        )
    except (NatsError, OSError, TimeoutError) as e:
        raise _away(place, e) from None
    try:
        yield connection.jetstream(timeout=10)
    except APIError:
        raise
    except (NatsError, OSError, TimeoutError) as e:
        raise _away(place, e) from None
    finally:
        await connection.close()


async def make_streams(place: LogPlace, js: JetStreamContext) -> None:
    """Makes what is not there. ``RefusedError('nats_shape')`` if a log of that name has more partitions."""
    for partition in range(place.partitions):
        try:
            await js.stream_info(place.stream(partition))
        except NotFoundError:
            await js.add_stream(
                StreamConfig(
                    name=place.stream(partition),
                    subjects=[place.subject(partition)],
                    storage=StorageType.FILE,
                    num_replicas=place.replicas,
                    duplicate_window=DUPLICATES_S,
                    allow_direct=True,
                    deny_delete=True,
                )
            )
    try:
        await js.stream_info(place.stream(place.partitions))
    except NotFoundError:
        return
    raise RefusedError(
        "nats_shape",
        f"The log {place.name} has more than {place.partitions} partitions.",
        "Name as many as it was made with.",
    )


async def _silent(_error: Exception) -> None:
    """What the client tells about a connection is raised where it matters; nats-py would print it."""


def _away(place: LogPlace, error: BaseException) -> UnavailableError:
    where = place.url.rpartition("@")[2]
    return UnavailableError(
        "nats_unreachable", f"NATS does not answer at {where} ({type(error).__name__}). Does it run, with JetStream?"
    )
