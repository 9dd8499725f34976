"""A draft as JSON text, for the store and for the digest that a signature is over; and back again, checked."""

from __future__ import annotations

import json
from typing import Any

from nightlight.errors import RefusedError
from nightlight.model.draft import Basis, Draft, DraftFile, Fact, FileRelevance


def draft_text(draft: Draft) -> str:
    """Deterministic: the same draft is the same text."""
    return json.dumps(
        {
            "facts": [[f.name, f.value, f.basis, f.origin, f.person, f.included] for f in draft.facts],
            "messages": list(draft.messages),
            "files": [
                [f.attachment_id, f.event_id, f.included, f.relevance, f.classification, list(f.annotations)]
                for f in draft.files
            ],
            "urgent": draft.urgent,
        },
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    )


def read_draft(text: str) -> Draft:
    """``RefusedError('draft_damaged')`` for what ``draft_text`` never wrote."""
    try:
        stored: dict[str, Any] = json.loads(text)
        return Draft(
            tuple(
                Fact(str(name), str(value), Basis(basis), str(origin), int(person), included is True)
                for name, value, basis, origin, person, included in stored["facts"]
            ),
            tuple(str(event_id) for event_id in stored["messages"]),
            tuple(
                DraftFile(
                    str(attachment_id),
                    str(event_id),
                    included is True,
                    FileRelevance(relevance),
                    str(classification),
                    tuple(str(annotation) for annotation in annotations),
                )
                for attachment_id, event_id, included, relevance, classification, annotations in stored["files"]
            ),
            stored["urgent"] is True,
        )
    except (ValueError, KeyError, TypeError) as e:
        raise RefusedError("draft_damaged", "The stored draft cannot be read: it was changed in the database.") from e
