"""``nightlight stream``: detection beyond one machine, on NATS JetStream and Apache Spark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightlight.cli.output import console, say
from nightlight.errors import RefusedError

if TYPE_CHECKING:
    from nightlight.adapters.jetstream.server import LogPlace

app = typer.Typer(
    help="""Detection beyond one machine: events in a log on NATS JetStream, the same rules on Apache Spark.

    `publish` brings events into the log, `run` computes features and rules and writes hits into a table, `check` says
    how far both are and whether they are right. Needs `pip install 'nightlight[cluster]'` and Java 17; more in
    docs/cluster.md.
    """,
    no_args_is_help=True,
)
EXIT_DISAGREES = 3

Nats = Annotated[
    str, typer.Option("--nats", help="The log's server: nats://host:4222 or tls://host:4222.", metavar="URL")
]
Log = Annotated[str, typer.Option("--log", help="The log's name.")]
Partitions = Annotated[int, typer.Option(help="Partitions of the log; the same for ever, for all who use it.", min=1)]
Credentials = Annotated[Path | None, typer.Option(help="A NATS credentials file.", metavar="FILE", exists=True)]
Authority = Annotated[
    Path | None, typer.Option("--ca", help="Certificates (PEM) that the server is checked against.", exists=True)
]
Rules = Annotated[Path, typer.Option(help="Features and rules.", metavar="FILE", exists=True, dir_okay=False)]
Checkpoint = Annotated[
    Path, typer.Option(help="Folder for the state; on storage that all machines see.", metavar="DIR")
]
Signals = Annotated[
    str, typer.Option(help="The table of hits: sqlite:///FILE or postgresql+psycopg://…", metavar="URL")
]


@app.command()
def publish(
    data: Annotated[Path, typer.Argument(help="A Parquet file of events, or a folder of them.", exists=True)],
    nats: Nats,
    log: Log = "nightlight-events",
    partitions: Partitions = 4,
    replicas: Annotated[int, typer.Option(help="Servers that hold each partition, of a new log.", min=1, max=5)] = 1,
    credentials: Credentials = None,
    ca: Authority = None,
) -> None:
    """Publish events in the order of their numbers. Goes on where the log ends; each event is there once.

    Of a town's folder only the events are taken, not its labels. Interrupt it whenever you like and start it again.
    """
    jetstream = _needed("nightlight.adapters.jetstream.log")
    place = _place(nats, log, partitions, credentials, ca, replicas)
    with console.status("Publishing ...") as status:
        done = jetstream.publish(place, _batches(data), lambda now: status.update(f"{now.events:,} events"))
    end = jetstream.reach(place)
    again = f", {done.again:,} of its groups were there already" if done.again else ""
    say(f"{done.events:,} events in {done.groups:,} groups published{again}. The log ends with number {end.number:,}.")


@app.command()
def run(
    nats: Nats,
    rules: Rules,
    checkpoint: Checkpoint,
    signals: Signals,
    log: Log = "nightlight-events",
    partitions: Partitions = 4,
    credentials: Credentials = None,
    ca: Authority = None,
    once: Annotated[bool, typer.Option("--once", help="End where the log ends now.")] = False,
    parts: Annotated[int, typer.Option(help="Parts of the state; fixed with the checkpoint.", min=1, max=4096)] = 4,
    batch: Annotated[int, typer.Option(help="The most events of one batch.", min=1_000)] = 200_000,
    master: Annotated[str, typer.Option(help='Spark\'s master; "" for what spark-submit says.')] = "local[2,4]",
    memory: Annotated[str, typer.Option(help="Memory of Spark's driver.")] = "1g",
    spark: Annotated[
        list[str] | None, typer.Option(help="A setting of Spark; as often as needed.", metavar="NAME=VALUE")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Compile nothing: starts sooner, ten times slower. For trying out.")
    ] = False,
) -> None:
    """Compute features and rules over the log. Each hit is in the table once, whatever dies on the way.

    Killed and started again with the same checkpoint, it goes on as if nothing had happened. Changed definitions are
    refused: give them a new checkpoint, and they begin at the log's beginning.
    """
    job = _needed("nightlight.adapters.spark.job")
    table = _needed("nightlight.adapters.spark.signals").HitTable(signals)
    table.make()
    place = _place(nats, log, partitions, credentials, ca)
    stream = job.Stream(
        place,
        rules.read_bytes(),
        checkpoint,
        job.OpenTable(signals),
        parts=parts,
        batch=batch,
        master=master,
        memory=memory,
        plain=plain,
        settings=_settings(spark or []),
    )
    job.require_java()
    _needed("nightlight.adapters.jetstream.log").reach(place)
    with console.status("Starting Spark ..."):
        query = job.start(job.session(stream), stream, once=once)
    say("Running." if not once else "Running to the end of the log.")
    job.wait(query)
    say(f"The table has {table.count():,} hits.")


@app.command()
def check(
    nats: Nats,
    rules: Rules,
    checkpoint: Checkpoint,
    signals: Signals,
    log: Log = "nightlight-events",
    partitions: Partitions = 4,
    credentials: Credentials = None,
    ca: Authority = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Compute everything again, slowly, in plain Python, and compare.")
    ] = False,
) -> None:
    """Say how far the log reaches and how far the stream has come; with --replay, whether its hits are right.

    Ends with status 3 if they are not.
    """
    jetstream = _needed("nightlight.adapters.jetstream.log")
    table = _needed("nightlight.adapters.spark.signals").HitTable(signals)
    place = _place(nats, log, partitions, credentials, ca)
    end = jetstream.reach(place)
    done = _needed("nightlight.adapters.spark.position").done_groups(checkpoint)
    say(f"The log has {end.groups:,} groups up to number {end.number:,}; the stream has done {done:,} of them.")
    say(f"The table has {table.count():,} hits.")
    if not replay:
        return
    differs = _differing(place, rules.read_bytes(), done, table)
    if differs:
        say(f"{differs:,} hits are missing or wrong.")
        raise typer.Exit(EXIT_DISAGREES)
    say("They are what plain windows give.")


def _settings(given: list[str]) -> dict[str, str]:
    split = [one.partition("=") for one in given]
    for name, sign, _ in split:
        if not sign or not name.startswith("spark."):
            raise RefusedError("spark_setting", f'"{name}" is no setting of Spark.', "Write: --spark spark.name=value")
    return {name: value for name, _, value in split}


def _differing(place: LogPlace, definitions: bytes, groups: int, table: Any) -> int:
    from nightlight.adapters.jetstream.log import read_groups
    from nightlight.detect.columns import SEEN_COLUMNS, seen
    from nightlight.detect.definition_file import read_definitions
    from nightlight.detect.windows import Windows

    windows = Windows(read_definitions(definitions).pack)
    wanted = set()
    for start in range(0, groups, 64):
        for _, events in read_groups(place, range(start, min(groups, start + 64))):
            for row in events.select(list(SEEN_COLUMNS)).to_pylist():
                wanted |= {(hit.number, hit.rule, hit.about) for hit in windows.add(seen(row))}
    found = {(hit.number, hit.rule, hit.about) for hit in table.read()}
    return len(wanted ^ found)


def _batches(data: Path) -> Iterator[Any]:
    """The events in the order of their numbers; what else lies in a town's folder, its labels, is no event."""
    groups = _needed("nightlight.adapters.parquet.row_groups")
    from pyarrow import ArrowInvalid, parquet

    for path, group in groups.ordered(groups.find_files(str(data))):
        try:
            with parquet.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=50_000, row_groups=[group])
        except (ArrowInvalid, OSError):
            raise RefusedError("events_unreadable", f"{path} cannot be read as Parquet.") from None


def _place(
    url: str, log: str, partitions: int, credentials: Path | None, ca: Path | None, replicas: int = 1
) -> LogPlace:
    made: LogPlace = _needed("nightlight.adapters.jetstream.server").LogPlace(
        url, log, partitions, replicas, credentials, ca
    )
    return made


def _needed(module: str) -> Any:
    """A module that is there with the extra only. ``RefusedError('extra_missing')``."""
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError as e:
        if (e.name or "").startswith("nightlight"):
            raise
        raise RefusedError(
            "extra_missing", f"{e.name} is not installed.", "Type: pip install 'nightlight[cluster]'"
        ) from None
