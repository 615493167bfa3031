"""Events of requests and of the process, and who subscribed to them.

wsgi/events.rs publishes the events of requests, runtime/notices.rs those of the process.
"""

from . import _native as native
from ._exceptions import ImportDeadlock, RequestTimeout
from ._levels import INFO
from ._tracebacks import format_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Callback = Callable[..., Any]
    C = TypeVar("C", bound=Callback)

# The engine keeps these lists too: they are changed in place, never replaced.
event_callbacks: "list[Callback]" = []
shutdown_callbacks: "list[Callback]" = []
signal_callbacks: "list[Callback]" = []

# Whether this process has events of signals; _prepare.py says so.
HAS_SIGNALS: list[bool] = []

SPECIFIC = {"process_stopping": shutdown_callbacks, "process_signal": signal_callbacks}


def subscribe_events(callback: "C", /) -> "C":
    """Has `callback(name, **event)` called at each event. Can be used as a decorator, as the others can."""
    event_callbacks.append(callback)
    return callback


def subscribe_shutdown(callback: "C", /) -> "C":
    """Has `callback("process_stopping", shutdown_reason=...)` called when the process is about to end."""
    shutdown_callbacks.append(callback)
    return callback


def subscribe_signals(callback: "C", /) -> "C":
    """Has `callback("process_signal", signame=..., signum=...)` called at SIGHUP and SIGUSR2 to a process of a process
    group. SIGHUP does not replace the process any more."""
    if HAS_SIGNALS:
        native.take_signals()
        signal_callbacks.append(callback)
        return callback
    import traceback

    native.log(
        INFO,
        "mod_wsgi.subscribe_signals() has no effect here: only processes of a process group that serve requests get "
        "process_signal events",
    )
    for line in "".join(traceback.format_stack()[:-1]).splitlines():
        native.log(INFO, line)
    return callback


def publish(name: str, event: "dict[str, Any]") -> None:
    """Calls everybody who subscribed to this event. What a callback returns is added to the event."""
    for callback in [*event_callbacks, *SPECIFIC.get(name, ())]:
        try:
            answer = callback(name, **event)
        except (ImportDeadlock, RequestTimeout):
            # The server interrupts the request.
            raise
        except SystemExit as exception:
            text = f"a callback for the event '{name}' raised SystemExit, which is ignored"
            native.message("WSGI0190", text, format_exception(exception))
        except BaseException as exception:
            kind = type(exception).__name__
            text = f"a callback for the event '{name}' raised {kind}; the others are called"
            native.message("WSGI0112", text, format_exception(exception))
        else:
            if isinstance(answer, dict):
                event.update(answer)
