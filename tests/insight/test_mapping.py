"""The mapping file: every line of it does what it says, every mistake in it is shown where it is."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.insight.columns import understand
from nightlight.insight.mapping import UNMAPPED, read_mapping
from nightlight.insight.mapping_text import mapping_text
from nightlight.insight.span import exactly
from tests.insight.answers import TABLE
from tests.insight.tables import lines, numbers, read, shares_in, understood

FORMAT = "format: nightlight-mapping/1\n"


def test_a_mapping_of_one_line_changes_nothing() -> None:
    assert read_mapping(FORMAT.encode()) == UNMAPPED


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("format: nightlight-mapping/2\n", 1, "The format is"),
        ("header: 3\n", 1, '"format" is missing'),
        (FORMAT + "heder: 3\n", 2, 'There is no "heder"'),
        (FORMAT + "header: 0\n", 2, "whole number"),
        (FORMAT + "dates: dayfirst\n", 2, 'there is no "dayfirst"'),
        (FORMAT + "period: soon\n", 2, "is not a period"),
        (FORMAT + "period: Q1 2019\n", 2, "a quarter of"),
        (FORMAT + "year_starts: may\n", 2, 'there is no "may"'),
        (FORMAT + "suppressed_max: many\n", 2, "whole number"),
        (FORMAT + 'values: {"-": nothing}\n', 2, "is not a count"),
        (FORMAT + "columns:\n  - {header: A, column: 2, role: force}\n", 3, "named by its"),
        (FORMAT + "columns:\n  - {header: A}\n", 3, "Nothing is said"),
        (FORMAT + "columns:\n  - {header: A, role: pforce}\n", 3, 'there is no "pforce"'),
        (FORMAT + "force: &a N\n", 2, "Anchors"),
        ("a: ]", 1, "not YAML"),
        ("", 1, "empty"),
    ],
)
def test_every_mistake_is_shown_where_it_is(text: str, line: int, said: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_mapping(text.encode())
    assert caught.value.code == "mapping_malformed"
    assert any(said in problem.message and problem.line == line for problem in caught.value.problems)


def test_columns_are_what_a_person_says() -> None:
    table = "Area,Where it happened,How many\nN,FB,3\nN,Kik,4\n"
    mapping = (
        "columns:\n  - {header: Area, role: force}\n  - {column: 2, role: platform}\n"
        "  - {header: how many, role: count}\n"
    )
    assert numbers(table, mapping) == {"facebook": 3, "kik": 4}
    assert {place.force for place in read(table, mapping).offences.places} == {"N"}


def test_columns_may_be_platforms_periods_groups_and_forces() -> None:
    table = "Platform,North,South\nFB,3,4\n"
    mapping = (
        "columns:\n  - {header: North, role: count, force: Northshire}\n  - {header: South, role: count, force: S}\n"
    )
    assert {place.force for place in read(table, mapping).offences.places} == {"Northshire", "S"}
    table = "Force,A,B\nN,3,4\n"
    mapping = (
        "columns:\n  - {header: A, platform: FB, period: 2018/19}\n"
        "  - {header: B, platform: Blurb, period: 2018/19, group: images}\n"
    )
    places = {str(place) for place in read(table, mapping).offences.places}
    assert places == {"N, 2018-04/2019-03, all offences", "N, 2018-04/2019-03, images"}


def test_lines_are_skipped_and_the_header_is_where_a_person_says() -> None:
    table = "Force,Platform\nForce,Platform\nN,FB\nN,Kik\n"
    assert numbers(table, "header: 2\nskip: [4]") == {"facebook": 1}


def test_a_force_says_that_no_offence_stands_twice() -> None:
    table = "Force,Facebook,Insta,Unknown\nN,6,10,3\n"
    assert shares_in(table, "each_once: true").known == exactly(16)
    meta = next(one for one in shares_in(table, "each_once: true").owners if one.name == "Meta")
    assert meta.numerator == exactly(16)


@pytest.mark.parametrize(
    "mapping",
    [
        "header: 99",
        "header: [1, 3]",
        "columns: [{header: Nothing, role: force}]",
        "columns: [{column: 9, role: force}]",
        "columns: [{header: Same, role: ignore}]",
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(mapping: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read("Force,Platform,Same,Same\nN,FB,1,2\n", mapping)
    assert caught.value.code == "mapping_unfit"


TABLES = [
    "Police force,Date,Platform(s) used\nN,03/10/2019,FB; Insta\n",
    "Title\n\nForce,Facebook,Blurb,Unknown,Total\nN,1,2,3,6\n",
    ",2018/19,,2019/20,\nForce,Facebook,Insta,Facebook,Insta\nN,1,2,3,4\n",
    "Force,Platform,Offence type,2018/19,2019/20,Total\nN,FB,images,1,2,3\n",
    "Force,Kik,Known,Number of offences\nN,1,2,3\n",
]


@pytest.mark.parametrize("table", TABLES)
def test_what_is_written_for_a_person_says_what_was_understood(table: str) -> None:
    first = understood(table)
    text = mapping_text("answer.csv", first, lines(table), delimiter=",")
    assert text.count("#") > 5
    again = read_mapping(text.encode())
    assert again.delimiter == ","
    second = understood(table, text.removeprefix(FORMAT).replace(FORMAT, ""))
    assert (second.kind, second.header) == (first.kind, first.header)
    for one, other in zip(first.columns, second.columns, strict=True):
        assert (one.role, one.platform, one.period, one.group) == (
            other.role,
            other.platform,
            other.period,
            other.group,
        )
    assert numbers(table, text.replace(FORMAT, "")) == numbers(table)


@given(st.text(max_size=40), st.text(max_size=20))
def test_whatever_a_stranger_calls_a_column_the_mapping_can_be_read(header: str, cell: str) -> None:
    rows = [(1, ["Force", "Platform", header]), (2, ["N", "FB", cell])]
    try:
        found = understand(rows, TABLE)
    except RefusedError:
        return
    text = mapping_text(header, found, rows, sheets=("Data",))
    again = read_mapping(text.encode())
    assert understand(rows, TABLE, again).kind is found.kind


@given(st.binary(max_size=200))
def test_any_bytes_are_a_mapping_or_refused(data: bytes) -> None:
    with suppress(MalformedError):
        assert read_mapping(data) is not None
