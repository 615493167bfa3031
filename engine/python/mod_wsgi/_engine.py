"""What the engine calls in each interpreter (`Interpreter::ask`), and classes that it needs."""

from ._attempt import begin_attempt, cancel_dump, end_attempt, examine, has_extensions, own_files, packages, roll_back
from ._collector import garbage_collector
from ._ending import end
from ._events import event_callbacks, publish
from ._exceptions import ClientDisconnected, RequestTimeout
from ._files import FileWrapper
from ._imports import interrupt, stuck_imports
from ._prepare import prepare
from ._report import describe, frame_lines
from ._script import compile_script, execute_script
from ._threads import current_frames, import_waits, threads
from ._tracebacks import format_exception

__all__ = [
    "ClientDisconnected", "FileWrapper", "RequestTimeout", "begin_attempt", "cancel_dump", "compile_script",
    "current_frames", "describe", "end", "end_attempt", "event_callbacks", "examine", "execute_script",
    "format_exception", "frame_lines", "garbage_collector", "has_extensions", "import_waits", "interrupt", "own_files",
    "packages", "prepare", "publish", "roll_back", "stuck_imports", "threads",
]  # fmt: skip
