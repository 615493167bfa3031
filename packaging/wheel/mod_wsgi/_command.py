"""The command `mod-wsgi`, which is a program of its own, for what calls it from Python."""

import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from typing import NoReturn


def program() -> str:
    """The path of the program, as the list of installed files has it."""
    try:
        files = distribution("mod_wsgi").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mod-wsgi":
            return os.path.abspath(os.fspath(file.locate()))
    raise FileNotFoundError(
        "the command mod-wsgi is not installed with this Python; run: pip install --force-reinstall mod_wsgi"
    )


def run(arguments: list[str], name: str = "mod-wsgi") -> NoReturn:
    """The command with these arguments, in the place of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program(), [name, *arguments])


def main() -> NoReturn:
    """`mod_wsgi-express`: the command under its old name."""
    run(sys.argv[1:], sys.argv[0])
