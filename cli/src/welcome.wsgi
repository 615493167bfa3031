PAGE = b"""<!DOCTYPE html>
<title>mod-wsgi</title>
<h1>Apache and mod-wsgi run here</h1>
<p>No application was named. To serve one: <code>mod-wsgi serve app.wsgi</code></p>
"""


def application(environ, start_response):
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]
    start_response("200 OK", headers)
    return [PAGE]
