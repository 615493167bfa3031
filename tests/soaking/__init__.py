"""Parts of tests/soak."""

import time


class Failed(Exception):
    pass


def until(what, probe, seconds=30):
    """What `probe` yields once it is something."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)
