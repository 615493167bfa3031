"""Granian behind Apache's mod_proxy, over a UNIX socket: what a site might run in place of a module with processes."""

import os
import shutil
import subprocess
from typing import Any

from .server import ENVIRONMENT, MODULE, Server, end, site


class Granian(Server):
    """Apache, and beside it one worker with as many threads for Python as a daemon process has."""

    def __init__(self, name, venv, state, app, lines=""):
        self.venv = venv
        place = state / name / "run"
        place.mkdir(parents=True, exist_ok=True)
        socket = place / "socket"
        socket.unlink(missing_ok=True)
        command = [venv / "bin/granian", "--interface", "wsgi", "--http", "1", "--workers", "1"]
        command += ["--blocking-threads", "15", "--uds", socket, "--log-level", "error"]
        command += ["--working-dir", app.parent, f"{MODULE}:application"]
        environment = {**ENVIRONMENT, "PYTHONPATH": site()}
        user: dict[str, Any] = {}
        if os.getuid() == 0:
            # Apache's children must be able to connect, so they and it are one user.
            shutil.chown(place, "www-data", "www-data")
            user = {"user": "www-data", "group": "www-data", "extra_groups": []}
        self.backend = subprocess.Popen(command, env=environment, start_new_session=self.apart, **user)
        super().__init__(name, "granian.conf.in", state, app, {"SOCKET": socket}, lines)

    def software(self):
        """Behind a proxy the header Server is the backend's, without its version."""
        done = subprocess.run([self.venv / "bin/granian", "--version"], check=True, capture_output=True, text=True)
        return f"{done.stdout.strip()} behind mod_proxy_http, 1 worker with 15 blocking threads"

    def roots(self):
        return {self.process.pid, self.backend.pid}

    def stop(self):
        super().stop()
        end(self.backend)
