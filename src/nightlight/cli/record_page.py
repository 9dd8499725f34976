"""A record as one page that stands alone, on a screen or on paper: nothing is loaded from anywhere."""

from __future__ import annotations

from markupsafe import Markup

from nightlight.cli.charts import colours_css, labelled, printed
from nightlight.cli.page_templates import page_template
from nightlight.cli.record_charts import record_charts
from nightlight.insight.record import NOT_FOR_PUBLICATION, RecordShown
from nightlight.insight.record_values import NOT_HELD, cautions, moment_words
from nightlight.insight.record_view import grids_of, others_grid, section_views
from nightlight.insight.regulator import Template, field_lines, field_parts, template_warnings


def record_page(shown: RecordShown, template: Template | None, operator: str, *, paper: bool = False) -> str:
    """HTML. ``operator``: whose record it is. ``paper``: for what prints it, which knows no colours by variable."""
    picture = printed if paper else labelled
    drawn = [(chart, Markup(picture(chart))) for chart in record_charts(shown)]  # noqa: S704 - drawn here, escaped
    return page_template("record.html").render(
        operator=operator,
        period=shown.record.period,
        counted_at=moment_words(shown.record.as_of),
        inside=NOT_FOR_PUBLICATION if shown.whole else "",
        cautions=cautions(shown),
        template=template,
        warnings=template_warnings(shown) if template else [],
        fields=_fields(template, shown) if template else [],
        not_held=NOT_HELD,
        sections=section_views(shown),
        others=others_grid(shown),
        charts=drawn,
        colours=Markup(colours_css()),  # noqa: S704 - our own
        paper=paper,
    )


def _fields(template: Template, shown: RecordShown) -> list[dict[str, object]]:
    """What each clause asks, and the grids that answer it."""
    return [
        {
            "field": field,
            "grids": [grid for section, table in field_parts(field, shown) for grid in grids_of(section, table)],
            "lines": [line for line in field_lines(field, shown) if line.section == "others"],
        }
        for field in template.fields
    ]
