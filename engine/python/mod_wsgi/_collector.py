"""What the garbage collector of the interpreter does, for telemetry. engine/src/telemetry asks at intervals."""

import gc
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # Begin (since the epoch), duration, generation, objects that were collected, and that could not be.
    Collection = tuple[float, float, int, int, int]

MOST = 256  # collections that are kept between two looks

begun: tuple[float, float] = (0.0, 0.0)
collections: "list[Collection]" = []
dropped = 0


def note(phase: str, info: "dict[str, Any]") -> None:
    """The callback of the collector."""
    global begun, dropped
    if phase == "start":
        begun = time.time(), time.perf_counter()
    elif len(collections) < MOST:
        duration = time.perf_counter() - begun[1]
        collections.append((begun[0], duration, info["generation"], info["collected"], info["uncollectable"]))
    else:
        dropped += 1


def watch_collector() -> None:
    """Collections are noted from now on."""
    gc.callbacks.append(note)


def garbage_collector() -> "tuple[list[int], list[Collection]]":
    """Its numbers, in the order of telemetry's fields, and the collections since the last call."""
    stats = gc.get_stats()
    numbers = [*gc.get_count(), *gc.get_threshold()]
    for key in ("collections", "collected", "uncollectable"):
        numbers += [generation[key] for generation in stats]
    numbers += [int(gc.isenabled()), gc.get_freeze_count(), dropped]
    seen = collections.copy()
    del collections[: len(seen)]
    return numbers, seen
