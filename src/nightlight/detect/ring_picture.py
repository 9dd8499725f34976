"""A picture of a ring, as SVG: accounts on the left, what joins them on the right. And the same as a table, in words.

No style and no script is inside: the picture takes the colour of the text around it, and a page's style sheet may
colour its classes. What it says is in words and shapes, never in colour alone.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.joints import Edge, Ground, Joint, JointKind
from nightlight.detect.ring import Member, Ring
from nightlight.detect.ring_layout import ordered, spread
from nightlight.model.account import AgeBand

#: As many accounts are drawn, and as many joints.
SHOWN_MAX = 40
JOINTS_MAX = 60
_WIDTH, _LEFT, _RIGHT = 880, 306, 574
_TOP, _ROW, _MARGIN = 64, 42, 16
#: Pixels that a line of text may take.
_ROOM = 264
#: Names are keyed by an account's number or by a joint.
Names = Mapping["int | Joint", str]

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_KIND_WORD = {
    JointKind.DEVICE: "Device",
    JointKind.NUMBER: "Number",
    JointKind.VICTIM: "Child",
    JointKind.ROOM: "Room",
}
_BAND_WORDS = {
    AgeBand.UNDER_13: "under 13",
    AgeBand.AGE_13_15: "13 to 15",
    AgeBand.AGE_16_17: "16 to 17",
    AgeBand.ADULT: "adult",
    AgeBand.UNKNOWN: "age unknown",
}
_GROUND_WORDS = {
    Ground.DEVICE: "was used on",
    Ground.NUMBER: "was used with",
    Ground.DECLINED: "was declined by",
    Ground.BLOCKED: "was blocked by",
    Ground.REPORTED: "was reported, nothing of it proven, by",
    Ground.PROVEN: "was reported, and the report was verified, by",
    Ground.ROOM: "entered, with banned accounts in it,",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One edge in words: the three texts make a sentence. ``first``, ``last``: milliseconds since 1970, UTC."""

    account: str
    words: str
    joint: str
    first: int
    last: int
    #: Whether the picture shows it.
    drawn: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """``svg``: one element, for a page. ``left_out``: what it does not show, in words; empty if it shows all."""

    svg: str
    left_out: str


@dataclass(frozen=True, slots=True)
class _Drawn:
    members: Sequence[Member]
    joints: Sequence[Joint]
    links: frozenset[tuple[int, Joint]]


def ring_picture(ring: Ring, names: Names) -> Picture:
    """Accounts and joints without a name get a number. The same ring gives the same picture."""
    drawn = _drawn(ring)
    said = _joint_names(ring, names)
    left_out = _left_out(ring, drawn)
    accounts, joints = ordered(
        [member.account for member in drawn.members], drawn.joints, {(a, j) for a, j in drawn.links}
    )
    rows = max(len(accounts), len(joints))
    height = _TOP + rows * _ROW + _MARGIN
    first = _TOP + _ROW / 2
    last = first + (rows - 1) * _ROW
    y_account = dict(zip(accounts, spread([None] * len(accounts), first, last, _ROW), strict=True))
    wanted: list[float | None] = [_mean([y_account[a] for a, j in drawn.links if j == joint]) for joint in joints]
    y_joint = dict(zip(joints, spread(wanted, first, last, _ROW), strict=True))
    by_account = {member.account: member for member in drawn.members}
    name = _text(f"ring-{ring.identity}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ring-picture" role="img" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-size="13" fill="currentColor" '
        f'aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">{_text(f"Ring of {len(ring.members)} accounts, not proven")}</title>',
        f'<desc id="{name}-desc">{_text(" ".join([*ring.why, left_out]).strip())}</desc>',
        f'<text class="head" x="{_LEFT - 16}" y="28" text-anchor="end" font-weight="600">Accounts</text>',
        f'<text class="head" x="{_RIGHT + 16}" y="28" font-weight="600">What joins them</text>',
    ]
    for account, joint in sorted(drawn.links):
        strong = " reason" if by_account[account].sanctioned else ""
        parts.append(_line(y_account[account], y_joint[joint], f"edge {joint.kind.name.lower()}{strong}"))
    parts += [_account(by_account[account], y, _account_name(account, names)) for account, y in y_account.items()]
    shared = {joint: sum(j == joint for _, j in _links(ring)) for joint in joints}
    parts += [_joint(joint, y, said[joint], shared[joint]) for joint, y in y_joint.items()]
    return Picture("\n".join([*parts, "</svg>"]), left_out)


def ring_table(ring: Ring, names: Names) -> list[Row]:
    """Every edge of the ring in words, account by account, those that the picture has no room for included."""
    said, drawn = _joint_names(ring, names), _drawn(ring)
    order = {member.account: place for place, member in enumerate(drawn.members)}

    def place(edge: Edge) -> tuple[int, int, Edge]:
        return order.get(edge.account, len(order)), edge.account, edge

    return [
        Row(
            _shown(_account_name(edge.account, names)),
            _GROUND_WORDS[edge.ground],
            _shown(said[edge.joint]),
            edge.first,
            edge.last,
            (edge.account, edge.joint) in drawn.links,
        )
        for edge in sorted(ring.edges, key=place)
    ]


def facts_in_words(member: Member) -> str:
    """What is known of a member, the weightiest first."""
    facts = member.facts
    said = ["banned"] if facts.banned else []
    said += ["violation found"] if facts.violation else []
    said += ["verified report"] if facts.proven else []
    said += [f"{member.minors_against} children against"] if member.minors_against > 1 else []
    said += [family.value.replace("_", " ") for family in sorted(facts.families)]
    return " · ".join([_BAND_WORDS[facts.band], *said])


def _links(ring: Ring) -> frozenset[tuple[int, Joint]]:
    return frozenset((edge.account, edge.joint) for edge in ring.edges)


def _drawn(ring: Ring) -> _Drawn:
    """Those with a ban, a violation or a verified report first, then the busiest; joints by how many they join."""
    links = _links(ring)
    joints_of: dict[int, int] = defaultdict(int)
    for account, _ in links:
        joints_of[account] += 1

    def weight(member: Member) -> tuple[bool, int, int, int]:
        return not (member.sanctioned or member.facts.proven), -joints_of[member.account], member.since, member.account

    members = sorted(ring.members, key=weight)[:SHOWN_MAX]
    shown = {member.account for member in members}
    on_joint: dict[Joint, int] = defaultdict(int)
    for account, joint in links:
        on_joint[joint] += account in shown
    joints = sorted((joint for joint in ring.joints if on_joint[joint] >= 2), key=lambda one: (-on_joint[one], one))
    joints = joints[:JOINTS_MAX]
    kept = set(joints)
    return _Drawn(members, joints, frozenset((a, j) for a, j in links if a in shown and j in kept))


def _left_out(ring: Ring, drawn: _Drawn) -> str:
    said = []
    if len(drawn.members) < len(ring.members):
        said.append(
            f"The picture shows {len(drawn.members)} of {len(ring.members)} accounts: those that are banned, in "
            "violation or verifiably reported first, then those with the most in common."
        )
    if len(drawn.joints) < len(ring.joints):
        said.append(f"It shows {len(drawn.joints)} of {len(ring.joints)} things that join them.")
    return " ".join([*said, "The table shows all."] if said else [])


def _account_name(account: int, names: Names) -> str:
    return names.get(account, f"{account % 2**64:016x}")


def _joint_names(ring: Ring, names: Names) -> dict[Joint, str]:
    count: dict[JointKind, int] = defaultdict(int)
    said = {}
    for joint in ring.joints:
        count[joint.kind] += 1
        name = names.get(joint) or (names.get(joint.item) if joint.kind is JointKind.VICTIM else None)
        said[joint] = f"{_KIND_WORD[joint.kind]} {count[joint.kind]}" + (f": {name}" if name else "")
    return said


def _line(one: float, other: float, classes: str) -> str:
    middle = (_LEFT + _RIGHT) / 2
    start, end = _LEFT + 9, _RIGHT - 10
    path = f"M{start} {one:g}C{middle:g} {one:g} {middle:g} {other:g} {end} {other:g}"
    return (
        f'<path class="{classes}" d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.45" '
        'stroke-width="1.5"/>'
    )


def _account(member: Member, y: float, name: str) -> str:
    classes = "account sanctioned" if member.sanctioned else "account minor" if member.minor else "account"
    filled = "none" if member.sanctioned else "currentColor"
    dot = (
        f'<circle class="dot" cx="{_LEFT}" cy="{y:g}" r="7" fill="{filled}" stroke="currentColor" stroke-width="1.5"/>'
    )
    if member.sanctioned:  # crossed, so that nobody needs to see a colour
        cross = f"M{_LEFT - 3.5:g} {y - 3.5:g}l7 7m0 -7l-7 7"
        dot += f'<path class="cross" d="{cross}" fill="none" stroke="currentColor" stroke-width="1.8"/>'
    return _labelled(classes, dot, name, facts_in_words(member), _LEFT - 16, y, ' text-anchor="end"')


def _joint(joint: Joint, y: float, name: str, shared: int) -> str:
    x = _RIGHT
    shape = {
        JointKind.DEVICE: f'<rect class="dot" x="{x - 6}" y="{y - 8:g}" width="12" height="16" rx="2.5"/>',
        JointKind.NUMBER: f'<path class="dot" d="M{x - 8} {y + 7:g}L{x} {y - 8:g}L{x + 8} {y + 7:g}Z"/>',
        JointKind.VICTIM: f'<path class="dot" d="M{x} {y - 9:g}L{x + 9} {y:g}L{x} {y + 9:g}L{x - 9} {y:g}Z"/>',
        JointKind.ROOM: f'<rect class="dot" x="{x - 9}" y="{y - 6:g}" width="18" height="12"/>',
    }[joint.kind]
    what = "turned away" if joint.kind is JointKind.VICTIM else "shared by"
    return _labelled(f"joint {joint.kind.name.lower()}", shape, name, f"{what} {shared} of them", x + 16, y, "")


def _labelled(classes: str, shape: str, name: str, below: str, x: int, y: float, anchor: str) -> str:
    return (
        f'<g class="{classes}">{shape}'
        f'<text class="name" x="{x}" y="{y - 2:g}"{anchor}>{_text(_fitting(_shown(name), 13))}</text>'
        f'<text class="below" x="{x}" y="{y + 13:g}"{anchor} font-size="11" fill-opacity="0.8">'
        f"{_text(_fitting(below, 11))}</text></g>"
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _text(text: str) -> str:
    """For text and for attributes in double quotes (XML 1.0, 2.4)."""
    return text.translate(_ESCAPES)


def _shown(text: str) -> str:
    """Without characters that XML forbids or that reorder a line, and without towers of marks."""
    kept: list[str] = []
    for one in unicodedata.normalize("NFC", text):
        category = unicodedata.category(one)
        mark = category in ("Mn", "Me")
        if not (mark and len(kept) >= 2 and all(unicodedata.category(last) in ("Mn", "Me") for last in kept[-2:])):
            kept.append("\N{REPLACEMENT CHARACTER}" if category[0] == "C" or category in ("Zl", "Zp") else one)
    return "".join(kept)


def _fitting(text: str, size: int) -> str:
    """As much of the text as there is room for: widths are those of a wide font, so that no font runs over."""
    room = _ROOM * 13 / size
    used = 0.0
    for place, one in enumerate(text):
        used += _width(one)
        if used > room - 12 and (place + 1 < len(text) or used > room):
            return text[:place] + "…"
    return text


def _width(one: str) -> float:
    if unicodedata.category(one) in ("Mn", "Me"):
        return 0
    if ord(one) > 0x2FF or one in "mwMW@%":
        return 14
    return 10.5 if one.isupper() else 5 if one in "iljtfrI.,:;'|! ·()[]" else 8
