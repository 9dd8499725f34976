"""What is said of a bundle that was changed, and of one whose parts contradict each other."""

from __future__ import annotations

from nightlight.errors import RefusedError


def changed(name: str, why: str) -> RefusedError:
    """Somebody without the operator's key touched it."""
    return RefusedError("bundle_changed", f"{name} was changed: {why}.", "Do not rely on this file; ask for it again.")


def inconsistent(name: str, why: str) -> RefusedError:
    """It was signed, and says what cannot be."""
    return RefusedError("bundle_inconsistent", f"{name} does not fit the rest: {why}.")
