"""Takes an upload and gives it back, with types for everything that Apache hands over."""

import os
import sys
import tempfile
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import mod_wsgi

import apache

place = os.path.join(tempfile.gettempdir(), f"upload-{mod_wsgi.process_group or 'embedded'}-{os.getpid()}")


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
            start_response("204 No Content", [])
            return []
        case "GET" if os.path.exists(place):
            start_response("200 OK", [("Content-Type", "application/octet-stream")])
            return mod_wsgi.FileWrapper(open(place, "rb"))
    threads = mod_wsgi.maximum_processes * mod_wsgi.threads_per_process
    text = f"nothing here yet; {threads} threads of Apache {'.'.join(map(str, apache.version))} wait for an upload\n"
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]
