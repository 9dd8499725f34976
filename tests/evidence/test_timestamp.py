"""RFC 3161 time-stamps: which ones count, of whom, and what a forged one must not pass for."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyasn1.codec.der import decoder, encoder
from pyasn1_modules import rfc3161, rfc5280, rfc5652
from rfc3161_client import TimestampRequestBuilder

from nightlight.adapters.timestamp import in_der
from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import approve, stamped_bytes
from nightlight.evidence.bundle.container import write_members
from nightlight.evidence.bundle.contents import ATTESTATION, TIMESTAMP
from nightlight.evidence.bundle.report import Held
from nightlight.evidence.bundle.trust import Trust
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.timestamp import RESPONSE_BYTES_MAX, verify_timestamp
from tests.bundles import BundleMaker, key
from tests.simulators.timestamp_authority import DAY, TimestampAuthority

MESSAGE = b"what was signed"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    return TimestampAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=["Example Root", "Somebody Else"])
def stranger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    """Somebody else's authority, whose root carries the same name, or another."""
    return TimestampAuthority(tmp_path_factory.mktemp("stranger"), name=request.param)


def stamp(authority: TimestampAuthority, message: bytes = MESSAGE) -> bytes:
    return in_der(authority.reply(TimestampRequestBuilder().data(message).build().as_bytes()))


def refused(response: bytes, *roots: bytes, message: bytes = MESSAGE) -> str:
    with pytest.raises(RefusedError) as caught:
        verify_timestamp(response, message, roots)
    return caught.value.code


def test_a_stamp_of_a_trusted_authority_says_when(authority: TimestampAuthority) -> None:
    found = verify_timestamp(stamp(authority), MESSAGE, [authority.root_pem])
    assert (found.authority, found.trusted) == ("Example Root", True)
    assert found.root == authority.root.fingerprint(SHA256())
    assert abs(found.at - time.time() * 1000) < 60_000


def test_a_stamp_of_an_unknown_authority_holds_and_is_said_to_be_unknown(authority: TimestampAuthority) -> None:
    found = verify_timestamp(stamp(authority), MESSAGE)
    assert (found.authority, found.trusted) == ("Example Root", False)


def test_an_unknown_authority_does_not_pass_for_the_trusted_one(
    authority: TimestampAuthority, stranger: TimestampAuthority
) -> None:
    """Its response carries a whole chain with a root of its own: that root must not become one that is trusted."""
    found = verify_timestamp(stamp(stranger), MESSAGE, [authority.root_pem])
    assert not found.trusted
    assert found.root == stranger.root.fingerprint(SHA256())


def test_several_roots_may_be_trusted_in_one_file_or_several(
    authority: TimestampAuthority, stranger: TimestampAuthority
) -> None:
    both = [stranger.root_pem, authority.root_pem]
    assert verify_timestamp(stamp(authority), MESSAGE, both).root == authority.root.fingerprint(SHA256())
    assert verify_timestamp(stamp(stranger), MESSAGE, [b"".join(both)]).trusted


def test_a_root_that_the_response_leaves_out_is_taken_from_the_reader(tmp_path: Path) -> None:
    short = TimestampAuthority(tmp_path, with_root=False)
    response = stamp(short)
    assert verify_timestamp(response, MESSAGE, [short.root_pem]).trusted
    assert refused(response) == "timestamp_wrong"


def test_a_stamp_over_something_else(authority: TimestampAuthority) -> None:
    assert refused(stamp(authority, b"another thing"), authority.root_pem) == "timestamp_wrong"


@pytest.mark.parametrize(
    ("usage", "critical"),
    [(ExtendedKeyUsageOID.SERVER_AUTH, True), (None, True), (ExtendedKeyUsageOID.TIME_STAMPING, False)],
)
def test_a_certificate_that_is_not_made_for_time_stamps(
    tmp_path: Path, usage: ObjectIdentifier | None, critical: bool
) -> None:
    """RFC 3161 §2.3: one purpose, and critical. The same key, issuer and number, certified for something else."""
    authority = TimestampAuthority(tmp_path)
    response = stamp(authority)
    assert verify_timestamp(response, MESSAGE, [authority.root_pem]).trusted
    other = authority.certify_signer(usage=usage, critical=critical)
    value, _ = decoder.decode(response, asn1Spec=rfc3161.TimeStampResp())
    signed, _ = decoder.decode(value["timeStampToken"]["content"], asn1Spec=rfc5652.SignedData())
    for choice in signed["certificates"]:
        if encoder.encode(choice["certificate"]) == authority.signer.public_bytes(Encoding.DER):
            choice["certificate"] = decoder.decode(other.public_bytes(Encoding.DER), asn1Spec=rfc5280.Certificate())[0]
    value["timeStampToken"]["content"] = encoder.encode(signed)
    assert refused(bytes(encoder.encode(value)), authority.root_pem) == "timestamp_wrong"


@pytest.mark.parametrize("valid", [(-10 * DAY, -DAY), (DAY, 10 * DAY)], ids=["ended", "not begun"])
def test_a_certificate_that_was_not_valid_when_it_stamped(tmp_path: Path, valid: tuple[timedelta, timedelta]) -> None:
    authority = TimestampAuthority(tmp_path, valid=valid)
    assert refused(stamp(authority), authority.root_pem) == "timestamp_wrong"


def test_a_stamp_stays_good_after_its_certificate_ended(tmp_path: Path) -> None:
    """Evidence is read years later: what counts is the time of the stamp."""
    authority = TimestampAuthority(tmp_path, valid=(-DAY, timedelta(seconds=2)))
    response = stamp(authority)
    time.sleep(2.5)
    assert verify_timestamp(response, MESSAGE, [authority.root_pem]).trusted


def test_every_flipped_byte_is_refused_or_changes_nothing_that_is_said(authority: TimestampAuthority) -> None:
    """Some bytes are covered by no signature (an outer status text, say); none of them changes what is said."""
    response = stamp(authority)
    expected = verify_timestamp(response, MESSAGE, [authority.root_pem])
    unharmed, codes = 0, set()
    for at in range(len(response)):
        spoilt = bytearray(response)
        spoilt[at] ^= 0x20
        try:
            found = verify_timestamp(bytes(spoilt), MESSAGE, [authority.root_pem])
        except RefusedError as e:
            codes.add(e.code)
        else:
            unharmed += 1
            assert (found.at, found.trusted) in ((expected.at, True), (expected.at, False))
            if found.trusted:
                assert found == expected
    assert codes == {"timestamp_malformed", "timestamp_wrong"}
    assert unharmed < len(response) // 4


def test_what_is_no_response(authority: TimestampAuthority) -> None:
    response = stamp(authority)
    for cut in (b"", b"\x30", response[:-1], response[: len(response) // 2], b"\x30\x80" + bytes(100), b"\xff" * 300):
        assert refused(cut) == "timestamp_malformed"
    assert refused(response + b"\x00") in ("timestamp_malformed", "timestamp_wrong")
    assert refused(bytes(RESPONSE_BYTES_MAX + 1)) == "timestamp_malformed"
    rejection = bytes.fromhex("30053003020102")  # PKIStatusInfo: rejection, no token (RFC 3161 §2.4.2)
    assert refused(rejection) == "timestamp_malformed"


@pytest.mark.parametrize("pem", [b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_root_that_is_no_certificate(authority: TimestampAuthority, pem: bytes) -> None:
    assert refused(stamp(authority), pem) == "trust_malformed"


# In a bundle


def stamped(authority: TimestampAuthority, at: int) -> dict[str, bytes]:
    """A bundle proposed at ``at``, with a stamp over its attestation and approvals."""
    members = BundleMaker(attestation_changes={"proposed_at": at}).members()
    given = {name: members[f"approvals/{number:02d}.cose"] for number, name in enumerate(("alex", "billie"), 1)}
    return {**members, TIMESTAMP: stamp(authority, stamped_bytes(members[ATTESTATION], given))}


def now() -> int:
    return int(time.time() * 1000)


def test_a_stamped_bundle_says_when_and_by_whom(authority: TimestampAuthority) -> None:
    data = write_members(stamped(authority, now()))
    trusted = verify_bundle(data, Trust(stamp_roots=(authority.root_pem,)))
    assert trusted.stamp is not None
    assert (trusted.stamp.authority, trusted.stamp.trusted) == ("Example Root", True)
    assert "It existed at a certain time" in [step.name for step in trusted.steps if step.held is Held.YES]
    assert not any("time-stamp" in said or "was signed" in said for said in trusted.not_proven)
    unknown = verify_bundle(data)
    assert "It existed at a certain time" in [step.name for step in unknown.steps if step.held is Held.YES]
    assert unknown.stamp is not None
    assert "That the time-stamp authority Example Root can be trusted." in unknown.not_proven


def test_a_reader_who_trusts_another_authority_is_told_so(
    authority: TimestampAuthority, stranger: TimestampAuthority
) -> None:
    report = verify_bundle(write_members(stamped(authority, now())), Trust(stamp_roots=(stranger.root_pem,)))
    assert "A time-stamp of an authority that you do not trust" in [s.name for s in report.steps if s.held is Held.OPEN]
    assert "That the time-stamp authority Example Root can be trusted." in report.not_proven


def test_a_stamp_cut_out_of_another_bundle(authority: TimestampAuthority) -> None:
    one, other = stamped(authority, now()), stamped(authority, now() + 1)
    with pytest.raises(RefusedError) as caught:
        verify_bundle(write_members({**one, TIMESTAMP: other[TIMESTAMP]}))
    assert caught.value.code == "timestamp_wrong"


def test_an_approval_that_came_after_the_stamp(authority: TimestampAuthority) -> None:
    members = stamped(authority, now())
    late = approve(members[ATTESTATION], key("charlie"))
    with pytest.raises(RefusedError) as caught:
        verify_bundle(write_members({**members, "approvals/03.cose": late}))
    assert caught.value.code == "timestamp_wrong"


@pytest.mark.parametrize(("skew", "holds"), [(4 * 60, True), (6 * 60, False)])
def test_an_operators_clock_that_runs_ahead(authority: TimestampAuthority, skew: int, holds: bool) -> None:
    """Five minutes are a clock; more than that is a contradiction, and a reader must hear of it."""
    data = write_members(stamped(authority, now() + skew * 1000))
    if holds:
        assert verify_bundle(data).stamp is not None
        return
    with pytest.raises(RefusedError) as caught:
        verify_bundle(data)
    assert caught.value.code == "timestamp_contradicts"
