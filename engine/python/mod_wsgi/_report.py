"""Who waits for whom: the stacks of all threads in words. See _threads.py for what this must not do."""

import os
import threading

from ._tracebacks import OURS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    # Lines of files.
    Sources = dict[str, list[bytes]]

OUTERMOST, INNERMOST, MOST_THREADS, WIDTH = 10, 50, 100, 400
# Functions of these files of the stdlib in which a thread waits for another, by qualified name.
WAIT_FILES = ("threading.py", "queue.py", os.path.join("concurrent", "futures", "_base.py"))
WAITS = {"Barrier.wait", "Condition.wait", "Event.wait", "Future.exception", "Future.result", "Queue.get", "Queue.join",
         "Queue.put", "Semaphore.acquire", "Thread.join", "Thread.start"}  # fmt: skip


def describe(
    frames: "list[tuple[str, int, FrameType]]",
    threads: "list[tuple[str, int, int | None, str, bool]]",
    waits: "list[tuple[str, int, str, int | None]]",
) -> list[str]:
    """The report's lines: the stacks, then who waits for whom. frames: (label, ident, frame); threads: (label, ident,
    native_id, name, daemon); waits: (label, waiting_ident, module_name, owner_ident); of all interpreters."""
    known = {(label, ident): (native, name, daemon) for label, ident, native, name, daemon in threads}
    names = {ident: name for (_, ident), (_, name, _) in known.items()}
    lines: list[str] = []
    sources: Sources = {}
    stacks: dict[tuple[str, int], list[FrameType]] = {}

    def named(ident: int, label: str | None = None) -> str:
        name = known[label, ident][1] if label is not None and (label, ident) in known else names.get(ident)
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

    edges: dict[int, int] = {}
    owners: set[int] = set()
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


def walk(frame: "FrameType | None") -> "list[FrameType]":
    """The stack's frames, outermost first."""
    stack: list[FrameType] = []
    while frame is not None and len(stack) < 20000:
        stack.append(frame)
        frame = frame.f_back
    return stack[::-1]


def frame_lines(frame: "FrameType") -> list[str]:
    """Where one thread stands."""
    return stack_lines(walk(frame), {})


def stack_lines(stack: "list[FrameType]", sources: "Sources") -> list[str]:
    # None: frames of the import machinery. A number: so many are left out.
    entries: list[FrameType | int | None] = []
    for frame in stack:
        file = frame.f_code.co_filename
        if file.startswith(OURS):
            continue
        if not file.startswith("<frozen importlib"):
            entries.append(frame)
        elif not entries or entries[-1] is not None:
            entries.append(None)
    if not any(entries):
        return []
    if len(entries) > OUTERMOST + INNERMOST:
        entries[OUTERMOST:-INNERMOST] = [len(entries) - OUTERMOST - INNERMOST]
    lines: list[str] = []
    for entry in entries:
        if entry is None:
            lines.append("  ... import machinery ...")
        elif isinstance(entry, int):
            lines.append(f"  ... {entry} frames left out ...")
        else:
            file, number = entry.f_code.co_filename, entry.f_lineno
            lines.append(f'  File "{file}", line {number or "?"}, in {entry.f_code.co_name}')
            text = source_line(file, number, sources)
            lines += ["    " + text] * bool(text)
    return lines


def source_line(file: str, number: int | None, sources: "Sources") -> str:
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


def waits_in(stack: "list[FrameType]") -> "tuple[str | None, tuple[int, str | None] | None]":
    """(function, joined): the outermost function of the stdlib in which the thread waits for another; for a join the
    (ident, name) of the thread it waits for."""
    base = os.path.dirname(threading.current_thread.__code__.co_filename)
    files = {os.path.join(base, file) for file in WAIT_FILES}
    found: FrameType | None = None
    joined: tuple[int, str | None] | None = None
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


def cycles(edges: dict[int, int]) -> list[list[int]]:
    """The circles of `edges` (each thread waits for one other at most), each once, its first thread also last."""
    found: list[list[int]] = []
    done: set[int] = set()
    for start in edges:
        path: list[int] = []
        while start in edges and start not in done:
            done.add(start)
            path.append(start)
            start = edges[start]
        if start in path:
            found.append(path[path.index(start) :] + [start])
    return found
