"""Who waits for whom: the stacks of all threads in words, and imports that wait for each other.

The engine runs this source once in each interpreter and calls it from the watchdog's thread, maybe while imports hang:
nothing here imports anything when it is called, nor takes a lock that an application's thread can keep.
"""

import _frozen_importlib as bootstrap
import _thread
import _weakref
import gc
import os
import sys
import threading
from time import monotonic, sleep

OUTERMOST, INNERMOST, MOST_THREADS, WIDTH = 10, 50, 100, 400
# Functions of these files of the stdlib in which a thread waits for another, by qualified name.
WAIT_FILES = ("threading.py", "queue.py", os.path.join("concurrent", "futures", "_base.py"))
WAITS = {"Barrier.wait", "Condition.wait", "Event.wait", "Future.exception", "Future.result", "Queue.get", "Queue.join",
         "Queue.put", "Semaphore.acquire", "Thread.join", "Thread.start"}  # fmt: skip


def threads():
    """(ident, native_id, name, daemon) of the threads this interpreter's `threading` knows."""
    known = []
    for ident, thread in threading._active.copy().items():
        native, name, daemon = (getattr(thread, key, None) for key in ("_native_id", "_name", "_daemonic"))
        known.append((ident, native, str(name), bool(daemon)))
    return known


def blocking():
    """The module lock that each thread is about to take, by ident. 3.11: a dict of locks; 3.12.0: of lists, the
    innermost import last; later: of weak references to such lists."""
    table = getattr(bootstrap._blocking_on, "data", bootstrap._blocking_on)
    found = {}
    for ident, entry in table.copy().items():
        if isinstance(entry, _weakref.ref):
            entry = entry()
        last = entry[-1:] if isinstance(entry, list) else [entry]
        if last and hasattr(last[0], "wakeup"):
            found[ident] = last[0]
    return found


def import_waits():
    """(waiting_ident, module_name, owner_ident) of this interpreter; the owner may be None."""
    waits = [(ident, lock.name, lock.owner) for ident, lock in blocking().items()]
    return [wait for wait in waits if wait[0] != wait[2]]


# The report.


def describe(frames, threads, waits):
    """The report's lines: the stacks, then who waits for whom. frames: (label, ident, frame); threads: (label, ident,
    native_id, name, daemon); waits: (label, waiting_ident, module_name, owner_ident); of all interpreters."""
    known = {(label, ident): (native, name, daemon) for label, ident, native, name, daemon in threads}
    names = {ident: name for (_, ident), (_, name, _) in known.items()}
    lines, sources, stacks = [], {}, {}

    def named(ident, label=None):
        name = known[label, ident][1] if (label, ident) in known else names.get(ident)
        return f"0x{ident:x}" if name is None else repr(name)

    for number, (label, ident, frame) in enumerate(frames):
        stack = stacks[label, ident] = walk(frame)
        shown = stack_lines(stack, sources) if number < MOST_THREADS else None
        if shown:
            native, _, daemon = known.get((label, ident), (None, None, False))
            notes = ", ".join([f"native id {native}"] * bool(native) + ["daemon"] * bool(daemon))
            place = f"sub-interpreter {label!r}" if label else "the main interpreter"
            lines += [f"thread {named(ident, label)}{f' ({notes})' if notes else ''} of {place}:", *shown]
    if len(frames) > MOST_THREADS:
        lines.append(f"... {len(frames) - MOST_THREADS} more threads ...")

    edges, owners = {}, set()
    for label, waiting, module, owner in waits:
        what = f"thread {named(waiting, label)} waits for the import of {module!r}"
        if owner is None:
            lines.append(f"{what}, which no thread is importing")
            continue
        lines.append(f"{what}, which thread {named(owner, label)} is importing")
        edges[waiting] = owner
        owners.add(owner)
    standing = {ident: waits_in(stack) for (_, ident), stack in stacks.items() if ident not in edges}
    joins = {ident: joined for ident, (wait, joined) in standing.items() if wait == "Thread.join" and joined}
    for ident, joined in joins.items():
        edges[ident] = joined[0]
        owners.add(joined[0])
        target = named(joined[0]) if joined[0] in names or joined[1] is None else repr(joined[1])
        lines.append(f"thread {named(ident)} waits in join() for thread {target}")
    for ident, (wait, _) in standing.items():
        if wait and ident in owners and ident not in joins:
            lines.append(f"thread {named(ident)} waits in {'join' if wait == 'Thread.join' else wait}()")
    for cycle in cycles(edges):
        lines.append("deadlock: " + " -> ".join(named(ident) for ident in cycle))
    return [line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in lines]


def walk(frame):
    """The stack's frames, outermost first."""
    stack = []
    while frame is not None and len(stack) < 20000:
        stack.append(frame)
        frame = frame.f_back
    return stack[::-1]


def frame_lines(frame):
    """Where one thread stands."""
    return stack_lines(walk(frame), {})


def stack_lines(stack, sources):
    entries = []
    for frame in stack:
        file = frame.f_code.co_filename
        if file.startswith("<mod_wsgi"):
            continue
        if not file.startswith("<frozen importlib"):
            entries.append(frame)
        elif not entries or entries[-1] is not None:
            entries.append(None)
    if not any(entries):
        return []
    if len(entries) > OUTERMOST + INNERMOST:
        entries[OUTERMOST:-INNERMOST] = [len(entries) - OUTERMOST - INNERMOST]
    lines = []
    for frame in entries:
        if frame is None:
            lines.append("  ... import machinery ...")
        elif isinstance(frame, int):
            lines.append(f"  ... {frame} frames left out ...")
        else:
            file, number = frame.f_code.co_filename, frame.f_lineno
            lines.append(f'  File "{file}", line {number or "?"}, in {frame.f_code.co_name}')
            text = source_line(file, number, sources)
            lines += ["    " + text] * bool(text)
    return lines


def source_line(file, number, sources):
    """A line of a file, read here: linecache would have to be imported first, which can hang just now."""
    if file not in sources:
        sources[file] = []
        try:
            if os.path.isfile(file) and os.path.getsize(file) < 1 << 22:
                with open(file, "rb") as source:
                    sources[file] = source.read().splitlines()
        except (OSError, ValueError):
            pass
    if not number or number > len(sources[file]):
        return ""
    return sources[file][number - 1].decode("utf-8", "replace").strip()


def waits_in(stack):
    """(function, joined): the outermost function of the stdlib in which the thread waits for another; for a join the
    (ident, name) of the thread it waits for."""
    base = os.path.dirname(threading.current_thread.__code__.co_filename)
    files = {os.path.join(base, file) for file in WAIT_FILES}
    found, joined = None, None
    for frame in reversed(stack):
        if frame.f_code.co_filename not in files:
            break
        if frame.f_code.co_qualname in WAITS:
            found = frame
    if found is None:
        return None, None
    if found.f_code.co_qualname == "Thread.join":
        try:
            state = vars(found.f_locals["self"])  # no attribute: it may be of another interpreter and a property
            joined = (state["_ident"], state["_name"]) if state.get("_ident") else None
        except (KeyError, TypeError):
            pass
    return found.f_code.co_qualname, joined


def cycles(edges):
    """The circles of `edges` (each thread waits for one other at most), each once, its first thread also last."""
    found, done = [], set()
    for start in edges:
        path = []
        while start in edges and start not in done:
            done.add(start)
            path.append(start)
            start = edges[start]
        if start in path:
            found.append(path[path.index(start) :] + [start])
    return found


# Requests that wait for a blocked import.


def stuck_imports(previous, frames):
    """(state, stuck). `previous` is the state of the last call or None, `frames` has (ident, frame) or (ident, frame,
    native_id) of every thread. stuck: (waiting_ident, module_name, owner_ident, seconds) for waits where neither side
    has moved since an earlier call, nor the owner, nor whoever it waits for in its turn, has used CPU time."""
    natives = {ident: native for ident, native, _, _ in threads()}
    places = {}
    for ident, frame, *native in frames:
        places[ident] = (id(frame), frame.f_lasti, frame.f_code.co_name)
        if native and native[0]:
            natives[ident] = native[0]
    waits = import_waits()
    owners = {waiting: owner for waiting, _, owner in waits}
    now, state, stuck = monotonic(), {}, []
    for waiting, module, owner in waits:
        chain = []
        while owner is not None and owner not in chain:
            chain.append(owner)
            owner = owners.get(owner)
        sight = [places.get(waiting)] + [(ident, places.get(ident), cpu_time(natives.get(ident))) for ident in chain]
        key = (waiting, module, owners[waiting])
        since, before = (previous or {}).get(key, (now, None))
        state[key] = (since if sight == before else now, sight)
        if sight == before:
            stuck.append((*key, now - since))
    return state, stuck


def cpu_time(native_id):
    """A thread's user and system time in ticks; None if not known (then its frame alone tells)."""
    if not native_id:
        return None
    try:
        with open(f"/proc/self/task/{native_id}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, ValueError, IndexError):
        return None


def interrupt(ident, exception_class, set_async_exc):
    """Makes a thread that waits for an import raise; False if it does not wait (any more).

    The exception comes when `self.wakeup.acquire()` of _ModuleLock.acquire returns, before its release(). Two things
    follow. The thread must stand in exactly that call: an exception between its taking the module's lock and the
    caller's `with` would keep the module locked for good. And the wakeup it took must be given back for it. As long as
    lock.lock is ours, a thread that was woken in its stead cannot take the wakeup anew, so each one waiting passes it
    on until it is this one's turn, and then nobody but the interrupted thread can hold it.
    """
    start, offset = monotonic(), wait_offset()
    while monotonic() - start < 2:
        lock = blocking().get(ident)
        if lock is None or lock.owner == ident:
            return False
        if lock.lock.acquire(timeout=0.1):
            try:
                frame = current_frame(ident)
                waits = blocking().get(ident) is lock and waits_at(frame, offset)
                # No waiters: a woken thread holds the wakeup and is about to release it, or, when that lasts, never
                # will, because an exception from elsewhere came between.
                if waits and lock.wakeup.locked() and (lock.waiters or monotonic() - start > 1):
                    if set_async_exc(ident, exception_class) == 0:
                        return False
                    wake(ident, lock, frame, offset)
                    return True
            finally:
                lock.lock.release()
        sleep(0.002)
    return False


def wake(ident, lock, frame, offset):
    """Lets the wakeup go round until the thread has raised; lock.lock is ours."""
    if lock.waiters:
        count_waiter(lock, -1)
    lock.wakeup.release()
    deadline = monotonic() + 5
    while current_frame(ident) is frame and waits_at(frame, offset):
        if monotonic() > deadline:
            count_waiter(lock, 1)  # the owner's release() is to free it
            return
        sleep(0.0005)
    if lock.wakeup.locked():
        lock.wakeup.release()


def count_waiter(lock, change):
    if isinstance(lock.waiters, list):  # 3.12
        lock.waiters.pop() if change < 0 else lock.waiters.append(None)
    else:
        lock.waiters += change


def waits_at(frame, offset):
    return frame is not None and frame.f_code is bootstrap._ModuleLock.acquire.__code__ and frame.f_lasti == offset


def wait_offset():
    """Where _ModuleLock.acquire waits: its first call that is compiled as the same call in `sample` is; -1: not found."""

    def sample(self):
        self.wakeup.acquire()

    ends, namespace = [], type(sys.implementation)
    acquire = iter(lambda: ends.append(sys._getframe(1).f_lasti), 0).__next__  # C: f_lasti is otherwise after the call
    sample(namespace(wakeup=namespace(acquire=acquire)))
    pattern = sample.__code__.co_code[2 : ends[0] + 1 : 2]  # without RESUME, without the arguments
    found = bootstrap._ModuleLock.acquire.__code__.co_code[::2].find(pattern)
    return -1 if found < 0 else (found + len(pattern) - 1) * 2


def current_frame(ident):
    """A thread's innermost frame. Before 3.11.5 a garbage collection in _current_frames() can block all threads."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(ident)
    finally:
        if enabled:
            gc.enable()


def current_frames():
    """(ident, frame) of all threads, of whichever interpreter."""
    enabled = gc.isenabled()
    gc.disable()  # as in current_frame
    try:
        return list(sys._current_frames().items())
    finally:
        if enabled:
            gc.enable()
