"""What the server measures, for applications that ask. engine/src/metrics does the work."""

from . import _native as native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Metrics = dict[str, Any]


def start_recording_metrics() -> None:
    """Requests are measured from now on, in this process."""
    native.start_recording_metrics()


def request_metrics() -> "Metrics | None":
    """What was measured since the last call in this process; `None` while nothing is recorded."""
    return native.request_metrics()


def process_metrics() -> "Metrics | None":
    """What the process has done and uses; `None` while nothing is recorded."""
    return native.process_metrics()


def server_metrics() -> "Metrics | None":
    """httpd's scoreboard; `None` unless WSGIServerMetrics (or server-metrics=) is On."""
    return native.server_metrics()
