"""The figures that were printed: what follows from what, and what does not."""

from __future__ import annotations

import csv
import io

import pytest

from nightlight.cli.data import shipped_published
from nightlight.errors import RefusedError
from nightlight.insight.published import Basis, Finding, Published, Verdict, audit, read_published
from nightlight.insight.span import Span


def published() -> tuple[Published, ...]:
    return read_published(csv.DictReader(io.StringIO(shipped_published().decode())))


def finding(subject: str) -> Finding:
    return next(one for one in audit(published()) if one.subject == subject)


def row(**columns: str) -> dict[str, str]:
    return {"period": "2019-10/2020-09", "offence_group": "indecent_images", "platform": "kik"} | columns


@pytest.mark.parametrize(
    "subject",
    [
        "facebook_owned, 2017-04/2019-10",
        "snapchat, 2017-04/2019-10",
        "instagram, 2018-04/2018-09",
        "whatsapp, 2018-04/2019-03",
        "facebook_owned, 2018-04/2019-03 East of England",
    ],
)
def test_shares_that_follow_from_their_counts(subject: str) -> None:
    found = finding(subject)
    assert (found.verdict, found.basis) == (Verdict.FOLLOWS, Basis.ROW)
    assert found.difference is not None
    assert abs(found.difference) <= 0.5


def test_a_denominator_that_is_not_printed_is_what_the_rows_agree_on() -> None:
    found = finding("meta_owned, 2021-04/2022-03")
    assert (found.verdict, found.basis, found.derived) == (Verdict.FOLLOWS, Basis.ROWS, Span(9869, 10064))
    assert "13.5 to 13.8 %" in finding("instagram, 2021-04/2022-03").words


def test_owner_sums_of_a_region_follow() -> None:
    found = finding("facebook_owned as a sum, 2018-04/2019-03 East of England")
    assert found.verdict is Verdict.FOLLOWS
    assert "162 + 288 + 32 = 482" in found.words


def test_totals_that_sources_print_differently_are_named_with_the_difference() -> None:
    apart = [one for one in audit(published()) if one.verdict is Verdict.DOES_NOT_FOLLOW]
    assert [one.difference for one in apart] == [117, 7, -2]
    assert "9,477" in apart[0].words
    assert "9,360" in apart[0].words


def test_every_row_has_one_verdict_and_what_cannot_be_computed_says_what_is_missing() -> None:
    rows = published()
    about_rows = audit(rows, ())[: len(rows)]
    assert [one.line for one in about_rows] == [one.line for one in rows]
    verdicts = [one.verdict for one in about_rows]
    assert [verdicts.count(verdict) for verdict in Verdict] == [7, 0, 19, 6]
    assert finding("facebook_owned, 2019-10/2020-09").derived == Span(4881, 4975)


def test_the_unknown_share_comes_along_unless_the_total_is_somebody_else_s() -> None:
    assert round(finding("facebook_owned, 2017-04/2019-10").unknown_share or 0) == 43
    first = next(one for one in audit(published()) if one.subject == "whatsapp, 2023-04/2024-03")
    assert round(first.unknown_share or 0) == 74
    assert next(one for one in audit(published()) if one.line == 27).unknown_share is None


@pytest.mark.parametrize(
    ("count", "share", "verdict"),
    [
        ("55", "55", Verdict.FOLLOWS),
        ("545", "54", Verdict.FOLLOWS),
        ("545", "55", Verdict.FOLLOWS),
        ("540", "55", Verdict.DOES_NOT_FOLLOW),
        ("545", "54.5", Verdict.FOLLOWS),
        ("545", "54.6", Verdict.DOES_NOT_FOLLOW),
        ("0", "0", Verdict.FOLLOWS),
        ("1001", "100", Verdict.DOES_NOT_FOLLOW),
    ],
)
def test_a_share_follows_as_precisely_as_it_is_printed(count: str, share: str, verdict: Verdict) -> None:
    known = "100" if len(count) < 3 else "1000"
    (found,) = audit(read_published([row(count=count, platform_known=known, published_share_pct=share)]))
    assert found.verdict is verdict


def test_rows_whose_shares_cannot_all_be_of_the_same_total_do_not_follow() -> None:
    rows = [row(count="50", published_share_pct="50"), row(platform="x", count="50", published_share_pct="10")]
    assert {one.verdict for one in audit(read_published(rows))} == {Verdict.DOES_NOT_FOLLOW}


def test_shares_of_more_offences_than_were_recorded_do_not_follow() -> None:
    for recorded, verdict in (("120", Verdict.FOLLOWS), ("90", Verdict.DOES_NOT_FOLLOW)):
        rows = [
            row(platform=name, count="50", published_share_pct="50", total_recorded=recorded) for name in ("x", "kik")
        ]
        assert {one.verdict for one in audit(read_published(rows))} == {verdict}


def test_one_share_without_a_total_proves_nothing() -> None:
    (found,) = audit(read_published([row(count="50", published_share_pct="50")]))
    assert found.verdict is Verdict.NOT_COMPUTABLE


def test_a_group_cannot_have_more_than_the_sum_of_its_parts() -> None:
    parts = [row(platform="facebook", count="5"), row(platform="instagram", count="6")]
    for total, verdict in (("11", Verdict.FOLLOWS), ("6", Verdict.FOLLOWS), ("12", Verdict.DOES_NOT_FOLLOW)):
        found = audit(read_published([*parts, row(platform="meta_owned", count=total)]))[-1]
        assert found.verdict is verdict


@pytest.mark.parametrize(
    "columns",
    [
        {"count": "many"},
        {"published_share_pct": "55 %"},
        {"published_share_pct": "101"},
        {"platform": ""},
        {"count": "-1"},
    ],
)
def test_a_row_that_is_no_row_is_refused_with_its_line(columns: dict[str, str]) -> None:
    with pytest.raises(RefusedError, match="Line 3") as caught:
        read_published([row(), row(**columns)])
    assert caught.value.code == "published_malformed"
