"""What a reader of bundles knows beforehand, from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that the reader knows from elsewhere. Empty: keys are taken from the bundle, and shown to be compared.

    ``operators``: Ed25519, 32 bytes each; ``log_keys``: as text; ``stamp_roots``: certificates in PEM.
    """

    operators: tuple[bytes, ...] = ()
    log_keys: tuple[str, ...] = ()
    stamp_roots: tuple[bytes, ...] = field(default=(), repr=False)


NO_TRUST = Trust()
