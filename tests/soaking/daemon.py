"""Load on a process group, while its processes and its supervisor are killed, its script changes and Apache restarts.

The time is parted into rounds. In each there are events for a while; then everything that restarts leave behind must go,
and what is left is counted. The last fifth of the time has load and no events, for what only old processes show.
"""

import os
import random
import shutil
import signal
import time
from collections import Counter

from . import Failed, until
from .clients import Clients
from .server import Server

# More than there are threads, so that requests wait for one.
CLIENTS = 8
# How often each event comes, relatively. With the first one requests in flight are lost.
EVENTS = {"kill a worker": 8, "touch the script": 6, "graceful": 4, "burst": 4, "kill the supervisor": 1}
# Seconds in which there is nothing to do before a burst.
LULL = 4
# Seconds from one event to the next, at random between these.
PAUSE = (0.2, 3)
# A process that dies younger than 10 s is held for one whose code does it, and its place is filled more and more slowly.
# Whoever kills for want of memory takes what has run for longer: so do we, and wait for one that has.
OLD = 11
ROUND = 60
# How much a figure may be above that of the first round. Connections of the link are kept open, as many as were needed at
# a time, by the child and by the workers.
MAY_GROW = {
    "parent fds": 1,
    "supervisor fds": 1,
    "child fds": 2 * CLIENTS,
    "worker fds": 2 * CLIENTS,
    "parent KiB": 1024,
    "supervisor KiB": 1024,
    "child KiB": 8192,
    "worker KiB": 8192,
    "KiB": 12288,
}
# What no load of ours explains, even if it was so from the first round on.
MOST = {"parent fds": 40, "supervisor fds": 50, "child fds": 100, "worker fds": 150}


class Soak:
    def __init__(self, seed, processes, spawn):
        self.random, self.counts = random.Random(seed), Counter[str]()
        self.kills = []  # moments at which a worker was killed
        self.server = Server(processes, spawn)
        self.clients = Clients(self.server.port, CLIENTS)
        self.begun, self.first, self.worst = time.monotonic(), {}, {}

    def event(self):
        server = self.server
        if server.process.poll() is not None:
            raise Failed(f"Apache has ended: see {server.dir}/logs")
        event = self.random.choices(list(EVENTS), list(EVENTS.values()))[0]
        try:
            if event == "kill a worker":
                old = until("a process that is old enough", lambda: server.older_than(OLD)["worker"], 60)
                self.kills.append(time.monotonic())
                os.kill(self.random.choice(old), signal.SIGKILL)
            elif event == "kill the supervisor":
                os.kill(
                    self.random.choice(until("a supervisor", lambda: server.processes()["supervisor"])), signal.SIGKILL
                )
            elif event == "burst":
                self.clients.pause()
                time.sleep(LULL)
                self.clients.run()
            elif event == "touch the script":
                os.utime(server.script)
            else:
                server.process.send_signal(signal.SIGUSR1)
        except ProcessLookupError:
            return
        self.counts[event] += 1

    def load(self, seconds, events):
        self.clients.run()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if events:
                self.event()
            time.sleep(min(left, self.random.uniform(*PAUSE) if events else left))

    def count(self, what, restart=True):
        """Pauses the load, lets everything settle, and compares what is left with the first time."""
        self.clients.pause()
        self.server.settle()
        if restart:
            # At each restart httpd's parent forgets the supervisors that have ended; those of a storm differ in number.
            self.server.restart()
        # The same load each time on the processes that there are then.
        self.load(3, events=False)
        self.clients.pause()
        self.server.settle()
        figures = self.server.figures()
        print(
            f"{time.monotonic() - self.begun:5.0f} s, {self.clients.answered:8} answered, {what}: {figures}", flush=True
        )
        for name, value in figures.items():
            self.worst[name] = max(self.worst.get(name, 0), value - self.first.setdefault(name, value))
        self.judge_lost()
        self.server.judge()
        if much := {name: figures[name] for name, most in MOST.items() if figures[name] > most}:
            raise Failed(f"more than {CLIENTS} clients explain: {much}")

    def judge_lost(self):
        if bad := [request for request in self.clients.lost if not request.was_in_flight(self.kills)]:
            first, ago = bad[0], bad[0].ended - self.begun
            raise Failed(
                f"{len(bad)} requests were lost, first {first.path} (number {first.number}): {first.why}, after "
                f"{first.ended - first.begun:.2f} s, {ago:.1f} s from the beginning; {dict(self.counts)}"
            )

    def run(self, seconds):
        until("the server to listen", self.server.listens)
        self.load(5, events=False)
        self.count("at first")
        calm = seconds / 5
        rounds = max(1, round((seconds - calm) / ROUND))
        for number in range(1, rounds + 1):
            self.load((seconds - calm) / rounds, events=True)
            self.count(f"round {number} of {rounds}")
        self.load(calm, events=False)
        self.count(f"{calm:.0f} s without events", restart=False)

    def end(self):
        """Stops the server and says how it went."""
        clients, server = self.clients, self.server
        clients.end()
        took = server.stop()
        clients.seen(server.dir / "logs/access.log")
        self.judge_lost()
        server.judge()
        grown = {name: growth for name, growth in self.worst.items() if growth > MAY_GROW.get(name, 0)}
        if grown:
            raise Failed(f"not flat: {grown}")
        events = ", ".join(f"{name}: {count}" for name, count in sorted(self.counts.items()))
        return (
            f"{clients.answered} requests answered; {len(clients.lost)} lost, all in flight when a worker was killed; "
            f"{len(clients.cut)} repeated because httpd had closed a kept connection; the slowest took "
            f"{clients.slowest[0]:.1f} s ({clients.slowest[1]})\n{events}\n"
            f"growth since the first count: {self.worst}; stop {took:.1f} s"
        )


def soak(minutes, seed, processes, spawn):
    print(f"seed {seed}, processes={processes} spawn={spawn}", flush=True)
    run = Soak(seed, processes, spawn)
    try:
        run.run(minutes * 60)
        summary = run.end()
        shutil.rmtree(run.server.dir)
        return summary
    except Failed as fault:
        raise Failed(f"{fault}\nkept: {run.server.dir}") from None
    finally:
        run.server.clean()
