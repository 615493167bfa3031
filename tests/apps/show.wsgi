"""Answers with what it sees: the environ, the process, the interpreter, as JSON."""

import json
import os
import sys
import threading


def plain(value):
    if isinstance(value, (str, bool, int, type(None))):
        return value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return repr(value)


def application(environ, start_response):
    answer = {
        "environ": {name: plain(value) for name, value in environ.items()},
        "types": {name: type(value).__name__ for name, value in environ.items()},
        "os_environ": dict(os.environ),
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "module": __name__,
        "file": __file__,
        "thread": threading.current_thread().name,
        "sys": {
            "argv": sys.argv,
            "path": sys.path,
            "prefix": sys.prefix,
            "executable": sys.executable,
            "version": list(sys.version_info[:3]),
            "flags": {
                name: getattr(sys.flags, name)
                for name in dir(sys.flags)
                if not name.startswith(("_", "n_", "count", "index"))
            },
            "warnoptions": sys.warnoptions,
            "dont_write_bytecode": sys.dont_write_bytecode,
            "switch_interval": sys.getswitchinterval(),
        },
        "hash": hash("mod_wsgi"),
    }
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
