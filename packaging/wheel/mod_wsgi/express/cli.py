"""python -m mod_wsgi.express.cli: `mod_wsgi-express`."""

from typing import NoReturn

from .._command import main, run

__all__ = ["main", "start"]


def start(*arguments: str) -> NoReturn:
    """`mod_wsgi-express start-server` with these arguments, in the place of this process."""
    run(["start-server", *arguments], "mod_wsgi-express")


if __name__ == "__main__":
    main()
