# Sourced by the other set-up scripts: decides where things that Apache's unprivileged children must read are put.
#
#   place NAME FALLBACK   prints the directory for NAME: <repo>/target/NAME if www-data can enter it, else FALLBACK.
#
# A clone often lives below a home directory closed to others (0700), so /var/tmp is the second choice.
# shellcheck shell=bash

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Runs a command as the user Apache's children run as; without root there is no such user to become.
as_www_data() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid www-data --regid www-data --clear-groups "$@"
    else
        "$@"
    fi
}

place() {
    mkdir -p "$repo/target"
    if as_www_data test -x "$repo/target"; then
        echo "$repo/target/$1"
    else
        echo "$2"
    fi
}
