"""``nightlight page``: whether a server hands out the disclosure page as it was released."""

from __future__ import annotations

import hashlib
from typing import Annotated

import httpx
import typer

from nightlight import __version__
from nightlight.cli.output import say
from nightlight.errors import RefusedError, UnavailableError
from nightlight.web.disclose.routes import PAGE, file_hashes

app = typer.Typer(help="The page on which people prove messages (/report).", no_args_is_help=True)

#: It was caught: not 1 (a mistake in the call) and not 75 (not reachable now).
EXIT_CHANGED = 3
_FILE_BYTES_MAX = 2**20


@app.command()
def hashes() -> None:
    """Print the SHA-256 of every file of the page, as `sha256sum` does."""
    for name, digest in file_hashes().items():
        print(f"{digest}  {name}")  # noqa: T201


@app.command()
def check(
    url: Annotated[str, typer.Argument(help="Address of a Nightlight, such as https://reports.example.org")],
) -> None:
    """Compare the page that a server hands out with the one in this release, file by file.

    Ends with status 3 if a file is another one, or if its policy allows more than the page needs. Run it from other
    places and at other times, too: a server can show everybody something else.
    """
    if not url.startswith(("https://", "http://")):
        raise RefusedError("page_url", "The address must start with https:// or http://.")
    base = url.rstrip("/").removesuffix("/report")
    changed = []
    with httpx.Client(timeout=15, follow_redirects=False) as http:
        for name, expected in file_hashes().items():
            path = "/report" if name == PAGE else f"/report/static/{name}"
            data, policy = _fetch(http, base + path)
            if hashlib.sha256(data).hexdigest() != expected:
                changed.append(f"{path} is another file than in Nightlight {__version__}.")
            elif name == PAGE and not _strict(policy):
                changed.append(f"{path} comes with another Content-Security-Policy than the page's own.")
    for line in changed:
        say(f"CHANGED: {line}")
    if changed:
        raise typer.Exit(EXIT_CHANGED)
    say(f"All {len(file_hashes())} files are those of Nightlight {__version__}.")


def _fetch(http: httpx.Client, url: str) -> tuple[bytes, str]:
    data = bytearray()
    try:
        with http.stream("GET", url) as answer:
            for chunk in answer.iter_bytes():
                data += chunk
                if len(data) > _FILE_BYTES_MAX:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise UnavailableError("page_unreachable", f"{url} does not answer ({type(e).__name__}).") from None
    if answer.status_code != 200:
        raise UnavailableError("page_unreachable", f"{url} answers with status {answer.status_code}.")
    return bytes(data), answer.headers.get("content-security-policy", "")


def _strict(policy: str) -> bool:
    """Scripts from its own origin alone, and two places to talk to: this service and one homeserver."""
    parts = [part.split() for part in policy.split(";")]
    sources = {part[0]: part[1:] for part in parts if part}
    own = all(sources.get(name) == ["'self'"] for name in ("script-src", "style-src", "img-src", "worker-src"))
    talks = sources.get("connect-src", [])
    nothing = all(sources.get(name) == ["'none'"] for name in ("default-src", "form-action", "base-uri"))
    return own and nothing and talks[:1] == ["'self'"] and len(talks) == 2 and "*" not in talks[1]
