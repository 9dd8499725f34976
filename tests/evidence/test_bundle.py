"""Bundles: what holds is shown, and every way to bend one is refused."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from canonicaljson import encode_canonical_json
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import NamedKey, approve, open_approval, open_attestation
from nightlight.evidence.bundle.container import BundleLimits, read_members, write_members
from nightlight.evidence.bundle.contents import ATTESTATION, CONVERSATION, MANIFEST, manifest_of
from nightlight.evidence.bundle.report import Held
from nightlight.evidence.bundle.trust import Trust
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.checkpoint import LogSigner
from nightlight.evidence.log import head_of
from nightlight.hazmat import base64url
from tests.bundles import NOW, BundleMaker, key, public

MAKER = BundleMaker()
MEMBERS = MAKER.members()
BUNDLE = write_members(MEMBERS)


@contextmanager
def refused(*codes: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code in codes, caught.value.code


def resigned(change: Callable[[Any], None], name: str, **attestation: Any) -> bytes:
    """The bundle of a dishonest operator: one JSON member changed, and everything signed anew."""
    members, frontier = MAKER.contents()
    value = json.loads(members[name])
    change(value)
    members[name] = encode_canonical_json(value)
    members[MANIFEST] = manifest_of({n: d for n, d in members.items() if n != MANIFEST})
    maker = BundleMaker()
    maker.world, maker.events, maker.room, maker.bob = MAKER.world, MAKER.events, MAKER.room, MAKER.bob
    maker.attestation_changes = attestation
    return write_members(maker.signed(members, frontier))


def test_honest_bundle_is_verified_step_by_step() -> None:
    report = verify_bundle(BUNDLE)
    assert [shown.message.body for shown in report.messages if shown.message] == list(MAKER.texts)
    assert [(shown.role, shown.own, shown.omitted) for shown in report.messages] == [
        ("reported", False, None),
        ("reported", False, 0),
        ("context", True, 1),
    ]
    assert report.approved_by == ("alex", "billie")
    assert [step.name for step in report.steps if step.held is Held.OPEN] == [
        "The sending server's own signature",
        "No time-stamp",
    ]
    assert report.not_proven


def test_same_inputs_give_the_same_bytes() -> None:
    assert MAKER.make() == BUNDLE == write_members(dict(reversed(MEMBERS.items())))


def test_senders_server_signature_is_checked_where_its_keys_are_there() -> None:
    maker = BundleMaker(server_keys={"sim.example": MAKER.world.published_keys()})
    report = verify_bundle(maker.make())
    assert {shown.server_signature for shown in report.messages} == {"ed25519:a"}


def test_keys_of_a_server_that_did_not_sign_are_refused() -> None:
    stranger = key("stranger")
    keys = {**MAKER.world.published_keys()}
    keys["verify_keys"] = {"ed25519:a": {"key": base64url.encode_standard(public("stranger"))}}
    del keys["signatures"]
    signature = base64url.encode_standard(stranger.sign(encode_canonical_json(keys)))
    forged = {**keys, "signatures": {"sim.example": {"ed25519:a": signature}}}
    with refused("server_signature_wrong"):
        verify_bundle(BundleMaker(server_keys={"sim.example": forged}).make())


class TestTheContainer:
    def test_truncated_bundle_is_refused(self) -> None:
        for length in (0, 1, 100, len(BUNDLE) // 2, len(BUNDLE) - 1):
            with refused("bundle_malformed"):
                verify_bundle(BUNDLE[:length])

    @pytest.mark.parametrize("where", ["before", "after", "both"])
    def test_padded_bundle_is_refused(self, where: str) -> None:
        before, after = (b"junk" if where in (side, "both") else b"" for side in ("before", "after"))
        with refused("bundle_malformed"):
            verify_bundle(before + BUNDLE + after)

    def test_rezipped_bundle_is_refused(self) -> None:
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with refused("bundle_malformed"):
                verify_bundle(zipped(MEMBERS, compression))

    def test_reordered_bundle_is_refused(self) -> None:
        with refused("bundle_malformed"):
            verify_bundle(zipped(dict(sorted(MEMBERS.items(), reverse=True)), zipfile.ZIP_STORED))

    def test_bundle_with_a_comment_is_refused(self) -> None:
        out = io.BytesIO(BUNDLE)
        with zipfile.ZipFile(out, "a") as archive:
            archive.comment = b"note"
        with refused("bundle_malformed"):
            verify_bundle(out.getvalue())

    @pytest.mark.parametrize(
        "name",
        [
            *("../evil.json", "/etc/passwd.txt", "a/../b.json", "C:\\evil.txt", "a//b.txt", ".hidden.txt"),
            *("b\x00.txt", "messages/", "aux", "ü.json", "messages/deep/er.json", "x" * 200 + ".txt"),
        ],
    )
    def test_name_that_leads_elsewhere_is_refused(self, name: str) -> None:
        with refused("bundle_malformed"):
            read_members(zipped({**MEMBERS, name: b"x"}, zipfile.ZIP_STORED))

    def test_two_members_of_one_name_are_refused(self) -> None:
        out = io.BytesIO(BUNDLE)
        with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("decision.json", b"{}")
        with refused("bundle_malformed"):
            verify_bundle(out.getvalue())

    def test_bomb_is_refused_before_it_is_unpacked(self) -> None:
        bomb = zipped({"manifest.json": bytes(50 * 2**20)}, zipfile.ZIP_DEFLATED)
        assert len(bomb) < 100_000
        with refused("bundle_malformed"):
            verify_bundle(bomb)

    def test_members_that_overlap_are_refused(self) -> None:
        """Many names for the same bytes: small in the file, huge when unpacked."""
        one = write_members({"a.txt": bytes(10_000)})
        at = struct.unpack_from("<I", one, len(one) - 6)[0]
        directory = one[at : len(one) - 22]
        names = [b"%c.txt" % letter for letter in b"abcdefgh"]
        entries = b"".join(directory.replace(b"a.txt", name) for name in names)
        end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(names), len(names), len(entries), at, 0)
        with refused("bundle_malformed"):
            read_members(one[:at] + entries + end)

    def test_too_many_or_too_large_members_are_refused(self) -> None:
        with refused("bundle_malformed"):
            read_members(BUNDLE, BundleLimits(members=3))
        with refused("bundle_malformed"):
            read_members(BUNDLE, BundleLimits(member_bytes=100))
        with refused("bundle_malformed"):
            read_members(BUNDLE, BundleLimits(file_bytes=1_000))

    def test_symbolic_link_is_refused(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            info = zipfile.ZipInfo("manifest.json", (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
        with refused("bundle_malformed"):
            read_members(out.getvalue())

    @settings(max_examples=150)
    @given(st.data())
    def test_no_byte_of_a_bundle_can_be_changed(self, data: st.DataObject) -> None:
        bent = bytearray(BUNDLE)
        at = data.draw(st.integers(0, len(bent) - 1))
        how = data.draw(st.sampled_from(["flip", "insert", "delete"]))
        if how == "flip":
            bent[at] ^= data.draw(st.integers(1, 255))
        elif how == "insert":
            bent.insert(at, data.draw(st.integers(0, 255)))
        else:
            del bent[at]
        if bytes(bent) != BUNDLE:
            with pytest.raises(RefusedError):
                verify_bundle(bytes(bent))


def zipped(members: dict[str, bytes], compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


class TestWhoCanBendWhat:
    """Somebody who holds the file, but no key."""

    @pytest.mark.parametrize("name", sorted(MEMBERS))
    def test_no_member_can_be_left_out(self, name: str) -> None:
        rest = {other: data for other, data in MEMBERS.items() if other != name}
        with refused("bundle_incomplete", "bundle_changed", "approvals_missing"):
            verify_bundle(write_members(rest))

    @pytest.mark.parametrize("name", sorted(MEMBERS))
    def test_no_member_can_be_taken_from_another_bundle(self, name: str) -> None:
        other = BundleMaker(texts=("[x]", "[y]", "[z]"), case_id="case_2").members()
        if other[name] == MEMBERS[name]:
            return  # README.txt says the same in every bundle
        with pytest.raises(RefusedError):
            verify_bundle(write_members({**MEMBERS, name: other[name]}))

    def test_nothing_can_be_added(self) -> None:
        with refused("bundle_changed"):
            verify_bundle(write_members({**MEMBERS, "messages/0004.json": MEMBERS["messages/0001.json"]}))

    def test_messages_cannot_change_places(self) -> None:
        one, two = MEMBERS["messages/0001.json"], MEMBERS["messages/0002.json"]
        with refused("bundle_changed"):
            verify_bundle(write_members({**MEMBERS, "messages/0001.json": two, "messages/0002.json": one}))

    def test_threshold_cannot_be_lowered(self) -> None:
        rest = {name: data for name, data in MEMBERS.items() if name != "approvals/02.cose"}
        with refused("approvals_missing"):
            verify_bundle(write_members(rest))

    def test_one_approval_does_not_count_twice(self) -> None:
        with refused("bundle_changed"):
            verify_bundle(write_members({**MEMBERS, "approvals/02.cose": MEMBERS["approvals/01.cose"]}))

    def test_stranger_cannot_approve(self) -> None:
        strange = approve(MEMBERS[ATTESTATION], key("stranger"))
        with refused("approval_unknown"):
            verify_bundle(write_members({**MEMBERS, "approvals/02.cose": strange}))

    def test_approval_is_not_an_attestation_nor_the_other_way_round(self) -> None:
        with refused("signature_malformed", "cbor_malformed"):
            open_attestation(MEMBERS["approvals/01.cose"])
        with refused("signature_malformed"):
            open_approval(MEMBERS[ATTESTATION], MEMBERS[ATTESTATION], [NamedKey("alex", public("alex"))])

    def test_operator_signature_by_another_key_is_another_operator(self) -> None:
        """Anybody can sign a bundle of their own; a reader who knows the operator's key sees it."""
        members, frontier = MAKER.contents()
        attestation = replace(
            MAKER.attestation(members, frontier), operator=NamedKey("Safety team of sim.example", public("stranger"))
        ).sign(key("stranger"))
        signed = {**members, ATTESTATION: attestation}
        for number, name in enumerate(MAKER.approved_by, 1):
            signed[f"approvals/{number:02d}.cose"] = approve(attestation, key(name))
        data = write_members(signed)
        assert not verify_bundle(data).pinned
        with refused("operator_not_trusted"):
            verify_bundle(data, Trust(operators=(public("operator"),)))

    def test_bundle_that_names_a_key_it_was_not_signed_with_is_refused(self) -> None:
        members, frontier = MAKER.contents()
        forged = MAKER.attestation(members, frontier).sign(key("stranger"))
        with refused("signature_unknown_key", "signature_wrong"):
            verify_bundle(write_members({**MEMBERS, ATTESTATION: forged}))


class TestDishonestOperator:
    """Somebody who can sign anything still cannot make messages say what they do not."""

    def test_text_cannot_be_put_into_a_message(self) -> None:
        def change(listed: Any) -> None:
            listed["messages"][0]["message_key"] = listed["messages"][1]["message_key"]

        with refused("message_not_proven"):
            verify_bundle(resigned(change, CONVERSATION))

    def test_proven_message_cannot_be_called_unproven_to_hide_it(self) -> None:
        def change(listed: Any) -> None:
            listed["messages"][0].update(message_key=None)

        with refused("message_not_proven"):
            verify_bundle(resigned(change, CONVERSATION))

    def test_conversation_cannot_be_called_complete(self) -> None:
        with refused("bundle_inconsistent"):
            verify_bundle(resigned(lambda listed: listed.update(complete=True), CONVERSATION))

    def test_relation_cannot_be_invented(self) -> None:
        def change(listed: Any) -> None:
            listed["messages"][1]["relation"] = {"kind": "edit", "event_id": MAKER.events[0]}

        with refused("bundle_inconsistent"):
            verify_bundle(resigned(change, CONVERSATION))

    def test_sender_cannot_be_exchanged(self) -> None:
        with refused("message_not_proven", "bundle_inconsistent"):
            verify_bundle(resigned(lambda event: event.update(sender="@carol:sim.example"), "messages/0001.json"))

    def test_decision_that_is_not_in_the_log_is_refused(self) -> None:
        with refused("bundle_inconsistent"):
            verify_bundle(resigned(lambda decision: decision.update(reason="something else"), "decision.json"))

    def test_report_by_somebody_else_than_the_log_says_is_refused(self) -> None:
        with refused("bundle_inconsistent"):
            verify_bundle(resigned(lambda reports: reports[0].update(reporter="@carol:sim.example"), "reports.json"))

    def test_log_entry_cannot_be_rewritten(self) -> None:
        def change(entries: Any) -> None:
            entries[1]["entry"]["actor"] = "kim"

        with refused("log_proof_invalid"):
            verify_bundle(resigned(change, "log/entries.json"))

    def test_log_proof_of_another_entry_is_refused(self) -> None:
        def change(entries: Any) -> None:
            entries[0]["proof"], entries[1]["proof"] = entries[1]["proof"], entries[0]["proof"]

        with refused("log_proof_invalid"):
            verify_bundle(resigned(change, "log/entries.json"))

    def test_checkpoint_signed_by_an_unknown_key_is_refused(self) -> None:
        members, frontier = MAKER.contents()
        strange = LogSigner(MAKER.signer.name, key("stranger"))
        members["log/checkpoint.txt"] = strange.sign(head_of(frontier)).encode()
        members[MANIFEST] = manifest_of({n: d for n, d in members.items() if n != MANIFEST})
        with refused("checkpoint_unknown_key"):
            verify_bundle(write_members(MAKER.signed(members, frontier)))

    def test_old_checkpoint_is_refused(self) -> None:
        older = BundleMaker(log_before=2)
        older.world, older.events = MAKER.world, MAKER.events
        members, frontier = MAKER.contents()
        members["log/checkpoint.txt"] = older.contents()[0]["log/checkpoint.txt"]
        members[MANIFEST] = manifest_of({n: d for n, d in members.items() if n != MANIFEST})
        with refused("bundle_inconsistent"):
            verify_bundle(write_members(MAKER.signed(members, frontier)))

    def test_log_that_the_reader_does_not_follow_is_refused(self) -> None:
        with refused("log_not_trusted"):
            verify_bundle(BUNDLE, Trust(log_keys=("another",)))

    @pytest.mark.parametrize(
        "changes",
        [
            {"needed": 0},
            {"needed": 4},
            {"approvers": (NamedKey("alex", public("alex")), NamedKey("again", public("alex")))},
            {"approvers": (NamedKey("alex", public("alex")), NamedKey("alex", public("billie")))},
            {"manifest": b"short"},
            {"log_size": -1},
        ],
        ids=str,
    )
    def test_attestation_that_does_not_hold_together_is_refused(self, changes: dict[str, Any]) -> None:
        members, frontier = MAKER.contents()
        data = replace(MAKER.attestation(members, frontier), **changes).sign(key("operator"))
        with refused("attestation_malformed"):
            open_attestation(data)

    @pytest.mark.parametrize("name", ["conversation.json", "reports.json", "decision.json", "log/entries.json"])
    @given(st.data())
    def test_no_shape_of_a_member_makes_verification_crash(self, name: str, data: st.DataObject) -> None:
        odd: Any = data.draw(
            st.sampled_from(
                [None, 5, "x", [], {}, [1], [{}], {"messages": 5}, {"messages": [5]}, [[]], [{"entry": {}}]]
            )
        )
        members, frontier = MAKER.contents()
        members[name] = json.dumps(odd).encode()
        members[MANIFEST] = manifest_of({n: d for n, d in members.items() if n != MANIFEST})
        with pytest.raises(RefusedError):
            verify_bundle(write_members(MAKER.signed(members, frontier)))


ODD: list[Any] = [None, 5, "x", [], {}, [1], [{}], {"messages": 5}, {"messages": [5]}, [[]], [{"entry": {}}]]


def test_digest_of_the_file_is_the_one_that_is_shown() -> None:
    assert verify_bundle(BUNDLE).sha256 == hashlib.sha256(BUNDLE).hexdigest()


# Clocks


@pytest.mark.parametrize(("minutes", "fits"), [(-60, True), (4, True), (6, False), (60 * 24 * 60, False)])
def test_sending_servers_clock_that_runs_ahead(minutes: int, fits: bool) -> None:
    """The message is proven all the same; when it was sent is not."""
    report = verify_bundle(BundleMaker(sent_at=NOW + minutes * 60_000).make())
    assert all(shown.message for shown in report.messages)
    names = {step.name: step for step in report.steps}
    assert ("The times follow each other" in names) is fits
    if not fits:
        step = names["Times that contradict each other"]
        assert step.held is Held.OPEN
        assert "3 messages (1, 2, 3) dated after the report of it" in step.proves
        assert any(said.startswith("When things happened") for said in report.not_proven)


def test_operators_clock_that_was_set_back() -> None:
    """A decision dated days after its attestation, by one and the same operator."""
    report = verify_bundle(BundleMaker(attestation_changes={"proposed_at": NOW - 86_400_000}).make())
    assert any("a decision dated after its attestation" in said for said in report.not_proven)
    assert "Times that contradict each other" in [step.name for step in report.steps if step.held is Held.OPEN]


def test_report_dated_after_the_decision_about_it() -> None:
    maker = BundleMaker(decided_after=-86_400_000)
    report = verify_bundle(maker.make())
    assert any("a report dated after the decision" in said for said in report.not_proven)


# Attached files

WITH_PICTURE = BundleMaker(picture=b"a picture of a circle")


def test_file_is_proven_with_its_message() -> None:
    report = verify_bundle(WITH_PICTURE.make())
    (file,) = report.files
    assert (file.number, file.proven, file.match) == (4, True, "no_match")
    assert "The attached files are those that were sent" in [
        step.name for step in report.steps if step.held is Held.YES
    ]
    assert any("list of known ones" in said for said in report.not_proven)


def test_file_cut_out_of_another_bundle() -> None:
    """With its lines, its log entries and its manifest made to fit, by an operator who signs anything."""
    other = BundleMaker(picture=b"a picture of a square")
    members, frontier = WITH_PICTURE.contents()
    members["attachments/0001.bin"] = other.contents()[0]["attachments/0001.bin"]
    members[MANIFEST] = manifest_of({name: data for name, data in members.items() if name != MANIFEST})
    with refused("bundle_inconsistent"):
        verify_bundle(write_members(WITH_PICTURE.signed(members, frontier)))
    members = WITH_PICTURE.members()
    members["attachments/0001.bin"] = other.contents()[0]["attachments/0001.bin"]
    with refused("bundle_changed"):
        verify_bundle(write_members(members))


# An operator who signs anything


@pytest.mark.parametrize(
    "changes",
    [
        {"reporter": [1]}, {"reporter": {"a": 1}}, {"reporter": 5}, {"note": 5}, {"note": {"a": 1}}, {"category": None},
        {"received_at": 1}, {"category": "spam"},
        {"received_at": "x"}, {"received_at": -1}, {"received_at": True}, {"messages_left_out": -5}, {"language": None},
        {"messages_left_out": None}, {"extra": 1}, {"room_id": "!other:sim.example"}, {"room_id": 5},
        {"messages": "all"},
    ],
)  # fmt: skip
def test_report_that_is_none(changes: dict[str, Any]) -> None:
    with refused("bundle_inconsistent"):
        verify_bundle(resigned(lambda reports: reports[0].update(changes), "reports.json"))


@pytest.mark.parametrize("changes", [{"policy_title": "Proven by a court"}, {"subject": [1]}, {"subject": {"a": 1}}])
def test_decision_that_is_none(changes: dict[str, Any]) -> None:
    with refused("bundle_inconsistent"):
        verify_bundle(resigned(lambda decision: decision.update(changes), "decision.json"))


def test_message_said_to_be_a_reporters_own_that_is_not() -> None:
    """It would shift a threat from the one account to the other."""
    with refused("bundle_inconsistent"):
        verify_bundle(resigned(lambda value: value["messages"][0].update(own=True), CONVERSATION))


def test_decision_about_somebody_who_wrote_nothing_here_is_said() -> None:
    innocent = {"subject": "@innocent:sim.example"}
    report = verify_bundle(resigned(lambda decision: decision.update(innocent), "decision.json"))
    (said,) = [said for said in report.not_proven if "@innocent:sim.example" in said]
    assert "no message in here is theirs" in said


#: What rests on the operator's word alone, and is named among what is not proven.
OPERATORS_WORD = {
    (CONVERSATION, "omitted_before"),
    ("reports.json", "language"),
    ("reports.json", "messages"),
    ("reports.json", "messages_left_out"),
    ("reports.json", "note"),
    ("reports.json", "source"),
    ("decision.json", "subject"),
    ("server-keys.json", "sim.example"),
}
STRANGE: list[Any] = [None, 0, -1, 1.5, "", "x", "@a:b", [], {}, [[]], {"a": 1}, True, 2**53 - 1, "\u202e", "9" * 5_000]


def places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value stands, however deep."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*where, name)
        yield from places(inner, (*where, name))


@pytest.mark.parametrize(
    "name",
    [CONVERSATION, "reports.json", "decision.json", "log/entries.json", "server-keys.json", "attachments.json",
     "messages/0001.json"],
)  # fmt: skip
def test_no_field_can_be_changed_even_by_the_operator_but_those_that_are_said_to_be_their_word(name: str) -> None:
    maker = BundleMaker(texts=("[abusive message 1]", "[a reply]"), picture=b"a picture of a circle")
    maker.server_keys = {"sim.example": maker.world.published_keys()}
    members, frontier = maker.contents()
    changed = set()
    for place in places(json.loads(members[name])):
        for strange in [*STRANGE, "left out"]:
            value = json.loads(members[name])
            holder = value
            for step in place[:-1]:
                holder = holder[step]
            if strange == "left out":
                del holder[place[-1]]
            elif holder[place[-1]] == strange:
                continue
            else:
                holder[place[-1]] = strange
            bent = {**members, name: encode_canonical_json(value)}
            bent[MANIFEST] = manifest_of({n: data for n, data in bent.items() if n != MANIFEST})
            try:
                verify_bundle(write_members(maker.signed(bent, frontier)))
            except RefusedError:
                continue
            changed.add((name, next(step for step in reversed(place) if isinstance(step, str))))
    assert changed <= OPERATORS_WORD
