"""Apache's side, for the applications it runs: what `import mod_wsgi` gives inside the server."""

import logging
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from typing import Any, Self, TypeVar

_Callback = TypeVar("_Callback", bound=Callable[..., Any])

__all__ = [
    "ClientDisconnected",
    "ExitRefused",
    "FileWrapper",
    "ImportDeadlock",
    "LogHandler",
    "RequestTimeout",
    "ScriptLoader",
    "active_requests",
    "application_group",
    "event_callbacks",
    "maximum_processes",
    "process_group",
    "process_metrics",
    "request_data",
    "request_id",
    "request_metrics",
    "server_metrics",
    "shutdown_callbacks",
    "signal_callbacks",
    "start_recording_metrics",
    "subscribe_events",
    "subscribe_shutdown",
    "subscribe_signals",
    "threads_per_process",
    "version",
]

version: tuple[int, int, int]
"""The version of mod_wsgi whose interface this is."""

process_group: str
"""Name of the process group; empty in embedded mode."""

application_group: str
"""Name of the interpreter; empty: the main one."""

maximum_processes: int
"""Processes of the process group; in embedded mode the most that Apache starts."""

threads_per_process: int
"""Threads of each that serve requests."""

event_callbacks: list[Callable[..., Any]]
"""Those who subscribed to all events, in the order in which they are called: `callback(name, **event)`."""

shutdown_callbacks: list[Callable[..., Any]]
"""Those who subscribed to process_stopping alone; called after `event_callbacks`."""

signal_callbacks: list[Callable[..., Any]]
"""Those who subscribed to process_signal alone; called after `event_callbacks`."""

active_requests: dict[str, dict[str, Any]]
"""The `request_data()` of all requests that this interpreter serves now, by `environ['mod_wsgi.request_id']`."""

def request_data() -> dict[str, Any]:
    """A dict for whatever belongs to the request that the calling thread serves; RuntimeError if it serves none."""

def request_id() -> str | None:
    """The id of the request that this code works for, as Apache's logs show it; also in tasks, and in threads that run in a
    copy of the request's context. None: it works for none."""

def subscribe_events(callback: _Callback, /) -> _Callback:
    """Has `callback(name, **event)` called at each event; docs/python-api.md lists them. A dict that it returns is added to
    the event. Answers the callback, so it can be a decorator, as the others can."""

def subscribe_shutdown(callback: _Callback, /) -> _Callback:
    """Has `callback("process_stopping", shutdown_reason=...)` called when the process is about to end."""

def subscribe_signals(callback: _Callback, /) -> _Callback:
    """Has `callback("process_signal", signame=..., signum=...)` called at SIGHUP and SIGUSR2 to a process of a process
    group. In embedded mode it does nothing but log that."""

class LogHandler(logging.Handler):
    """Writes each line of a record to Apache's error log: in the thread of a request to the log of that request. `%F` of
    ErrorLogFormat shows where the record was made."""

def start_recording_metrics() -> None:
    """Has requests measured from now on, in this process. May be called more than once."""

def request_metrics() -> dict[str, Any] | None:
    """What was measured of requests since the last call in this process, or since the recording began. `None` before
    start_recording_metrics(), and always where WSGITelemetryService is set. docs/metrics.md describes the keys."""

def process_metrics() -> dict[str, Any] | None:
    """What the process has done since the recording began, and what it uses. `None` as for request_metrics()."""

def server_metrics() -> dict[str, Any] | None:
    """What httpd's scoreboard says of all its processes and threads; `None` unless WSGIServerMetrics (in a process group
    `server-metrics=`) is On."""

class FileWrapper:
    """wsgi.file_wrapper (PEP 3333): an iterator over the blocks of a file, which Apache sends itself where it can."""

    def __init__(self, filelike: Any, blksize: int = 8192) -> None: ...
    @property
    def filelike(self) -> Any: ...
    @property
    def blksize(self) -> int: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None: ...

class ClientDisconnected(OSError):
    """The client closed the connection while the application read from it or wrote to it."""

class ExitRefused(RuntimeError):
    """The application wanted to end the process, which serves others too (WSGIRestrictExit)."""

class ImportDeadlock(BaseException):
    """The request waited for a blocked import and is interrupted (WSGIImportTimeout)."""

class RequestTimeout(BaseException):
    """The request has lasted longer than request-timeout allows and is interrupted (interrupt-timeout)."""

class ScriptLoader(SourceFileLoader):
    """The loader of a script's module."""
