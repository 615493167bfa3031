#!/bin/sh
# Written by mod-wsgi. Starts and stops this site: start, stop, restart, graceful, graceful-stop, configtest; other words go
# to Apache as they are.
@ENVIRONMENT@
own=@OWN@
# Whether nobody else may have written what is in that file.
is_safe() {
    @UNLESS@
    # shellcheck disable=SC2046
    set -- "$(id -u)" $(ls @LOOK@ "$own")
    case $2 in
        -????-??-*) [ "$4" = 0 ] || [ "$4" = "$1" ] ;;
        *) false ;;
    esac
}
if [ -f "$own" ] || [ -L "$own" ]; then
    if ! is_safe; then
        echo "$0: the script $own for the environment is not read; make it a file of root or of yourself that nobody else may" \
            'write to (chown, chmod go-w; a link only where --envvars-script names it), or remove it' >&2
        exit 1
    fi
    # shellcheck source=/dev/null
    . "$own"
fi

httpd() {
    exec @HTTPD@ -d @ROOT@ -f @CONFIG@ "$@"
}

case ${1:-} in
    start | stop | restart | graceful | graceful-stop)
        action=$1
        shift
        httpd -k "$action" "$@"
        ;;
    configtest) httpd -t ;;
    '')
        echo "usage: $0 start|stop|restart|graceful|graceful-stop|configtest" >&2
        exit 2
        ;;
    *) httpd "$@" ;;
esac
