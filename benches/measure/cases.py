"""What is measured, and what we want to reach."""

from dataclasses import dataclass, field

BROWSER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
    "Referer": "http://localhost/some/page?with=query&and=more",
    "Cookie": "sessionid=0123456789abcdef0123456789abcdef; csrftoken=fedcba9876543210fedcba9876543210",
    "Cache-Control": "max-age=0",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "DNT": "1",
}

# Which figure a target is about.
RATE = "requests/s, ours / peer"
P99 = "p99, ours / peer"
IDEAL = "requests/s, ours / ideal"


@dataclass(frozen=True, eq=False)
class Case:
    name: str
    path: str
    connections: int
    size: int  # bytes in a right answer
    about: str
    target: float
    metric: str = RATE
    headers: dict = field(default_factory=dict)
    post_bytes: int = 0
    large: bool = False  # answers are so large that wrk would be what is measured
    beside: str = ""  # a path that one more client asks for all the time
    ideal: float = 0  # requests/s with no overhead at all

    def reached(self, value):
        return value <= self.target if self.metric == P99 else value >= self.target

    def wanted(self):
        return f"{'≤' if self.metric == P99 else '≥'} {self.target:g}"


CASES = [
    Case("hello-1", "/hello", 1, 12, "12 bytes, 1 connection", 1.15),
    Case("hello-16", "/hello", 16, 12, "12 bytes, 16 connections", 2.2),
    Case("headers-16", "/hello", 16, 12, "the same with ten headers of a browser", 1.8, headers=BROWSER_HEADERS),
    Case("bytes-64k", "/bytes_64k", 16, 65536, "64 KiB from one bytes object", 1.8),
    Case("stream-512k", "/stream_512k", 16, 524288, "512 KiB in 64 chunks from a generator", 1.2),
    Case("post-64k", "/post", 16, 5, "64 KiB of body, read whole", 1.5, post_bytes=65536),
    Case("file-4m", "/file_4m", 4, 4194304, "4 MiB through wsgi.file_wrapper", 1.2, large=True),
    # A round of 2 s ends within a sleep: up to one in forty is not counted.
    Case("sleep-25", "/sleep_50ms", 25, 12, "50 ms asleep, one connection per thread", 0.95, IDEAL, ideal=500),
    Case("beside-cpu", "/hello", 4, 12, "12 bytes beside a CPU-bound request", 1.0, P99, beside="/cpu_200ms"),
]

# The interpreter a case runs in: its URL prefix, and what it is.
GROUPS = {"main": "main interpreter (%{GLOBAL})", "sub": "sub-interpreter"}
