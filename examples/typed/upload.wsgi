"""Takes an upload and gives it back, with types for everything that Apache hands over."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import mod_wsgi

import apache

log = logging.getLogger("upload")
log.addHandler(mod_wsgi.LogHandler())
log.setLevel(logging.INFO)
log.propagate = False

place = os.path.join(tempfile.gettempdir(), f"upload-{mod_wsgi.process_group or 'embedded'}-{os.getpid()}")


@mod_wsgi.subscribe_events
def report(name: str, **event: Any) -> None:
    """One line for each upload that was taken."""
    if name == "request_finished" and "size" in event["request_data"]:
        size, seconds = event["request_data"]["size"], event["application_time"]
        log.info(
            "an upload of %d bytes took %.3f s, %.3f s of which were spent reading", size, seconds, event["input_time"]
        )


@mod_wsgi.subscribe_shutdown
def clean_up(name: str, **event: Any) -> None:
    log.info("the process ends (%s)", event["shutdown_reason"])
    if os.path.exists(place):
        os.unlink(place)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    match environ["REQUEST_METHOD"]:
        case "PUT":
            try:
                with open(place, "wb") as file:
                    while block := environ["wsgi.input"].read(65536):
                        file.write(block)
            except mod_wsgi.ClientDisconnected:
                print("the client has left before the end of the upload", file=sys.stderr)
                os.unlink(place)
                raise
            mod_wsgi.request_data()["size"] = os.path.getsize(place)
            start_response("204 No Content", [])
            return []
        case "GET" if os.path.exists(place):
            start_response("200 OK", [("Content-Type", "application/octet-stream")])
            return mod_wsgi.FileWrapper(open(place, "rb"))
    threads = mod_wsgi.maximum_processes * mod_wsgi.threads_per_process
    text = f"nothing here yet; {threads} threads of Apache {'.'.join(map(str, apache.version))} wait for an upload\n"
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]
