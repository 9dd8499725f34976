"""A record in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from nightlight.insight.record import NOT_FOR_PUBLICATION, RecordShown
from nightlight.insight.record_values import NOT_HELD, cautions, count_words
from nightlight.insight.record_view import Grid, grids_of, others_grid, section_views
from nightlight.insight.regulator import Template, field_lines, field_parts, template_warnings


def record_picture(shown: RecordShown, template: Template | None) -> RenderableType:
    return Group(*(_template(shown, template) if template else _whole(shown)))


def _whole(shown: RecordShown) -> Iterator[RenderableType]:
    yield from _head(shown)
    for section in section_views(shown):
        yield Text(f"\n{section.title}", style="bold")
        yield Text(section.about, style="dim")
        for grid in section.grids:
            yield _table(grid)
    yield _table(others_grid(shown))
    for sentence in cautions(shown):
        yield Text(f"• {sentence}", style="dim")


def _template(shown: RecordShown, template: Template) -> Iterator[RenderableType]:
    yield from _head(shown)
    yield Text(template.title, style="bold")
    yield Text(template.about, style="dim")
    for field in template.fields:
        yield Text(f"\n{field.clause}: ", style="bold") + Text(field.asks, style="")
        if not field.held:
            yield Text(f"{NOT_HELD}.", style="yellow")
        for sentence in filter(None, (field.says, field.note)):
            yield Text(sentence, style="dim")
        for line in field_lines(field, shown):
            if line.section == "others":
                count = None if line.value is None else int(line.value)
                yield Text(f"{line.row}: {NOT_HELD if line.status == 'not_held' else count_words(count)}")
        for section, table in field_parts(field, shown):
            for grid in grids_of(section, table):
                yield _table(grid)
    for sentence in (*template_warnings(shown), *cautions(shown)):
        yield Text(f"• {sentence}", style="dim")
    yield Text(f"Sources: {'; '.join(template.sources)}.", style="dim")


def _head(shown: RecordShown) -> Iterator[RenderableType]:
    yield Text(f"Record for {shown.record.period}, UTC", style="bold")
    if shown.whole:
        yield Text(NOT_FOR_PUBLICATION, style="bold red")


def _table(grid: Grid) -> Table:
    table = Table(title=escape(grid.title), title_justify="left", title_style="")
    for place, name in enumerate(grid.head):
        table.add_column(escape(name), justify="right" if place else "left")
    for row in grid.rows:
        table.add_row(*map(escape, row))
    return table
