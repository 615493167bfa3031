"""What is known of the threads of an interpreter: where they stand, and which imports they wait for.

The engine calls this from the watchdog's thread, maybe while imports hang: nothing here, in _report.py and in _imports.py
imports anything when it is called, nor takes a lock that an application's thread can keep. The two are run at their first
call, and import only what is there by then.
"""

import _frozen_importlib
import _weakref
import gc
import sys
import threading
from os import register_at_fork
from sys import _current_frames as all_frames
from time import sleep as sleep  # for _imports.py, before an application can put another one there

from . import _native as native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    # ident, native id, name, daemon
    Thread = tuple[int, int | None, str, bool]
    # waiting ident, name of the module, ident of who imports it
    Wait = tuple[int, str, int | None]

bootstrap: "Any" = _frozen_importlib


def threads() -> "list[Thread]":
    """The threads that this interpreter's `threading` knows."""
    known: list[Thread] = []
    active: dict[int, Any] = vars(threading)["_active"]
    for ident, thread in active.copy().items():
        number, name, daemon = (getattr(thread, key, None) for key in ("_native_id", "_name", "_daemonic"))
        known.append((ident, number, str(name), bool(daemon)))
    return known


def blocking() -> "dict[int, Any]":
    """The module lock that each thread is about to take, by ident. 3.11: a dict of locks; 3.12.0: of lists, the
    innermost import last; later: of weak references to such lists."""
    table = getattr(bootstrap._blocking_on, "data", bootstrap._blocking_on)
    found: dict[int, Any] = {}
    for ident, entry in table.copy().items():
        if isinstance(entry, _weakref.ref):
            entry = entry()
        last = entry[-1:] if isinstance(entry, list) else [entry]
        if last and hasattr(last[0], "wakeup"):
            found[ident] = last[0]
    return found


def import_waits() -> "list[Wait]":
    """Who waits for which import in this interpreter."""
    waits: list[Wait] = [(ident, lock.name, lock.owner) for ident, lock in blocking().items()]
    return [wait for wait in waits if wait[0] != wait[2]]


def current_frame(ident: int) -> "FrameType | None":
    """A thread's innermost frame in this interpreter; before 3.12 in whichever."""
    frames = native.frames()
    return dict(current_frames() if frames is None else frames).get(ident)


def current_frames() -> "list[tuple[int, FrameType]]":
    """The innermost frame of all threads, of whichever interpreter: for Python before 3.12, in which all have one GIL. Before
    3.11.5 a garbage collection in _current_frames() can block all threads."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return list(all_frames().items())
    finally:
        if enabled:
            gc.enable()


# How soon threads get the GIL that wait for it while take_turns() holds: a number that nobody else would take. And what it was.
SOON = 0.000019
before_turns: "float | None" = None


def take_turns() -> None:
    """Threads that wait for the GIL get it very soon from now on, until end_turns()."""
    global before_turns
    if before_turns is None:
        before_turns = sys.getswitchinterval()
    sys.setswitchinterval(SOON)


def end_turns() -> None:
    """The switch interval is what it was, unless the application has set another one meanwhile. In a copy of the process
    that another interpreter forked nobody knows what it was: it is Python's own."""
    global before_turns
    before, before_turns = before_turns, None
    if abs(sys.getswitchinterval() - SOON) < 0.0000015:
        # It counts whole microseconds, and cuts off what is between them.
        sys.setswitchinterval((before or 0.005) + 0.0000005)


register_at_fork(after_in_child=end_turns)
