"""The smallest WSGI application (PEP 3333)."""


def application(environ, start_response):
    body = f"Hello from {environ['SERVER_NAME']}{environ.get('PATH_INFO', '')}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
