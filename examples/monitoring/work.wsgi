"""Something to look at: /work computes, /wait waits, /fail raises; each for as many seconds as the query says."""

import time


def application(environ, start_response):
    seconds = min(float(environ["QUERY_STRING"] or 0.1), 60)
    match environ["PATH_INFO"]:
        case "/work":
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                pass
        case "/wait":
            time.sleep(seconds)
        case "/fail":
            raise RuntimeError("as it is meant to")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done\n"]
