"""Files that an application depends on without importing them: templates, settings in other languages. With
`--reload-on-changes` the server watches what is imported, and this watches them. When one changes, a new process takes the
place of this one."""

import os
import signal
import sys
import threading

import mod_wsgi

_times: dict[str, int | None] = {}
_started = threading.Lock()
_end = threading.Event()


def track_changes(path: "str | os.PathLike[str]") -> None:
    """Watches this file too."""
    place = os.path.abspath(os.fspath(path))
    _times.setdefault(place, _changed(place))
    if os.environ.get("MOD_WSGI_RELOADER_ENABLED") == "true":
        start_reloader()


def start_reloader(interval: float = 1.0) -> None:
    """Looks at the files every `interval` seconds from now on. Only in a process group, whose processes can be replaced."""
    # Outside Apache the module has no names.
    group, subscribe_shutdown = (getattr(mod_wsgi, name, None) for name in ("process_group", "subscribe_shutdown"))
    if not group or subscribe_shutdown is None or not _started.acquire(blocking=False):
        return
    subscribe_shutdown(lambda *_arguments, **_event: _end.set())
    threading.Thread(target=_watch, args=(interval,), name="mod_wsgi.express.reloader", daemon=True).start()


def _changed(place: str) -> int | None:
    try:
        return os.stat(place).st_mtime_ns
    except OSError:
        return None


def _watch(interval: float) -> None:
    while not _end.wait(interval):
        for place, time in list(_times.items()):
            if _changed(place) != time:
                print(
                    f"{place} has changed: a new process takes the place of {os.getpid()}", file=sys.stderr, flush=True
                )
                # It finishes its requests while the new one starts.
                os.kill(os.getpid(), signal.SIGUSR1)
                return
