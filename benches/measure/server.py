"""An Apache of its own for one subject: starts it, asks what CPU time it used, checks its answers, stops it."""

import os
import re
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
# The prefix of that python.
PYTHON_HOME = "/usr"
# Where it finds Django.
SITE = "lib/python3.11/site-packages"
MODULE = "bench_app"


def script(path):
    """Runs one of the repository's scripts and returns the last line it prints."""
    done = subprocess.run([HERE.parent / path], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {path} failed")
    return Path(done.stdout.strip().splitlines()[-1])


def site():
    """The packages of the tests for that python: Django is there."""
    done = subprocess.run(
        [HERE.parent / "tests/setup/pythons.sh", "3.11"], stdout=subprocess.PIPE, text=True, check=True
    )
    return f"{done.stdout.split()[1]}/{SITE}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def place_application(state):
    """Copies the application to where Apache's children can read it, and makes the file it sends.

    It is there as a module too, for servers that import applications.
    """
    app_dir = state / "app"
    app_dir.mkdir(parents=True, exist_ok=True)
    for name in ("page.py", "service.py"):
        shutil.copyfile(HERE / name, app_dir / name)
    for name in ("app.wsgi", f"{MODULE}.py"):
        shutil.copyfile(HERE / "app.wsgi", app_dir / name)
    (app_dir / "file-4m").write_bytes(b"f" * (4 << 20))
    return app_dir / "app.wsgi"


def processes():
    """(pid, parent, session, ticks) of every process."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(stat.parent.name), int(fields[1]), int(fields[3]), int(fields[11]) + int(fields[12])


def end(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """`config` names the file with what is this subject's own; `values` replace the words between @ in it."""

    # Whether each server has a session of its own, as services have: the kernel shares the processors out by session.
    apart = True

    def __init__(self, name, config, state, app, values, lines=""):
        self.name = name
        self.port = free_port()
        self.dir = state / name
        self.log = self.dir / "error.log"
        self.dir.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        modules = subprocess.run(["apxs", "-q", "LIBEXECDIR"], check=True, capture_output=True, text=True)
        text = "".join((HERE / part).read_text() for part in ("httpd.conf.in", config))
        values = {
            "DIR": self.dir,
            "PORT": self.port,
            "MODULES": modules.stdout.strip(),
            "APPDIR": app.parent,
            "APP": app,
            "PYTHONHOME": PYTHON_HOME,
            "SITE": site(),
            "GROUP": "processes=1 threads=15",
            **values,
        }
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        config = self.dir / "httpd.conf"
        config.write_text(f"{text}\n{lines}\n")
        self.process = subprocess.Popen(
            ["apache2", "-d", self.dir, "-f", config, "-DFOREGROUND"], env=ENVIRONMENT, start_new_session=self.apart
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
                    raise SystemExit(f"bench: {self.name} does not answer ({error}). Its log:\n{log}") from None
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

    def roots(self):
        """The processes that were started for it."""
        return {self.process.pid}

    def processes(self):
        """(pid, ticks) of all its processes: children of its children, in whatever session they are."""
        found, ours = list(processes()), self.roots()
        while more := {pid for pid, parent, *_ in found if parent in ours} - ours:
            ours |= more
        return [(pid, ticks) for pid, _, session, ticks in found if pid in ours or session in self.roots()]

    def cpu_seconds(self):
        """User and system time of all its processes."""
        return sum(ticks for _, ticks in self.processes()) / TICKS

    def memory(self):
        """Proportional set size of all its processes, MiB."""
        total = 0
        for pid, _ in self.processes():
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(kib) for kib in re.findall(r"^Pss:\s+(\d+)", rollup, re.M))
        return total / 1024

    def stop(self):
        end(self.process)
