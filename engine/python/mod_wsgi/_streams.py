"""The standard streams of an interpreter."""

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

# What is below sys.stderr and sys.stdout; it is flushed at the end.
LOGS: "list[Any]" = []


class Restricted(io.TextIOBase):
    """Stands for a standard stream that the configuration forbids: it looks like a text stream, and whatever would read
    or write raises."""

    __module__ = "mod_wsgi"
    encoding, errors = "utf-8", "replace"

    def __init__(self, name: str) -> None:
        self.name = f"<{name}>"

    def _refuse(self, *args: object, **kwargs: object) -> "NoReturn":
        raise OSError(f"sys.{self.name.strip('<>')} access restricted by mod_wsgi")

    buffer = property(_refuse)
    read = readline = readlines = __next__ = write = writelines = fileno = detach = reconfigure = _refuse
