"""The end of an interpreter."""

import _thread
import atexit
import sys
import threading
from time import monotonic

from . import _native as native
from ._streams import LOGS
from ._tracebacks import format_exception


def end(seconds: float) -> list[str]:
    """The end of the process: waits for the application's threads and runs its exit functions, as Python does, but
    for no longer than that. Returns the names of threads that are left."""
    deadline = monotonic() + seconds

    def left(daemons: bool) -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread is not threading.main_thread()
            and not isinstance(thread, threading._DummyThread)
            and thread.daemon <= daemons
        ]

    def wait() -> None:
        # What threading._shutdown does; it cannot be given a time limit.
        for function in reversed(list(getattr(threading, "_threading_atexits", ()))):
            try:
                function()
            except BaseException as exception:
                log_failure("a threading exit function raised an exception", exception)
        for thread in left(daemons=False):
            thread.join()
        waited.release()

    waited = _thread.allocate_lock()
    waited.acquire()
    try:
        _thread.start_new_thread(wait, ())
        # Python waits for its threads first. But some end only when an exit function tells them to (CherryPy's engine).
        ended = waited.acquire(timeout=max(0.0, min(1.0, seconds / 2)))
    except RuntimeError:
        ended = True  # no thread can be started any more
    try:
        atexit._run_exitfuncs()
    except SystemExit:
        native.message("WSGI0097", "an exit function raised SystemExit")
    except BaseException as exception:
        log_failure("an exit function raised an exception", exception)
    if not ended:
        waited.acquire(timeout=max(0.0, deadline - monotonic()))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    for log in LOGS:
        log._flush_all()
    return [thread.name + " (daemon)" * thread.daemon for thread in left(daemons=True)]


def log_failure(text: str, exception: BaseException) -> None:
    native.message("WSGI0098", text, format_exception(exception))
