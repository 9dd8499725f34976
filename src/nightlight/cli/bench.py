"""``nightlight bench``: every figure that this project claims, measured here and now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from nightlight.cli.output import console, say
from nightlight.errors import RefusedError

if TYPE_CHECKING:
    from nightlight.bench.harness import Figure


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Benches to run; none: all of them.", metavar="NAME")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, for machines.")] = False,
) -> None:
    """Measure the figures this project claims, each beside a peer or a primitive in the same run.

    Medians, with the 99th percentile beside them; for each figure whether its target holds. Ends with status 1 if one
    does not. Machines differ and are busy: compare ratios, not absolute figures.
    """
    from nightlight.bench import (
        attachment,
        backtest,
        bundle,
        callback,
        contact,
        contact_http,
        demo,
        detect,
        events,
        intake,
        log,
        page,
        parity,
        prevalence,
        referral,
        replay,
        retention,
        rings,
        stream,
        transparency,
        vault,
        verify,
    )

    listed = (
        verify.BENCH,
        attachment.BENCH,
        vault.BENCH,
        intake.BENCH,
        log.BENCH,
        bundle.BENCH,
        page.BENCH,
        contact.BENCH,
        contact_http.BENCH,
        events.BENCH,
        detect.BENCH,
        callback.BENCH,
        replay.BENCH,
        rings.BENCH,
        retention.BENCH,
        transparency.BENCH,
        stream.BENCH,
        backtest.BENCH,
        parity.BENCH,
        prevalence.BENCH,
        referral.BENCH,
        demo.BENCH,
    )
    benches = {bench.name: bench for bench in listed}
    unknown = [name for name in names or [] if name not in benches]
    if unknown:
        raise RefusedError(
            "bench_unknown", f"No such bench: {', '.join(unknown)}.", f"There are: {', '.join(benches)}."
        )
    figures: list[Figure] = []
    with console.status("") as status:
        for name in names or benches:
            figures += benches[name].measure(lambda what: status.update(f"{what} ..."))
    if as_json:
        print(json.dumps([figure.to_json() for figure in figures], indent=2))  # noqa: T201
    else:
        table = Table("figure", "measured", "target", "holds", "beside it")
        for figure in figures:
            sign = "≥" if figure.better == "higher" else "≤"
            beside = "\n".join(f"{name}: {value:,.4g}" for name, value in figure.beside.items())
            holds = "yes" if figure.ok else "NO"
            table.add_row(
                figure.name, f"{figure.value:,.4g} {figure.unit}", f"{sign} {figure.target:,.4g}", holds, beside
            )
        console.print(table)
    if not all(figure.ok for figure in figures):
        say("Not every target holds.")
        raise typer.Exit(1)
