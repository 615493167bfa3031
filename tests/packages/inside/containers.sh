# The container files, line by line, as far as that goes without a builder of images: what they install, copy and run. The packages of
# their base images are those of this system.
# shellcheck shell=bash disable=SC2154
# Nothing can be fetched here: apt has the lists and packages of this system.
export APT_CONFIG=/run/apt.conf
echo 'Acquire::Retries "0";' > "$APT_CONFIG"

serve() { # serve URL TEXT: the last line that a container file has led to
    # Apache opens its standard error by name.
    install -m 666 /dev/null /run/container.log
    bash -c "$(cat /run/container.sh)" > /run/container.log 2>&1 &
    server=$!
    until_true 20 answers "$1" "$2" || { cat /run/container.log; false; }
}
end() {
    kill "$server"
    wait "$server" || [ $? = 143 ]
}

# Ours, for an application.
mkdir /srv/project
cp /try/packages/*.whl /srv/project/
cp /try/inside/app.py /srv/project/wsgi.py
echo Django > /srv/project/requirements.txt
cp /try/repository/packaging/container/app.Containerfile /srv/project/
cp -r /var/lib/apt/lists /run/lists
python3 /try/inside/containerfile.py /srv/project/app.Containerfile /srv/project > /run/container.sh
serve http://localhost:8000/ Hello
head -n 1 /run/container.log | grep -q '^Serving wsgi.py at http://'
answers http://localhost:8000/healthz ok
end
echo "seen: app.Containerfile: every line"

# Those that were written for mod_wsgi-express: only the line with pip is another.
cp -r /run/lists /var/lib/apt/
cp -r /try/inside/mysite /srv/express
touch /srv/express/with-command
echo 'STATIC_URL, STATIC_ROOT = "/static/", "/srv/express-static"' >> /srv/express/mysite/settings.py
mkdir -p /srv/express-static
echo 'body {}' > /srv/express-static/site.css
cp /try/packages/*.whl /srv/express/
echo Django > /srv/express/requirements.txt
while IFS= read -r last; do
    rm -rf /srv/venv /app
    cat > /run/Containerfile << END
FROM debian
RUN python3 -m venv /srv/venv
ENV PATH=/srv/venv/bin:$PATH
COPY requirements.txt mod_wsgi-*.whl /tmp/
RUN pip install --no-cache-dir -r /tmp/requirements.txt /tmp/mod_wsgi-*.whl
WORKDIR /app
COPY . /app
RUN mod_wsgi-express module-config > /etc/apache2/mods-available/wsgi_express.load
EXPOSE 8000
$last
END
    python3 /try/inside/containerfile.py /run/Containerfile /srv/express > /run/container.sh
    case $last in
    *hello*) serve http://localhost:8000/ Hello ;;
    *) serve http://localhost:8000/ "the end" ;;
    esac
    case $last in *runmodwsgi*) answers http://localhost:8000/static/site.css body ;; esac
    end
    rm -rf /tmp/mod_wsgi-localhost*
    echo "seen: $last"
done << 'END'
CMD ["mod_wsgi-express", "start-server", "mysite/wsgi.py", "--log-to-terminal", "--startup-log"]
CMD ["mod_wsgi-express", "start-server", "--log-to-terminal", "--port", "8000", "--user", "www-data", "--group", "www-data", "--application-type", "module", "mysite.wsgi"]
CMD ["mod_wsgi-express", "start-server", "/app/mysite/wsgi.py", "--processes", "2", "--threads", "5", "--url-alias", "/static", "/srv/express-static", "--log-to-terminal"]
CMD ["python", "-W", "ignore", "manage.py", "runmodwsgi", "--port=8000", "--log-to-terminal", "--reload-on-changes"]
CMD ["python", "-m", "mod_wsgi.express.cli", "start-server", "--application-type", "module", "mod_wsgi.diagnostics.hello", "--log-to-terminal"]
END

# Ours, for the image httpd:2.4; what that image has is made first.
# shellcheck source=/dev/null
. /try/inside/httpd-base.sh
cp -r /run/lists /var/lib/apt/
mkdir -p /srv/site
cp /try/inside/app.py /srv/site/app.wsgi
python3 /try/inside/containerfile.py /try/repository/packaging/container/httpd.Containerfile /try/packages > /dev/null
"$root/bin/httpd" -t
"$root/bin/httpd" -k start
until_true 10 answers http://localhost/ Hello
"$root/bin/httpd" -k stop
until_true 10 fails test -e "$root/logs/httpd.pid"
echo "seen: httpd.Containerfile: every line"
