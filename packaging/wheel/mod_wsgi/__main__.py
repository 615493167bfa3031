"""python -m mod_wsgi: the command `mod-wsgi` of the package that this Python has."""

import sys

from ._command import run

run(sys.argv[1:])
