"""What applications may see raised."""


class ClientDisconnected(OSError):
    """The client closed the connection while the application read from it or wrote to it."""

    __module__ = "mod_wsgi"


class ExitRefused(RuntimeError):
    """The application wanted to end the process, which serves others too (WSGIRestrictExit)."""

    __module__ = "mod_wsgi"


class ImportDeadlock(BaseException):
    """The request waited for a blocked import; it is interrupted so that others can continue (WSGIImportTimeout).
    No Exception, so that applications do not take it for a module that is missing."""

    __module__ = "mod_wsgi"


class RequestTimeout(BaseException):
    """The request has lasted longer than request-timeout allows; it is interrupted (interrupt-timeout)."""

    __module__ = "mod_wsgi"
