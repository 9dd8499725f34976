"""HTML of our own as pages of A4, by WeasyPrint, which fetches nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from nightlight.errors import UnavailableError

if TYPE_CHECKING:
    from weasyprint.urls import URLFetcher

#: ISO 19005-2, level A: it can be read as it is in decades, and it is tagged for screen readers.
VARIANT = "pdf/a-2a"


def pdf_of(html: str) -> bytes:
    """The same HTML is the same bytes on one machine: no time, no random number.

    ``UnavailableError('pages_unavailable')`` without Pango on the system.
    """
    weasyprint = _weasyprint()
    made = weasyprint.HTML(string=html, url_fetcher=nothing_fetched())
    return bytes(made.write_pdf(pdf_variant=VARIANT, pdf_identifier=hashlib.sha256(html.encode()).digest()[:16]))


def nothing_fetched() -> URLFetcher:
    """Pages are made of the template alone. Anything that wants to be fetched ends the work, not only the fetching."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class NothingFetched(URLFetcher):  # type: ignore[misc, unused-ignore]
        def fetch(self, url: str, headers: object = None) -> Any:  # noqa: ARG002
            raise FatalURLFetchingError("Pages fetch nothing.")

    return NothingFetched()


def _weasyprint() -> Any:
    """Imported here: it takes a second, and only what writes pages needs it."""
    try:
        import weasyprint
    except OSError as e:
        raise UnavailableError(
            "pages_unavailable",
            "Pages cannot be written: a library of the system is missing. On Debian: "
            "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core.",
            retry=False,
        ) from e
    return weasyprint
