"""``nightlight referral sample|check|schema``: documents of the CyberTipline, before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from nightlight.cli.files import read_bytes, write_private
from nightlight.cli.house import open_house
from nightlight.cli.output import say
from nightlight.errors import RefusedError

_DOCUMENT_BYTES_MAX = 20 * 2**20
SchemaFile = Annotated[
    Path | None,
    typer.Option("--schema", help="The agency's schema, as /xsd serves it; else the one we know.", metavar="FILE"),
]


def register(app: typer.Typer) -> None:
    """Adds the commands to ``nightlight referral``."""
    app.command()(sample)
    app.command()(check)
    app.command()(schema)


def sample(
    out: Annotated[Path, typer.Option(help="The folder they go into; it is made.", metavar="DIR")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write example documents for the CyberTipline: one for each kind of incident, and one with everything filled.

    All of it is invented and harmless. Use them to see what a report looks like, or to try a service with.
    """
    documents = _documents()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise RefusedError("file_unwritable", f"{out} cannot be made: {e.strerror}.") from None
    there = [name for name in documents if (out / name).exists()]
    if there and not force:
        raise RefusedError("file_exists", f"{out / there[0]} is there already.", "Add --force to overwrite.")
    for name, data in documents.items():
        write_private(out / name, data)
    say(f"{len(documents)} documents in {out}. Try: nightlight referral check {out / next(iter(documents))}")


def check(
    file: Annotated[Path, typer.Argument(help="A report, or the details of a file, in XML.", metavar="FILE")],
    schema_file: SchemaFile = None,
) -> None:
    """Find every mistake in a document for the CyberTipline: the line, what is wrong, and what was probably meant.

    Ends with 1 if there are any. Nothing is sent anywhere.
    """
    from nightlight.adapters.cybertipline.check import check_document

    mistakes = check_document(read_bytes(file, _DOCUMENT_BYTES_MAX), _schema(schema_file))
    for mistake in mistakes:
        print(f"{file}: {mistake}")  # noqa: T201
    if mistakes:
        raise typer.Exit(1)
    say(f"{file} is what the schema asks for.")


def schema(
    compare: Annotated[
        Path | None, typer.Option(help="The agency's schema: print what changed, in words.", metavar="FILE")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the agency's schema now, keep it, and print what changed.")
    ] = False,
) -> None:
    """Print the schema that this version knows, or say how the agency's differs from it.

    Ends with 1 if documents of ours could be refused by the other one.
    """
    from nightlight.adapters.cybertipline.drift import Effect, drift
    from nightlight.adapters.cybertipline.schema import Schema, own_xsd

    if compare is None and not fetch:
        print(own_xsd().decode(), end="")  # noqa: T201
        return
    theirs = Schema.read(_fetched()) if compare is None else _schema(compare)
    words = {Effect.BREAKS: "breaks", Effect.LOSES: "new   ", Effect.NONE: "harmless"}
    found = drift(Schema.own(), theirs)
    for difference in found:
        print(f"{words[difference.effect]}  {difference.message}")  # noqa: T201
    if any(difference.effect is Effect.BREAKS for difference in found):
        raise typer.Exit(1)
    say("Nothing that breaks our documents." if found else "Both schemas say the same.")


def _fetched() -> bytes:
    with open_house(make=True) as house:
        return house.fetch_tipline_schema()


def _schema(path: Path | None) -> Any:
    from nightlight.adapters.cybertipline.schema import XSD_BYTES_MAX, Schema

    return Schema.own() if path is None else Schema.read(read_bytes(path, XSD_BYTES_MAX))


def _documents() -> dict[str, bytes]:
    from nightlight.adapters.cybertipline import samples
    from nightlight.adapters.cybertipline.incident import IncidentType
    from nightlight.adapters.cybertipline.writer import file_details_xml, report_xml

    made = {f"{_file_name(kind)}.xml": report_xml(samples.report_for(kind)) for kind in IncidentType}
    made["everything.xml"] = report_xml(samples.full_report())
    made["everything-of-a-file.xml"] = file_details_xml(samples.full_file_details())
    return made


def _file_name(kind: str) -> str:
    return re.sub(r"[^a-z]+", "-", re.sub(r"\(.*\)", "", kind).strip().lower())
