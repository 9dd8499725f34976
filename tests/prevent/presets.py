"""The presets, read from the package."""

from __future__ import annotations

from importlib import resources

from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.policy_file import Checked, read_policy

NAMES = ("ofcom-f1", "open", "strict", "teen-default")


def text(name: str) -> bytes:
    return (resources.files("nightlight.prevent") / "presets" / f"{name}.yaml").read_bytes()


def checked(name: str) -> Checked:
    return read_policy(text(name))


POLICIES = {name: CompiledPolicy(checked(name).policy) for name in NAMES}
