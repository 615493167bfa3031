"""A client for large answers: reads a MiB at a time, where wrk reads 8 KiB and would itself be what is measured.

Prints what wrk.lua prints: python3 download.py URL CONNECTIONS SECONDS
"""

import json
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

BUFFER = 1 << 20


def fetch(connection, request, buffer):
    """One answer with Content-Length; returns the number of its body's bytes."""
    connection.sendall(request)
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(4096)
        if not data:
            raise ConnectionError("closed before an answer")
        head += data
    head, _, body = head.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    if " 200 " not in status:
        raise ConnectionError(status)
    length = int(next(line.split(":")[1] for line in lines if line.lower().startswith("content-length:")))
    got = len(body)
    while got < length:
        count = connection.recv_into(buffer)
        if not count:
            raise ConnectionError("closed within an answer")
        got += count
    return got


def client(address, request, stop, times, sizes):
    buffer = bytearray(BUFFER)
    with socket.create_connection(address) as connection:
        while time.monotonic() < stop:
            begun = time.monotonic()
            sizes.append(fetch(connection, request, buffer))
            times.append(time.monotonic() - begun)


def main(url, connections, seconds):
    parts = urlsplit(url)
    address = (parts.hostname, parts.port)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    times, sizes = [], []
    begun = time.monotonic()
    arguments = (address, request, begun + seconds, times, sizes)
    threads = [threading.Thread(target=client, args=arguments) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    times.sort()

    def percentile(share):
        return times[min(len(times) - 1, int(len(times) * share))] * 1e6 if times else 0

    print(
        "@"
        + json.dumps(
            {
                "requests": len(times),
                "seconds": took,
                "bytes": sum(sizes),
                "p50_us": percentile(0.5),
                "p99_us": percentile(0.99),
                "errors": "",
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
