# The wheel in a virtual environment, without compiler and headers: every way to use it.
# shellcheck shell=bash
fails command -v cc
fails command -v apxs
python3 -m venv /srv/venv
find /srv/venv -type f ! -name '*.pyc' | sort > /run/before
/srv/venv/bin/pip install -q /try/packages/mod_wsgi-*.whl
bin=/srv/venv/bin

cat > /srv/app.py << 'END'
def application(environ, start_response):
    import sys

    import mod_wsgi
    import mod_wsgi.express

    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"served by {mod_wsgi.version} in {sys.prefix}\n".encode()]
END

# As a user without a name, who can write nowhere but in /tmp.
anybody() { setpriv --reuid 12345 --regid 12345 --clear-groups env HOME=/nonexistent "$@"; }

# Apache opens its standard error by name, so the file is this user's.
install -o 12345 /dev/null /run/serve.log
began=$(date +%s%N)
anybody "$bin/mod-wsgi" serve /srv/app.py --port 8001 > /run/serve.log 2>&1 &
server=$!
until_true 10 answers http://localhost:8001/ "in /srv/venv" || { cat /run/serve.log; false; }
took=$((($(date +%s%N) - began) / 1000000))
echo "seen: mod-wsgi serve answered after $took ms"
[ "$took" -lt 3000 ]
head -n 1 /run/serve.log | grep -q 'http://.*:8001/'
kill "$server"
wait "$server" || [ $? = 143 ]

# Line by line into a configuration, and as a file of Apache's.
"$bin/mod-wsgi" module-location | grep -q '^/srv/venv/.*/mod_wsgi/modules/mod_wsgi.so$'
"$bin/mod_wsgi-express" module-config > /etc/apache2/mods-available/wsgi-of-venv.load
a2enmod -q wsgi-of-venv
# Embedded mode loads it; `serve` did without.
python=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
install_deb "lib$python"
make_site
/srv/venv/bin/pip install -q Django
a2enconf -q mysite
start_apache
serves
service apache2 stop

# From Python, and from Django.
"$bin/python" -m mod_wsgi --version
"$bin/python" -c 'import mod_wsgi; assert not hasattr(mod_wsgi, "version"), "it is what programs tell the server by"'
"$bin/python" -W error -c 'import mod_wsgi.express.cli'
touch /srv/mysite/with-command
"$bin/python" -W ignore /srv/mysite/manage.py runmodwsgi --port 8002 --log-to-terminal > /run/runmodwsgi.log 2>&1 &
server=$!
until_true 10 answers http://localhost:8002/ "the end" || { cat /run/runmodwsgi.log; false; }
kill "$server"
wait "$server" || [ $? = 143 ]

# A file that is no module, watched as mod_wsgi-express has it.
cat > /srv/tracking.wsgi << 'END'
import os

from mod_wsgi.express.reloader import track_changes

track_changes("/srv/tracked.txt")


def application(environ, start_response):
    with open("/srv/tracked.txt") as file:
        text = file.read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {text}".encode()]
END
echo first > /srv/tracked.txt
install -o 12345 /dev/null /run/tracking.log
anybody "$bin/mod_wsgi-express" start-server /srv/tracking.wsgi --port 8003 --reload-on-changes --log-to-terminal \
    --server-root /tmp/tracking --working-directory /srv > /run/tracking.log 2>&1 &
server=$!
until_true 10 answers http://localhost:8003/ first || { cat /run/tracking.log; false; }
old=$(curl -s http://localhost:8003/)
echo second > /srv/tracked.txt
is_replaced() { answers http://localhost:8003/ second && [ "$(curl -s http://localhost:8003/ | cut -d' ' -f1)" != "${old%% *}" ]; }
until_true 15 is_replaced || { cat /run/tracking.log; false; }
kill "$server"
wait "$server" || [ $? = 143 ]

"$bin/pip" uninstall -q -y mod_wsgi Django asgiref sqlparse
find /srv/venv -type f ! -name '*.pyc' | sort > /run/after
diff /run/before /run/after
