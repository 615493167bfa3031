#!/usr/bin/env bash
# Makes one virtual environment per Python version the tests run on (3.11, 3.12, 3.13), with the packages of
# requirements.txt, in a place Apache's unprivileged children can read. Prints a line per version:
#
#   3.11 /path/of/the/venv        or        3.12 missing: <why>
#
# Does nothing for a version already done. Arguments choose versions; without any, all of them.
#
# A python below pyenv usually lives in a home directory closed to others, so its tree is copied to /var/tmp first; the
# copy finds its libpython beside itself ($ORIGIN/../lib) instead of at the place it was built for.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/place.sh"

requirements=$here/../requirements.txt
venvs=$(place venvs /var/tmp/mod_wsgi-venvs)
copies=/var/tmp/mod_wsgi-pythons
pyenv_root=${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo "$HOME/.pyenv")}

# A python of this version from the distribution, if there is one.
system_python() {
    local candidate
    for candidate in "/usr/bin/python$1" "/usr/local/bin/python$1"; do
        [ -x "$candidate" ] && { echo "$candidate"; return 0; }
    done
    return 1
}

# The newest pyenv version of this series that was built with a shared libpython.
pyenv_version() {
    local dir
    for dir in $(compgen -G "$pyenv_root/versions/$1.*" | sort -Vr); do
        compgen -G "$dir/lib/libpython$1*.so.1.0" > /dev/null && { basename "$dir"; return 0; }
    done
    return 1
}

# Copies a pyenv python to where www-data can run it; prints the copy's executable.
copied_python() {
    local series=$1 version=$2 from=$pyenv_root/versions/$2 to=$copies/$2 file
    if [ ! -e "$to/.done" ]; then
        command -v patchelf > /dev/null || { echo "patchelf is not installed" >&2; return 1; }
        rm -rf "$to"
        mkdir -p "$to/bin" "$to/lib" "$to/include"
        cp -a "$from/bin/python$series" "$to/bin/"
        ln -s "python$series" "$to/bin/python3"
        cp -a "$from"/lib/libpython*.so* "$to/lib/"
        tar -C "$from/lib" --exclude=__pycache__ --exclude='python*/test' --exclude='tests' --exclude='idlelib' \
            --exclude='config-*' --exclude='site-packages/*' -cf - "python$series" | tar -C "$to/lib" -xf -
        for file in "$to/bin/python$series" "$to"/lib/libpython"$series"*.so.1.0; do
            # shellcheck disable=SC2016  # the dynamic linker expands it
            patchelf --set-rpath '$ORIGIN/../lib' "$file"
        done
        chmod -R go+rX "$copies"
        as_www_data "$to/bin/python$series" -c 'import ssl, sqlite3, ctypes, threading' >&2
        touch "$to/.done"
    fi
    # www-data cannot write there: without this every start of an application compiles what it imports.
    if [ ! -e "$to/.compiled" ]; then
        "$to/bin/python$series" -m compileall -q -j 0 "$to/lib/python$series" >&2 || true
        touch "$to/.compiled"
    fi
    echo "$to/bin/python$series"
}

# Makes the environment of one series and prints its line.
environment() {
    local series=$1 venv=$venvs/$1 python version wanted
    wanted=$(cat "$requirements")
    if [ "$(cat "$venv/.done" 2>/dev/null || true)" != "$wanted" ] || ! "$venv/bin/python" -c ''; then
        if python=$(system_python "$series"); then
            :
        elif version=$(pyenv_version "$series"); then
            python=$(copied_python "$series" "$version") || { echo "$series missing: $version could not be copied"; return; }
        else
            echo "$series missing: neither the distribution nor pyenv has it"
            return
        fi
        rm -rf "$venv"
        mkdir -p "$venvs"
        "$python" -m venv "$venv" >&2
        "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check -r "$requirements" >&2
        chmod -R go+rX "$venv"
        as_www_data "$venv/bin/python" -c 'import django, flask, werkzeug' >&2
        printf '%s' "$wanted" > "$venv/.done"
    fi
    echo "$series $venv"
}

[ $# -gt 0 ] || set -- 3.11 3.12 3.13
for series; do
    environment "$series"
done
