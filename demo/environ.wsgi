"""Prints the WSGI environ of its own request as a table."""

import html

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>WSGI environ</title>
<link rel="stylesheet" href="/static/demo.css">
<main>
<p><a href="/">mod_wsgi demo</a></p>
<h1>The environ of this request</h1>
<p>{count} keys. Try a <a href="{script}/some/path?with=query">path and a query</a>.</p>
<table class="environ">{rows}</table>
</main>
</html>
"""


def application(environ, start_response):
    rows = "".join(
        f"<tr><th>{html.escape(key)}<td>{html.escape(str(value))}<td>{type(value).__name__}"
        for key, value in sorted(environ.items())
    )
    page = PAGE.format(count=len(environ), script=html.escape(environ["SCRIPT_NAME"]), rows=rows)
    # A header's text arrives as Latin-1 characters, so what went wrong in one stays visible here.
    body = page.encode("utf-8", "replace")
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
