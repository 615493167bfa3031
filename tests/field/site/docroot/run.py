def application(environ, start_response):
    names = ("mod_wsgi.process_group", "mod_wsgi.application_group", "SCRIPT_NAME", "PATH_INFO")
    body = "|".join(environ[name] for name in names).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
