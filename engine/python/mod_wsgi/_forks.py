"""Copies that cannot live: CPython ends the other interpreters in a copy, and up to 3.13 hangs or crashes at that."""

import os
import sys

from . import _native as native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def refuse_hopeless_forks() -> None:
    """From another than the main interpreter there is nothing to refuse: the copy ends at once, and says why."""
    if sys.version_info >= (3, 14):
        return
    told: list[bool] = []

    def guarded_fork(name: str, fork: "Callable[[], Any]") -> "Callable[[], Any]":
        def guarded() -> "Any":
            count = native.interpreters()
            if count < 2:
                return fork()
            application = native.application() or "an application"
            text = (
                f"os.{name}() of '{application}' refused: there are {count} interpreters in this process, and with more than one "
                "CPython hangs (3.11) or crashes (3.12, 3.13) in the forked process. Give its application group a process "
                "group of its own, or start a program (subprocess) instead"
            )
            if not told:
                told.append(True)
                native.message("WSGI1087", text)
            raise RuntimeError(text)

        guarded.__name__ = guarded.__qualname__ = name
        guarded.__doc__ = fork.__doc__
        return guarded

    for name in ("fork", "forkpty"):
        function = guarded_fork(name, getattr(os, name))
        setattr(os, name, function)
        setattr(sys.modules["posix"], name, function)
