"""What the engine does for this package (engine/src/runtime/native.rs)."""

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

def log(level: int, text: str, /) -> None:
    """Logs a line at a level of Apache's; see _levels."""

def logs(level: int, /) -> bool:
    """Whether a line of this level would be written where the output of this thread goes."""

def record(level: int, text: str, file: str, line: int, logger: str, exception: str, request: str, /) -> None:
    """Logs a record that code of an application made at this place, which `%F` of ErrorLogFormat shows: its lines, the name of its
    logger, the lines of a traceback, and the id of the request that it was made for."""

def message(number: str, text: str, lines: list[str] = ..., /) -> None:
    """Logs a line with a number of the catalogue (`WSGI0091`), at the level that it has there, and the lines of a traceback. The
    number must exist."""

def may_end(kind: int, number: int, /) -> bool | str | None:
    """Whether an act (the kinds in _exits) may happen. `None`: it ends nothing. True: it ends the process, which is allowed. A
    text: why it is refused."""

def ends(text: str, /) -> None:
    """Who ends the process, for the log; empty: it has not ended."""

def application() -> str | None:
    """The script that this thread works for."""

def frames() -> list[tuple[int, FrameType]] | None:
    """Ident and innermost frame of each thread that runs code of this interpreter. `None`: Python must be asked (before 3.12)."""

def take_signals() -> None:
    """An application decides what signals mean from now on that have no meaning for the server."""

def interpreters() -> int:
    """Number of interpreters in the process."""

def start_recording_metrics() -> None:
    """Begins to measure requests."""

def request_metrics() -> dict[str, Any] | None:
    """What was measured since the last call."""

def server_metrics() -> dict[str, Any] | None:
    """httpd's scoreboard."""

def process_metrics() -> dict[str, Any] | None:
    """What was measured since the recording began."""

def interrupt(thread: int, exception: type[BaseException], /) -> int:
    """Has a thread raise; the number of threads that will (0 or 1)."""

def code(module: str, /) -> CodeType:
    """The compiled source of a module of this package."""

def source(module: str, /) -> str:
    """Its text."""

class Requests:
    """The requests of an interpreter (engine/src/wsgi/current.rs)."""

    def data(self) -> dict[str, Any]:
        """The dict of the request that this thread serves; RuntimeError if it serves none."""

    def tell(self, tell: Callable[[str | None], object], /) -> str | None:
        """Has this called with the id of each request that begins, on its thread, and with None when the request ends. Answers the
        id of the request that this thread serves now."""

    def active(self) -> dict[str, dict[str, Any]]:
        """The dicts of all requests that run, by request id. It is kept up to date from the first call on."""

requests: Requests
