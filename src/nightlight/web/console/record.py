"""The console's page of the record: the same figures as ``nightlight transparency``, live, exact or as published."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nightlight.errors import RefusedError
from nightlight.flows.record import RecordKeeper
from nightlight.flows.sign_in import Door
from nightlight.insight.record import NOT_FOR_PUBLICATION, RecordShown
from nightlight.insight.record_period import RecordPeriod, month_of, read_record_period
from nightlight.insight.record_values import cautions, count_words
from nightlight.insight.record_view import others_grid, section_views, within_words
from nightlight.insight.waits import minutes_words
from nightlight.web.console.guard import Guard, guarded
from nightlight.web.console.pages import page
from nightlight.web.console.problem import status_of
from nightlight.web.console.session import Session, Sessions


def record_routes(keeper: RecordKeeper, door: Door, *, cookie_secure: bool, session_seconds: int) -> list[BaseRoute]:
    """The one route about the record. It needs a session and changes nothing."""
    pages, signed_in = RecordPages(keeper), Guard(Sessions(door, cookie_secure, session_seconds)).signed_in
    return [Route("/record", guarded(signed_in(pages.record)), methods=["GET"])]


@dataclass(frozen=True, slots=True)
class Bar:
    """How much was within the target. ``share``: of 100, None where that is kept back or there is nothing."""

    name: str
    count: str
    target: str
    words: str
    share: float | None


@dataclass(frozen=True, slots=True)
class RecordPages:
    keeper: RecordKeeper

    def record(self, request: Request, _form: FormData, session: Session) -> Response:
        """Months come with the address, so that a page can be passed on; left out, it is the present month."""
        now = self.keeper.clock.now()
        this = month_of(now)
        asked = request.query_params
        first = asked.get("from", "")[:10] or this
        last = asked.get("to", "")[:10] or (first if asked.get("from") else this)
        error: RefusedError | None = None
        try:
            period = read_record_period(first, last, now)
        except RefusedError as e:
            error, period = e, read_record_period(this, this, now)
        published = asked.get("as") == "published"
        return self._page(session, period, published=published, typed=(first, last), error=error)

    def _page(
        self,
        session: Session,
        period: RecordPeriod,
        *,
        published: bool,
        typed: tuple[str, str],
        error: RefusedError | None,
    ) -> Response:
        shown = self.keeper.recent(period).shown(whole=not published)
        return page(
            "record.html",
            status_of(error) if error else 200,
            session=session,
            period=period,
            published=published,
            inside="" if published else NOT_FOR_PUBLICATION,
            typed=typed,
            now=self.keeper.clock.now(),
            as_of=shown.record.as_of,
            sections=section_views(shown),
            others=others_grid(shown),
            bars=_bars(shown),
            cautions=cautions(shown),
            error=error,
        )


def _bars(shown: RecordShown) -> list[tuple[str, list[Bar]]]:
    """For each kind of time, one bar for each severity that there was something of."""
    found = []
    for name in ("cases", "handed_over"):
        one = shown.section(name)
        for times in one.times:
            title = next(table.title for table in one.section.tables if table.name == times.times.table)
            bars = [
                Bar(
                    one.section.words.get(row, row),
                    count_words(one.rows[row]),
                    minutes_words(time.target or 0),
                    within_words(time, one.rows[row]),
                    None if time.within is None or not one.rows[row] else 100 * time.within / (one.rows[row] or 1),
                )
                for row, time in times.rows.items()
                if one.rows[row] != 0
            ]
            found.append((title, bars))
    return found
