# The archive in an httpd with the layout of httpd.org and of the image httpd:2.4: one ServerRoot, /usr/local/apache2.
# shellcheck shell=bash disable=SC2154
# shellcheck source=/dev/null
. /try/inside/httpd-base.sh
mkdir /opt/archive
python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall("/opt/archive")' /try/packages/*-linux-x86_64.tar.xz
python=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
install_deb "lib$python"

install=$(echo /opt/archive/*/install-httpd)
"$install" "$root"
"$install" "$root"
[ "$(grep -c 'Include conf/extra/httpd-wsgi.conf' "$root/conf/httpd.conf")" = 1 ]
"$root/bin/httpd" -t
mkdir -p /srv/site
cp /opt/archive/*/examples/hello/hello.wsgi /srv/site/app.wsgi
"$root/bin/httpd" -k start
until_true 10 answers http://localhost/ "Hello from localhost"
"$root/bin/httpd" -k graceful
until_true 10 answers http://localhost/ "Hello from localhost"

# Into the directory of a package, for a server that is not running here.
mkdir -p "/opt/dest$root/conf"
cp "$root/conf/httpd.conf" "/opt/dest$root/conf/"
"$install" "$root" /opt/dest
[ -e "/opt/dest$root/modules/mod_wsgi.so" ]
fails "$install" /nowhere

# The command finds that server and its modules.
"$root/bin/httpd" -k stop
until_true 10 fails test -e "$root/logs/httpd.pid"
install -m 666 /dev/null /run/serve.log
HTTPD=$root/bin/httpd mod-wsgi serve /srv/site/app.wsgi --port 8001 > /run/serve.log 2>&1 &
server=$!
until_true 10 answers http://localhost:8001/ "Hello from localhost" || { cat /run/serve.log; false; }
kill "$server"
wait "$server" || [ $? = 143 ]
