# Process 1 of a system: what scenarios share, then the scenario. A command that fails ends it, and so the system.
# shellcheck shell=bash
set -Eeuo pipefail
trap 'echo "failed: line $LINENO of ${BASH_SOURCE[0]}: $BASH_COMMAND" >&2' ERR
cd /root
packages=/try/packages
# shellcheck disable=SC2034  # for scenarios
deb=$(echo "$packages"/*-1_*.deb) deb2=$(echo "$packages"/*-2_*.deb)

# What a person types on a whole machine.
sudo() { "$@"; }
systemctl() { service "$2" "$1"; }

# until SECONDS COMMAND...: waits for it to succeed.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "did not become true: $*" >&2; return 1; }
        sleep 0.1
    done
}

# answers URL TEXT: whether the page has it.
answers() { curl -sf --max-time 10 "$1" 2> /dev/null | grep -qF -- "$2"; }

# fails COMMAND...: for what must not succeed (bash goes on after a failed `! command`).
fails() { if "$@"; then return 1; fi; }

install_deb() { apt-get install -y -qq --no-install-recommends "$@"; }

# The Django project, once in Apache's children and once in a process group.
make_site() {
    cp -r /try/inside/mysite /srv/mysite
    python3 -m venv /srv/venv
    /srv/venv/bin/pip install -q Django
    cat > /etc/apache2/conf-available/mysite.conf << 'END'
WSGIPythonHome /srv/venv
WSGIDaemonProcess mysite processes=2 threads=5 user=www-data group=www-data python-home=/srv/venv display-name=%{GROUP}
WSGIDjangoAlias /daemon /srv/mysite process-group=mysite application-group=%{GLOBAL}
WSGIDjangoAlias /embedded /srv/mysite process-group=%{GLOBAL} application-group=%{GLOBAL}
<Directory /srv/mysite>
    Require all granted
</Directory>
END
}

serves() {
    local python
    python=$(python3 -c 'import platform; print(platform.python_version())')
    until_true 20 answers http://localhost/embedded/ "embedded $python"
    until_true 20 answers http://localhost/daemon/ "mysite $python"
}

start_apache() {
    mkdir -p /run/apache2
    service apache2 start
    until_true 10 curl -s -o /dev/null http://localhost/
}
apache() { cat /run/apache2/apache2.pid; }
# Whether every process of the running server has the files of the module that are installed now.
has_installed_module() {
    local inode pid
    inode=$(stat -c %i /usr/lib/apache2/modules/mod_wsgi.so)
    for pid in $(apache) $(pgrep -P "$(apache)"); do
        awk -v inode="$inode" '$6 ~ /\/mod_wsgi.so/ && $5 != inode { old = 1 } $5 == inode { new = 1 } END { exit old || !new }' \
            "/proc/$pid/maps" || return 1
    done
}

# shellcheck source=/dev/null
. "/try/inside/$1.sh"
echo "$1: done"
