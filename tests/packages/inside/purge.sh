# The .deb leaves no trace: the files of the system and the contents of /etc are the same before and after.
# shellcheck shell=bash disable=SC2154
list() {
    find / -xdev \( -path /proc -o -path /dev -o -path /run -o -path /tmp -o -path /try -o -path /var/log -o -path /var/cache \
        -o -path /var/lib/apt -o -path /var/lib/dpkg -o -name __pycache__ -o -path /var/lib/apache2/module \) -prune -o -printf '%p %M %u %g %l\n' | sort
    find /etc -type f ! -name ld.so.cache -exec md5sum {} + | sort
}
# What a2dismod makes for itself is a directory without files.
notes() { find /var/lib/apache2/module -name 'wsgi*'; }
start_apache
list > /run/before
install_deb "$deb"
until_true 10 has_installed_module
mod-wsgi --version
[ -e /usr/share/man/man1/mod-wsgi.1.gz ]

# An administrator's changes stay through an upgrade and through a removal.
echo '# of the administrator' >> /etc/apache2/mods-available/wsgi.conf
install_deb "$deb2"
grep -q 'of the administrator' /etc/apache2/mods-available/wsgi.conf
apt-get remove -y -qq libapache2-mod-wsgi-rs
grep -q 'of the administrator' /etc/apache2/mods-available/wsgi.conf
[ ! -e /etc/apache2/mods-enabled/wsgi.load ]
apache2ctl configtest
curl -s -o /dev/null http://localhost/
install_deb "$deb2"
a2query -m wsgi

# What an administrator has disabled stays disabled.
a2dismod -q wsgi
install_deb --reinstall "$deb2"
fails a2query -m wsgi
apt-get purge --autoremove -y -qq libapache2-mod-wsgi-rs
apache2ctl configtest
list > /run/after
diff /run/before /run/after
[ -z "$(notes)" ]
curl -s -o /dev/null http://localhost/
