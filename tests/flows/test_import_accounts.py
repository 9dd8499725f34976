"""Importing accounts: any table that somebody exports, in bounded memory, again and again."""

from __future__ import annotations

import csv
import gc
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.flows.accounts import RefusedLine
from nightlight.flows.import_accounts import Imported, import_accounts
from nightlight.model.account import AgeBand, Assurance, BirthMonth
from tests.prevention_world import KIM, SAM, PreventionWorld

HEADER = "account,age_band,assurance,birth_month,created_at\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PreventionWorld]:
    world = PreventionWorld(tmp_path, f"sqlite:///{tmp_path}/test.sqlite3").migrate()
    yield world
    world.close()


def imported(world: PreventionWorld, text: str, *, dry: bool = False) -> tuple[Imported, list[RefusedLine]]:
    refused: list[RefusedLine] = []
    lines = io.StringIO(text, newline="")
    return import_accounts(world.house.account_book, lines, "robin", refused.append, dry=dry), refused


def test_good_lines_are_taken_and_bad_ones_named_by_number_and_reason(world: PreventionWorld) -> None:
    text = HEADER + (
        "@a:x,13_15,declared,,\n"
        "@b:x,,,2012-03,1790000000000\n"
        "@c:x,teen,,,\n"
        "@d:x,adult,verified\n"
        "\n"
        '"@e:x",adult,"verified","",""\n'
        "@with space:x,adult,,,\n"
        "@f:x,adult,,,yesterday\n"
        ",adult,,,\n"
    )
    done, refused = imported(world, text)
    assert done == Imported(lines=8, changed=3, unchanged=0, refused=5)
    assert [(one.number, one.code) for one in refused] == [
        (4, "age_unknown_word"),
        (5, "line_malformed"),
        (8, "account_malformed"),
        (9, "line_malformed"),
        (10, "account_malformed"),
    ]
    assert world.known_age("@a:x").band is AgeBand.AGE_13_15
    assert world.known_age("@b:x").birth_month == BirthMonth(2012, 3)
    assert world.known_age("@e:x").assurance is Assurance.VERIFIED
    assert world.known_age("@d:x").band is AgeBand.UNKNOWN


def test_an_import_is_logged_with_its_count_and_nobody_s_name(world: PreventionWorld) -> None:
    imported(world, HEADER + "@a:x,13_15,,,\n@b:x,adult,,,\n")
    with world.store.read() as tx:
        (entry,) = [one for one in tx.log_entries() if one.kind == "accounts.imported"]
    assert (entry.actor, json.loads(entry.detail)) == ("robin", {"accounts": 2})


def test_imported_again_it_changes_nothing_and_is_not_logged_again(world: PreventionWorld) -> None:
    text = HEADER + "".join(f"@a{number}:x,13_15,,,179000000000\n" for number in range(5_000))
    assert imported(world, text)[0] == Imported(5_000, 5_000, 0, 0)
    with world.store.read() as tx:
        entries, change = len(list(tx.log_entries())), tx.last_change()
    assert imported(world, text)[0] == Imported(5_000, 0, 5_000, 0)
    with world.store.read() as tx:
        assert (len(list(tx.log_entries())), tx.last_change()) == (entries, change)


def test_a_dry_run_checks_everything_and_changes_nothing(world: PreventionWorld) -> None:
    done, refused = imported(world, HEADER + f"{KIM},adult,verified,,\n@b:x,nothing,,,\n", dry=True)
    assert (done.lines, done.refused, len(refused)) == (2, 1, 1)
    assert world.known_age(KIM).band is AgeBand.AGE_13_15
    assert world.log() == []


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("\n", "name every column once"),
        ("age_band,assurance\n", "name every column once"),
        ("account,account\n", "name every column once"),
        ("account,age_band,note\n", "'note'"),
        ("account,message\n", "'message'"),
        ("@kim:home.test,13_15\n", "'@kim:home.test'"),
        ("account;age_band\n", "'account;age_band'"),
        ("account,\n", "''"),
    ],
)
def test_another_header_is_refused_by_name_before_anything_is_read(
    world: PreventionWorld, header: str, complaint: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        imported(world, header + f"{SAM},13_15\n")
    assert caught.value.code == "import_header"
    assert complaint in caught.value.message
    assert world.known_age(SAM).band is AgeBand.ADULT


@pytest.mark.parametrize("text", ['@a:x,"adult\n' * 20_000, "@a:x,adult," + "x" * 200_000, '@a:x,"ad"ult"\n'])
def test_what_is_no_table_is_refused_without_being_held(world: PreventionWorld, text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        imported(world, "account,age_band,assurance\n" + text)
    assert caught.value.code == "import_not_csv"


def test_a_nul_or_a_mark_of_direction_makes_no_other_account(world: PreventionWorld) -> None:
    _, refused = imported(world, "account,age_band\n@ki\x00m:x,adult\n@ki\u202em:x,adult\n")
    assert [one.code for one in refused] == ["account_malformed"] * 2


def test_a_huge_table_needs_no_more_memory_than_a_small_one(world: PreventionWorld) -> None:
    def lines(number: int) -> Iterator[str]:
        yield HEADER
        for n in range(number):
            yield f"@a{n % 3_000}:x,13_15,,,\n"

    def peak(number: int) -> int:
        gc.collect()
        tracemalloc.start()
        import_accounts(world.house.account_book, lines(number), "robin", lambda _: None)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(6_000)
    assert peak(30_000) < 1.5 * peak(6_000)


cells = st.text(max_size=12) | st.sampled_from(["@a:x", "adult", "13_15", "2012-03", "verified", "5", "", '"', "é"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cells, max_size=6), max_size=6))
def test_whatever_stands_in_a_table_each_line_is_taken_or_refused(
    world: PreventionWorld, rows: list[list[str]]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows(rows)
    try:
        done, refused = imported(world, HEADER + out.getvalue())
    except RefusedError as e:
        code = e.code
        assert code == "import_not_csv"
        return
    assert done.refused == len(refused)
    assert done.lines >= done.refused + done.changed
