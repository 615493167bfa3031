"""Apache's side, for the applications it runs."""

from ._exceptions import ClientDisconnected, ExitRefused, ImportDeadlock, RequestTimeout
from ._files import FileWrapper
from ._metrics import process_metrics, request_metrics, server_metrics, start_recording_metrics
from ._script import ScriptLoader

__all__ = [
    "ClientDisconnected", "ExitRefused", "FileWrapper", "ImportDeadlock", "RequestTimeout", "ScriptLoader",
    "application_group", "maximum_processes", "process_group", "process_metrics", "request_metrics",
    "server_metrics", "start_recording_metrics", "threads_per_process", "version",
]  # fmt: skip

# _prepare.py sets these in each interpreter.
version: tuple[int, int, int]
process_group: str
application_group: str
maximum_processes: int
threads_per_process: int
