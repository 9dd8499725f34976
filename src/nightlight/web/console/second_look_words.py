"""A second look in the console's words: what becomes of each action, and what of a referral cannot be helped here."""

from __future__ import annotations

from typing import Any

from nightlight.errors import RefusedError
from nightlight.flows.review import CaseFile
from nightlight.model.action import Action, ActionKind
from nightlight.model.referral import GONE_OUT, ReferralState
from nightlight.respond.second_look import OUTCOMES_AFTER, Consequence, Fate, check_second_look
from nightlight.web.console.words import ACTIONS

#: A badge, its tone, and a sentence, before the decision is overturned.
FATES = {
    Fate.UNDONE: ("will be undone", "done", "It was carried out, and is taken back."),
    Fate.UNDONE_IN_CASE: (
        "will be undone",
        "done",
        "It was tried, and nobody can say whether it got through: it is taken back in case it did.",
    ),
    Fate.STAYS: ("stays", "pending", "Another decision that stands ordered the same."),
    Fate.NOT_BEGUN: ("will not be done", "", "It was not begun, and will not be."),
    Fate.FINAL: ("cannot be undone", "failed", "It was carried out."),
    Fate.PERHAPS_FINAL: (
        "cannot be undone",
        "failed",
        "It was tried and may have got through. It is not tried again.",
    ),
}
#: What is still so afterwards; the rest stands among the actions.
LEFT = (Fate.STAYS, Fate.FINAL, Fate.PERHAPS_FINAL)

_WHY_FINAL = {
    ActionKind.WARN: "What was read stays read.",
    ActionKind.DEACTIVATE: "The account is closed for good. Its owner can open another one.",
    ActionKind.REDACT: "The message does not come back.",
}


def badge(one: Consequence) -> str:
    return FATES[one.fate][0]


def tone(one: Consequence) -> str:
    return FATES[one.fate][1]


def named(action: Action) -> str:
    return ACTIONS[action.kind][0]


def sentence(one: Consequence) -> str:
    why = _WHY_FINAL.get(one.action.kind, "") if one.fate in (Fate.FINAL, Fate.PERHAPS_FINAL) else ""
    return f"{FATES[one.fate][2]} {why}".strip()


def referred(file: CaseFile) -> list[str]:
    """What is to be done about referrals of the case, which a person has to do."""
    found = []
    for referral in file.referrals:
        agency = referral.agency.name or "an agency whose name is erased"
        if referral.state in GONE_OUT:
            number = f", as {referral.reference}" if referral.reference else ""
            found.append(f"{agency} has a referral of this case{number}. It cannot be taken back here: tell them.")
        elif referral.state is ReferralState.APPROVED:
            found.append(f"A referral to {agency} is signed and may be on its way. Take it back on its own page.")
        elif referral.state is not ReferralState.WITHDRAWN:
            found.append(f"A referral to {agency} is being written. It cannot go out any more: withdraw it.")
    return found


def second_look_values(file: CaseFile, reviewer: str) -> dict[str, Any]:
    """What the section needs, where nobody typed anything. ``barred``: why this reviewer may not."""
    barred = None
    try:
        check_second_look(file.decision, reviewer, file.erased)
    except RefusedError as e:
        barred = e
    look = {"barred": barred, "referred": referred(file), "outcomes": OUTCOMES_AFTER}
    return {"look": look, "look_error": None, "look_typed": {"outcome": "", "reason": ""}}
