#!/usr/bin/env bash
# Unpacks Debian's mpm_itk.so for the tests and prints its path. It is not installed: the package would switch the
# machine's own Apache to it.
set -euo pipefail
. "$(dirname "$0")/place.sh"

dir=$(place itk /var/tmp/mod_wsgi-itk)
module=$dir/usr/lib/apache2/modules/mpm_itk.so
if [ ! -e "$dir/.done" ]; then
    mkdir -p "$dir"
    (cd "$dir" && apt-get download -qq libapache2-mpm-itk 2> /dev/null && dpkg -x libapache2-mpm-itk_*.deb .)
    chmod -R go+rX "$dir"
    touch "$dir/.done"
fi
echo "$module"
