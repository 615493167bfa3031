# What the image httpd:2.4 has, one ServerRoot in /usr/local/apache2: an httpd of httpd.org, if there is one for these tests, else the
# distribution's program with that layout.
# shellcheck shell=bash
root=/usr/local/apache2
if [ -d /try/httpd.org/usr/local/apache2 ]; then
    cp -a /try/httpd.org/usr/local/apache2 "$root"
    echo 'ServerName localhost' >> "$root/conf/httpd.conf"
    "$root/bin/httpd" -v | head -n 1 | sed 's/^/seen: built as httpd.org does: /'
else
    mkdir -p "$root"/{bin,conf,modules,logs,htdocs}
    printf '#!/bin/sh\nexec /usr/sbin/apache2 -d %s -f conf/httpd.conf "$@"\n' "$root" > "$root/bin/httpd"
    chmod 755 "$root/bin/httpd"
    ln -s /usr/lib/apache2/modules/*.so "$root/modules/"
    cat > "$root/conf/httpd.conf" << 'END'
ServerRoot /usr/local/apache2
ServerName localhost
Listen 80
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule alias_module modules/mod_alias.so
User www-data
Group www-data
PidFile logs/httpd.pid
DefaultRuntimeDir logs
ErrorLog logs/error_log
DocumentRoot htdocs
END
fi
