"""The operator's list of known files: one lower-case hex digest a line, by length MD5, SHA-1 or SHA-256."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.model.attachment import Digests, ListMatch

#: About a gigabyte of memory; exact lists in use are smaller.
LIST_BYTES_MAX = 512 * 2**20
_LINE = re.compile(rb"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class HashList:
    """Digests of known files. Never shown, never logged."""

    entries: frozenset[bytes] = field(repr=False)

    def match(self, digests: Digests) -> ListMatch:
        known = self.entries
        hit = digests.sha256 in known or digests.sha1 in known or digests.md5 in known
        return ListMatch.MATCH if hit else ListMatch.NO_MATCH


def parse_hash_list(data: bytes) -> HashList:
    """``RefusedError('hash_list_malformed')`` names the first line that is no digest, and never repeats it."""
    if len(data) > LIST_BYTES_MAX:
        raise RefusedError("hash_list_malformed", f"The hash list is larger than {LIST_BYTES_MAX:,} bytes.")
    entries = set()
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.partition(b"#")[0].strip()
        if not line:
            continue
        if not _LINE.match(line):
            raise RefusedError(
                "hash_list_malformed",
                f"Line {number} of the hash list is no digest.",
                "One digest a line: 32, 40 or 64 lower-case hexadecimal characters. Comments begin with #.",
            )
        entries.add(bytes.fromhex(line.decode("ascii")))
    return HashList(frozenset(entries))
