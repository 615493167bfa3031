"""An attempt to start an application: telling why it failed, and forgetting what it imported."""

import _thread
import os
import sys

from ._tracebacks import traced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    # Modules, sys.path and os.environ as they were, and what notes the imports.
    Before = tuple[set[str], list[str], dict[str, str], "Imported"]


class Imported:
    """Notes which modules one thread imports. It finds none itself."""

    def __init__(self) -> None:
        self.thread = _thread.get_ident()
        self.names: set[str] = set()

    def find_spec(
        self, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None, /
    ) -> None:
        if _thread.get_ident() == self.thread:
            self.names.add(fullname)


def begin_attempt() -> "Before":
    """An attempt to start an application begins. Returns what `roll_back` goes back to."""
    import importlib

    importlib.invalidate_caches()
    imported = Imported()
    sys.meta_path.insert(0, imported)
    return set(sys.modules), list(sys.path), dict(os.environ), imported


def end_attempt(before: "Before") -> None:
    if before[3] in sys.meta_path:
        sys.meta_path.remove(before[3])


def examine(path: str, exception: BaseException) -> tuple[list[str], list[str], list[str], list[str]]:
    """Why an attempt failed: ([class, text], lines of the traceback, its places, files whose change may fix it)."""
    name = type(exception).__name__
    text = " ".join(str(exception).split())
    files: list[str | None] = [path]
    trace = exception.__traceback__
    while trace is not None:
        files.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    if isinstance(exception, SyntaxError):
        files.append(exception.filename)
    if isinstance(exception, ModuleNotFoundError) and exception.name:
        files += where_missing(exception.name)
    files += own_files(path)
    absolute = [file for file in dict.fromkeys(files) if isinstance(file, str) and os.path.isabs(file)]
    return [name, text], *traced(exception), absolute


def where_missing(name: str) -> list[str]:
    """The files and directories, one of which a missing module would be."""
    parent, _, child = name.rpartition(".")
    places = getattr(sys.modules.get(parent), "__path__", ()) if parent else sys.path
    return [os.path.join(place, child + end) for place in list(places) if isinstance(place, str) for end in ("", ".py")]


def own_files(path: str) -> list[str]:
    """Files of modules that are neither Python's own nor installed: the application's."""
    others = (os.path.dirname(os.__file__) + os.sep, "site-packages", "dist-packages")
    # Scripts of other applications are none of its business.
    files = [file_of(module) for name, module in list(sys.modules.items()) if not name.startswith("_mod_wsgi_")]
    return [path, *(f for f in files if isinstance(f, str) and os.path.isabs(f) and not any(o in f for o in others))]


def new_packages(before: "Before", alone: bool) -> dict[str, list[str]]:
    """The top-level packages that the attempt began to import, with the names of their new modules."""
    packages: dict[str, list[str]] = {}
    for name in set(sys.modules) - before[0]:
        packages.setdefault(name.partition(".")[0], []).append(name)
    others = {*sys.stdlib_module_names, "mod_wsgi", "apache"}
    if not alone:
        # A package that somebody else has imported something of is his.
        others.update(top for top, names in packages.items() if not before[3].names.issuperset(names))
    return {top: names for top, names in packages.items() if top not in others}


def file_of(module: object) -> object:
    """The file of what is in sys.modules, which may be any object: nothing of it is run."""
    try:
        return object.__getattribute__(module, "__dict__").get("__file__")
    except Exception:
        return None


def is_extension(module: object) -> bool:
    return str(file_of(module)).endswith(".so")


def packages(known: list[str]) -> list[str]:
    """The loaded top-level packages with extension modules, Python's own aside, and those of `known`."""
    modules = list(sys.modules.items())
    found = {name.partition(".")[0] for name, module in modules if is_extension(module)}
    return sorted((found - sys.stdlib_module_names) | {name for name in known if name in sys.modules})


def has_extensions() -> bool:
    """Extension modules that are not Python's own are loaded."""
    return bool(packages([]))


def roll_back(before: "Before", alone: bool) -> None:
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
    os.environ.update({name: value for name, value in environ.items() if os.environ.get(name) != value})
