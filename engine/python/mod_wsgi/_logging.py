"""A handler of `logging` whose records are those of Apache's error log. Run when an application uses it first: `logging`
has much to import."""

import logging

from . import _context
from . import _native as native
from ._levels import CRITICAL, DEBUG, ERROR, INFO, WARNING

_context.begin()
LEVELS = ((logging.CRITICAL, CRITICAL), (logging.ERROR, ERROR), (logging.WARNING, WARNING), (logging.INFO, INFO))


class LogHandler(logging.Handler):
    """Writes each line of a record to Apache's error log, at the level that corresponds; `%F` of ErrorLogFormat shows where
    the record was made. In the thread of a request it is the log of that request."""

    __module__ = "mod_wsgi"

    def emit(self, record: logging.LogRecord) -> None:
        level = next((level for lowest, level in LEVELS if record.levelno >= lowest), DEBUG)
        try:
            if not native.logs(level):
                return
            text, exception = self.format(record), record.exc_text or ""
            if exception and text.endswith(exception):
                text = text[: -len(exception)].rstrip("\n")
            else:
                exception = ""
            text, exception = ("\n".join(lines.splitlines()) for lines in (text, exception))
            request = _context.of_record(record)
            native.record(level, text, record.pathname, record.lineno, record.name, exception, request)
        except Exception:
            self.handleError(record)
