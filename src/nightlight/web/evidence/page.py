"""Rendering a ``BundleReport`` as one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from nightlight.evidence.attachment import without_file_keys
from nightlight.evidence.bundle.attestation import fingerprint
from nightlight.evidence.bundle.report import BundleReport, Shown, ShownFile
from nightlight.model.attachment import ATTACHMENT_EXPLANATIONS, AttachmentCode, ListMatch
from nightlight.model.verdict import EXPLANATIONS, Code
from nightlight.respond.visible import visible

RELATIONS = {"reply": "replies to", "edit": "edits", "reaction": "reacts to", "thread": "in the thread of"}


def evidence_page(report: BundleReport, *, messages: bool = True) -> str:
    """The page. ``messages`` False: without what the messages say."""
    numbers = {shown.event_id: shown.number for shown in report.messages}
    return _environment().get_template("bundle.html").render(report=report, messages=messages, numbers=numbers)


def said(shown: Shown) -> str:
    """What a message says, as apps show it."""
    return shown.message.body if shown.message else shown.raw


def carried(shown: Shown) -> str:
    """Everything else that a message carries, as JSON; empty where its text is all.

    Without the keys of files: a page is printed and passed on, and should not open a picture that it does not show.
    """
    if shown.message is None or not shown.message.content.keys() - {"body", "msgtype", "m.relates_to"}:
        return ""
    return json.dumps(without_file_keys(shown.message.content), indent=2, ensure_ascii=False)


def found(file: ShownFile) -> str:
    """What is known of a file, in words."""
    if not file.code:
        return "The operator says nothing about this file."
    text = ATTACHMENT_EXPLANATIONS[AttachmentCode(file.code)]
    if file.match == ListMatch.MATCH:
        text += " The operator found it on a list of known files."
    elif file.match == ListMatch.NO_MATCH:
        text += " The operator found it on no list of known files."
    return text


def whose(file: ShownFile) -> str:
    """Whose word the digests of a file are."""
    return "found again here" if file.proven else "as the operator logged them; the file is not in here"


def gap(shown: Shown) -> str:
    """What was left out before this message, in words."""
    if shown.omitted is None:
        return "There may be messages in between; how many is not known." if shown.number > 1 else ""
    if shown.omitted == 0:
        return "Nothing omitted in between."
    return f"{shown.omitted} message{'s' if shown.omitted != 1 else ''} omitted"


def relation(shown: Shown, numbers: Mapping[str, int]) -> str:
    """What a message is to another, in words; empty where it stands by itself. ``numbers``: by event id."""
    if shown.relation is None:
        return ""
    kind, event_id = shown.relation
    other = f"message {numbers[event_id]}" if event_id in numbers else "a message that is not here"
    return f"{RELATIONS[kind]} {other}"


def clock(at: int) -> str:
    """Milliseconds since 1970 as a time in UTC."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms, not a time"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nightlight.web.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(visible=visible, clock=clock)
    environment.globals.update(
        said=said,
        carried=carried,
        gap=gap,
        found=found,
        whose=whose,
        relation=relation,
        fingerprint=fingerprint,
        explain=lambda code: EXPLANATIONS[Code(code)],
    )
    return environment
