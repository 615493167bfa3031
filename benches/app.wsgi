"""The application both servers run while they are measured: one small function per case, found by its path."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = ("Content-Type", "text/plain")
BINARY = ("Content-Type", "application/octet-stream")
BYTES_64K = b"x" * 65536
CHUNK_8K = b"y" * 8192


def hello(environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "12")])
    return [b"Hello World!"]


def bytes_64k(environ, start_response):
    start_response("200 OK", [BINARY, ("Content-Length", "65536")])
    return [BYTES_64K]


def stream_512k(environ, start_response):
    start_response("200 OK", [BINARY])
    for _ in range(64):
        yield CHUNK_8K


def post(environ, start_response):
    body = str(len(environ["wsgi.input"].read())).encode()
    start_response("200 OK", [TEXT, ("Content-Length", str(len(body)))])
    return [body]


def file_4m(environ, start_response):
    file = open(os.path.join(HERE, "file-4m"), "rb")  # noqa: SIM115 (the server closes it)
    start_response("200 OK", [BINARY, ("Content-Length", str(4 << 20))])
    return environ["wsgi.file_wrapper"](file)


def sleep_50ms(environ, start_response):
    time.sleep(0.05)
    return hello(environ, start_response)


def cpu_200ms(environ, start_response):
    end = time.thread_time() + 0.2
    while time.thread_time() < end:
        for _ in range(1000):
            pass
    return hello(environ, start_response)


def cpu_5ms(environ, start_response):
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        for _ in range(1000):
            pass
    return hello(environ, start_response)


def version(environ, start_response):
    body = sys.version.replace("\n", " ").encode()
    start_response("200 OK", [TEXT, ("Content-Length", str(len(body)))])
    return [body]


PATHS = {
    "/" + function.__name__: function
    for function in (hello, bytes_64k, stream_512k, post, file_4m, sleep_50ms, cpu_5ms, cpu_200ms, version)
}


def application(environ, start_response):
    if environ["PATH_INFO"].startswith("/page"):
        import page  # Django, which the other cases do without

        return page.application(environ, start_response)
    if environ["PATH_INFO"] == "/json":
        import service  # Flask

        return service.application(environ, start_response)
    return PATHS[environ["PATH_INFO"]](environ, start_response)
