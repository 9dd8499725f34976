"""``nightlight prevalence``: from what police forces answered to shares of platforms that say how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from nightlight.cli.data import platform_table
from nightlight.cli.files import read_bytes
from nightlight.cli.output import console, say
from nightlight.cli.prevalence_data import findings_csv, findings_json
from nightlight.cli.prevalence_inspect import inspect_command
from nightlight.cli.prevalence_pictures import findings_picture, reading_words
from nightlight.cli.prevalence_published import published_command
from nightlight.cli.results import print_picture, write_result
from nightlight.errors import RefusedError
from nightlight.insight.dates import read_written_period
from nightlight.insight.findings import By, Findings, findings_of
from nightlight.insight.owner_groups import with_owners
from nightlight.insight.period import Period, read_period
from nightlight.insight.platforms import Platforms
from nightlight.insight.reading import Answered
from nightlight.respond.visible import visible

_MAPPING_BYTES_MAX = 10_000_000


class Form(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    SVG = "svg"
    PDF = "pdf"


class FilesOrCommand(TyperGroup):
    """What names no command is files for the one hidden command. A file called like a command is reached by ``./``."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        hidden = [name for name, command in self.commands.items() if command.hidden]
        self.files_command = self.commands.pop(hidden[0])
        beside = (f"**{name}**: {command.get_short_help_str(200)}" for name, command in self.commands.items())
        self.files_command.epilog = "\n\n".join(["Commands of their own, each with --help:", *beside])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "", self.files_command, args

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.files_command.format_help(ctx, formatter)


app = typer.Typer(
    help="Shares of platforms in the offences that police forces recorded, each with how sure it is.",
    cls=FilesOrCommand,
    no_args_is_help=True,
    # An option before the files is one of theirs.
    context_settings={"ignore_unknown_options": True},
)
app.command("inspect")(inspect_command)
app.command("published")(published_command)


@app.command("files", hidden=True)
def prevalence(
    data: Annotated[
        list[Path],
        typer.Argument(help="What forces sent: CSV, XLSX or ODS files.", metavar="DATA", show_default=False),
    ],
    owner: Annotated[
        list[str] | None,
        typer.Option(
            help="An owner instead of the table's: meta=facebook,messenger,instagram,whatsapp. May be repeated.",
            metavar="NAME=PLATFORM,...",
        ),
    ] = None,
    by: Annotated[By | None, typer.Option(help="Show parts beside the whole.")] = None,
    period: Annotated[str, typer.Option(help="Only this period: 2019/20, or 2019-10/2020-09.", metavar="PERIOD")] = "",
    offence: Annotated[str, typer.Option(help="Only this group of offences.", metavar="NAME")] = "",
    mapping: Annotated[
        list[Path] | None,
        typer.Option(
            help="How columns are to be understood, as inspect writes it: one for all files, or one for each in order.",
            metavar="FILE",
        ),
    ] = None,
    platforms: Annotated[
        Path | None, typer.Option(help="A table of platforms, spellings and owners in place of ours.", metavar="FILE")
    ] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="How to say it. Left out: by the name of --out, else a table.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file.", metavar="FILE")] = None,
) -> None:
    """Turn what police forces answered into shares of platforms, each with its limits, what it rests on, and caveats.

    How every column was understood, and what is wrong with a file, is said on standard error; results go to standard
    output or to --out. A figure that the data do not support is refused with the reason. With several periods, changes
    are worked out over the forces that answered for both.
    """
    form = _form(form, out)
    make = maker(form)
    table = with_owners(platform_table(platforms), owner or [])
    chosen = _period(period) if period else None
    answered = _read(data, table, _mappings(data, mapping or []))
    show(answered, table, form, make, out, by=by, period=chosen, offence_group=offence or None)


def show(
    answered: Answered,
    table: Platforms,
    form: Form,
    make: Callable[[Findings], bytes] | None,
    out: Path | None,
    *,
    by: By | None = None,
    period: Period | None = None,
    offence_group: str | None = None,
) -> None:
    """What was read to standard error, and the findings to where they are wanted."""
    for reading in answered.readings:
        say(reading_words(reading))
    with console.status("Adding up") as status:
        findings = findings_of(
            answered,
            table,
            by=by,
            period=period,
            offence_group=offence_group,
            tell=lambda text: status.update(escape(text)),
        )
        if make is not None:
            status.update("Writing it down")
        result = None if make is None else make(findings)
    if result is None:
        print_picture(findings_picture(findings), out)
    else:
        write_result(result, out, for_people=form in (Form.CSV, Form.JSON))


def _read(data: Sequence[Path], table: Platforms, mappings: Mapping[Path, bytes] | None) -> Answered:
    """The one place where files are opened. How each is understood is told while it is read."""
    try:
        from nightlight.adapters.answers.read import read_answers
    except ModuleNotFoundError as e:
        raise missing_extra("Reading these files", e) from None
    return read_answers(data, table, mappings=mappings, tell=lambda text: say(visible(text)))


def maker(form: Form) -> Callable[[Findings], bytes] | None:
    """What makes the bytes of a form, None for the table. It is looked for before a file is read."""
    if form is Form.CSV:
        return lambda findings: findings_csv(findings).encode()
    if form is Form.JSON:
        return lambda findings: findings_json(findings).encode()
    try:
        if form is Form.SVG:
            from nightlight.cli.charts import standalone
            from nightlight.cli.prevalence_charts import one_chart

            return lambda findings: standalone(one_chart(findings)).encode()
        if form in (Form.HTML, Form.PDF):
            from nightlight.cli.prevalence_page import prevalence_page, prevalence_pdf

            return prevalence_pdf if form is Form.PDF else lambda findings: prevalence_page(findings).encode()
    except ModuleNotFoundError as e:
        raise missing_extra("A picture", e) from None
    return None


def _period(text: str) -> Period:
    return read_written_period(text) or read_period(text)


def _form(form: Form | None, out: Path | None) -> Form:
    named = None if out is None else next((one for one in Form if out.suffix.lower() == f".{one}"), None)
    return form or named or Form.TABLE


def _mappings(data: Sequence[Path], mappings: Sequence[Path]) -> Mapping[Path, bytes] | None:
    if not mappings:
        return None
    if len(mappings) not in (1, len(data)):
        raise RefusedError(
            "mappings_do_not_fit",
            f"There are {len(mappings)} files with --mapping, and {len(data)} of data.",
            "Give one for all of them, or one for each in the same order.",
        )
    read = [read_bytes(mapping, _MAPPING_BYTES_MAX) for mapping in mappings]
    return dict(zip(data, read if len(read) == len(data) else read * len(data), strict=True))


def missing_extra(what: str, error: ModuleNotFoundError) -> RefusedError:
    return RefusedError(
        "extra_missing",
        f"{what} needs {error.name}, which is not installed.",
        "Type: pip install 'nightlight[insight]'",
    )
