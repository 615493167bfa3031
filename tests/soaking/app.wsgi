"""What is asked for under load: a little of everything that goes over the link to a process."""

import os
import time

CHUNK = b"c" * 8192


def hello(environ):
    return [b"hello"]


def sleep(environ):
    time.sleep(0.02)
    return [b"slept"]


def post(environ):
    return [b"%d" % len(environ["wsgi.input"].read())]


def stream(environ):
    return (CHUNK for _ in range(64))


def file(environ):
    return environ["wsgi.file_wrapper"](open(os.path.join(os.path.dirname(__file__), "state/file"), "rb"))


PATHS = {"/" + function.__name__: function for function in (hello, sleep, post, stream, file)}


def application(environ, start_response):
    body = PATHS[environ["PATH_INFO"]](environ)
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return body
