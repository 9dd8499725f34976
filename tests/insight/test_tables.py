"""Tables as forces send them: read as what they say, told what was noticed, refused where two readings are possible."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.insight.headers import Role
from nightlight.insight.layout import Kind
from nightlight.insight.offences import Offences
from nightlight.insight.shares import Refusal, owner_figure, platform_figure, shares_of
from nightlight.insight.span import Span, exactly
from nightlight.insight.years import platform_change
from tests.insight.answers import NEXT_YEAR, TABLE, YEAR, count, offence, tally_of
from tests.insight.tables import lines, numbers, read, shares_in, told, understood

OFFENCES = """Police force,Date,Platform(s) used
Northshire Police,03/10/2019,FB; Insta
NORTHSHIRE,2019-10-04,
Southmere,13 Nov 2019,snap chat and What's App
Southmere,13/11/2019,Snapcaht
"""
WIDE = """Offences by platform

Force,Facebook,FB Messenger,Instagram,Unknown,Total
Northshire,"1,234",5,<5,10,1252
Southmere,6,0,2,4,12
Eastshire,Refused,,,,
Westshire,No information held,,,,
"""


def refused(text: str, mapping: str = "") -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        read(text, mapping)
    return caught.value


def test_one_line_for_each_offence_needs_no_mapping() -> None:
    shares = shares_in(OFFENCES)
    assert (shares.offences, shares.known, shares.unknown, shares.forces) == (exactly(4), exactly(3), exactly(1), 2)
    assert numbers(OFFENCES) == {"facebook": 1, "instagram": 1, "snapchat": 1, "whatsapp": 1}
    assert [(one.text, one.suggestion) for one in shares.unmatched] == [("Snapcaht", "snapchat")]
    assert {str(place.period) for place in read(OFFENCES).offences.places} == {"2019-04/2020-03"}


def test_what_was_unified_and_put_into_years_is_told() -> None:
    assert told(OFFENCES) == {
        "force_names": 'answer.csv: "Northshire" stands for "NORTHSHIRE", "Northshire Police".',
        "dates": "answer.csv: dates are put into years from April. answer.csv: dates go from 2019-10 to 2019-11, so "
        "that of 2019-04/2020-03 a part may be missing.",
    }
    assert "January" in told(OFFENCES, "year_starts: january")["dates"]


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("Police force,Platform(s) used", ["force", "platforms"]),
        ("Force,Platform,Number of offences", ["force", "platform", "count"]),
        ("Force,Social media,Offence type,Total", ["force", "platform", "offence", "count"]),
        ("Constabulary,App,Crime type,Financial year,Count", ["force", "platform", "offence", "period", "count"]),
        ("Force,Year,Facebook,Insta,Unknown,Total", ["force", "period", "count", "count", "unknown", "sum"]),
        ("Force,Facebook*,Kik¹,Number of offences", ["force", "count", "count", "total"]),
        (
            "Ref,Date recorded,Date committed,Platform 1,Platform 2",
            ["ignore", "date", "ignore", "platforms", "platforms"],
        ),
        ("Platform,2018/19,2019/20,Total", ["platform", "count", "count", "sum"]),
        ("Force,Facebook 2018/19,Facebook (2019/20)", ["force", "count", "count"]),
    ],
)
def test_plain_columns_are_understood(header: str, roles: list[str]) -> None:
    assert [column.role.value for column in understood(header + "\n").columns] == roles


def test_counts_by_platform_are_read_with_sums_left_out() -> None:
    table = "Force,Platform,Number of offences\nN,FB,12\nN,Insta,5\nN,Not known,40\nN,Total,57\nGrand total,,57\n"
    assert understood(table).kind is Kind.LINES
    assert numbers(table) == {"facebook": 12, "instagram": 5}
    assert shares_in(table).unknown == exactly(40)
    assert "totals_differ" not in told(table)


def test_columns_of_platforms_with_small_numbers_and_answers() -> None:
    shares = shares_in(WIDE)
    figures = {one.name: one.numerator for one in shares.platforms}
    assert figures["facebook"] == exactly(1240)
    assert figures["instagram"] == Span(3, 6)
    assert shares.forces == 2
    tally = read(WIDE).offences.tally()
    assert [place.force for place in tally.refused] == ["Eastshire"]
    assert [place.force for place in tally.no_data] == ["Westshire"]


@pytest.mark.parametrize(
    ("table", "difference"),
    [
        ("Force,Platform,Count\nN,FB,6\nN,Insta,10\nN,Total,18\n", "it says 18, its parts add up to 16: 2 too many"),
        ("Force,Facebook,Insta\nN,6,10\nS,1,2\nTotal,7,11\n", "it says 11, its parts add up to 12: 1 too few"),
        ("Force,Facebook,Insta,Total\nN,6,10,20\n", "it says 20, its parts add up to 16: 4 too many"),
        ("Force,Facebook,Insta\nN,<5,10\nTotal,9,10\n", "it says 9, its parts add up to 1 to 4: 5 or more too many"),
        ("Force,Platform(s) used\nN,FB\nN,Kik\nTotal,3\n", "it says 3 offences, there are 2 lines: 1 too many"),
        ("Force,Platform,Count\nN,FB,6\nS,FB,5\nAll forces,FB,12\n", "its parts add up to 11: 1 too many"),
    ],
)
def test_sums_that_do_not_add_up_are_told_with_the_difference_and_never_used(table: str, difference: str) -> None:
    assert difference in told(table)["totals_differ"]
    without = "\n".join(line for line in table.splitlines() if not line.startswith(("Total", "All", "N,Total")))
    assert numbers(table) == numbers(without)


def test_sums_of_blocks_and_sums_that_leave_out_the_unknown_hold() -> None:
    table = "Force,Platform,Count\nN,FB,6\nN,Unknown,10\nTotal,,16\nS,FB,5\nS,Unknown,3\nTotal,,8\nGrand total,,24\n"
    assert "totals_differ" not in told(table)
    assert "totals_differ" not in told("Force,Platform,Count\nN,FB,6\nN,Unknown,10\nN,Total,6\n")


def test_a_line_of_numbers_without_a_label_is_a_sum_and_that_is_told() -> None:
    table = "Force,Facebook,Insta\nN,6,10\nS,1,2\n,7,12\n"
    assert numbers(table) == {"facebook": 7, "instagram": 12}
    assert "line 4" in told(table)["lines_left_out"]


def test_a_header_of_two_lines_and_cells_merged_across() -> None:
    table = ",2018/19,,2019/20,\nForce,Facebook,Insta,Facebook,Insta\nNorthshire,1,2,3,4\n"
    columns = understood(table).columns
    assert [(one.platform, str(one.period)) for one in columns[1:]] == [
        ("facebook", "2018-04/2019-03"),
        ("instagram", "2018-04/2019-03"),
        ("facebook", "2019-04/2020-03"),
        ("instagram", "2019-04/2020-03"),
    ]
    below = "Police force,Platform,Number of offences,\n,,2018/19,2019/20\nN,FB,3,4\n"
    assert [str(one.period) for one in understood(below).figures] == ["2018-04/2019-03", "2019-04/2020-03"]
    years = "Group,Platform,Financial year,\n,,2018/19,2019/20¹\nimages,FB,3,4\n"
    assert [str(one.period) for one in understood(years).figures] == ["2018-04/2019-03", "2019-04/2020-03"]
    assert understood(years).header == (1, 2)
    groups = ",Indecent images,,Communication,\nForce,Kik,Insta,Kik,Insta\nN,1,2,3,4\n"
    assert [one.group for one in understood(groups).figures] == ["Indecent images"] * 2 + ["Communication"] * 2
    assert "is taken for the group of offences" in understood(groups).figures[0].words


def test_where_a_workbook_says_what_was_merged_nothing_else_is_filled() -> None:
    table = "Force,2018/19,,2019/20\n,Facebook,Insta,Facebook\nN,1,2,3\n"
    known = {(1, 1): (1, 1), (1, 2): (1, 1)}
    assert [str(one.period) for one in understood(table, merged=known).figures][:2] == ["2018-04/2019-03"] * 2
    assert understood(table, merged={}).figures[1].period is None


def test_cells_merged_down_hold_for_the_lines_beside_them() -> None:
    table = "Force,Platform,Count\nNorthshire,FB,1\n,Insta,2\nSouthmere,FB,3\n,Insta,4\n"
    merged = {(2, 0): (2, 0), (3, 0): (2, 0), (4, 0): (4, 0), (5, 0): (4, 0)}
    assert {place.force for place in read(table, merged=merged).offences.places} == {"Northshire", "Southmere"}
    assert 'empty cells of "Force"' in told(table)["merged_cells"]


def test_an_empty_force_in_the_middle_is_refused_unless_somebody_says_what_it_means() -> None:
    table = "Force,Platform\nN,FB\nN,Kik\n,Kik\nN,FB\n"
    found = refused(table)
    assert (found.code, "line 4" in found.message, "fill_down" in found.hint) == ("force_missing", True, True)
    assert numbers(table, "fill_down: true") == {"facebook": 2, "kik": 2}


def test_one_number_over_merged_lines_is_refused() -> None:
    table = "Force,Platform,Count\nN,FB,7\nN,Insta,\n"
    with pytest.raises(RefusedError) as caught:
        read(table, merged={(2, 2): (2, 2), (3, 2): (2, 2)})
    assert caught.value.code == "merged_count"


def test_notes_and_a_header_that_comes_again_are_left_out_and_told() -> None:
    table = "Force,Platform,Count\nN,FB*,1\nForce,Platform,Count\nS,FB,2\n* provisional\nSource: our system,,\n"
    assert numbers(table) == {"facebook": 3}
    found = told(table)
    assert "* provisional" in found["footnotes"]
    assert "line 3" in found["lines_left_out"]


def test_an_offence_with_nothing_but_its_force_is_no_note() -> None:
    assert shares_in("Police force,Platform(s) used\nNorthshire,Kik\nNorthshire,\n").unknown == exactly(1)


def test_footnote_marks_on_numbers_are_taken_off_and_told() -> None:
    assert 'line 2, "Facebook": "12*"' in told("Force,Facebook,Insta\nN,12*,5\n")["footnotes"]


@pytest.mark.parametrize("cell", ["-5", "1.5", "abc", "*", "55%", "=SUM(A1:A2)", "-"])
def test_negative_fractional_and_text_counts_are_refused_with_their_place(cell: str) -> None:
    found = refused(f"Force,Facebook,Instagram\nN,{cell},5\n")
    assert found.code == "count_malformed"
    assert 'line 2: "Facebook"' in found.message
    assert found.hint


def test_a_person_says_what_a_star_and_a_dash_stand_for() -> None:
    table = "Force,Facebook,Instagram\nN,*,-\n"
    figures = {one.name: one.numerator for one in shares_in(table, 'suppressed_max: 4\nvalues: {"-": "0"}').platforms}
    assert figures == {"facebook": Span(1, 4), "instagram": exactly(0)}


def test_the_same_force_twice_in_one_table_is_refused_with_both_lines() -> None:
    for table in (
        "Force,Facebook,Insta\nNorthshire,1,2\nSouthmere,3,4\nNorthshire Police,1,2\n",
        "Force,Platform,Count\nN,FB,1\nS,FB,2\nN,FB,1\n",
        "Force,Year,Platform,Count\nN,2019/20,FB,1\nS,2019/20,FB,2\nN,2019-20,FB,1\n",
    ):
        found = refused(table)
        assert found.code == "counted_twice"
        assert "line 4" in found.message
        assert "line 2" in found.message
        read(table, "add_up: true")


def test_a_count_of_several_platforms_needs_somebody_to_say_what_it_means() -> None:
    table = "Force,Platform,Count\nN,FB & Insta,12\nN,Insta,5\n"
    assert refused(table).code == "platforms_in_count"
    assert shares_in(table, "each_once: true").known == exactly(17)
    plain = "Force,Platform(s) used,Count\nN,FB & Insta,12\nN,Insta,5\nN,unknown,3\n"
    assert numbers(plain) == {"facebook": 12, "instagram": 17}
    assert "sets_of_platforms" in told(plain)
    assert refused("Force,Platform(s) used,Count\nN,FB & Insta,<5\n").code == "suppressed_set"


def test_nobody_guesses_dates() -> None:
    assert refused("Force,Date,Platform\nN,03/14/2019,FB\nN,13/04/2019,FB\n").code == "dates_contradict"
    assert "month stands first" in told("Force,Date,Platform\nN,03/14/2019,FB\n")["dates"]
    assert "read as day first" in told("Force,Date,Platform\nN,03/04/2019,FB\n")["dates"]
    assert "read as day first" not in told("Force,Date,Platform\nN,13/04/2019,FB\n")["dates"]
    found = refused("Force,Date,Platform\nN,2019-10-03,FB\nN,43741,FB\n")
    assert (found.code, "line 3" in found.message) == ("period_malformed", True)
    assert "lost its format" in found.hint
    assert refused("Force,Financial year,Platform,Count\nN,2019,FB,1\n").code == "period_ambiguous"


def test_the_mapping_decides_about_dates() -> None:
    table = "Force,Date,Platform\nN,01/04/2019,FB\n"
    assert str(next(iter(read(table).offences.places)).period) == "2019-04/2020-03"
    assert str(next(iter(read(table, "dates: month_first").offences.places)).period) == "2018-04/2019-03"


def test_no_force_is_the_name_of_the_file_and_no_period_is_not_stated() -> None:
    table = "Platform\nFB\nKik\n"
    (place,) = read(table, file="northshire").offences.places
    assert str(place) == "Northshire, period not stated, all offences"
    assert {"force_from_file", "period_not_stated"} <= told(table).keys()
    assert not {"force_from_file", "period_not_stated"} & told(table, "force: N\nperiod: 2019/20").keys()


def test_an_answer_in_words_beside_figures_is_refused() -> None:
    assert refused("Force,Response,Facebook,Insta\nN,Refused,1,2\n").code == "answer_contradicted"
    assert refused("Force,Platform\nN,FB\nN,Refused\n").code == "answer_contradicted"
    assert shares_in("Force,Platform\nN,FB\nN,Not held\n").unknown == exactly(1)


def test_empty_cells_are_told_and_lines_without_figures_left_out() -> None:
    found = told("Force,Facebook,Insta\nN,1,\nS,,\nW,2,3\n")
    assert 'line 2, "Insta"' in found["cells_left_out"]
    assert "line 3" in found["lines_left_out"]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("Name,Age\nA,12\n", "no_table"),
        ("", "no_table"),
        ("Force,Platform,Facebook,Insta\nN,FB,1,2\n", "columns_unclear"),
        ("Force,Police force,Platform\nN,N,FB\n", "columns_unclear"),
        ("Force,Facebook,Facebook\nN,1,2\n", "columns_unclear"),
        ("Force,Platform,Count,Number\nN,FB,1,2\n", "columns_unclear"),
        ("Force,Platform\n", "no_rows"),
        ("Force,Platform,Count\nN,,5\n", "platform_missing"),
        ("Force,Year,Platform,Count\nN,2019/20,FB,5\nN,2018/19,FB,5\nN,,Kik,6\n", "period_missing"),
        ("Force,Platform\nN,FB,Insta\n", "cells_without_header"),
    ],
)
def test_a_table_that_can_be_read_in_two_ways_or_none_is_refused(table: str, code: str) -> None:
    found = refused(table)
    assert found.code == code
    assert found.hint


def test_an_unknown_column_among_platforms_is_a_platform_and_one_of_words_is_not() -> None:
    columns = understood("Force,Facebook,Blurb,Remarks,Unknown\nN,1,2,fine,3\n").columns
    assert [one.role for one in columns] == [Role.FORCE, Role.COUNT, Role.COUNT, Role.IGNORE, Role.UNKNOWN]
    assert [one.text for one in shares_in("Force,Facebook,Blurb\nN,1,2\n").unmatched] == ["Blurb"]


CELL = st.one_of(
    st.sampled_from(["Force", "Platform", "Facebook", "Count", "Total", "Date", "2019/20", "03/04/2019", "<5", "*"]),
    st.sampled_from(["Northshire", "FB; Insta", "12", "1,234", "Refused", "", "-5", "unknown", "Note: x", "x" * 70]),
    st.text(max_size=8),
)


@given(st.lists(st.lists(CELL, max_size=5), max_size=8))
def test_any_table_is_read_or_refused_in_words(cells: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(cells)
    with suppress(RefusedError):
        shares = shares_of(read(out.getvalue()).offences.tally(), TABLE)
        assert all(0 <= one.low <= one.high <= 1 for one in shares.platforms)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Northshire", "Southmere"]),
            st.sets(st.sampled_from(["Facebook", "Instagram", "Kik"]), max_size=3),
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["; ", "/", " and ", "\n"]),
)
def test_offences_come_back_as_they_were_written(offences: list[tuple[str, set[str]]], mark: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(
        [["Police force", "Platform(s) used"], *[[force, mark.join(sorted(names))] for force, names in offences]]
    )
    shares = shares_in(out.getvalue())
    assert shares.offences == exactly(len(offences))
    assert shares.unknown == exactly(sum(not names for _, names in offences))
    for figure in shares.platforms:
        assert figure.numerator == exactly(sum(figure.name.capitalize() in names for _, names in offences))


def test_lines_count_as_an_editor_shows_them() -> None:
    assert lines("a\nb\n")[1][0] == 2


def test_offences_alike_are_added_at_once() -> None:
    one, many = Offences(), Offences()
    one.add(offence("Kik; Blurb"), 3)
    for _ in range(3):
        many.add(offence("Kik; Blurb"))
    assert one.tally() == many.tally()
    with pytest.raises(ValueError, match="only offences"):
        one.add(count("kik", 1), 2)


def test_one_tables_offences_are_taken_into_anothers_once() -> None:
    one, other = Offences(), Offences()
    one.add(offence("Kik"))
    other.add_all([count("kik", 2, "Southmere"), count("unmatched", 1, "Southmere")])
    one.take(other)
    assert one.tally().platform("kik") == exactly(3)
    with pytest.raises(RefusedError) as caught:
        one.take(other)
    assert caught.value.code == "counted_twice"


def test_periods_of_one_force_that_overlap_are_not_added_up() -> None:
    wide = tally_of([offence("Kik"), offence("Kik", period=NEXT_YEAR)])
    assert platform_figure(wide, "kik").name == "kik"
    both = type(YEAR)(YEAR.first, NEXT_YEAR.last)
    tally = tally_of([offence("Kik"), offence("Kik"), offence("", period=both), offence("Kik", period=both)])
    for figure in (platform_figure(tally, "kik"), owner_figure(tally, TABLE, "Meta")):
        assert isinstance(figure, Refusal)
        assert figure.code == "periods_overlap"
    shares = shares_of(tally, TABLE)
    assert shares.platforms == shares.owners == ()
    assert [one.code for one in shares.refusals] == ["periods_overlap"]
    assert (shares.offences, shares.known) == (Span(2, 4), Span(2, 3))
    assert "Northshire" in shares.as_json()["caveats"][-1]["text"]


def test_overlaps_count_for_one_force_only() -> None:
    both = type(YEAR)(YEAR.first, NEXT_YEAR.last)
    tally = tally_of([offence("Kik"), offence("Kik", "Southmere", both)])
    assert tally.overlapping is None
    assert not isinstance(platform_figure(tally, "kik"), Refusal)


def test_a_period_that_is_not_stated_may_overlap_any_and_is_no_part_of_a_change() -> None:
    text = "Force,Platform\nNorthshire,Kik\n"
    unstated = read(text).offences
    assert "period_not_stated" in {one["code"] for one in shares_of(unstated.tally(), TABLE).as_json()["caveats"]}
    change = platform_change("kik", tally_of([offence("Kik")]), unstated.tally())
    assert isinstance(change, Refusal)
    assert change.code == "period_not_stated"
    unstated.take(read("Force,Year,Platform\nNorthshire,2019/20,Kik\n").offences)
    assert unstated.tally().overlapping is not None


def test_a_year_that_dates_cover_in_part_is_said_to_be_one() -> None:
    """Beside a whole year it would look like fewer offences."""
    table = "Force,Date,Platform\nNorthshire,2019-{}-01,FB\nNorthshire,2021-{}-31,FB\n"
    assert "missing" not in told(table.format("04", "03"))["dates"]
    assert "2019-04/2020-03 a part" in told(table.format("05", "03"))["dates"]
    assert "2020-04/2021-03 a part" in told(table.format("04", "01"))["dates"]
    assert "2019-04/2020-03 and 2020-04/2021-03 a part" in told(table.format("05", "01"))["dates"]
