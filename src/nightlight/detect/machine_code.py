"""Text becomes machine code: the one place in which that happens.

The text is what ``generated.py`` writes for a pack, made of the closed language of ``expression.py`` and of names that
are made there, and a fixed list of functions of the tables; nothing of a definition file gets in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numba
import numpy as np
from numba import types

from nightlight.detect import called, index, storage, tables
from nightlight.detect.layout import UNCOUNTED, Called

_types: Any = types
_njit: Any = numba.njit
_LONGS, _ROWS = _types.Array(_types.int64, 1, "C"), _types.Array(_types.int32, 1, "C")
_TABLE, _HALVES = _types.Array(_types.int64, 2, "C"), _types.Array(_types.int32, 2, "C")
_FLOATS, _FLAGS = _types.Array(_types.float64, 2, "C"), _types.Array(_types.boolean, 1, "C")
_STATE = _types.Tuple((_TABLE, _HALVES, _ROWS, _TABLE, _HALVES, _ROWS, _TABLE, _LONGS, _TABLE))
_LONG = _types.int64
_PROCESS = (_TABLE, _LONG, _LONG, _TABLE, _FLOATS, _STATE)

#: What Python calls beside ``process``, with the types of its arguments.
_CALLED: Mapping[str, tuple[Any, Sequence[Any]]] = {
    "spare": (called.spare, [_STATE]),
    "look": (called.look, [_STATE, _LONG, _LONG]),
    "count": (called.count, [_STATE, _LONG, _LONG]),
    "total": (called.total, [_STATE, _LONG, _LONG]),
    "since": (called.since, [_STATE, _LONG, _LONG]),
    "since_first": (called.since_first, [_STATE, _LONG, _LONG]),
    "takes": (index.takes, [_ROWS, _LONG]),
    "expire_all": (tables.expire_all, [_STATE]),
    "sparse": (storage.sparse, [_STATE]),
    "index_nodes": (storage.index_nodes, [_STATE]),
    "index_keys": (storage.index_keys, [_STATE]),
    "write": (storage.write, [_STATE, _LONGS, _ROWS, _LONGS, _ROWS, _LONGS, _LONGS]),
    "read": (storage.read, [_STATE, _LONGS, _ROWS, _LONGS, _ROWS, _LONGS, _LONGS]),
    "forget": (storage.forget, [_STATE, _LONG, _FLAGS, _FLAGS]),
}
_CALLED_TEXT = "\n".join(
    f"def {name}({', '.join('abcdefgh'[: len(args)])}):\n    return {name}_({', '.join('abcdefgh'[: len(args)])})\n"
    for name, (_, args) in _CALLED.items()
)


class CodeStore(Protocol):
    """Keeps machine code from one start to the next."""

    def file(self, text: str) -> str | None:
        """A file that holds exactly this text, beside which its machine code is kept. None: nothing is.

        What is kept there is unpickled, so whoever may write there may do anything that this process may.
        """

    def damaged(self, file: str, error: Exception) -> None:
        """What was kept beside this file cannot be read."""


@dataclass(frozen=True, slots=True)
class MachineCode:
    """``process``: see ``generated.Writer.text``. ``called``: functions of the tables, by name."""

    process: Callable[..., tuple[int, int]]
    called: Called


def machine_code(text: str, store: CodeStore | None = None) -> MachineCode:
    """``text``: of ``generated.Writer``. Takes some seconds, once for each text and process, where it is not kept."""
    process = _kept(text, store)["process"]
    return MachineCode(process, Called(**_kept(_CALLED_TEXT, store)))


def _kept(text: str, store: CodeStore | None) -> dict[str, Any]:
    file = store.file(text) if store is not None else None
    if store is None or file is None:
        return _made(text, None)
    try:
        return _made(text, file)
    except Exception as error:  # noqa: BLE001 - what is damaged fails in any way; it is said, and compiled anew
        store.damaged(file, error)
        return _made(text, None)


@lru_cache(maxsize=32)
def _made(text: str, file: str | None) -> dict[str, Any]:
    # numba looks for the module by this name when it reads machine code back.
    names: dict[str, Any] = {"__name__": __name__, **called.CALLED, "n": np.int64}
    names |= {f"{name}_": function for name, (function, _) in _CALLED.items()}
    exec(text if file is None else compile(text, file, "exec"), names)  # noqa: S102
    if "process" in names:
        return {"process": _njit(_PROCESS, **UNCOUNTED, cache=file is not None)(names["process"])}
    if file is None:  # what is not called at all is not compiled then
        return {name: function for name, (function, _) in _CALLED.items()}
    # With types, everything is read, or found damaged, at once.
    return {name: _njit(tuple(args), nogil=True, cache=True)(names[name]) for name, (_, args) in _CALLED.items()}
