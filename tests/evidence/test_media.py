"""The media that a proven message carries: found wherever apps look for them, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import verify_message
from tests.evidence.homeserver import build_event, encrypted, payload
from tests.hazmat.sender import Sender

SHAPE, SMALL = "mxc://example.org/triangle", "mxc://example.org/small-triangle"
FILE = {"url": SHAPE, "key": {"k": "AAAA"}, "iv": "AAAA", "hashes": {"sha256": "AAAA"}, "v": "v2"}


def media_of(content: dict[str, Any]) -> tuple[str, ...]:
    sender = Sender()
    event = check_stored_event(*build_event(encrypted(sender.session_id, sender.send(0, payload(content)))))
    return verify_message(event, sender.export.message_key(0)).media


@pytest.mark.parametrize(
    ("content", "media"),
    [
        ({"msgtype": "m.image", "url": SHAPE}, (SHAPE,)),
        ({"msgtype": "m.image", "file": FILE}, (SHAPE,)),
        ({"msgtype": "m.video", "file": FILE, "info": {"thumbnail_file": {**FILE, "url": SMALL}}}, (SHAPE, SMALL)),
        ({"msgtype": "m.video", "url": SHAPE, "info": {"thumbnail_url": SMALL}}, (SHAPE, SMALL)),
        ({"msgtype": "m.image", "url": SHAPE, "file": FILE}, (SHAPE,)),
        ({"msgtype": "m.image", "url": SMALL, "file": FILE}, (SMALL, SHAPE)),
        ({"msgtype": "m.text", "body": f"look at {SHAPE}"}, ()),
        ({"msgtype": "m.image", "url": "https://example.org/triangle"}, ()),
        ({"msgtype": "m.image", "url": None, "file": None, "info": None}, ()),
        ({"msgtype": "m.image", "url": [SHAPE], "file": SHAPE, "info": SMALL}, ()),
        ({"msgtype": "m.image", "file": {"url": 5}, "info": {"thumbnail_file": []}}, ()),
        ({}, ()),
    ],
)
def test_media_of_a_message(content: dict[str, Any], media: tuple[str, ...]) -> None:
    assert media_of(content) == media


def test_sender_cannot_hide_media_in_an_edit() -> None:
    """Apps show ``m.new_content`` and not the fallback beside it (Matrix, "Event replacements")."""
    edit = {
        "msgtype": "m.text",
        "body": "* [a triangle]",
        "m.new_content": {"msgtype": "m.image", "body": "[a triangle]", "file": FILE},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$before"},
    }
    assert SHAPE in media_of(edit)
