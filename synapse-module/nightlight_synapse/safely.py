# SPDX-License-Identifier: AGPL-3.0-or-later
"""No callback of ours ever raises: Synapse answers 500 to the request that it was asked about."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

_log = logging.getLogger(__name__)


_Callback = Callable[..., Awaitable[Any]]


def answering(otherwise: Callable[[Any], Any]) -> Callable[[_Callback], _Callback]:
    """For a method that Synapse calls: whatever goes wrong is logged, and ``otherwise(self)`` is the answer."""

    def decorate(callback: _Callback) -> _Callback:
        @functools.wraps(callback)
        async def called(self: Any, *arguments: Any, **named: Any) -> Any:
            try:
                return await callback(self, *arguments, **named)
            except Exception:
                _log.exception("%s could not be answered as it should be", callback.__name__)
                return otherwise(self)

        return called

    return decorate
