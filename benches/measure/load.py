"""Puts load on a server (with wrk, mostly) and measures one round: requests, latency, and the server's CPU time."""

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Sample:
    rate: float  # requests/s
    cpu_us: float  # of all processes of the server, per request
    p50_ms: float
    p99_ms: float
    requests: int
    errors: str  # what wrk counted: connect, read, write, status above 399, timeout

    def failed(self):
        """A few "read" errors are no failure: with all threads busy the event MPM closes waiting connections."""
        counted = [error.split() for error in self.errors.split(", ") if error]
        return any(kind != "read" or int(count) > self.requests / 100 for count, kind in counted)


def wrk(url, connections, seconds, headers=None, post_bytes=0):
    """Starts wrk; its output holds the line wrk.lua prints."""
    lines = "\n".join(f"{name}: {value}" for name, value in (headers or {}).items())
    return subprocess.Popen(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), url],
        env={**os.environ, "BENCH_HEADERS": lines, "BENCH_POST_BYTES": str(post_bytes)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def download(url, connections, seconds):
    """Starts the client for large answers; its output is as wrk's."""
    program = Path(__file__).with_name("download.py")
    return subprocess.Popen(
        [sys.executable, str(program), url, str(connections), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextlib.contextmanager
def company(url, seconds):
    """One more client that asks for url again and again meanwhile."""
    other = wrk(url, 1, seconds + 5)
    try:
        time.sleep(0.3)
        yield
    finally:
        other.terminate()
        other.communicate()
        time.sleep(0.3)  # its last request must not run into the next round


def measure(server, case, group, seconds):
    url = server.url(group, case.path)
    beside = company(server.url(group, case.beside), seconds) if case.beside else contextlib.nullcontext()
    with beside:
        before = server.cpu_seconds()
        if case.large:
            run = download(url, case.connections, seconds)
        else:
            run = wrk(url, case.connections, seconds, case.headers, case.post_bytes)
        output, _ = run.communicate()
        cpu = server.cpu_seconds() - before
    found = [line[1:] for line in output.splitlines() if line.startswith("@{")]
    if run.returncode != 0 or not found:
        raise SystemExit(f"bench: the client failed on {url}:\n{output}")
    data = json.loads(found[0])
    requests = data["requests"]
    if requests == 0 or data["bytes"] < requests * case.size:
        raise SystemExit(f"bench: {server.name} answered {case.name} not, or not wholly; see {server.log}\n{output}")
    return Sample(
        rate=requests / data["seconds"],
        cpu_us=cpu / requests * 1e6,
        p50_ms=data["p50_us"] / 1000,
        p99_ms=data["p99_us"] / 1000,
        requests=requests,
        errors=data["errors"],
    )
