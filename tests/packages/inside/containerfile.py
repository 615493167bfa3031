"""Carries out a container file line by line, in the system that it runs in: FROM is what is there already.

containerfile.py FILE CONTEXT      RUN, COPY, ENV, WORKDIR; prints for a shell what USER and CMD mean: a line that serves
"""

import glob
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

file, context = Path(sys.argv[1]), Path(sys.argv[2])
text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("#"))
user, command = "0", []
place = "/"
for line in text.replace("\\\n", " ").splitlines():
    word, _, rest = line.strip().partition(" ")
    if word in ("", "FROM", "EXPOSE"):
        continue
    print("---", line.strip(), file=sys.stderr, flush=True)
    if word == "RUN":
        subprocess.run(["/bin/sh", "-c", rest], cwd=place, check=True, stdout=sys.stderr)
    elif word == "COPY":
        *sources, target = rest.split()
        to = Path(place, target)
        for pattern in sources:
            found = glob.glob(str(context / pattern))
            assert found, f"nothing to copy: {pattern}"
            for source in found:
                if os.path.isdir(source):
                    shutil.copytree(source, to, dirs_exist_ok=True)
                else:
                    into = to.is_dir() or target.endswith("/") or len(found) + len(sources) > 2
                    shutil.copy(source, to / os.path.basename(source) if into else to)
    elif word == "ENV":
        name, _, value = rest.partition("=")
        os.environ[name] = os.path.expandvars(value)
    elif word == "WORKDIR":
        place = rest
        os.makedirs(place, exist_ok=True)
    elif word == "USER":
        user = rest
    elif word == "CMD":
        command = json.loads(rest)
    else:
        raise SystemExit(f"{word}: what does it mean?")
env = f"PATH={os.environ['PATH']}"
print(
    f"cd {shlex.quote(place)} && exec setpriv --reuid {user} --regid {user} --clear-groups env -i {env} {shlex.join(command)}"
)
