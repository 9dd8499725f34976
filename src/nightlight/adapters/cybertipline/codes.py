"""Every response code of the reporting interface that is documented: what it means and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.model.agency_reply import Outcome


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """``certain``: whether the meaning is published; elsewhere it is how we read the number's group."""

    code: int
    meaning: str
    to_do: str
    outcome: Outcome
    certain: bool = True


_CODES = (
    ResponseCode(0, "Done.", "Nothing.", Outcome.OK),
    ResponseCode(1000, "The service has an error of its own.", "It is tried again by itself.", Outcome.RETRY),
    ResponseCode(1100, "No credentials came along.", "Set the credentials file.", Outcome.FIX_CREDENTIALS),
    ResponseCode(1110, "The credentials are not accepted.", "Ask NCMEC for new ones.", Outcome.FIX_CREDENTIALS),
    ResponseCode(
        1111, "These credentials may not do this.", "Ask NCMEC what the account may do.", Outcome.FIX_CREDENTIALS
    ),
    ResponseCode(
        1210, "Too much is asked at once, or access is limited.", "It is tried again by itself, later.", Outcome.RETRY,
        certain=False,
    ),
    ResponseCode(
        1300, "The service is closed for a while.", "It is tried again by itself, later.", Outcome.RETRY, certain=False
    ),
    ResponseCode(2000, "The request is not understood.", "Report it to us: we made it.", Outcome.REFUSED),
    ResponseCode(3000, "The report is not one of ours or not open.", "A person has to look.", Outcome.REFUSED,
                 certain=False),
    ResponseCode(3100, "The file cannot be taken.", "A person has to look at the file.", Outcome.REFUSED,
                 certain=False),
    ResponseCode(3300, "The report cannot be finished like this.", "A person has to look.", Outcome.REFUSED,
                 certain=False),
    ResponseCode(4000, "The document cannot be used.", "Check it: nightlight referral check.", Outcome.FIX_DOCUMENT),
    ResponseCode(
        4100, "The document is not what the schema asks for.",
        "Compare the schemas: nightlight referral schema --compare.", Outcome.FIX_DOCUMENT,
    ),
    ResponseCode(4110, "The document is no well-formed XML.", "Report it to us: we wrote it.", Outcome.FIX_DOCUMENT),
    ResponseCode(
        4200, "A value in the document is not taken.", "Read the description, and change the draft.",
        Outcome.FIX_DOCUMENT, certain=False,
    ),
    ResponseCode(5001, "There is no such report.", "Deleted unfinished; it is opened anew.", Outcome.REPORT_GONE),
    ResponseCode(5002, "The report belongs to somebody else.", "A person has to look.", Outcome.REFUSED),
    ResponseCode(5101, "The report was retracted already.", "Nothing.", Outcome.ALREADY_RETRACTED),
    ResponseCode(5102, "The report was finished already.", "Nothing: it is filed.", Outcome.ALREADY_FINISHED),
)  # fmt: skip
CODES = {code.code: code for code in _CODES}


def response_code(code: int) -> ResponseCode:
    """The documented code, or what is made of an unknown one: a person has to read it."""
    return CODES.get(code) or ResponseCode(
        code, "A code that is not documented.", "Read the description; ask NCMEC.", Outcome.REFUSED, certain=False
    )
