"""Templates (spawn=fork): what would be wrong in a forked process, and what is renewed there.

A fork copies one thread. Locks of the others stay locked for ever, and a connection that two processes have serves neither.
So a template is forked only if it has nothing of the kind, as the system itself says.
"""

import os
import stat
import sys
import time

from . import _native as native
from ._own import renew_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Thread
    from typing import Any

# Where threads were started, by their numbers in `threading`.
STARTED: dict[int, str] = {}
ORIGINAL: "list[Any]" = []
# Files of which two processes cannot both make use.
SHARED = {"[eventpoll]": "an epoll instance", "[io_uring]": "an io_uring instance", "[inotify]": "an inotify instance"}


def watch_threads() -> None:
    """Notes where threads are started, while applications are loaded."""
    import threading

    start: Any = threading.Thread.start

    def noting(self: "Thread") -> None:
        STARTED[id(self)] = place(os.path.dirname(threading.__file__))
        start(self)

    noting.__doc__, noting.__name__ = start.__doc__, "start"
    ORIGINAL.append(start)
    threading.Thread.start = noting  # type: ignore[method-assign]


def place(library: str) -> str:
    """The innermost place that is neither ours nor the standard library's."""
    frame: Any = sys._getframe(1)
    first = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(("<mod_wsgi>", "<frozen")):
            here = f"{file}:{frame.f_lineno}"
            first = first or here
            if not file.startswith(library + os.sep) or "site-packages" in file:
                return here
        frame = frame.f_back
    return first or "an unknown place"


def obstacle(ours: list[int], registry: int) -> str | None:
    """Why this process must not be forked; None: it may be. `ours` are descriptors of the server's."""
    import threading

    if ORIGINAL:
        threading.Thread.start = ORIGINAL.pop()  # type: ignore[method-assign]
    count = native.interpreters()
    if count > 1:
        return (
            f"there are {count} interpreters in its template, and CPython cannot fork more than one: give the applications "
            "WSGIApplicationGroup %{GLOBAL}"
        )
    found = [*threads(), *children(), *files(ours), *locks(registry)]
    return f"its template has {found[0]}" + (f" (and {len(found) - 1} more)" if found[1:] else "") if found else None


def threads() -> "Iterator[str]":
    import threading

    until = time.monotonic() + 0.5
    # One that has ended is listed for another moment.
    while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < until:
        time.sleep(0.005)
    known = {thread.native_id: thread for thread in threading.enumerate()}
    for task in os.listdir("/proc/self/task"):
        if int(task) == os.getpid():
            continue
        thread = known.get(int(task))
        if thread is not None:
            started = STARTED.get(id(thread), "an unknown place")
            yield f"a thread, '{thread.name}', started at {started}"
            continue
        try:
            with open(f"/proc/self/task/{task}/comm") as file:
                yield f"a thread that Python does not know, '{file.read().strip()}', which C code has started"
        except OSError:
            pass  # it has ended


def children() -> "Iterator[str]":
    """Processes that the application has started: their ends are told to this process alone."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            pids = file.read().split()
    except OSError:
        try:
            # One that has ended is one as well.
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        yield "a process that an application has started"
        return
    for pid in pids:
        try:
            with open(f"/proc/{pid}/comm") as file:
                name = file.read().strip()
        except OSError:
            name = "it has ended"
        yield f"a process that an application has started, {pid} ({name})"


def files(ours: list[int]) -> "Iterator[str]":
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number <= 2 or number in ours:
            continue
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the directory that is being listed
        kind, _, what = target.partition(":")
        if kind == "socket":
            yield f"{connection(number)} (descriptor {number})"
        elif kind == "pipe":
            yield f"a pipe (descriptor {number})"
        elif kind == "anon_inode" and what in SHARED:
            yield f"{SHARED[what]} (descriptor {number})"
        elif is_database(number):
            yield f"an open SQLite database, '{target}' (descriptor {number})"


def is_database(number: int) -> bool:
    """SQLite must not go on with a database behind a fork (sqlite.org/howtocorrupt.html, 2.6)."""
    try:
        return stat.S_ISREG(os.fstat(number).st_mode) and os.pread(number, 16, 0) == b"SQLite format 3\0"
    except OSError:
        return False


def connection(number: int) -> str:
    """A socket, and to whom it leads."""
    import socket

    def shown(address: "Any") -> str:
        if isinstance(address, tuple) and len(address) >= 2:
            host, port = address[:2]
            return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
        if isinstance(address, bytes):
            return repr(address)
        return str(address)

    try:
        with socket.socket(fileno=os.dup(number)) as copy:
            try:
                peer: Any = copy.getpeername()
                return f"a connection to {shown(peer)}" if peer else "a socket of a pair"
            except OSError:
                own: Any = copy.getsockname()
                return f"a socket at {shown(own)}" if own else "a socket"
    except OSError:
        return "a socket"


def locks(registry: int) -> "Iterator[str]":
    """Locks of files: those of a process are not those of its copies, and those of a description are everybody's."""
    try:
        with open("/proc/locks") as file:
            lines = [line.split() for line in file]
    except OSError:
        return
    own, inode = str(os.getpid()), os.fstat(registry).st_ino
    for fields in lines:
        if len(fields) < 6 or fields[4] != own or fields[5].rpartition(":")[2] == str(inode):
            continue
        number = int(fields[5].rpartition(":")[2])
        yield f"a lock of a file, '{path_of(number)}'"


def path_of(inode: int) -> str:
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.fstat(int(name)).st_ino == inode:
                return os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass
    return f"inode {inode}"


def freeze() -> None:
    """What is there is left alone by the garbage collector: a page that it writes to is shared no longer."""
    import gc

    gc.collect()
    gc.freeze()


def renew() -> None:
    """In a forked process, behind the functions of os.register_at_fork(): `random` has seeded itself anew there."""
    renew_process()
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
