"""The two families of error. Nothing is swallowed, nothing fails open."""


class NightlightError(Exception):
    """What both families share: a code from a documented list and a sentence for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RefusedError(NightlightError):
    """The input was refused.

    ``code`` is one of a closed, documented list; ``message`` says what is wrong and where; ``hint`` what to do.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message)
        self.hint = hint


class UnavailableError(NightlightError):
    """The world did not answer. ``retry`` says whether the same call may succeed later."""

    def __init__(self, code: str, message: str, *, retry: bool = True) -> None:
        super().__init__(code, message)
        self.retry = retry
