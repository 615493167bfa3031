"""What every interpreter is given before an application runs in it.

The engine runs this source once in each interpreter, on the thread that runs Python's start, in a module that is in
no sys.modules, and keeps the functions it needs. `native` is set by the engine: `native.log(level, text)`.
"""

import _thread
import atexit
import os
import sys
import threading  # here first, so that this thread is threading.main_thread() (up to 3.12: whoever imports it)
from time import monotonic

ModuleType = type(sys)
INFO, ERROR = 6, 3


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


class ExitRefused(RuntimeError):
    """The application wanted to end the process, which serves others too (WSGIRestrictExit)."""

    __module__ = "mod_wsgi"


class ImportDeadlock(BaseException):
    """The request waited for an import that does not get on; it is interrupted so that others can (WSGIImportTimeout).
    No Exception, so that applications do not take it for a module that is missing."""

    __module__ = "mod_wsgi"


class Restricted:
    """Stands for a standard stream that the configuration forbids."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        raise OSError(f"{self._name} access restricted by mod_wsgi")


def prepare(config, stderr, stdout):
    """Makes the interpreter what applications expect. `config` is a dict of what the engine knows."""
    sys.argv = ["mod_wsgi"]
    restore_environ(config["environ"])
    sys.stderr = stderr
    if config["restrict_stdout"]:
        sys.stdout = Restricted("sys.stdout")
    elif not config["keep_stdout"]:
        sys.stdout = stdout
    if config["restrict_stdin"]:
        sys.stdin = Restricted("sys.stdin")
    if config["restrict_signal"]:
        restrict_signals()
    if config["restrict_exit"]:
        restrict_exit()
    if config["main"]:
        forget_bootstrap()
        if config["switch_interval"] > 0:
            sys.setswitchinterval(config["switch_interval"])
    if not config["multithread"]:
        # The one request thread stands for the main thread of other servers: threads it starts are waited for.
        threading._DummyThread.__init__ = not_daemonic(threading._DummyThread.__init__)
    add_directories(config["python_path"])
    add_modules(config)


def not_daemonic(init):
    def __init__(self):
        init(self)
        self._daemonic = False

    return __init__


def restore_environ(pristine):
    """os.environ as it was before any application ran: putenv() of another interpreter's application changed the
    process, and this interpreter has just copied that."""
    data = {name: value for name, value in pristine}
    os.environ._data.clear()
    os.environ._data.update(data)


def forget_bootstrap():
    main = sys.modules.get("__main__")
    for name in ("os", "ExtensionFileLoader", "ModuleSpec", "path", "loader", "engine"):
        vars(main).pop(name, None)


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


def restrict_exit():
    """os._exit() ends no process that serves; one that the application forked may."""
    leave, pid = os._exit, os.getpid()

    def _exit(status):
        if os.getpid() != pid:
            leave(status)
        import traceback

        text = f"os._exit({status!r}) refused: the process serves other applications too; see WSGIRestrictExit"
        native.log(ERROR, f"WSGI1022: {text}")
        for line in "".join(traceback.format_stack()[:-1]).splitlines():
            native.log(ERROR, line)
        raise ExitRefused(text)

    _exit.__doc__ = leave.__doc__
    os._exit = _exit


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
    module.process_group = ""
    module.application_group = config["application_group"]
    module.maximum_processes = config["maximum_processes"]
    module.threads_per_process = config["threads_per_process"]
    module.FileWrapper = FileWrapper
    module.ClientDisconnected = ClientDisconnected
    module.ExitRefused = ExitRefused
    module.ImportDeadlock = ImportDeadlock
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
    apache.maximum_processes = config["maximum_processes"]
    apache.threads_per_process = config["threads_per_process"]


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


class Imported:
    """Notes which modules one thread imports. It finds none itself."""

    def __init__(self):
        self.thread, self.names = _thread.get_ident(), set()

    def find_spec(self, name, path=None, target=None):
        if _thread.get_ident() == self.thread:
            self.names.add(name)
        return None


def begin_attempt(seconds, dump):
    """An attempt to start an application begins. If it lasts longer than `seconds`, the stacks of all threads are
    written to the descriptor `dump` by a thread that needs no GIL. Returns what `roll_back` goes back to."""
    import faulthandler
    import importlib

    faulthandler.dump_traceback_later(seconds, file=dump)
    importlib.invalidate_caches()
    imported = Imported()
    sys.meta_path.insert(0, imported)
    return set(sys.modules), list(sys.path), dict(os.environ), imported


def end_attempt(before):
    cancel_dump()
    if before[3] in sys.meta_path:
        sys.meta_path.remove(before[3])


def cancel_dump():
    import faulthandler

    faulthandler.cancel_dump_traceback_later()


def compile_script(path):
    with open(path, "rb") as file:
        source = file.read()
    return compile(source, path, "exec", dont_inherit=True)


def execute_script(code, path, name, modified):
    """Runs a script, or starts a Django project (`code` is a tuple then), as a module of its own; one that fails leaves
    no module behind."""
    module = ModuleType(name)
    module.__file__ = path
    module.__mtime__ = modified
    sys.modules[name] = module
    try:
        if isinstance(code, tuple):
            from mod_wsgi.django import get_application

            project, url, settings, checks, finders = code
            static = "finders" if finders else None
            module.application = get_application(project, settings or None, checks=checks, static=static, url=url)
        else:
            exec(code, vars(module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def examine(path, exception):
    """Why an attempt failed: ([class, text], lines of the traceback, files whose change may mend it)."""
    name = type(exception).__name__
    text = " ".join(str(exception).split())
    files = [path]
    trace = exception.__traceback__
    while trace is not None:
        files.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    if isinstance(exception, SyntaxError):
        files.append(exception.filename)
    if isinstance(exception, ModuleNotFoundError) and exception.name:
        files += where_missing(exception.name)
    files += own_files(path)
    files = [file for file in dict.fromkeys(files) if isinstance(file, str) and os.path.isabs(file)]
    return [name, text], format_exception(exception), files


def where_missing(name):
    """The files and directories, one of which a missing module would be."""
    parent, _, child = name.rpartition(".")
    places = getattr(sys.modules.get(parent), "__path__", ()) if parent else sys.path
    return [os.path.join(place, child + end) for place in list(places) if isinstance(place, str) for end in ("", ".py")]


def own_files(path):
    """Files of modules that are neither Python's own nor installed: the application's."""
    others = (os.path.dirname(os.__file__) + os.sep, "site-packages", "dist-packages")
    # Scripts of other applications are none of its business.
    files = [file_of(module) for name, module in list(sys.modules.items()) if not name.startswith("_mod_wsgi_")]
    return [path, *(f for f in files if isinstance(f, str) and os.path.isabs(f) and not any(o in f for o in others))]


def new_packages(before, alone):
    """The top-level packages that the attempt began to import, with the names of their new modules."""
    packages = {}
    new = set(sys.modules) - before[0]
    for name in new if alone else new & before[3].names:
        packages.setdefault(name.partition(".")[0], []).append(name)
    ours = ("mod_wsgi", "apache")
    return {top: names for top, names in packages.items() if top not in sys.stdlib_module_names and top not in ours}


def file_of(module):
    """The file of what is in sys.modules, which may be any object: nothing of it is run."""
    try:
        return object.__getattribute__(module, "__dict__").get("__file__")
    except Exception:
        return None


def is_extension(module):
    return str(file_of(module)).endswith(".so")


def has_extensions():
    """Extension modules that are not Python's own are loaded."""
    modules = list(sys.modules.items())
    return any(is_extension(module) and name.partition(".")[0] not in sys.stdlib_module_names for name, module in modules)


def roll_back(before, alone):
    """Forgets what an attempt imported, so that the next one begins anew. What holds an extension module stays: most
    of those cannot be loaded twice. If the attempt was not alone in the interpreter, what others import stays too."""
    modules, path, environ, _ = before
    for top, names in new_packages(before, alone).items():
        whole = [name for name in list(sys.modules) if name == top or name.startswith(top + ".")]
        if any(is_extension(sys.modules.get(name)) for name in whole):
            continue
        for name in names:
            module = sys.modules.pop(name, None)
            parent, _, child = name.rpartition(".")
            namespace = getattr(sys.modules.get(parent), "__dict__", {}) if parent in modules else {}
            if module is not None and namespace.get(child) is module:
                del namespace[child]
    if not alone:
        sys.path[:] = dict.fromkeys(sys.path)  # what each attempt put there is there once
        return
    sys.path[:] = path
    for name in set(os.environ) - set(environ):
        del os.environ[name]
    os.environ.update(environ)


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


def end(seconds):
    """The end of the process: waits for the application's threads and runs its exit functions, as Python does, but
    for no longer than that. Returns the names of threads that are left."""
    deadline = monotonic() + seconds

    def left(daemons):
        return [
            thread
            for thread in threading.enumerate()
            if thread is not threading.main_thread()
            and not isinstance(thread, threading._DummyThread)
            and thread.daemon <= daemons
        ]

    def wait():
        # What threading._shutdown does; it cannot be given a time limit.
        for function in reversed(list(getattr(threading, "_threading_atexits", ()))):
            try:
                function()
            except BaseException as exception:
                for line in ["WSGI0098: a threading exit function raised an exception", *format_exception(exception)]:
                    native.log(ERROR, line)
        for thread in left(daemons=False):
            thread.join()
        waited.release()

    waited = _thread.allocate_lock()
    waited.acquire()
    try:
        _thread.start_new_thread(wait, ())
        # Python waits for its threads first. But some end only when an exit function tells them to (CherryPy's engine).
        ended = waited.acquire(timeout=max(0.0, min(1.0, seconds / 2)))
    except RuntimeError:
        ended = True  # no thread can be started any more
    try:
        atexit._run_exitfuncs()
    except SystemExit:
        native.log(ERROR, "WSGI0097: an exit function raised SystemExit")
    except BaseException as exception:
        for line in ["WSGI0098: an exit function raised an exception", *format_exception(exception)]:
            native.log(ERROR, line)
    if not ended:
        waited.acquire(timeout=max(0.0, deadline - monotonic()))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    return [thread.name + " (daemon)" * thread.daemon for thread in left(daemons=True)]
