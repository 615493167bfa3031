"""Whether this is a process of the server, or one that an application has forked of it."""

import os

PROCESS = [os.getpid()]


def is_copy() -> bool:
    return os.getpid() != PROCESS[0]


def renew_process() -> None:
    """The server itself has forked this process."""
    PROCESS[0] = os.getpid()
