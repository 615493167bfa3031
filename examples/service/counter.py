"""Runs for as long as the server: counts, and writes the number into a file, whole or not at all."""

import os
import time

PLACE = "state/count"  # below home=


def write(text):
    with open(PLACE + ".new", "w") as file:
        file.write(text)
    os.replace(PLACE + ".new", PLACE)


count = 0
try:
    while True:
        count += 1
        write(f"{count}\n")
        time.sleep(0.5)
finally:
    # SIGTERM raises SystemExit here: the place to finish what has been begun.
    write(f"stopped at {count}\n")
