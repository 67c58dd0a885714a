"""A platform that refuses filters of system calls to whatever runs on it: one that makes its own filter first.

Run as a program it becomes the command that it is given.
"""

import ctypes
import os
import platform
import struct
import sys
from pathlib import Path

# x86_64, aarch64.
SECCOMP, PRCTL = (317, 277), (157, 167)
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
CALL, FIRST_ARGUMENT = 0, 16
REFUSE, ALLOW = 0x00050001, 0x7FFF0000


def refusing() -> list[str]:
    """What to put before a command that is to run there."""
    return [os.path.realpath(sys.executable), "-I", "-c", Path(__file__).read_text()]


def refuse() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    architecture = ("x86_64", "aarch64").index(platform.machine())
    # (code, steps over if so, steps over if not, operand)
    program = [
        (LOAD, 0, 0, CALL),
        (JUMP_IF_EQUAL, 3, 0, SECCOMP[architecture]),
        (JUMP_IF_EQUAL, 0, 3, PRCTL[architecture]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, PR_SET_SECCOMP),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole, 0, 0):
        raise OSError(ctypes.get_errno(), "the filter was not taken")


if __name__ == "__main__":
    refuse()
    os.execvp(sys.argv[1], sys.argv[1:])
