"""Following a log from outside: what each new checkpoint must be to the last one seen."""

from __future__ import annotations

from collections.abc import Sequence

from nightlight.errors import RefusedError
from nightlight.evidence.checkpoint import Checkpoint
from nightlight.hazmat.merkle import verify_consistency

#: Codes that prove misbehaviour: signed statements of one log that cannot both be honest.
PROVEN = ("log_forked", "log_rolled_back", "log_renamed")


def verify_growth(seen: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Both checkpoints are signed by the log's key, ``proof`` is the log's consistency proof between them.

    ``RefusedError``: ``log_renamed`` (another origin), ``log_rolled_back`` (fewer entries than before), ``log_forked``
    (the new tree does not contain the old one).
    """
    if new.origin != seen.origin:
        raise RefusedError("log_renamed", f"The log called itself {seen.origin!r} and now {new.origin!r}.")
    if new.size < seen.size:
        raise RefusedError(
            "log_rolled_back",
            f"The log had {seen.size} entries and now shows a checkpoint of {new.size}: entries were taken away, or an "
            "old state is being served.",
        )
    try:
        verify_consistency(seen.size, seen.root, new.size, new.root, proof)
    except RefusedError as e:
        same = "of the same size with different roots" if new.size == seen.size else f"of {seen.size} and {new.size}"
        raise RefusedError(
            "log_forked",
            f"The log signed two checkpoints {same} that do not fit together: its history was rewritten, or "
            f"different people are shown different logs. {e.message}",
        ) from None
