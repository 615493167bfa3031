"""The id of the request that code works for, by `contextvars`: tasks, and threads that run in a copy of the request's context,
have it too. Run when an application uses `logging` or asks for the id: other requests pay nothing."""

import logging
from contextvars import ContextVar

from . import _native as native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What records have that are made outside of requests, as in Apache's logs.
NOBODY = "-"
# Their attribute. Many applications have a `request_id` of their own.
ATTRIBUTE = "mod_wsgi_request_id"
BEGUN: list[bool] = []
ID: ContextVar[str | None] = ContextVar("mod_wsgi.request_id", default=None)


def request_id() -> str | None:
    """The id of the request that this code works for, as Apache's logs show it; None: it works for none."""
    return ID.get()


def begin() -> None:
    """Has requests named from now on, this one too. Once in an interpreter.

    Gives each record of `logging` the attribute, unless whoever makes it gives it one: by `extra`, or by a factory. So this is no
    factory itself: what a factory sets must not be in `extra`."""
    if BEGUN:
        return
    make = logging.Logger.makeRecord

    def makeRecord(self: logging.Logger, *args: "Any", **kwargs: "Any") -> logging.LogRecord:
        record = make(self, *args, **kwargs)
        vars(record).setdefault(ATTRIBUTE, ID.get() or NOBODY)
        return record

    logging.Logger.makeRecord = makeRecord  # type: ignore[method-assign]
    ID.set(native.requests.tell(ID.set))
    BEGUN.append(True)


def of_record(record: logging.LogRecord) -> str:
    """The id of the request of a record."""
    known = vars(record).get(ATTRIBUTE)
    if not isinstance(known, str) or known == NOBODY:
        known = ID.get()
    return known or ""
