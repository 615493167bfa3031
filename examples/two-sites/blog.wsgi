import os

import mod_wsgi


def application(environ, start_response):
    body = f"the blog: process {os.getpid()} of group {mod_wsgi.process_group}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
