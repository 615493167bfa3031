"""Makes requests, four at a time, each on a connection of its own, until the file /run/enough is there or 90 s have passed.
Prints how many were made, and what went wrong; fails if anything did."""

import http.client
import os
import sys
import threading
import time

failures: list[str] = []
made = [0]
end = time.monotonic() + 90


def client(path: str) -> None:
    while time.monotonic() < end and not os.path.exists("/run/enough"):
        try:
            connection = http.client.HTTPConnection("localhost", timeout=30)
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or not body.endswith(b"the end\n"):
                failures.append(f"{path}: {answer.status} {body[-60:]!r}")
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{path}: {error!r}")
        made[0] += 1
        if made[0] == 50:
            open("/run/running", "w").close()
        time.sleep(0.005)


threads = [threading.Thread(target=client, args=(path,)) for path in sys.argv[1:] for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{made[0]} requests, {len(failures)} failed", *failures[:10], sep="\n")
sys.exit(bool(failures) or made[0] < 100)
