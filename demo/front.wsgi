"""The demo site's front page: a WSGI application in its plainest form, with what it sees of its surroundings."""

import html
import sys

import mod_wsgi

LINKS = [
    ("/django/", "Django", "notes in SQLite, an upload, a stream"),
    ("/django/admin/", "Django admin", "sign in as admin with password admin"),
    ("/flask/", "Flask", "a few routes and JSON"),
    ("/environ", "The environ", "what an application is told about a request"),
]

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mod_wsgi demo</title>
<link rel="stylesheet" href="/static/demo.css">
<main>
<h1>It works</h1>
<p>Apache answers this page through a Python application.</p>
<nav class="cards">{links}</nav>
<h2>Where this ran</h2>
<table>{facts}</table>
</main>
</html>
"""


def facts(environ):
    mode = "daemon process" if mod_wsgi.process_group else "Apache child (embedded mode)"
    return {
        "Python": sys.version.replace("\n", " "),
        "sys.prefix": sys.prefix,
        "mod_wsgi.version": ".".join(map(str, mod_wsgi.version)),
        "Server": environ.get("SERVER_SOFTWARE", ""),
        "Runs in": mode,
        "Process group": mod_wsgi.process_group or "(none)",
        "Application group": mod_wsgi.application_group or "(main interpreter)",
    }


def application(environ, start_response):
    if environ["PATH_INFO"] not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"There is no such page in the demo. Its front page is at /\n"]
    links = "".join(f'<a href="{url}"><strong>{name}</strong><span>{about}</span></a>' for url, name, about in LINKS)
    rows = "".join(f"<tr><th>{name}<td>{html.escape(value)}" for name, value in facts(environ).items())
    body = PAGE.format(links=links, facts=rows).encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
