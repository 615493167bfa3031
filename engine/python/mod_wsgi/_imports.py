"""Requests that wait for a blocked import: found, and interrupted. See _threads.py for what this must not do."""

import sys
from time import monotonic

from . import _native as native
from ._exceptions import ImportDeadlock
from ._threads import blocking, bootstrap, current_frame, import_waits, sleep, threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    # A thread's ident and innermost frame, and its native id where that is known.
    Place = tuple[int, FrameType] | tuple[int, FrameType, int]
    # For each wait (waiting ident, module, owner): since when, and what was seen of the threads then.
    State = dict[tuple[int, str, int | None], tuple[float, list[object]]]


def stuck_imports(
    previous: "State | None", frames: "list[Place]"
) -> "tuple[State, list[tuple[int, str, int | None, float]]]":
    """(state, stuck). `previous` is the state of the last call or None, `frames` has (ident, frame) or (ident, frame,
    native_id) of every thread. stuck: (waiting_ident, module_name, owner_ident, seconds) for waits where neither side
    has moved since an earlier call, nor the owner, nor whoever it waits for in its turn, has used CPU time."""
    native_ids = {ident: native_id for ident, native_id, _, _ in threads()}
    places: dict[int, tuple[int, int, str]] = {}
    for ident, frame, *native_id in frames:
        places[ident] = (id(frame), frame.f_lasti, frame.f_code.co_name)
        if native_id and native_id[0]:
            native_ids[ident] = native_id[0]
    waits = import_waits()
    owners = {waiting: owner for waiting, _, owner in waits}
    now = monotonic()
    state: State = {}
    stuck: list[tuple[int, str, int | None, float]] = []
    for waiting, module, owner in waits:
        chain: list[int] = []
        while owner is not None and owner not in chain:
            chain.append(owner)
            owner = owners.get(owner)
        sight: list[object] = [places.get(waiting)]
        sight += [(ident, places.get(ident), cpu_time(native_ids.get(ident))) for ident in chain]
        key = (waiting, module, owners[waiting])
        since, before = (previous or {}).get(key, (now, None))
        state[key] = (since if sight == before else now, sight)
        if sight == before:
            stuck.append((*key, now - since))
    return state, stuck


def cpu_time(native_id: int | None) -> int | None:
    """A thread's user and system time in ticks; None if not known (then its frame alone tells)."""
    if not native_id:
        return None
    try:
        with open(f"/proc/self/task/{native_id}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, ValueError, IndexError):
        return None


def interrupt(ident: int) -> bool:
    """Makes a thread that waits for an import raise ImportDeadlock; False if it does not wait (any more).

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
                    if native.interrupt(ident, ImportDeadlock) == 0:
                        return False
                    wake(ident, lock, frame, offset)
                    return True
            finally:
                lock.lock.release()
        sleep(0.002)
    return False


def wake(ident: int, lock: "Any", frame: "FrameType | None", offset: int) -> None:
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


def count_waiter(lock: "Any", change: int) -> None:
    if isinstance(lock.waiters, list):  # 3.12
        lock.waiters.pop() if change < 0 else lock.waiters.append(None)
    else:
        lock.waiters += change


def waits_at(frame: "FrameType | None", offset: int) -> bool:
    return frame is not None and frame.f_code is bootstrap._ModuleLock.acquire.__code__ and frame.f_lasti == offset


def wait_offset() -> int:
    """Where _ModuleLock.acquire waits: its first call that is compiled as the same call in `sample` is; -1: not found."""

    def sample(self: "Any") -> None:
        self.wakeup.acquire()

    ends: list[int] = []
    namespace: Any = type(sys.implementation)
    acquire = iter(lambda: ends.append(sys._getframe(1).f_lasti), 0).__next__  # C: f_lasti is otherwise after the call
    sample(namespace(wakeup=namespace(acquire=acquire)))
    pattern = sample.__code__.co_code[2 : ends[0] + 1 : 2]  # without RESUME, without the arguments
    found = bootstrap._ModuleLock.acquire.__code__.co_code[::2].find(pattern)
    return -1 if found < 0 else (found + len(pattern) - 1) * 2
