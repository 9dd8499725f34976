"""Ages as they are given to us: checked, and held against themselves."""

from __future__ import annotations

import re

from nightlight.errors import RefusedError
from nightlight.model.account import Age, AgeBand, Assurance, BirthMonth, month_of

_BIRTH_MONTH = re.compile(r"((?:19|20)[0-9]{2})-(0[1-9]|1[0-2])\Z")


def birth_month(text: str) -> BirthMonth:
    """``RefusedError('birth_month_malformed')`` unless it is ``YYYY-MM`` from 1900 on."""
    if not (match := _BIRTH_MONTH.match(text)):
        raise RefusedError("birth_month_malformed", "A birth month is written YYYY-MM, for example 2012-03.")
    return BirthMonth(int(match[1]), int(match[2]))


def known_age(band: str | None, assurance: str | None, born: str | None, now: int) -> Age:
    """An age put together from what was given, as words.

    ``band`` may be left out where there is a birth month; a band beside one has to be the one that follows from it.
    ``RefusedError``: ``age_missing``, ``age_unknown_word``, ``age_contradiction``, ``birth_month_malformed``.
    """
    month = None if born is None else birth_month(born)
    if month is not None and month > month_of(now):
        raise RefusedError("birth_month_malformed", "This birth month lies in the future.")
    if band is None and month is None:
        raise RefusedError("age_missing", "An age needs a band or a birth month.", f"Bands: {_words(AgeBand)}.")
    try:
        given = AgeBand(band) if band is not None else None
    except ValueError:
        raise RefusedError("age_unknown_word", "There is no such age band.", f"Bands: {_words(AgeBand)}.") from None
    try:
        sure = Assurance(assurance) if assurance is not None else None
    except ValueError:
        raise RefusedError("age_unknown_word", "There is no such assurance.", f"Known: {_words(Assurance)}.") from None
    follows = month.band_at(now) if month is not None else given
    assert follows is not None  # noqa: S101 - for the type checker: one of the two is there
    if given is not None and given is not follows:
        raise RefusedError(
            "age_contradiction", f"The band {given} does not go with that birth month.", "Leave the band out."
        )
    if follows is AgeBand.UNKNOWN:
        if sure not in (None, Assurance.NONE):
            raise RefusedError("age_contradiction", "An unknown age has no assurance.")
        return Age(follows, Assurance.NONE)
    if sure is Assurance.NONE:
        raise RefusedError(
            "age_contradiction", "Only an unknown age has no assurance.", f"Say one of {_words(Assurance)}."
        )
    return Age(follows, sure or Assurance.DECLARED, month)


def _words(words: type[AgeBand] | type[Assurance]) -> str:
    return ", ".join(words)


_BANDS = tuple(AgeBand)
_ASSURANCES = tuple(Assurance)


def pack_age(age: Age) -> int:
    """One number below 2^40 for an age: for a table in memory, and for sealing, where its size tells nothing."""
    month = age.birth_month.year * 12 + age.birth_month.month - 1 if age.birth_month else 0
    return _BANDS.index(age.band) | _ASSURANCES.index(age.assurance) << 4 | month << 8 | age.disputed << 32


def unpack_age(packed: int) -> Age:
    """The reverse of ``pack_age``; ``RefusedError('age_damaged')``."""
    band, sure, months, disputed = packed & 15, packed >> 4 & 15, packed >> 8 & 0xFFFFFF, packed >> 32
    if not (disputed < 2 and band < len(_BANDS) and sure < len(_ASSURANCES) and months < 10_000 * 12):
        raise RefusedError("age_damaged", "This is not a stored age.")
    born = BirthMonth(months // 12, months % 12 + 1) if months else None
    return Age(_BANDS[band], _ASSURANCES[sure], born, bool(disputed))
