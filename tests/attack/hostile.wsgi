"""An application that does what its query string says: kind, seed, seconds, and numbers of processes."""

import ctypes
import glob
import os
import random
import signal
import socket
import struct
import time

# A line for the log, among the messages to the supervisor.
LOG = 4
# Those that are words in the log, or names of files.
TEXTS = [2, 3, 5, 12, 15]
HERE = os.path.dirname(os.path.abspath(__file__))


def text(data):
    return struct.pack("<I", len(data)) + data


def request(chance):
    """A REQUEST frame of a child, more or less."""
    now = int(time.time() * 1e6)
    pairs = [(b"REQUEST_METHOD", b"GET"), (b"CONTENT_LENGTH", b"%d" % chance.randrange(1 << 40))]
    head = struct.pack("<BBqqqQQQ", chance.randrange(256), 7, now, now, -1, 0, 0, chance.randrange(4))
    head += text(HERE.encode() + b"/victim.wsgi") + text(b"") + text(b"application") + struct.pack("<I", len(pairs))
    head += b"".join(text(name) + text(value) for name, value in pairs)
    return bytearray(struct.pack("<IBBxx", len(head), 2, 0) + head)


def frames(chance, until):
    """Frames that no child sends, to every group that lets this process connect."""
    count = 0
    while time.monotonic() < until:
        for path in glob.glob(HERE + "/run/wsgi*.sock"):
            frame = request(chance)
            for _ in range(chance.randrange(6)):
                frame[chance.randrange(len(frame))] = chance.randrange(256)
            if chance.random() < 0.3:
                del frame[chance.randrange(len(frame)) :]
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(0.2)
                try:
                    link.connect(path)
                    link.sendall(frame)
                    link.shutdown(socket.SHUT_WR)
                    while link.recv(65536):
                        pass
                except OSError:
                    pass
            count += 1
    return count


def control(chance, until):
    """Messages to the supervisor that no worker sends. Lines for the log are its right."""
    count = 0
    channel = socket.socket(fileno=os.dup(5))
    while time.monotonic() < until:
        kind = chance.choice([number for number in [*range(1, 20), chance.randrange(256)] if number != LOG])
        if kind in TEXTS:
            rest = bytes([chance.randrange(20)]) * (kind == 3) + b"hostile words %x" % chance.getrandbits(
                1 + chance.randrange(900)
            )
        else:
            rest = chance.randbytes(chance.choice([0, 1, 4, 5, 8, 9, 60, 4000]))
        message = bytes([kind]) + rest
        try:
            channel.send(message, socket.MSG_DONTWAIT)
            count += 1
        except OSError:
            time.sleep(0.001)
    return count


def claims(chance, until):
    """Anything, into the memory that the processes of the group and Apache's children share."""
    count = 0
    with open("/proc/self/maps") as maps:
        ranges = [line.split()[0].split("-") for line in maps if "wsgi scoreboard" in line]
    places = [(int(begin, 16), int(end, 16)) for begin, end in ranges]
    while time.monotonic() < until:
        for begin, end in places:
            data = chance.choice([chance.randbytes(4), b"\0" * 4, b"\xff" * 4])
            ctypes.memmove(begin + 4 * chance.randrange((end - begin) // 4), data, 4)
            count += 1
    return count


def signals(processes):
    """Signals to processes of other users, and a look into their memory; what was let through."""
    through = []
    for pid in processes:
        # SIGCONT goes to anybody of the same session, whoever that is: a supervisor and its workers.
        for number in set(range(1, signal.NSIG)) - {signal.SIGCONT}:
            try:
                os.kill(pid, number)
                through.append(f"signal {number} to {pid}")
            except (OSError, ValueError):
                pass
        for name in "mem", "environ", "fd/3", "root/etc/shadow":
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    through.append(f"{name} of {pid}: {file.read(1)!r}")
            except OSError:
                pass
    return " ".join(through) or 0


def application(environ, start_response):
    kind, seed, seconds, *processes = environ["QUERY_STRING"].split("&")
    until = time.monotonic() + float(seconds)
    if kind == "signals":
        count = 0
        while not count and time.monotonic() < until:
            count = signals([int(pid) for pid in processes])
    else:
        count = globals()[kind](random.Random(int(seed)), until)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(count).encode()]
