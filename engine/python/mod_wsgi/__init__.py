"""Apache's side, for the applications it runs."""

from . import _native
from ._events import (
    event_callbacks,
    shutdown_callbacks,
    signal_callbacks,
    subscribe_events,
    subscribe_shutdown,
    subscribe_signals,
)
from ._exceptions import ClientDisconnected, ExitRefused, ImportDeadlock, RequestTimeout
from ._files import FileWrapper
from ._metrics import process_metrics, request_metrics, server_metrics, start_recording_metrics
from ._script import ScriptLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import _context, _logging

__all__ = [
    "ClientDisconnected", "ExitRefused", "FileWrapper", "ImportDeadlock", "LogHandler", "RequestTimeout",
    "ScriptLoader", "active_requests", "application_group", "event_callbacks", "maximum_processes", "process_group",
    "process_metrics", "request_data", "request_id", "request_metrics", "server_metrics", "shutdown_callbacks",
    "signal_callbacks", "start_recording_metrics", "subscribe_events", "subscribe_shutdown", "subscribe_signals",
    "threads_per_process", "version",
]  # fmt: skip

del TYPE_CHECKING

# _prepare.py sets these in each interpreter.
version: tuple[int, int, int]
process_group: str
application_group: str
maximum_processes: int
threads_per_process: int


def request_data() -> "dict[str, Any]":
    """A dict for whatever belongs to the request that the calling thread serves."""
    return _native.requests.data()


def __getattr__(name: str) -> "Any":
    """Names that cost something from their first use on."""
    match name:
        case "LogHandler":
            value: Any = _logging.LogHandler
        case "request_id":
            _context.begin()
            value = _context.request_id
        case "active_requests":
            value = _native.requests.active()
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(name for name in {*globals(), *__all__} if not name.startswith("_") or name.startswith("__"))
