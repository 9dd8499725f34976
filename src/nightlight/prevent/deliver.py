"""What a messenger does with an outcome: show the approach, hide it, or refuse it."""

from __future__ import annotations

from enum import StrEnum

from nightlight.model.contact import ContactOutcome, Direction
from nightlight.prevent.policy import Appearance


class Delivery(StrEnum):
    SHOW = "show"
    #: To the one who asks it looks as if nobody had answered yet.
    HIDE = "hide"
    #: To the one who asks it looks as if the other one had switched all invitations off.
    REFUSE = "refuse"


def delivery(direction: Direction, outcome: ContactOutcome, denied_looks: Appearance) -> Delivery:
    if outcome <= ContactOutcome.ALLOW_WITH_NOTICE:
        return Delivery.SHOW
    if direction is Direction.JOIN:
        return Delivery.REFUSE  # a room is entered or not; there is nothing to hide
    refuses = outcome is ContactOutcome.DENY and denied_looks is Appearance.INVITES_BLOCKED
    return Delivery.REFUSE if refuses and direction is not Direction.FIND else Delivery.HIDE
