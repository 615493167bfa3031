# The .deb takes the place of Debian's libapache2-mod-wsgi-py3, and the site that ran with that goes on.
# shellcheck shell=bash disable=SC2154
start_apache
install_deb libapache2-mod-wsgi-py3
cp -r /try/inside/mysite /srv/mysite
python3 -m venv /srv/venv
/srv/venv/bin/pip install -q Django
cat > /etc/apache2/conf-available/mysite.conf << 'END'
WSGIPythonHome /srv/venv
WSGIPythonPath /srv/mysite
WSGIDaemonProcess mysite processes=2 threads=5 python-home=/srv/venv python-path=/srv/mysite
WSGIScriptAlias /daemon /srv/mysite/mysite/wsgi.py process-group=mysite application-group=%{GLOBAL}
WSGIScriptAlias /embedded /srv/mysite/mysite/wsgi.py process-group=%{GLOBAL} application-group=%{GLOBAL}
<Directory /srv/mysite/mysite>
    Require all granted
</Directory>
END
a2enconf -q mysite
service apache2 restart
serves
echo '# of the administrator' >> /etc/apache2/mods-available/wsgi.conf

install_deb -o Dpkg::Options::=--force-confold "$deb"
grep -q 'of the administrator' /etc/apache2/mods-available/wsgi.conf
until_true 10 has_installed_module
serves
apache2ctl configtest
# Purging what is left of the other package takes the module out of Apache, whosever it is: docs/packages.md says so.
apt-get purge -y -qq libapache2-mod-wsgi-py3
a2enmod -q wsgi
apache2ctl configtest
service apache2 reload
serves
