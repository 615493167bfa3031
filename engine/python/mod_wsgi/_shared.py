"""What an Apache child shares with the applications in it: the signals its threads block, and its time zone. A process
of a group has both to itself."""

import os
import sys

from . import _native as native
from ._stand_in import StandIn
from ._tracebacks import is_script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


def share_with_httpd() -> None:
    start_programs_unblocked()
    watch_time_zone()


def start_programs_unblocked() -> None:
    """Threads of httpd block nearly all signals, and a program inherits that: SIGTERM would not end it. A forked process
    unblocks them (os.rs); what starts a program without a fork is told to, or forks."""
    import _posixsubprocess as starter

    fork_exec: Any = starter.fork_exec
    spawn: Any = os.posix_spawn
    spawnp: Any = os.posix_spawnp

    def forking(*arguments: "Any") -> "Any":
        if arguments and arguments[-1] is True:  # allow_vfork: its child keeps the mask of the thread
            arguments = (*arguments[:-1], False)
        return fork_exec(*arguments)

    def posix_spawn(*arguments: "Any", setsigmask: "Any" = (), **options: "Any") -> "Any":
        return spawn(*arguments, setsigmask=setsigmask, **options)

    def posix_spawnp(*arguments: "Any", setsigmask: "Any" = (), **options: "Any") -> "Any":
        return spawnp(*arguments, setsigmask=setsigmask, **options)

    def system(command: str | bytes) -> int:
        pid = spawn("/bin/sh", ["sh", "-c", os.fsencode(command)], os.environ, setsigmask=())
        return os.waitpid(pid, 0)[1]

    starter.fork_exec = forking
    subprocess: Any = sys.modules.get("subprocess")
    if hasattr(subprocess, "_fork_exec"):
        subprocess._fork_exec = forking
    import posix

    for function in (posix_spawn, posix_spawnp, system):
        name = function.__name__
        stand_in = StandIn(getattr(os, name), function)
        for module in (os, posix):
            setattr(module, name, stand_in)


def watch_time_zone() -> None:
    """The C library has one time zone for the whole process: an application that sets TZ and calls tzset() (Django does)
    shifts the times that Apache writes into its logs. It is said once."""
    import time

    apply, zone = time.tzset, zone_of(time)
    told: list[bool] = []

    def tzset() -> None:
        apply()
        if told or zone_of(time) == zone:
            return
        told.append(True)
        frame: FrameType | None = sys._getframe(1)
        assert frame is not None
        while frame.f_back is not None and frame.f_code.co_filename.startswith("<"):
            frame = frame.f_back
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        while frame is not None and not is_script(frame):
            frame = frame.f_back
        script = f"WSGI script '{frame.f_globals.get('__file__')}'" if frame is not None else "an application"
        text = f"{script} has set the time zone to {os.environ.get('TZ')!r} ({place}), which changes it for the whole Apache child"
        native.message("WSGI1062", f"{text}, and for the times in its log lines; use daemon mode to avoid that")

    time.tzset = StandIn(apply, tzset)


def zone_of(time: "Any") -> tuple[int, int, tuple[str, str]]:
    return time.timezone, time.altzone, time.tzname
