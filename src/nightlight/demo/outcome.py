"""What happened, as seen from outside."""

from __future__ import annotations

from dataclasses import dataclass, field

from nightlight.demo.prevention_story import Told, Unseen
from nightlight.demo.reach import Reached


@dataclass(slots=True)
class Outcome:
    encrypted: int = 0
    readable: int = 0
    readable_after: int = 0
    ages_readable: int = 0
    reported: list[str] = field(default_factory=list)
    first_verdict: str = ""
    proven: str = ""
    blocked: str = ""
    forged: str = ""
    decision: str = ""
    enforced: list[str] = field(default_factory=list)
    file: str = ""
    referred: str = ""
    filed: str = ""
    checked: str = ""
    followed: str = ""
    log: str = ""
    case_id: str = ""
    #: What Bob has on his device, for somebody who wants to report as Bob: account, password, key file, passphrase.
    bob: tuple[str, str, bytes, str] = field(default=("", "", b"", ""), repr=False)
    told: list[Told] = field(default_factory=list)
    #: What detection found.
    found: list[Told] = field(default_factory=list)
    never_arrived: list[Unseen] = field(default_factory=list)
    #: Who could reach whom at the end: by name, who comes and who is asked.
    reach: dict[tuple[str, str], Reached] = field(default_factory=dict)
