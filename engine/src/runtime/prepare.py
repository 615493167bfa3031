"""What every interpreter is given before an application runs in it.

The engine runs this source once in each interpreter, on the thread that runs Python's start, in a module that is in
no sys.modules, and keeps the functions it needs. `native` is set by the engine: `native.log(level, text)`.
"""

import _thread
import atexit
import io
import os
import sys
import threading  # here first, so that this thread is threading.main_thread() (up to 3.12: whoever imports it)
from time import monotonic

ModuleType = type(sys)
INFO, WARNING, ERROR = 6, 4, 3
STACKS_SIGNAL = 63  # a real-time signal that nothing else uses; worker/os.rs sends it


class ClientDisconnected(OSError):
    """The client closed the connection while the application read from it or wrote to it."""

    __module__ = "mod_wsgi"


class FileWrapper:
    """wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File Handling")."""

    __module__ = "mod_wsgi"

    def __init__(self, filelike, blksize=8192):
        if blksize < 0:
            raise ValueError("blksize must not be negative")
        self._filelike = filelike
        self._blksize = blksize

    filelike = property(lambda self: self._filelike)
    blksize = property(lambda self: self._blksize)

    def __iter__(self):
        return self

    def __next__(self):
        block = self._filelike.read(self._blksize)
        if block:
            return block
        raise StopIteration

    def close(self):
        close = getattr(self._filelike, "close", None)
        if close is not None:
            try:
                close()
            except Exception:
                pass


class ImportDeadlock(BaseException):
    """The request waited for a blocked import; it is interrupted so that others can continue (WSGIImportTimeout).
    No Exception, so that applications do not take it for a module that is missing."""

    __module__ = "mod_wsgi"


class RequestTimeout(BaseException):
    """The request has lasted longer than request-timeout allows; it is interrupted (interrupt-timeout)."""

    __module__ = "mod_wsgi"


class Restricted(io.TextIOBase):
    """Stands for a standard stream that the configuration forbids: it looks like a text stream, and whatever would read
    or write raises."""

    __module__ = "mod_wsgi"
    encoding, errors = "utf-8", "replace"

    def __init__(self, name):
        self.name = f"<{name}>"

    def _refuse(self, *args, **kwargs):
        raise OSError(f"sys.{self.name.strip('<>')} access restricted by mod_wsgi")

    buffer = property(_refuse)
    read = readline = readlines = __next__ = write = writelines = fileno = detach = reconfigure = _refuse


LOGS = []  # what is below sys.stderr and sys.stdout


def prepare(config, stderr, stdout):
    """Makes the interpreter what applications expect. `config` is a dict of what the engine knows."""
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
        if config["service"]:
            end_at_sigterm()
        if config["switch_interval"] > 0:
            sys.setswitchinterval(config["switch_interval"])
    if not config["multithread"]:
        # The one request thread stands for the main thread of other servers: threads it starts are waited for.
        threading._DummyThread.__init__ = not_daemonic(threading._DummyThread.__init__)
    if config["process_group"] and not config["service"]:
        # When no thread gets the GIL any more: the interpreter that was made last is one that an application is in.
        import faulthandler

        faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True)
    add_directories(config["python_path"])
    if config["home"]:
        sys.path.insert(0, config["home"])
    add_modules(config)


def not_daemonic(init):
    def __init__(self):
        init(self)
        self._daemonic = False

    return __init__


class StandIn:
    """A function in the place of a built-in one: like that it becomes no method of a class that it is an attribute of, and it
    is pickled by its name."""

    def __init__(self, original, function):
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            vars(self)[name] = getattr(original, name)
        self.__wrapped__, self.function = original, function

    def __call__(self, /, *args, **keywords):
        return self.function(*args, **keywords)

    def __repr__(self):
        return repr(self.__wrapped__)

    def __reduce__(self):
        return self.__name__


def restore_environ(pristine):
    """os.environ as it was before any application ran: putenv() of another interpreter's application changed the
    process, and this interpreter has just copied that."""
    data = dict(pristine)
    os.environ._data.clear()
    os.environ._data.update(data)


def forget_bootstrap():
    main = sys.modules.get("__main__")
    for name in ("os", "faulthandler", "ExtensionFileLoader", "ModuleSpec", "path", "loader", "engine"):
        vars(main).pop(name, None)


STOP_ASKED = []


def end_at_sigterm():
    """A service script ends by SystemExit, so that its `finally` blocks and exit functions run. What is ours is left
    alone: a script that has not begun does not begin."""
    import signal

    def leave(signum, frame):
        STOP_ASKED.append(signum)
        while frame is not None:
            name = frame.f_globals.get("__name__") or ""
            if name.startswith("_mod_wsgi_") and name != "_mod_wsgi_support":
                raise SystemExit(0)
            frame = frame.f_back

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)


def restrict_signals():
    """signal.signal() installs nothing: Apache's handlers stay. A process that the application forks may do as it
    likes."""
    import signal

    install, pid = signal.signal, os.getpid()

    def restricted(signalnum, handler):
        if os.getpid() != pid:
            return install(signalnum, handler)
        import traceback

        native.log(INFO, f"signal.signal({signalnum}, {handler!r}) ignored: see WSGIRestrictSignal")
        for line in "".join(traceback.format_stack()[:-1]).splitlines():
            native.log(INFO, line)
        return handler

    restricted.__doc__, restricted.__name__ = install.__doc__, "signal"
    signal.signal = restricted


def add_directories(paths):
    """Site directories, what they bring put in front of what is there."""
    before = list(sys.path)
    for path in filter(None, paths.split(os.pathsep)):
        import site

        try:
            site.addsitedir(path)
        except Exception as exception:
            native.log(ERROR, f"WSGI0091: {path} of WSGIPythonPath could not be added to sys.path")
            for line in format_exception(exception):
                native.log(ERROR, line)
    added = [path for path in sys.path if path not in before]
    sys.path[:] = added + before


def add_modules(config):
    """The modules `mod_wsgi` and `apache`."""
    from importlib.machinery import PathFinder

    module = ModuleType("mod_wsgi", "Apache's side, for the applications it runs.")
    module.version = config["version"]
    module.process_group = config["process_group"]
    module.application_group = config["application_group"]
    module.maximum_processes = config["processes"]
    module.threads_per_process = config["threads"]
    module.FileWrapper = FileWrapper
    module.ClientDisconnected = ClientDisconnected
    module.ExitRefused = ExitRefused
    module.ScriptLoader = ScriptLoader
    module.ImportDeadlock = ImportDeadlock
    module.RequestTimeout = RequestTimeout
    spec = PathFinder.find_spec("mod_wsgi")
    if spec is not None and spec.submodule_search_locations:
        # The package of that name from PyPI: its submodules stay importable.
        module.__path__ = list(spec.submodule_search_locations)
    else:
        module.__path__ = []
    sys.modules["mod_wsgi"] = module
    module.django = sys.modules["mod_wsgi.django"] = Lazy("mod_wsgi.django", native.django_source)

    apache = None
    if PathFinder.find_spec("apache") is not None:
        try:
            import apache
        except Exception:
            apache = None
    if apache is None:
        apache = ModuleType("apache", "The server.")
        sys.modules["apache"] = apache
    apache.version = config["apache_version"]
    apache.description = config["description"]
    apache.build_date = config["build_date"]
    apache.mpm_name = config["mpm_name"]
    apache.maximum_processes = config["apache_processes"]
    apache.threads_per_process = config["apache_threads"]


class Lazy(ModuleType):
    """A module whose source is run when something of it is used first."""

    def __init__(self, name, source):
        super().__init__(name)
        vars(self)["_source"] = source

    def __getattr__(self, name):
        source = vars(self).pop("_source", None)
        if source is None or name.startswith("__"):
            if source is not None:
                vars(self)["_source"] = source
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.log = native.log
        exec(compile(source(), f"<{self.__name__}>", "exec", dont_inherit=True), vars(self))
        return getattr(self, name)


def format_exception(exception):
    """The lines of a traceback, without frames of this file."""
    import traceback

    shown = traceback.TracebackException(type(exception), exception, exception.__traceback__)
    leave_out_ours(shown, set())
    return "".join(shown.format()).splitlines()


def leave_out_ours(shown, seen):
    if shown is None or id(shown) in seen:
        return
    seen.add(id(shown))
    shown.stack[:] = [frame for frame in shown.stack if not frame.filename.startswith("<mod_wsgi")]
    for other in (shown.__cause__, shown.__context__, *(getattr(shown, "exceptions", None) or ())):
        leave_out_ours(other, seen)
