#!/usr/bin/env bash
# Installs the original mod_wsgi from PyPI, the other subject of the compliance tests, into a virtual environment of
# Debian's own python, and prints the path of its Apache module. It is only ever run, never read.
#
# PATH is cut down while building: with another python first in PATH the build links against that one's libpython.
set -euo pipefail
. "$(dirname "$0")/place.sh"

version=6.1.1
# What `mod_wsgi-express --application-type paste` serves.
paste=3.1.0
venv=$(place peer /var/tmp/mod_wsgi-peer)

module() {
    find "$venv" -path '*/mod_wsgi/server/mod_wsgi-py3*.so' 2>/dev/null | head -1
}

if [ "$(cat "$venv/.done" 2>/dev/null || true)" != "$version" ]; then
    rm -rf "$venv"
    PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/bin/python3 -m venv "$venv" >&2
    PATH=/usr/sbin:/usr/bin:/sbin:/bin "$venv/bin/pip" install --quiet --no-input "mod_wsgi==$version" >&2
    chmod -R go+rX "$venv"
    [ -n "$(module)" ] || { echo "peer.sh: mod_wsgi $version built no Apache module" >&2; exit 1; }
    echo "$version" > "$venv/.done"
fi
if [ "$(cat "$venv/.paste" 2>/dev/null || true)" != "$paste" ]; then
    "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check "PasteDeploy==$paste" >&2
    chmod -R go+rX "$venv"
    echo "$paste" > "$venv/.paste"
fi
module
