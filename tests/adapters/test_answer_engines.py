"""DuckDB and the plain reader say the same of every file: the same offences, the same words, the same refusals."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.adapters.answers.counted import count_offences
from nightlight.adapters.answers.limits import Limits
from nightlight.adapters.answers.read import open_file, read_answers
from nightlight.errors import RefusedError
from nightlight.insight.force_names import ForceNames
from nightlight.insight.reading import read_table
from nightlight.insight.span import exactly
from tests.insight.answers import TABLE

PLAIN, COUNTED = Limits(counted_bytes=10**12), Limits(counted_bytes=0)

GOLDEN = """Offences recorded as online,,,,
Ref,Police force,Date recorded,Offence,Platform(s) used
1,Northshire Police,03/10/2019,Images,FB; Insta
2,NORTHSHIRE,31/03/2020,images,"Messenger (FB), What's App"
3,Northshire Constabulary,01/04/2020,Contact,
4,Southmere,13/11/2019,Images,snap chat / Kik and Snapcaht
5,Southmere,13/11/2019,Images,Not held
6,Southmere,2019-11-13,Images,"Blurb ""app"" here"
7,Southmere,3 Nov 2019,Contact,unknown
8,Eastshire,1/1/2020,Images,S.12 exempt
9, Westshire ,1/1/2020, Images , FB
"""


def outcome(path: Path, limits: Limits) -> tuple[object, ...]:
    said: list[str] = []
    try:
        answered = read_answers([path], TABLE, tell=said.append, limits=limits)
    except RefusedError as e:
        return e.code, e.message, e.hint
    return answered.offences.tally(), answered.readings, said


def counted(path: Path) -> bool:
    """Whether DuckDB counts it, and does not leave it to the plain reader."""
    opened = open_file(path, TABLE, limits=COUNTED)
    (one,) = opened.tables
    assert one.text is not None
    found = count_offences(one.text, one.understood, TABLE, ForceNames(), one.where, "x", opened.said)
    if found is None:
        return False
    plain = read_table(one.body, TABLE, ForceNames(), one.where, "x")
    assert (found.offences.tally(), found.rows, found.caveats) == (plain.offences.tally(), plain.rows, plain.caveats)
    return True


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_golden_file_is_the_same_by_both(tmp_path: Path, end: str, mark: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=mark, lineterminator=end).writerows(csv.reader(io.StringIO(GOLDEN)))
    path = tmp_path / "golden.csv"
    path.write_bytes(out.getvalue().encode())
    assert counted(path)
    assert outcome(path, PLAIN) == outcome(path, COUNTED)
    tally = read_answers([path], TABLE, tell=lambda _: None, limits=COUNTED).offences.tally()
    assert (tally.offences, tally.unknown) == (exactly(8), exactly(3))
    assert tally.platform("facebook") == exactly(2)
    assert [place.force for place in tally.refused] == ["Eastshire"]
    assert set(tally.unmatched) == {"Snapcaht", 'Blurb "app" here'}


@pytest.mark.parametrize(
    "more",
    [
        "10,Northshire,31/11/2019,Images,FB\n",
        "10,Northshire,12/13/2019,Images,FB\n",
        "10,,03/10/2019,Images,FB\n",
        "10,Northshire,,Images,FB\n",
        "10,Eastshire,1/1/2020,Images,FB\n",
        '10,Northshire,03/10/2019,Images,"FB\n',
        "10,Northshire,03/10/2019,Images,FB,Insta\n",
    ],
)
def test_a_refusal_has_its_line_whichever_engine_reads(tmp_path: Path, more: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOLDEN + more)
    plain, other = outcome(path, PLAIN), outcome(path, COUNTED)
    assert plain == other
    assert isinstance(plain[1], str)
    assert "line 12" in plain[1].lower() or "line 10" in plain[1]


@pytest.mark.parametrize(
    "more",
    [
        "Total,,,,9\n",
        ",Total,,,9\n",
        "Note: provisional,,,,\n",
        "Ref,Police force,Date recorded,Offence,Platform(s) used\n",
        "\n\n",
        ",,,,\n",
        "10,Northshire,03/10/2019,Images\n",
        '10,Northshire,03/10/2019,Images,"FB\nInsta"\n',
    ],
)
def test_what_is_out_of_the_ordinary_is_said_the_same_by_both(tmp_path: Path, more: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOLDEN + more)
    plain = outcome(path, PLAIN)
    assert len(plain) == 3
    assert not isinstance(plain[0], str), plain
    assert plain == outcome(path, COUNTED)


CELLS = st.sampled_from(
    [
        *("FB", "Insta; FB", "unknown", "", " ", "Kik / Blurb", "Blurb", "Not held", "Refused", "n/a", 'a "b"', "x\ny"),
        *("Total", "\u00a0"),
    ]
)
FORCES = st.sampled_from(
    ["Northshire", "NORTHSHIRE Police", "Southmere", "", " Southmere ", "Total", "Note: x", "Café", "\x01"]
)
DATES = st.sampled_from(
    ["2019-10-03", "03/10/2019", "3 Oct 2019", "13/10/2019", "10/13/2019", "2019/20", "Oct 2020", "", "43741", "x"]
)
ROW = st.tuples(FORCES, DATES, CELLS)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=6),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from([",", ";"]),
    columns=st.sampled_from([(0, 1, 2), (0, 2), (2,), (1, 2)]),
)
def test_any_table_of_offences_is_the_same_by_both(
    rows: list[tuple[str, str, str]], end: str, mark: str, columns: tuple[int, ...]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, lineterminator=end)
    for row in [("Police force", "Date recorded", "Platform(s) used"), *rows]:
        writer.writerow([row[column] for column in columns])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.csv"
        path.write_bytes(out.getvalue().encode())
        assert outcome(path, PLAIN) == outcome(path, COUNTED)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text('ab,;"\n\r\x00é \t', max_size=12), max_size=6))
def test_any_bytes_below_a_header_are_the_same_by_both(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.csv"
        path.write_bytes(("Police force,Platform(s) used\nN,FB\n" + "\n".join(lines)).encode())
        assert outcome(path, PLAIN) == outcome(path, COUNTED)


def test_engines_agree_where_duckdb_does_the_counting(tmp_path: Path) -> None:
    """Most of what is compared above is left to the plain reader: here it must not be."""
    forces, cells = ("Northshire", "Southmere", "SOUTHMERE police"), ("FB", "Insta and Kik", "", "Blurb", "n/a")
    days = [f"{day:02}/{month:02}/2019" for day in (1, 14, 28) for month in range(1, 13)]
    rows = [f"{force},{day},{cell}" for force in forces for day in days for cell in cells]
    path = tmp_path / "a.csv"
    path.write_text("Police force,Date recorded,Platform(s) used\n" + "\n".join(rows))
    assert counted(path)
    (tmp_path / "a.csv.mapping.yaml").write_text("format: nightlight-mapping/1\nyear_starts: january\ngroup: images\n")
    assert counted(path)
    assert outcome(path, PLAIN) == outcome(path, COUNTED)


def test_many_spellings_and_days_go_through_the_engine_as_classes(tmp_path: Path) -> None:
    rows = [f"Force {n % 30},{2000 + n % 50}-0{1 + n % 9}-1{n % 10},app {n % 700}; FB" for n in range(5_000)]
    path = tmp_path / "a.csv"
    path.write_text("Police force,Date recorded,Platform(s) used\n" + "\n".join(rows) + "\n")
    assert counted(path)
