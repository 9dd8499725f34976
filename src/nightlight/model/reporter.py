"""Who reports: the operator, as agencies know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportingOperator:
    """``service``: its name as agencies know it. Empty is what is not known.

    ``first_name``, ``last_name``, ``email``, ``phone``: the person to ask. ``about``: what the operator says of itself
    in every report. ``terms_url``, ``legal_url``: its terms of service, and where legal process is served.
    """

    service: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    about: str = ""
    terms_url: str = ""
    legal_url: str = ""
