"""WSGI scripts as modules."""

import os
import stat
import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location

from ._signals import STOP_ASKED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Literal

    # A Django project: directory, URL, settings, checks, whether Django serves static files.
    Project = tuple[str, str, str, Literal["error", "warning", "off"], bool]


def compile_script(path: str, opened: int | None) -> "CodeType":
    """The code of a script, read from a descriptor if it has been opened already."""

    def opener(path: str, flags: int) -> int:
        # To open a pipe would be to wait for who writes to it.
        return os.open(path, flags | os.O_NONBLOCK)

    with open(path, "rb", opener=opener) if opened is None else open(opened, "rb", closefd=False) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path!r} is not a regular file")
        source = file.read()
    return compile(source, path, "exec", dont_inherit=True)


class ScriptLoader(SourceFileLoader):
    """What a script's module names as its loader: source and data files are found by it. The file has any extension."""

    __module__ = "mod_wsgi"

    def _cache_bytecode(self, *args: object, **kwargs: object) -> None:
        """Nothing is written beside a script."""


def module_of(name: str, path: str) -> "Any":
    """The module of a script, not executed yet. A script called __init__.py is a package, as everywhere in Python."""
    spec = spec_from_file_location(name, path, loader=ScriptLoader(name, path))
    assert spec is not None
    module: Any = module_from_spec(spec)
    module.__cached__ = None
    return module


def execute_script(code: "CodeType | Project", path: str, name: str, modified: int) -> "Any":
    """Runs a script, or starts a Django project (`code` is a tuple then), as a module of its own; one that fails leaves
    no module behind."""
    if STOP_ASKED:
        raise SystemExit(0)
    module = module_of(name, path)
    module.__mtime__ = modified
    old = sys.modules.get(name)
    sys.modules[name] = module
    try:
        if isinstance(code, tuple):
            from .django import get_application

            project, url, settings, checks, finders = code
            module.application = get_application(
                project, settings or None, checks=checks, static="finders" if finders else None, url=url
            )
        else:
            exec(code, vars(module))
    except BaseException:
        sys.modules.pop(name, None)
        if old is not None:
            sys.modules[name] = old  # requests may still be at it
        raise
    if "logging" in sys.modules:
        name_records()
    return module


def name_records() -> None:
    """Records of `logging` have the id of their request from now on. An application's own module of that name is left alone."""
    try:
        from . import _context

        _context.begin()
    except Exception:
        return
