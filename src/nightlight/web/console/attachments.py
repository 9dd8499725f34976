"""What the console says of an attachment, and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterable

from nightlight.evidence.attachment import AttachedFile
from nightlight.evidence.media import Role
from nightlight.flows.attachments import AttachmentView
from nightlight.model.attachment import AttachmentCode, AttachmentState, ListMatch
from nightlight.respond.visible import visible

#: What a check found, in a word or two, and a class for the style sheet.
BADGES = {
    AttachmentCode.PENDING: ("Being checked", "pending"),
    AttachmentCode.MATCHES_EVENT: ("The file that was sent", "proven"),
    AttachmentCode.HASH_MISMATCH: ("Not the file that was sent", "refused"),
    AttachmentCode.GONE: ("Gone", "open"),
    AttachmentCode.TOO_LARGE: ("Too large", "open"),
    AttachmentCode.MALFORMED: ("Malformed", "open"),
    AttachmentCode.NOT_BOUND: ("Not bound", "open"),
    AttachmentCode.UNCHECKED: ("Not checked", "failed"),
}

_MATCHES = {
    ListMatch.MATCH: "Match: a file with this very content is on the operator's list of known files.",
    ListMatch.NO_MATCH: (
        "No match: this exact content is not on the operator's list. One changed pixel makes it another file."
    ),
    ListMatch.NO_LIST: "Not compared: this installation has no list of known files.",
}


def badge(view: AttachmentView) -> str:
    if view.match is ListMatch.MATCH:
        return "Match"
    return "Not looked into" if _left_alone(view) else BADGES[view.attachment.code][0]


def tone(view: AttachmentView) -> str:
    if view.match is ListMatch.MATCH:
        return "refused"
    return "open" if _left_alone(view) else BADGES[view.attachment.code][1]


def explanation(view: AttachmentView) -> str:
    if _left_alone(view):
        return "This installation is set not to look into attachments."
    return view.attachment.verdict.explanation


def lines(view: AttachmentView) -> list[str]:
    """What is known of the content, in sentences."""
    known = [_MATCHES[view.match]] if view.match is not None else []
    if view.same_here:
        known.append("Same file as in another message of this case.")
    elif view.match is not None and not view.same_cases:
        known.append("No other report here carries the same file.")
    return known


def name(file: AttachedFile) -> str:
    if file.role is Role.THUMBNAIL:
        return "a preview"
    return visible(file.claimed.name) or "a file without a name"


def may_check_again(view: AttachmentView) -> bool:
    attachment = view.attachment
    settled = attachment.state is not AttachmentState.PENDING and attachment.code not in _FOR_GOOD
    return view.checked_here and settled and (not attachment.verdict.bound or attachment.kept_at is not None)


def may_keep(view: AttachmentView) -> bool:
    attachment = view.attachment
    hopeless = attachment.code in (*_FOR_GOOD, AttachmentCode.HASH_MISMATCH, AttachmentCode.GONE)
    return view.checked_here and attachment.kept_at is None and not hopeless


_FOR_GOOD = (AttachmentCode.NOT_BOUND, AttachmentCode.MALFORMED)


def named_by(files: Iterable[AttachedFile], reference: str) -> AttachedFile | None:
    """The file as the opened message names it, for a reviewer who looked."""
    return next((file for file in files if file.reference == reference), None)


def _left_alone(view: AttachmentView) -> bool:
    return not view.checked_here and view.attachment.state is AttachmentState.PENDING
