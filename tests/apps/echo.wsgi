"""Sends the request's body back, block by block."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    read = environ["wsgi.input"].read
    return iter(lambda: read(65536), b"")
