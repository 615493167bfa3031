def application(environ, start_response):
    try:
        with open("state/count", "rb") as file:
            body = b"the counter says: " + file.read()
    except FileNotFoundError:
        body = b"the counter has not begun\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
