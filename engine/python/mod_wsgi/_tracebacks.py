"""Tracebacks without the frames of this package, which would only puzzle whoever reads them."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from traceback import TracebackException
    from types import FrameType

# What the names of this package's files begin with; _loader.py makes them.
OURS = "<mod_wsgi"


def format_exception(exception: BaseException) -> list[str]:
    """The lines of a traceback."""
    return traced(exception)[0]


def traced(exception: BaseException) -> tuple[list[str], list[str]]:
    """The lines of a traceback, and those of its places, the innermost last: what an exception says is not among these."""
    import traceback

    shown = traceback.TracebackException(type(exception), exception, exception.__traceback__)
    leave_out_ours(shown, set())
    places: list[str] = []
    add_places(shown, places, set())
    return "".join(shown.format()).splitlines(), places


def add_places(shown: "TracebackException | None", places: list[str], seen: set[int]) -> None:
    if shown is None or id(shown) in seen:
        return
    seen.add(id(shown))
    add_places(shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__), places, seen)
    found = [(frame.filename, frame.lineno, f", in {frame.name}") for frame in shown.stack]
    # Of a SyntaxError: where it is.
    found.append((getattr(shown, "filename", None) or "", getattr(shown, "lineno", None), ""))
    for file, line, name in found:
        if line is not None and str(line).isdecimal() and file.isprintable() and '"' not in file:
            places.append(f'  File "{file}", line {line}{name}')
    for other in getattr(shown, "exceptions", None) or ():
        add_places(other, places, seen)


def leave_out_ours(shown: "TracebackException | None", seen: set[int]) -> None:
    if shown is None or id(shown) in seen:
        return
    seen.add(id(shown))
    shown.stack[:] = [frame for frame in shown.stack if not frame.filename.startswith(OURS)]
    for other in (shown.__cause__, shown.__context__, *(getattr(shown, "exceptions", None) or ())):
        leave_out_ours(other, seen)


def frames() -> "Iterator[FrameType]":
    """The frames of the calling thread, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not is_ours(frame):
            yield frame
        frame = frame.f_back


def is_ours(frame: "FrameType") -> bool:
    return frame.f_code.co_filename.startswith(OURS)


def is_script(frame: "FrameType") -> bool:
    """Code of a WSGI script, whose module has such a name."""
    return str(frame.f_globals.get("__name__")).startswith("_mod_wsgi_") and not is_ours(frame)
