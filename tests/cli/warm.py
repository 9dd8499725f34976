"""Runs commands in processes that need not read the whole package first. Not a test: ``conftest.py`` starts it.

It reads one JSON object for each command: arguments, environment, folder, and the files to read from and to write to.
The command runs as from a shell, in a process of its own, which was forked from one that has imported everything.
"""

from __future__ import annotations

import gc
import json
import os
import sys

import nightlight.cli.compose
import nightlight.cli.serve  # noqa: F401 - to have it read
from nightlight.cli.main import main


def forked(asked: int, told: int) -> list[str] | None:
    """In each forked process its arguments; None in the first one, at the end."""
    gc.freeze()
    with os.fdopen(asked) as requests, os.fdopen(told, "w") as answers:
        for line in requests:
            request = json.loads(line)
            process = os.fork()
            if process == 0:
                for number, name, how in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
                    handle = os.open(request[name], how)
                    os.dup2(handle, number)
                    os.close(handle)
                os.environ.clear()
                os.environ.update(request["environment"])
                os.chdir(request["folder"])
                arguments: list[str] = request["arguments"]
                return arguments
            print(process, file=answers, flush=True)
            _, status = os.waitpid(process, 0)
            print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
    return None


if __name__ == "__main__":
    found = forked(int(sys.argv[1]), int(sys.argv[2]))
    if found is not None:
        sys.argv = ["nightlight", *found]
        main()
