"""Signals: what applications may do about them, and how a service script ends by one."""

from . import _native as native
from ._levels import INFO
from ._own import is_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

STOP_ASKED: list[int] = []


def end_at_sigterm() -> None:
    """A service script ends by SystemExit, so that its `finally` blocks and exit functions run. What is ours is left
    alone: a script that has not begun does not begin."""
    import signal

    def leave(signum: int, frame: "FrameType | None") -> None:
        STOP_ASKED.append(signum)
        while frame is not None:
            if (frame.f_globals.get("__name__") or "").startswith("_mod_wsgi_"):
                raise SystemExit(0)
            frame = frame.f_back

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)


def restrict_signals() -> None:
    """signal.signal() installs nothing: Apache's handlers stay. A process that the application forks may do as it
    likes."""
    import signal

    install = signal.signal

    def restricted(signalnum: "Any", handler: "Any") -> "Any":
        if is_copy():
            return install(signalnum, handler)
        import traceback

        native.log(INFO, f"signal.signal({signalnum}, {handler!r}) ignored: see WSGIRestrictSignal")
        for line in "".join(traceback.format_stack()[:-1]).splitlines():
            native.log(INFO, line)
        return handler

    restricted.__doc__, restricted.__name__ = install.__doc__, "signal"
    signal.signal = restricted
