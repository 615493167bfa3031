"""What every interpreter is given before an application runs in it.

The engine calls prepare() once in each interpreter, on the thread that runs Python's start.
"""

import os
import sys
import threading  # here first, so that this thread is threading.main_thread() (up to 3.12: whoever imports it)
from types import ModuleType

import mod_wsgi

from . import _collector
from . import _native as native
from ._events import HAS_SIGNALS
from ._exits import guard_exits
from ._forks import refuse_hopeless_forks
from ._shared import share_with_httpd
from ._signals import end_at_sigterm, restrict_signals
from ._stand_in import StandIn
from ._streams import LOGS, Restricted
from ._tracebacks import format_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, TextIO

    from ._settings import Settings

# A real-time signal that nothing else uses: python/dump.rs calls its handler.
STACKS_SIGNAL = 63


def prepare(config: "Settings", stderr: "TextIO", stdout: "TextIO") -> None:
    """Makes the interpreter what applications expect."""
    sys.argv = ["mod_wsgi"]
    restore_environ(config["environ"])
    LOGS[:] = stderr.buffer, stdout.buffer
    sys.stderr = stderr
    if config["restrict_stdout"]:
        sys.stdout = Restricted("stdout")
    elif not config["keep_stdout"]:
        sys.stdout = stdout
    if config["restrict_stdin"]:
        sys.stdin = Restricted("stdin")
    if not config["daemon"]:
        share_with_httpd()
    if config["restrict_signal"]:
        restrict_signals()
    guard_exits()
    if config["main"]:
        refuse_hopeless_forks()
        forget_bootstrap()
        # For when no thread gets the GIL any more: a copy of the process has it write.
        import faulthandler

        faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True)
        if config["service"]:
            end_at_sigterm()
    if config["switch_interval"] > 0:
        set_switch_interval(config)
    if config["own_gils"]:
        show_own_frames()
    if not config["multithread"]:
        # The one request thread stands for the main thread of other servers: threads it starts are waited for.
        dummy: Any = threading._DummyThread
        dummy.__init__ = not_daemonic(dummy.__init__)
    if config["process_group"] and not config["service"]:
        HAS_SIGNALS.append(True)
    for paths in config["python_path"]:
        add_directories(paths)
    if config["home"]:
        sys.path.insert(0, config["home"])
    add_modules(config)
    if config["telemetry"] and not config["service"]:
        _collector.watch_collector()


def show_own_frames() -> None:
    """sys._current_frames() shows those of this interpreter: CPython makes frames of all, in which threads with other GILs run."""

    def current_frames() -> "dict[int, FrameType]":
        frames = dict(native.frames() or ())
        frames[threading.get_ident()] = sys._getframe(2)  # who has called the stand-in
        return frames

    sys._current_frames = StandIn(sys._current_frames, current_frames)


def not_daemonic(init: "Callable[[Any], None]") -> "Callable[[Any], None]":
    def __init__(self: "Any") -> None:
        init(self)
        self._daemonic = False

    return __init__


def set_switch_interval(config: "Settings") -> None:
    """Sets how long a thread keeps the GIL of the interpreter."""
    interval, group = config["switch_interval"], config["application_group"]
    if config["main"] or config["own_gil"]:
        sys.setswitchinterval(interval)
        return
    text = (
        f"WSGISwitchInterval {interval:g} of <WSGIInterpreterOptions> is skipped for sub-interpreter '{group}':"
        " it shares the GIL of its process, and the interval is that of the GIL"
    )
    native.message("WSGI0199", text)


def restore_environ(pristine: list[tuple[bytes, bytes]]) -> None:
    """os.environ as it was before any application ran: putenv() of another interpreter's application changed the
    process, and this interpreter has just copied that."""
    data: dict[bytes, bytes] = vars(os.environ)["_data"]
    data.clear()
    data.update(pristine)


def forget_bootstrap() -> None:
    main = sys.modules["__main__"]
    for name in ("os", "faulthandler", "ExtensionFileLoader", "ModuleSpec", "path", "loader", "engine"):
        vars(main).pop(name, None)


def add_directories(paths: str) -> None:
    """Site directories, what they bring put in front of what is there."""
    before = list(sys.path)
    for path in filter(None, paths.split(os.pathsep)):
        import site

        try:
            site.addsitedir(path)
        except Exception as exception:
            text = f"{path} of WSGIPythonPath could not be added to sys.path"
            native.message("WSGI0091", text, format_exception(exception))
    added = [path for path in sys.path if path not in before]
    sys.path[:] = added + before


def add_modules(config: "Settings") -> None:
    """What the modules `mod_wsgi` and `apache` say of the process and of this interpreter."""
    from importlib.machinery import PathFinder

    mod_wsgi.version = config["version"]
    mod_wsgi.process_group = config["process_group"]
    mod_wsgi.application_group = config["application_group"]
    mod_wsgi.maximum_processes = config["processes"]
    mod_wsgi.threads_per_process = config["threads"]
    spec = PathFinder.find_spec("mod_wsgi")
    if spec is not None and spec.submodule_search_locations:
        # The package of that name from PyPI: its submodules stay importable.
        mod_wsgi.__path__ = list(spec.submodule_search_locations)

    apache = apache_module(config["daemon"])
    apache.version = config["apache_version"]
    apache.description = config["description"]
    apache.build_date = config["build_date"]
    apache.mpm_name = config["mpm_name"]
    apache.maximum_processes = config["apache_processes"]
    apache.threads_per_process = config["apache_threads"]


def apache_module(daemon: bool) -> "Any":
    """The site's own module of this name, or a new one; in a process group always a new one."""
    from importlib import import_module
    from importlib.machinery import PathFinder

    if not daemon and PathFinder.find_spec("apache") is not None:
        try:
            return import_module("apache")
        except Exception:
            pass
    module = sys.modules["apache"] = ModuleType("apache", "The server.")
    return module
