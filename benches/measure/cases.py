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

# Which figure a target is about: ours divided by the other's, or by the best there could be.
RATE, CPU, P99, IDEAL = "ratio", "CPU ratio", "p99 ratio", "of ideal"

# Of benches/page.py: who comes there, and how long the answer is.
SESSION = {"Cookie": "sessionid=0123456789abcdefghijklmnopqrstuv"}
PAGE = 1658

MODES = ("embedded", "daemon")


@dataclass(frozen=True)
class Target:
    value: float
    metric: str = RATE
    against: str = "peer"

    def reached(self, value):
        return value <= self.value if self.metric in (CPU, P99) else value >= self.value

    def wanted(self):
        return f"{self.metric} {'≤' if self.metric in (CPU, P99) else '≥'} {self.value:g}"


@dataclass(frozen=True, eq=False)
class Case:
    name: str
    path: str
    connections: int
    size: int  # bytes in a right answer
    about: str
    targets: dict  # mode → its targets; in a mode that is missing the case is not measured
    headers: dict = field(default_factory=dict)
    post_bytes: int = 0
    large: bool = False  # answers are so large that wrk would be what is measured
    beside: str = ""  # a path that one more client asks for all the time
    ideal: float = 0  # requests/s with no overhead at all

    def against(self, mode, subject):
        """The targets that this subject sets. The peer is measured even where it sets none."""
        return [target for target in self.targets[mode] if target.against == subject]

    def concerns(self, mode, subject):
        return subject in ("ours", "peer") or bool(self.against(mode, subject))


def wanted(embedded=None, daemon=None):
    """Targets by mode; a number is a ratio to the peer's requests/s."""
    given = {"embedded": embedded, "daemon": daemon}
    return {
        mode: [target if isinstance(target, Target) else Target(target) for target in targets]
        for mode, targets in given.items()
        if targets is not None
    }


NOT_SLOWER = Target(1, RATE, "granian")
MUCH_FASTER = Target(1.5, RATE, "granian")
# A round of 2 s ends within a sleep: up to one in forty is not counted.
ALMOST = Target(0.95, IDEAL)

CASES = [
    Case("hello-1", "/hello", 1, 12, "12 bytes, 1 connection", wanted([1.15], [3, NOT_SLOWER])),
    Case(
        "hello-16",
        "/hello",
        16,
        12,
        "12 bytes, 16 connections",
        wanted([2.2], [2.2, Target(0.45, CPU), Target(1, P99), NOT_SLOWER]),
    ),
    Case(
        "headers-16",
        "/hello",
        16,
        12,
        "the same with ten headers of a browser",
        wanted([1.8], []),
        headers=BROWSER_HEADERS,
    ),
    Case("bytes-64k", "/bytes_64k", 16, 65536, "64 KiB from one bytes object", wanted([1.8], [2])),
    Case("stream-512k", "/stream_512k", 16, 524288, "512 KiB in 64 chunks from a generator", wanted([1.2], [1.3])),
    Case("post-64k", "/post", 16, 5, "64 KiB of body, read whole", wanted([1.5], [1.8]), post_bytes=65536),
    Case("file-4m", "/file_4m", 4, 4194304, "4 MiB through wsgi.file_wrapper", wanted([1.2], [3]), large=True),
    Case("sleep-25", "/sleep_50ms", 25, 12, "50 ms asleep, one connection per thread", wanted([ALMOST]), ideal=500),
    Case(
        "sleep-15", "/sleep_50ms", 15, 12, "50 ms asleep, one connection per thread", wanted(None, [ALMOST]), ideal=300
    ),
    Case("flask-8", "/json", 8, 1152, "20 rows as JSON from Flask", wanted([1.5], [1.7])),
    Case("django-8", "/page", 8, PAGE, "a page of Django", wanted([1.7], [1.7, MUCH_FASTER]), headers=SESSION),
    Case("django-5ms-8", "/page/5", 8, PAGE, "the same, 5 ms asleep", wanted([1], [1.3]), headers=SESSION),
    Case("django-50ms-15", "/page/50", 15, PAGE, "the same, 50 ms asleep", wanted([0.97], [0.97]), headers=SESSION),
    Case(
        "django-cpu-8",
        "/page",
        8,
        PAGE,
        "the page beside a CPU-bound request",
        wanted(None, [1]),
        headers=SESSION,
        beside="/cpu_200ms",
    ),
    Case(
        "beside-cpu",
        "/hello",
        4,
        12,
        "12 bytes beside a CPU-bound request",
        wanted([Target(1, P99)]),
        beside="/cpu_200ms",
    ),
]

# The interpreter a case runs in: its URL prefix, and what it is.
GROUPS = {"main": "main interpreter (%{GLOBAL})", "sub": "sub-interpreter"}
