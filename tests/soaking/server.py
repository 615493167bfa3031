"""An Apache with a process group, its processes by their roles, and what they hold."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from typing import Any

from . import Failed, until
from .clients import FILE

HERE = pathlib.Path(__file__).resolve().parent
MODULES = "/usr/lib/apache2/modules"
TICKS = os.sysconf("SC_CLK_TCK")
THREADS = 3
# All processes of a server have it in their environment, whoever their parent is by now.
MARK = "MOD_WSGI_SOAK"
ROLES = ("parent", "supervisor", "child", "worker")
# What kills and restarts are known to write. Anything else of level error or worse fails the run.
EXPECTED = ("WSGI0146", "WSGI1029", "WSGI1033")

CONFIG = """
ServerRoot {dir}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {dir}/run/pid
DefaultRuntimeDir {dir}/run
ErrorLog {dir}/logs/error.log
LogLevel notice
LogFormat "%{{X-Number}}i %>s" number
CustomLog {dir}/logs/access.log number
DocumentRoot {dir}/htdocs
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule wsgi_module module/mod_wsgi.so
StartServers 1
ServerLimit 8
ThreadsPerChild 16
MinSpareThreads 1
MaxSpareThreads 128
MaxRequestWorkers 128
MaxKeepAliveRequests 0
WSGISocketPrefix {dir}/run/wsgi
WSGIDaemonProcess soak processes={processes} threads={threads} {options} {home}
WSGIScriptAlias / {dir}/app.wsgi process-group=soak application-group=%{{GLOBAL}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def python_home():
    version = os.environ.get("PYTHON")
    if not version:
        return ""
    places = (HERE.parents[1] / "target/venvs", pathlib.Path("/var/tmp/mod_wsgi-venvs"))
    homes = [place / version for place in places if (place / version / ".done").exists()]
    if not homes:
        raise Failed(f"no virtual environment for Python {version}: run tests/setup/pythons.sh")
    return f"python-home={homes[0]}"


class Server:
    """`processes`: `2`, or `1..4`; `spawn`: how they are made."""

    def __init__(self, processes, spawn):
        least, _, most = processes.partition("..")
        # All that there are when there is nothing to do, with the template that others are forked of.
        self.workers = int(least) + (spawn == "fork")
        scale = "scale-up=20 scale-down=2" if most else ""
        self.dir, self.port = pathlib.Path(tempfile.mkdtemp(prefix="mod_wsgi-soak-")), free_port()
        self.dir.chmod(0o755)
        module = os.environ.get("MOD_WSGI_DIR")
        module = (
            module or subprocess.check_output([HERE.parents[1] / "scripts/statedir"], text=True).strip() + "/module"
        )
        shutil.copytree(module, self.dir / "module")
        for name in ("logs", "run", "htdocs", "state"):
            (self.dir / name).mkdir()
        self.script = shutil.copyfile(HERE / "app.wsgi", self.dir / "app.wsgi")
        (self.dir / "state/file").write_bytes(FILE)
        values = {
            "dir": self.dir,
            "port": self.port,
            "modules": MODULES,
            "processes": processes,
            "options": f"spawn={spawn} {scale}",
            "threads": THREADS,
            "home": python_home(),
        }
        user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        (self.dir / "httpd.conf").write_text(user + CONFIG.format(**values))
        self.mark = f"{MARK}={self.dir}".encode()
        command = ["/usr/sbin/apache2", "-f", str(self.dir / "httpd.conf"), "-DFOREGROUND"]
        with open(self.dir / "logs/console.log", "w") as console:
            environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", MARK: str(self.dir)}
            options: dict[str, Any] = {"env": environ, "stdout": console, "stderr": console}
            self.process = subprocess.Popen(command, start_new_session=True, **options)
        self.pid = self.process.pid

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def older_than(self, seconds):
        """Those of its processes that have lived for so long."""
        since = time.clock_gettime(time.CLOCK_BOOTTIME) - seconds
        return self.processes(lambda begun: begun / TICKS <= since)

    def processes(self, wanted=lambda begun: True):
        """Its processes that are alive: {role: [pid]}. `begun` is in ticks since the system's start."""
        found: dict[str, list[int]] = {role: [] for role in ROLES}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if self.mark not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            (state, parent, _, session), pid = fields[:4], int(entry.name)
            if state in "ZX" or not wanted(int(fields[19])):
                continue
            if pid == self.pid:
                role = "parent"
            elif parent == str(self.pid):
                role = "supervisor" if session == entry.name else "child"
            else:
                role = "worker"
            found[role].append(pid)
        return found

    def settle(self):
        """Waits until all that is left over from restarts has gone: graceful-timeout, shutdown-timeout, and a margin."""
        last: dict[str, int] = {}

        def settled():
            time.sleep(0.2)
            last.clear()
            last.update({role: len(pids) for role, pids in self.processes().items()})
            return last == {"parent": 1, "supervisor": 1, "child": 1, "worker": self.workers}

        try:
            until("processes to settle", settled, 60)
        except Failed as fault:
            raise Failed(f"{fault}: {last}") from None

    def restart(self):
        before = set(sum(self.processes().values(), [])) - {self.pid}
        self.process.send_signal(signal.SIGUSR1)
        until("the old processes to go", lambda: not before & set(sum(self.processes().values(), [])), 60)
        self.settle()

    def figures(self):
        """What is to be flat. Of several processes of a role it is the sum."""
        figures: dict[str, int] = {}
        for role, pids in self.processes().items():
            fds = memory = 0
            for pid in pids:
                fds += len(os.listdir(f"/proc/{pid}/fd"))
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                memory += int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
            figures |= {f"{role} processes": len(pids), f"{role} fds": fds, f"{role} KiB": memory}
        figures["KiB"] = sum(value for name, value in figures.items() if name.endswith(" KiB"))
        figures["files in run/"] = len(os.listdir(self.dir / "run"))
        return figures

    def judge(self):
        """Fails if the log has a bad line that kills do not explain."""
        text = "".join((self.dir / "logs" / name).read_text(errors="replace") for name in ("error.log", "console.log"))
        bad = r":(error|crit|alert|emerg)\] |exit signal|Fatal Python|panicked|^(?!\[)."
        lines = [line for line in text.splitlines() if re.search(bad, line)]
        if found := [line for line in lines if not any(known in line for known in EXPECTED)]:
            raise Failed(f"{len(found)} bad lines in the log, first: {found[0]}")

    def stop(self):
        """Seconds until every process has gone; nothing is left of the sockets."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        until("every process to go", lambda: not any(self.processes().values()), 10)
        if left := list((self.dir / "run").glob("wsgi*")):
            raise Failed(f"left behind: {', '.join(path.name for path in left)}")
        return time.monotonic() - begun

    def clean(self):
        for pids in self.processes().values():
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
