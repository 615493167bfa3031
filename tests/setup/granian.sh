#!/usr/bin/env bash
# Installs granian from PyPI, which benches/run measures daemon mode against too, into a virtual environment of Debian's
# own python, and prints the path of that environment.
set -euo pipefail
. "$(dirname "$0")/place.sh"

version=2.8.7
venv=$(place granian /var/tmp/mod_wsgi-granian)

if [ "$(cat "$venv/.done" 2>/dev/null || true)" != "$version" ]; then
    rm -rf "$venv"
    PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/bin/python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check "granian==$version" >&2
    chmod -R go+rX "$venv"
    echo "$version" > "$venv/.done"
fi
echo "$venv"
