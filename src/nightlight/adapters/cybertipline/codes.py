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


_AGAIN = "It is tried again by itself, later."
_CREDENTIALS = "Check the credentials file; ask NCMEC what the account may do."
_CODES = (
    ResponseCode(0, "Done.", "Nothing.", Outcome.OK),
    ResponseCode(1000, "The service has an error of its own.", _AGAIN, Outcome.RETRY),
    ResponseCode(1100, "The service could not store it.", _AGAIN, Outcome.RETRY),
    ResponseCode(1110, "The service could not take the upload.", _AGAIN, Outcome.RETRY),
    ResponseCode(1111, "The service could not take the file.", _AGAIN, Outcome.RETRY),
    ResponseCode(1210, "The service does not know this call.", "Check the address it was set.", Outcome.REFUSED),
    ResponseCode(1300, "The service could not change the report.", _AGAIN, Outcome.RETRY),
    ResponseCode(2000, "The credentials are not accepted.", _CREDENTIALS, Outcome.FIX_CREDENTIALS),
    ResponseCode(3000, "The account may not do this.", _CREDENTIALS, Outcome.FIX_CREDENTIALS),
    ResponseCode(3100, "The account may not submit reports.", _CREDENTIALS, Outcome.FIX_CREDENTIALS),
    ResponseCode(3300, "The account may not change reports.", _CREDENTIALS, Outcome.FIX_CREDENTIALS),
    ResponseCode(4000, "The request is not understood.", "Report it to us: we made it.", Outcome.REFUSED),
    ResponseCode(
        4100,
        "The document is not what the schema asks for.",
        "Compare the schemas: nightlight referral schema --compare.",
        Outcome.FIX_DOCUMENT,
    ),
    ResponseCode(4110, "The document is no well-formed XML.", "Report it to us: we wrote it.", Outcome.FIX_DOCUMENT),
    ResponseCode(4200, "The file did not come in a form that can be read.", "Report it to us.", Outcome.REFUSED),
    ResponseCode(5001, "There is no such report.", "Deleted unfinished; it is opened anew.", Outcome.REPORT_GONE),
    ResponseCode(5002, "There is no such file.", "Deleted unfinished; it is opened anew.", Outcome.REPORT_GONE),
    ResponseCode(5101, "The report was retracted already.", "Nothing.", Outcome.ALREADY_RETRACTED),
    ResponseCode(5102, "The report was finished already.", "Nothing: it is filed.", Outcome.ALREADY_FINISHED),
)
CODES = {code.code: code for code in _CODES}


def response_code(code: int) -> ResponseCode:
    """The documented code, or what is made of an unknown one: a person has to read it."""
    return CODES.get(code) or ResponseCode(
        code, "A code that is not documented.", "Read the description; ask NCMEC.", Outcome.REFUSED, certain=False
    )
