"""Clients that keep their connections, and note every request that was not answered as it should be."""

import http.client
import itertools
import random
import threading
import time
from dataclasses import dataclass

FILE = b"f" * (1 << 20)
BODY = b"z" * 65536
# Path, body, and the right answer.
KINDS = [
    ("/hello", None, b"hello"),
    ("/hello", None, b"hello"),
    ("/sleep", None, b"slept"),
    ("/post", BODY, b"%d" % len(BODY)),
    ("/stream", None, b"c" * (64 * 8192)),
    ("/file", None, FILE),
]
GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
# Longer than anything may take: a process that starts again after the longest pause, say.
PATIENCE = 60


@dataclass
class Lost:
    number: int  # in the access log: the request's header X-Number
    path: str
    begun: float
    ended: float
    why: str

    def was_in_flight(self, moments):
        return any(self.begun - 0.01 <= moment <= self.ended for moment in moments)


class Clients:
    """As many threads, each with a connection; between `run` and `pause` they ask without rest."""

    def __init__(self, port, count):
        self.port, self.numbers = port, itertools.count(1)
        self.answered, self.slowest, self.lost, self.cut = 0, (0.0, ""), [], []
        self.lock, self.runs, self.over = threading.Lock(), threading.Event(), False
        self.busy = 0
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        self.runs.set()

    def pause(self):
        """Waits for the answers that are due. The connections are closed."""
        self.runs.clear()
        while self.busy:
            time.sleep(0.01)

    def end(self):
        self.pause()
        self.over = True
        self.runs.set()
        for thread in self.threads:
            thread.join()

    def work(self):
        while True:
            self.runs.wait()
            if self.over:
                return
            with self.lock:
                self.busy += 1
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            while self.runs.is_set():
                self.ask(connection)
            connection.close()
            with self.lock:
                self.busy -= 1

    def ask(self, connection):
        path, body, right = random.choice(KINDS)
        number, kept, begun = next(self.numbers), connection.sock is not None, time.monotonic()
        why = part = None
        try:
            connection.request("POST" if body else "GET", path, body, {"X-Number": str(number)})
            part = connection.getresponse()
            data = part.read()
            if part.status != 200:
                why = f"status {part.status}"
            elif data != right:
                why = f"{len(data)} wrong bytes"
        except (OSError, http.client.HTTPException) as error:
            why = repr(error)
            connection.close()
            if kept and part is None and isinstance(error, GONE):
                # httpd closes kept connections when it restarts, and may do so just when a request comes. That is for
                # clients to repeat, unless the server had seen the request: see `seen`.
                with self.lock:
                    self.cut.append(Lost(number, path, begun, time.monotonic(), f"seen, and not answered: {why}"))
                return
        ended = time.monotonic()
        with self.lock:
            self.slowest = max(self.slowest, (ended - begun, path))
            if why:
                self.lost.append(Lost(number, path, begun, ended, why))
            else:
                self.answered += 1

    def seen(self, access_log):
        """Adds to the lost ones those that were cut although the server had begun with them, as its log says."""
        with open(access_log) as file:
            numbers = {int(line.split()[0]) for line in file if line[0].isdigit()}
        self.lost += [request for request in self.cut if request.number in numbers]
