"""What ends the process from inside: refused where others would lose by it, named where it is allowed
(WSGIRestrictExit). A process that the application forks may end as it likes."""

import os
import sys

from . import _native as native
from ._exceptions import ExitRefused
from ._own import is_copy
from ._stand_in import StandIn
from ._tracebacks import OURS, frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    # What a call would do, and its number: a signal.
    Act = tuple[int, int]
    Judge = Callable[..., Act | None]

# What native.may_end() is asked about; exits.rs has the same numbers.
END, SIGNAL, GROUP, REPLACE, INTERRUPT = range(5)


def at_kill(pid: int, number: int, /) -> "Act | None":
    if pid == os.getpid():
        return SIGNAL, int(number)
    if pid in (0, -1) or pid == -os.getpgrp():
        return GROUP, int(number)
    return None


def at_killpg(group: int, number: int, /) -> "Act | None":
    return (GROUP, int(number)) if group in (0, os.getpgrp()) else None


def at_pidfd(pidfd: int, number: int, info: object = None, flags: int = 0, /) -> "Act | None":
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        if f"Pid:\t{os.getpid()}\n" in file:
            return SIGNAL, int(number)
    return None


def at_traceback(timeout: float, repeat: bool = False, file: object = None, exit: bool = False) -> "Act | None":
    return (END, 0) if exit else None


ENDS: "dict[str, dict[str, Judge]]" = {
    "posix": {
        "_exit": lambda status: (END, 0),
        "abort": lambda: (END, 0),
        "kill": at_kill,
        "killpg": at_killpg,
        "execv": lambda path, argv, /: (REPLACE, 0),
        "execve": lambda path, argv, env: (REPLACE, 0),
    },
    "_signal": {
        "raise_signal": lambda number, /: (SIGNAL, int(number)),
        "pthread_kill": lambda thread, number, /: (SIGNAL, int(number)),
        "pidfd_send_signal": at_pidfd,
    },
    "_thread": {"interrupt_main": lambda signum=2, /: (INTERRUPT, int(signum))},
    "faulthandler": {
        "dump_traceback_later": at_traceback,
        **{
            name: lambda *ignored: (END, 0)
            for name in (
                "_sigsegv", "_sigabrt", "_sigfpe", "_read_null", "_stack_overflow", "_fatal_error",
                "_fatal_error_c_thread",
            )
        },
    },
}  # fmt: skip


def guard_exits() -> None:
    """Each of them is replaced wherever it is bound by now: in its module, in `os` and `signal`, and in what a .pth file
    or sitecustomize has imported."""
    from importlib import import_module

    guards: dict[int, tuple[Any, StandIn]] = {}
    for module, functions in ENDS.items():
        try:
            namespace = vars(import_module(module))
        except ImportError:
            continue  # faulthandler, in an interpreter with a GIL of its own: nobody has it there
        public = {"posix": "os", "_signal": "signal"}.get(module, module)
        for name, judge in functions.items():
            if name in namespace:
                original = namespace[name]
                guards[id(original)] = original, guarded(original, f"{public}.{name}", judge)
    for holder in list(sys.modules.values()):
        names: Any = getattr(holder, "__dict__", None)
        if not isinstance(names, dict) or guards.keys().isdisjoint(map(id, names.values())):
            continue
        for name, value in list(names.items()):
            if id(value) in guards:
                names[name] = guards[id(value)][1]
    for known in (os.supports_fd, os.supports_dir_fd, os.supports_effective_ids, os.supports_follow_symlinks):
        known.update([guard for original, guard in guards.values() if original in known])


def guarded(original: "Callable[..., Any]", label: str, judge: "Judge") -> StandIn:
    def guard(*args: "Any", **keywords: "Any") -> "Any":
        if is_copy():
            return original(*args, **keywords)
        try:
            act = judge(*args, **keywords)
        except Exception:
            act = None  # the function itself says what is wrong with the arguments
        verdict = act and native.may_end(*act)
        if not act or not verdict:
            return original(*args, **keywords)
        # Of a program the path alone: its environment may hold secrets.
        shown = [repr(value)[:60] for value in [*args, *keywords.values()][: 1 if act[0] == REPLACE else 2]]
        call = f"{label}({', '.join(shown)})"
        if verdict is not True:
            refuse_exit(call, verdict)
        native.ends(f"{caller()} called {call} at {place_of_call()}")
        ended = False
        try:
            answer = original(*args, **keywords)
            ended = act[0] == END  # what returns from that ends the process later
            return answer
        finally:
            if not ended:
                native.ends("")  # nor has it ended: the signal is blocked, or the call has failed

    return StandIn(original, guard)


def refuse_exit(call: str, reason: str) -> "NoReturn":
    import traceback

    text = f"{call} refused: {reason}; see WSGIRestrictExit"
    stack = traceback.extract_stack()
    stack[:] = [frame for frame in stack if not frame.filename.startswith(OURS)]
    if stack and stack[0].filename == "<string>":
        del stack[0]  # what python-main began with
    native.message("WSGI1022", f"{text} (called by {caller()})", "".join(stack.format()).splitlines())
    raise ExitRefused(text)


def place_of_call() -> str:
    for frame in frames():
        code = frame.f_code
        return f"{code.co_filename}:{frame.f_lineno}, in {getattr(code, 'co_qualname', code.co_name)}"
    return "a place without a Python frame"


def caller() -> str:
    """The application that the calling thread works for; of one that it has started itself the frames may tell."""
    script = native.application()
    if script is None:
        modules = (frame.f_globals for frame in frames())
        names = (names for names in modules if str(names.get("__name__")).startswith("_mod_wsgi_"))
        script = next((names.get("__file__") for names in names), None)
    return f"'{script}'" if script is not None else "an application's thread"
