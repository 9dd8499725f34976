"""Sealing a process: what it could still do, taken away, for good.

Linux only. After ``seal`` no descriptor of any kind can be made, so no file, no socket and no pipe; no process can be
started; nothing can be written to a disk; memory and processor time end; no debugger can attach and no core is
written. What is left are the pipes it has.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from enum import IntFlag

# prctl(2)
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
# mlockall(2)
_MCL_CURRENT, _MCL_FUTURE = 1, 2
# seccomp(2), and the classic BPF it takes: linux/bpf_common.h, linux/seccomp.h, linux/audit.h
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _FAIL_EPERM, _KILL_PROCESS = 0x7FFF0000, 0x00050001, 0x80000000
_X32_BIT = 0x40000000

#: For each machine: its audit architecture, the number of seccomp(2), and what stays allowed: read, readv, write,
#: close, fstat, memory, signals, threads that wait for each other, clocks, randomness, and to end.
_MACHINES = {
    "x86_64": (
        0xC000003E,
        317,
        (0, 1, 3, 5, 9, 10, 11, 12, 13, 14, 15, 19, 24, 25, 28, 35, 39, 60, 131, 186, 202, 228, 230, 231, 318),
    ),
    "aarch64": (
        0xC00000B7,
        277,
        (
            57,
            63,
            64,
            65,
            80,
            93,
            94,
            98,
            101,
            113,
            115,
            124,
            132,
            134,
            135,
            139,
            172,
            178,
            214,
            215,
            216,
            222,
            226,
            233,
            278,
        ),
    ),
}


class Seal(IntFlag):
    """What holds. ``REQUIRED`` holds everywhere or nothing is opened; the rest where the machine permits it."""

    DESCRIPTORS = 1
    LIMITS = 2
    NO_NEW_PRIVILEGES = 4
    NOT_DUMPABLE = 8
    SYSTEM_CALLS = 16
    MEMORY_LOCKED = 32
    NO_PROCESSES = 64


REQUIRED = Seal.DESCRIPTORS | Seal.LIMITS | Seal.NO_NEW_PRIVILEGES | Seal.NOT_DUMPABLE


def seal(memory_bytes: int, cpu_seconds: int) -> Seal:
    """Seals this process and says what holds. ``OSError`` if something required cannot be had.

    ``memory_bytes``: how much address space it may still take. Threads that are wanted must run already.
    """
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    libc = ctypes.CDLL(None, use_errno=True)
    machine = _MACHINES.get(platform.machine())
    address_space = _address_space() + memory_bytes
    holds = REQUIRED
    for limit, value in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_NPROC, 0),  # binds everybody but root; the filter below binds root, too
    ):
        resource.setrlimit(limit, (value, value))
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0:
        holds |= Seal.MEMORY_LOCKED
    _must(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    _must(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    # Last of the limits: whatever needs a descriptor was done above.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    if os.geteuid() != 0:
        holds |= Seal.NO_PROCESSES
    if machine is not None and _filter(libc, *machine):
        holds |= Seal.SYSTEM_CALLS | Seal.NO_PROCESSES
    return holds


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _filter(libc: ctypes.CDLL, architecture: int, seccomp: int, allowed: tuple[int, ...]) -> bool:
    """Every call that is not allowed fails with EPERM, in all threads; False where the kernel has no filters."""
    program = filter_program(architecture, allowed)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, then, aligned, the address
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    return bool(libc.syscall(seccomp, _SET_MODE_FILTER, _FLAG_TSYNC, header) == 0)


def filter_program(architecture: int, allowed: tuple[int, ...]) -> bytes:
    """The filter: another architecture ends the process, x32 calls and all that is not listed fail."""
    last = len(allowed)
    steps = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_JUMP_AT_LEAST, last, 0, _X32_BIT),
        *((_JUMP_EQUAL, last - number, 0, call) for number, call in enumerate(allowed)),
        (_RETURN, 0, 0, _FAIL_EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _must(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the process cannot be sealed")
