# The .deb on a server that runs: install, a Django project in both modes, graceful, upgrade under requests.
# shellcheck shell=bash disable=SC2154
start_apache
before=$(apache)
install_deb "$deb"
until_true 10 has_installed_module
a2query -m wsgi
make_site
a2enconf -q mysite
apache2ctl configtest
service apache2 reload
serves

python3 /try/inside/requests.py /embedded/ /daemon/ > /run/requests 2>&1 &
client=$!
until_true 20 test -e /run/running
apache2ctl graceful
serves
install_deb "$deb2"
until_true 20 has_installed_module
serves
touch /run/enough
wait "$client" || { cat /run/requests; tail -n 30 /var/log/apache2/error.log; false; }
echo "seen: graceful and upgrade under requests: $(head -n 1 /run/requests)"
[ "$(apache)" = "$before" ] # never restarted
fails grep -E 'WSGI[0-9]{4}|\[(crit|alert|emerg)\]' /var/log/apache2/error.log
