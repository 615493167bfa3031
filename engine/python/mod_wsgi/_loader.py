"""Puts this package into an interpreter. Its source is inside the engine: no file is needed to run it.

The engine runs this module before all others, and calls load().
"""

import _thread
import builtins
import sys
from _frozen_importlib import ModuleSpec, module_from_spec  # importlib.util has more to import
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from . import _native as native

PACKAGE = "mod_wsgi"


class Loader:
    """The loader of all modules of this package. Tracebacks show lines of them by get_source()."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(native.code(module.__name__), vars(module))

    def get_code(self, fullname: str) -> "CodeType":
        return native.code(fullname)

    def get_source(self, fullname: str) -> str:
        return native.source(fullname)

    def is_package(self, fullname: str) -> bool:
        return fullname == PACKAGE


class Lazy(ModuleType):
    """A module whose source is run when something of it is used first."""

    _loading: "Any"
    _is_loaded: bool

    def __init__(self, name: str) -> None:
        super().__init__(name)
        vars(self).update(_loading=_thread.RLock(), _is_loaded=False)

    def __getattr__(self, name: str) -> "Any":
        if not name.startswith("__"):
            with self._loading:
                if not self._is_loaded:
                    self._is_loaded = True
                    # An application may have put an __import__ of its own there, which may wait.
                    vars(self)["__builtins__"] = BUILTINS
                    LOADER.exec_module(self)
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


LOADER: "Any" = Loader()
BUILTINS = vars(builtins).copy()


def load(loader: ModuleType, names: list[str], lazy: list[str]) -> ModuleType:
    """Runs the modules of these names, which stand in an order in which each needs only those before it, and the package
    itself. Answers the one whose functions the engine calls, which is the last. `loader` is this module. The `lazy` ones
    are run when something of them is used."""
    package = module = add(PACKAGE)
    introduce("_native", native_module())
    describe(loader)
    sys.modules[loader.__name__] = loader
    introduce("_loader", loader)
    for name in lazy:
        add_lazily(name)
    for name in names:
        module = add(f"{PACKAGE}.{name}")
        LOADER.exec_module(module)
        introduce(name, module)
    LOADER.exec_module(package)
    return module


def add(name: str) -> ModuleType:
    """A module that has not been run, as `import` would find it."""
    spec = ModuleSpec(name, LOADER, origin=file_of(name), is_package=LOADER.is_package(name))
    module = sys.modules[name] = module_from_spec(spec)
    return module


def add_lazily(name: str) -> None:
    """Like `add`, for a module that is run when something of it is used first."""
    module = Lazy(f"{PACKAGE}.{name}")
    describe(module)
    sys.modules[module.__name__] = module
    introduce(name, module)


def describe(module: ModuleType) -> None:
    """What `import` says of a module in the module."""
    module.__spec__ = ModuleSpec(module.__name__, LOADER, origin=file_of(module.__name__))
    module.__loader__, module.__package__ = LOADER, PACKAGE


def introduce(name: str, module: ModuleType) -> None:
    setattr(sys.modules[PACKAGE], name, module)


def native_module() -> ModuleType:
    """`_native`: the methods of the engine's object as functions of a module."""
    module = ModuleType(f"{PACKAGE}._native", "What the engine does for this package.")
    methods = {name: getattr(native, name) for name in vars(type(native)) if not name.startswith("_")}
    vars(module).update(methods)
    sys.modules[module.__name__] = module
    return module


def file_of(name: str) -> str:
    """What the source of a module is called in tracebacks; native.rs compiles it under this name."""
    _, _, module = name.partition(".")
    return f"<mod_wsgi>/{module or '__init__'}.py"
