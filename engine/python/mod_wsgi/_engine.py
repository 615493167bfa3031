"""What the engine calls in each interpreter (`Interpreter::ask`), and classes that it needs."""

from . import _collector, _ending, _imports, _report, _template
from ._attempt import begin_attempt, end_attempt, examine, has_extensions, own_files, packages, roll_back
from ._events import event_callbacks, publish
from ._exceptions import ClientDisconnected, RequestTimeout
from ._files import FileWrapper
from ._prepare import prepare
from ._script import compile_script, execute_script
from ._threads import current_frames, end_turns, import_waits, take_turns, threads
from ._tracebacks import traced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "ClientDisconnected", "FileWrapper", "RequestTimeout", "begin_attempt", "compile_script",
    "current_frames", "end_attempt", "end_turns", "event_callbacks", "examine", "execute_script",
    "has_extensions", "import_waits", "own_files", "packages", "prepare", "publish", "roll_back", "take_turns",
    "threads", "traced",
]  # fmt: skip

# Functions that no start calls which succeeds at once: their modules are run, and compiled, when one is called first.
LATER = {
    "describe": _report, "end": _ending, "frame_lines": _report, "freeze": _template, "garbage_collector": _collector,
    "interrupt": _imports, "obstacle": _template, "renew": _template, "stuck_imports": _imports, "watch_threads": _template,
}  # fmt: skip


def __getattr__(name: str) -> "Any":
    if name in LATER:
        return getattr(LATER[name], name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
