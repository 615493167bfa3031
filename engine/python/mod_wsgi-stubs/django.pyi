"""Starts a Django project as `manage.py runserver` does, and yields its WSGI application."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Literal

class ProjectError(Exception):
    """What to change in Apache's configuration or in the project, in one sentence."""

def get_application(
    project_dir: str | bytes | os.PathLike[str],
    settings: str | None = None,
    *,
    checks: Literal["error", "warning", "off"] = "error",
    static: Literal["finders"] | None = None,
    url: str | None = None,
) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """The WSGI application of the project whose manage.py is in `project_dir`."""
