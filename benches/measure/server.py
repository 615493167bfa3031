"""An Apache of its own for one subject: starts it, asks what CPU time it used, checks its answers, stops it."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
# Both subjects see the same, so that both use the distribution's python.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def place_application(state):
    """Copies the application to where Apache's children can read it, and makes the file it sends."""
    app_dir = state / "app"
    app_dir.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "app.wsgi", app_dir / "app.wsgi")
    (app_dir / "file-4m").write_bytes(b"f" * (4 << 20))
    return app_dir / "app.wsgi"


class Server:
    def __init__(self, name, module, state, app, lines=""):
        self.name = name
        self.port = free_port()
        self.dir = state / name
        self.log = self.dir / "error.log"
        self.dir.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        modules = subprocess.run(["apxs", "-q", "LIBEXECDIR"], check=True, capture_output=True, text=True)
        text = (HERE / "httpd.conf.in").read_text()
        values = {
            "DIR": self.dir,
            "PORT": self.port,
            "MODULES": modules.stdout.strip(),
            "MODULE": module,
            "APPDIR": app.parent,
            "APP": app,
        }
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        config = self.dir / "httpd.conf"
        config.write_text(f"{text}\n{lines}\n")
        self.process = subprocess.Popen(
            ["apache2", "-d", self.dir, "-f", config, "-DFOREGROUND"], env=ENVIRONMENT, start_new_session=True
        )

    def url(self, group, path):
        return f"http://127.0.0.1:{self.port}/{group}{path}"

    def get(self, group, path, data=None, headers=None):
        request = urllib.request.Request(self.url(group, path), data=data, headers=headers or {})
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()

    def wait(self):
        """Returns the version of Python the server runs, as soon as it answers."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.get("main", "/version").decode()
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = self.log.read_text()[-2000:]
                    raise SystemExit(f"bench: {self.name} does not answer ({error}). Its log:\n{log}")
                time.sleep(0.05)

    def software(self):
        """What the server calls itself."""
        with urllib.request.urlopen(self.url("main", "/hello"), timeout=30) as response:
            return response.headers["Server"]

    def check(self, case, group):
        """One request of the case, to know that what is measured is right."""
        body = self.get(group, case.path, b"z" * case.post_bytes or None, case.headers)
        if len(body) != case.size or (case.post_bytes and body != b"%d" % case.post_bytes):
            raise SystemExit(f"bench: {self.name} gives a wrong answer to {case.name}: {body[:60]!r} ...")

    def cpu_seconds(self):
        """User and system time of all processes of this Apache: those of its session."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
