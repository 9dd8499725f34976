"""The picture of a ring: well-formed, readable, harmless whatever somebody calls an account; and the same in words."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from nightlight.detect.joints import Joint, JointKind
from nightlight.detect.ring import Facts, Ring, RingRule, ring_of
from nightlight.detect.ring_layout import crossings, ordered, spread
from nightlight.detect.ring_picture import SHOWN_MAX, facts_in_words, ring_picture, ring_table
from nightlight.detect.rings import Rings
from nightlight.model.contact import SignalFamily
from tests.browser import browser
from tests.detect.ring_world import BANNED, device, evaders, found

__all__ = ["browser"]

STATIC = Path(__file__).parents[2] / "src/nightlight/web/console/static"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "</text></svg><script>alert(1)</script>\"'&amp;\x00\x1b\ud800\u202e\u2028\ufffe" + "e" + "\u0301" * 40 + "W" * 300
)


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.encode())  # noqa: S314 - our own


def ring_of_size(count: int) -> Ring:
    events, facts = evaders(count)
    facts[2] = Facts(families=frozenset({SignalFamily.EVASION, SignalFamily.FAN_OUT}))
    rings = Rings()
    rings.add_batch(events)
    (component,) = rings.components(1)
    ring = ring_of(component, facts, RingRule(accounts_max=10_000))
    assert ring is not None
    return ring


@pytest.mark.parametrize("count", [3, 12, SHOWN_MAX])
def test_every_account_and_joint_of_a_ring_is_drawn_once_and_every_edge_is_in_the_table(count: int) -> None:
    ring = ring_of_size(count)
    picture = ring_picture(ring, {})
    tree = parsed(picture.svg)
    groups = [group.get("class", "") for group in tree.iter(f"{SVG}g")]
    assert sum(one.startswith("account") for one in groups) == count
    assert sum(one.startswith("joint") for one in groups) == len(ring.joints)
    links = {(edge.account, edge.joint) for edge in ring.edges}
    assert sum(path.get("class", "").startswith("edge") for path in tree.iter(f"{SVG}path")) == len(links)
    assert picture.left_out == ""
    rows = ring_table(ring, {})
    assert len(rows) == len(ring.edges)
    assert all(row.drawn for row in rows)
    words = {text.text for text in tree.iter(f"{SVG}text")}
    assert {row.account for row in rows} | {row.joint for row in rows} <= words


def test_a_ring_that_is_too_large_shows_the_banned_and_the_busiest_and_says_so() -> None:
    ring = ring_of_size(90)
    picture = ring_picture(ring, {})
    tree = parsed(picture.svg)
    drawn = [group for group in tree.iter(f"{SVG}g") if group.get("class", "").startswith("account")]
    assert len(drawn) == SHOWN_MAX
    assert sum("sanctioned" in group.get("class", "") for group in drawn) == 1
    assert f"{SHOWN_MAX} of 90 accounts" in picture.left_out
    assert picture.left_out in (tree.findtext(f"{SVG}desc") or "")
    rows = ring_table(ring, {})
    assert len(rows) == len(ring.edges)
    assert 0 < sum(row.drawn for row in rows) < len(rows)


def test_the_picture_has_a_title_and_says_the_reasons_and_that_nothing_is_proven() -> None:
    ring = ring_of_size(5)
    tree = parsed(ring_picture(ring, {}).svg)
    assert tree.get("role") == "img"
    labelled = (tree.get("aria-labelledby") or "").split()
    assert {one.get("id") for one in tree if one.tag in (f"{SVG}title", f"{SVG}desc")} == set(labelled)
    assert "not proven" in (tree.findtext(f"{SVG}title") or "")
    assert all(reason in (tree.findtext(f"{SVG}desc") or "") for reason in ring.why)


def test_an_account_named_like_a_script_stays_a_name() -> None:
    (ring,) = found([device(one, 9) for one in (1, 2, 3)], {1: BANNED})
    names: dict[int | Joint, str] = {1: HOSTILE, 2: "<b>&", Joint(JointKind.DEVICE, 9): HOSTILE}
    svg = ring_picture(ring, names).svg
    tree = parsed(svg)
    assert not {one.tag for one in tree.iter()} - {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "g", "text", "circle", "rect", "path")
    }
    assert "&lt;b&gt;&amp;" in svg
    for text in tree.iter(f"{SVG}text"):
        assert not re.search("[\x00-\x1f\u202e\u2028\ud800]|\u0301{3}", text.text or "")


def test_nothing_in_the_picture_breaks_our_content_security_policy() -> None:
    svg = ring_picture(ring_of_size(12), {}).svg
    assert not re.search(r"\sstyle=|<style|<script|\son\w+=|href|url\(", svg)


@given(st.dictionaries(st.sampled_from([1, 2, 3]), st.text()))
@settings(deadline=None)
def test_any_name_gives_well_formed_xml(names: dict[int | Joint, str]) -> None:
    (ring,) = found([device(one, 9) for one in (1, 2, 3)], {1: BANNED})
    parsed(ring_picture(ring, names).svg)


def test_the_same_ring_gives_the_same_picture_whatever_order_the_events_had() -> None:
    events, facts = evaders(20)
    (one,), (other,) = found(events, facts), found(events[::-1], facts)
    assert one == other
    assert ring_picture(one, {}) == ring_picture(other, {})


def test_facts_are_said_in_words_the_weightiest_first() -> None:
    ring = ring_of_size(4)
    assert facts_in_words(ring.members[0]) == "adult · banned · 2 children against"
    assert facts_in_words(ring.members[1]) == "age unknown · evasion · fan out"


links = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20)


@given(links)
def test_crossings_are_what_a_look_at_every_pair_gives(pairs: set[tuple[int, int]]) -> None:
    by_hand = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(pairs, 2))
    assert crossings(range(7), range(7), pairs) == by_hand


@given(links)
def test_an_order_never_has_more_crossings_than_it_began_with(pairs: set[tuple[int, int]]) -> None:
    left, right = ordered(range(7), range(7), pairs)
    assert sorted(left) == sorted(right) == list(range(7))
    assert crossings(left, right, pairs) <= crossings(range(7), range(7), pairs)


def test_lines_that_need_not_cross_do_not() -> None:
    for pairs in ({(0, 2), (1, 0), (2, 1), (0, 1)}, {(a, (a * 7) % 20) for a in range(20)}):
        assert crossings(*ordered(range(20), range(20), pairs), pairs) == 0
    chain = [(3 * n) % 20 for n in range(20)]
    links = {(one, one) for one in chain} | set(pairwise(chain))
    assert crossings(*ordered(range(20), range(20), links), links) == 0


@given(st.lists(st.none() | st.floats(-50, 900), min_size=1, max_size=12))
def test_labels_keep_their_distance_and_stay_inside(wanted: list[float | None]) -> None:
    heights = spread(wanted, 0, 440, 40)
    assert all(later - earlier >= 40 - 1e-6 for earlier, later in pairwise(heights))
    assert heights[0] >= -1e-6
    assert heights[-1] <= 440 + 1e-6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_no_text_leaves_the_picture_or_touches_another(browser: Browser, scheme: str) -> None:
    ring = ring_of_size(SHOWN_MAX)
    wide = [
        "W" * 60,
        "漢" * 60,
        "m" * 60,
        "@quiet.swallow.in.the.morning:messenger.example",
        "🙂" * 40,
        "Iñtërnâtiônàl" * 9,
    ]
    names: dict[int | Joint, str] = {member.account: wide[n % 6] for n, member in enumerate(ring.members)}
    names |= {joint: wide[n % 6] for n, joint in enumerate(ring.joints)}
    css = "".join((STATIC / name).read_text() for name in ("console.css", "rings.css"))
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1000, "height": 900})  # type: ignore[arg-type]
    page.set_content(f"<!doctype html><style>{css}</style>{ring_picture(ring, names).svg}")
    boxes = page.evaluate(
        "[...document.querySelectorAll('svg text')].map(t => t.getBBox()).map(b => [b.x, b.y, b.width, b.height])"
    )
    width, height = page.evaluate("(v => [v.width, v.height])(document.querySelector('svg').viewBox.baseVal)")
    page.close()
    assert len(boxes) > 2 * SHOWN_MAX
    for x, y, w, h in boxes:
        assert x >= 0
        assert x + w <= width
        assert y >= 0
        assert y + h <= height
        assert x + w <= 306 or x >= 574  # between the columns there are only lines
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(boxes, 2):
        apart = x + w <= x2 or x2 + w2 <= x or y + h <= y2 + 3 or y2 + h2 <= y + 3
        assert apart, ((x, y, w, h), (x2, y2, w2, h2))
