"""Exec wrapper of every supervised process: ties its life to its parent's. Standard library only, no imports of ours.

Run by path with ``python -I -S child.py DEATH_SIGNAL PARENT_PID USER PROGRAM [ARGUMENT ...]``, where USER is ``-`` or
the number the process shall have in a user namespace of its own. The wrapper replaces itself by PROGRAM.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # prctl(2): the signal this process gets when its parent dies
CLONE_NEWUSER = 0x10000000  # unshare(2)
EXIT_CANNOT_RUN = 126  # what a shell answers for a command that cannot be executed


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def enter_user_namespace(libc: ctypes.CDLL, user: int) -> None:
    """Appear as ``user`` to this process and its children, while every file stays owned by the real user."""
    uid, gid = os.geteuid(), os.getegid()
    _checked(
        libc.unshare(CLONE_NEWUSER),
        "it does not run as root, and this system grants no user namespace; start Nexus as an ordinary user, or give "
        "the URL of one that runs elsewhere; unshare(CLONE_NEWUSER)",
    )
    _write("/proc/self/setgroups", "deny")  # user_namespaces(7): needed before an unprivileged gid_map
    _write("/proc/self/uid_map", f"{user} {uid} 1\n")
    _write("/proc/self/gid_map", f"{user} {gid} 1\n")


def main(argv: list[str]) -> None:
    death_signal, parent, user, program = int(argv[0]), int(argv[1]), argv[2], argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)
    if user != "-":
        enter_user_namespace(libc, int(user))
    if sys.platform == "linux":
        _checked(libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:  # it died before the request was in place: nobody would ever tell us
            sys.exit(EXIT_CANNOT_RUN)
    os.execvp(program[0], program)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        print(f"cannot run {sys.argv[4:5]}: {error}", file=sys.stderr)
        sys.exit(EXIT_CANNOT_RUN)
