"""A referral as one document of the form ``nightlight-referral/1``: all other members of a package are made from it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from nightlight.adapters.packages.content import completeness_of, conversation, files, sections
from nightlight.adapters.packages.package import BUNDLE, PRIORITY_WORDS, Package, require_package
from nightlight.adapters.packages.proof import proof_of
from nightlight.adapters.packages.shown import carried
from nightlight.model.case import POLICY_TITLES
from nightlight.model.draft import AgencyKind
from nightlight.model.reporter import ReportingOperator
from nightlight.respond.instant import rfc3339

FORMAT = "nightlight-referral/1"


def package_document(package: Package) -> dict[str, Any]:
    """Strings, numbers, truths and None in lists and dicts; the same package is the same document.

    For the IWF the form alone: no message, no file, nothing of the case or of who worked on it.
    ``RefusedError('no_package')`` for an agency that takes none.
    """
    kind, draft = package.kind, package.prepared.draft
    require_package(kind)
    document: dict[str, Any] = {
        "format": FORMAT,
        "referral": _referral(package),
        "operator": operator_of(package.operator),
        "sections": sections(draft, kind),
    }
    if kind is not AgencyKind.IWF:
        document |= {
            "conversation": conversation(package.prepared, kind),
            "files": files(package.prepared, kind),
            "bundle": _bundle(package.bundle),
        }
    document["completeness"] = completeness_of(draft, kind)
    document["proof"] = proof_of(document, kind)
    return document


def document_json(document: dict[str, Any]) -> bytes:
    """ASCII alone, so that no reader shows a value otherwise than it is written; every value is exact."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def operator_of(operator: ReportingOperator) -> dict[str, str]:
    """What is known of it."""
    named = {
        "service": operator.service,
        "contact": f"{operator.first_name} {operator.last_name}".strip(),
        "email": operator.email,
        "phone": operator.phone,
        "about": operator.about,
        "terms_url": operator.terms_url,
        "legal_url": operator.legal_url,
    }
    return {name: carried(value) for name, value in named.items() if value}


def _referral(package: Package) -> dict[str, Any]:
    referral, draft, kind = package.referral, package.prepared.draft, package.kind
    said: dict[str, Any] = {
        "id": carried(referral.referral_id),
        "agency": {"name": carried(referral.agency.name), "kind": kind.value},
    }
    if kind is AgencyKind.IWF:
        return said
    said |= {
        "case": carried(referral.case_id),
        "urgent": draft.urgent,
        "written_by": carried(referral.proposed_by),
        "written_at": rfc3339(referral.proposed_at),
        "signed_off_by": carried(referral.reviewed_by),
        "signed_off_at": None if referral.reviewed_at is None else rfc3339(referral.reviewed_at),
        "legal_basis": carried(referral.legal_basis),
    }
    if kind is AgencyKind.NCA:
        priority = draft.value("incident.priority")
        said |= {"priority": carried(priority), "priority_words": PRIORITY_WORDS.get(priority, "")}
    if package.decision is not None:
        said["decision"] = {
            "outcome": package.decision.outcome.value,
            "rule": package.decision.policy.value,
            "rule_words": POLICY_TITLES[package.decision.policy],
            "decided_at": rfc3339(package.decision.decided_at),
        }
    return said


def _bundle(data: bytes) -> dict[str, Any] | None:
    if not data:
        return None
    return {"name": BUNDLE, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
