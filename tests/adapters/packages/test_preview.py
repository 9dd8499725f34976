"""The preview shows what the package says, before it goes."""

from __future__ import annotations

import pytest

from nightlight.adapters.packages.preview import package_form
from nightlight.errors import RefusedError
from nightlight.flows.preview_referral import PreviewRow
from nightlight.model.draft import AgencyKind, Basis, Fact
from tests.adapters.packages import made


def rows(kind: AgencyKind, *more: Fact) -> list[PreviewRow]:
    facts = made.IWF_FACTS if kind is AgencyKind.IWF else made.FACTS
    return list(package_form(kind, made.OPERATOR)(made.package(kind, (*facts, *more)).prepared))


@pytest.mark.parametrize("kind", [AgencyKind.NCA, AgencyKind.POLICE])
def test_a_package_is_seen_with_its_facts_its_messages_and_its_files(kind: AgencyKind) -> None:
    seen = rows(kind)
    assert PreviewRow(1, "Account", made.MALLORY) in seen
    assert PreviewRow(2, "Rests on", "proven by the reported messages") in seen
    assert any("[abusive message 1]" in row.value for row in seen)
    assert PreviewRow(1, "Original name", "shape.png") in seen
    assert PreviewRow(1, "Child: Mail address", "known and left out") in seen
    assert not any("left-out@example.org" in row.value for row in seen)


def test_the_nca_sees_its_paragraphs_and_the_priority_in_words() -> None:
    seen = rows(AgencyKind.NCA)
    assert PreviewRow(0, "Reported account (Schedule 1, paragraph 4)") in seen
    assert PreviewRow(1, "Priority", "P1: A child in immediate danger") in seen


def test_the_iwf_sees_its_form_and_no_message() -> None:
    seen = rows(AgencyKind.IWF, Fact("suspect.account_id", made.MALLORY, Basis.PROVEN, "$one"))
    assert [row.label for row in seen if row.depth == 0][1:6] == [
        "Category", "Date seen", "Service", "Description", "Address of the content",
    ]  # fmt: skip
    assert not any(hidden in row.value for row in seen for hidden in ("abusive", made.MALLORY, "shape.png"))


def test_hostile_values_are_seen_as_what_they_are() -> None:
    seen = rows(AgencyKind.POLICE, Fact("suspect.screen_name", "a\u202eb\ud800", Basis.REVIEWER, "robin"))
    assert PreviewRow(1, "User name", "a⟦U+202E⟧b⟦U+D800⟧") in seen


def test_ncmec_has_a_preview_of_its_own() -> None:
    with pytest.raises(RefusedError) as caught:
        package_form(AgencyKind.NCMEC, made.OPERATOR)
    assert caught.value.code == "no_package"
