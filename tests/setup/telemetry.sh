#!/usr/bin/env bash
# Makes an environment with mod_wsgi-telemetry, which receives telemetry, and prints its directory. Ends with 77 if the
# package index does not have the package, or there is no way to the index.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
dir=$repo/target/telemetry

mkdir -p "$repo/target"
exec 9> "$repo/target/telemetry.lock"
flock 9
if ! [ -e "$dir/.done" ]; then
    rm -rf "$dir"
    python3 -m venv "$dir" >&2
    "$dir/bin/pip" install --quiet --disable-pip-version-check mod_wsgi-telemetry==1.1.0 >&2 || exit 77
    touch "$dir/.done"
fi
echo "$dir"
