"""A policy that somebody names on the command line: checked, and its mistakes shown where they are."""

from __future__ import annotations

from nightlight.cli.data import policy_file
from nightlight.cli.output import console
from nightlight.cli.policy_pictures import problems_picture
from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import MalformedError, Problem
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.policy_file import read_policy


def default_policy() -> str:
    """The setting NIGHTLIGHT_CONTACT_POLICY."""
    from nightlight.cli.foundation import load_settings

    return load_settings().contact_policy


def problems_of(data: bytes) -> tuple[str, tuple[Problem, ...]]:
    """The policy's reference, empty if it cannot be used, and everything that is wrong or odd with it."""
    try:
        checked = read_policy(data)
    except MalformedError as e:
        return "", e.problems
    return checked.policy.reference, checked.warnings


def compiled_policy(name: str) -> CompiledPolicy:
    """A file or a preset; what is wrong with it is shown, then refused."""
    data = policy_file(name)
    try:
        return CompiledPolicy(read_policy(data).policy)
    except MalformedError as e:
        console.print(problems_picture(name, data, e.problems))
        raise RefusedError(e.code, f"{name} cannot be used.", "Mend what is shown above.") from None
