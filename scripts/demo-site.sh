# Sourced by run-demo: which application is served (choose_application), and the files of the demo site (prepare_demo).
# shellcheck shell=bash disable=SC2034,SC2154

die() {
    echo "run-demo: $*" >&2
    exit 1
}

# Runs a command as the user Apache's children will have.
as_child() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid www-data --regid www-data --clear-groups "$@"
    else
        "$@"
    fi
}

# Sets script, project, venv, site and mounts. An empty script means the demo site.
choose_application() {
    script='' mounts=mounts site=$repo/demo
    if [ -z "${APP:-}" ]; then
        # Children that cannot enter the clone get a copy.
        [ "$base" = "$repo/target" ] || site=$state/site
        project=$site/django_site
        venv=$("$repo/scripts/venv")
        return
    fi

    [ -e "$APP" ] || die "APP=$APP does not exist; give the path of a WSGI script or of a Django project's directory"
    script=$(realpath "$APP")
    mounts=app
    if [ -d "$script" ]; then
        project=$script
        [ -f "$project/manage.py" ] ||
            die "$project has no manage.py, so it is no Django project; name the WSGI script itself"
        local found=("$project"/*/wsgi.py)
        [ -f "${found[0]}" ] || die "$project has no <package>/wsgi.py; name the WSGI script itself"
        [ ${#found[@]} = 1 ] || die "$project has several wsgi.py; name the one to run: ${found[*]}"
        script=${found[0]}
    else
        project=$(dirname "$script")
        # The wsgi.py of a Django project imports from one directory further up.
        [ ! -f "$project/../manage.py" ] || project=$(dirname "$project")
    fi
    case $script in
        *[:\"\\]*) die "a path with a colon, a quote or a backslash cannot be configured: $script" ;;
    esac
    as_child test -r "$script" ||
        die "$(as_child id -un), the user of Apache's children, cannot read $script; run this as its owner, or move it"
    choose_venv
}

choose_venv() {
    local dir
    for dir in "${VENV:-}" "$project/.venv" "$project/venv"; do
        [ -n "$dir" ] || continue
        if [ -f "$dir/pyvenv.cfg" ]; then
            venv=$(realpath "$dir")
            as_child test -x "$venv/bin/python" ||
                die "Apache's children cannot run $venv/bin/python; move it, or set VENV="
            return
        fi
        [ "$dir" != "${VENV:-}" ] || die "VENV=$VENV is no virtual environment (it has no pyvenv.cfg)"
    done
    venv=$("$repo/scripts/venv")
}

manage() {
    (cd "$state" && DEMO_STATE=$state "$@")
}

# Makes what the demo site needs: a copy of it if the children cannot enter the clone, database, admin, static files.
prepare_demo() {
    local python=("$venv/bin/python" -B "$site/django_site/manage.py")
    if [ "$site" != "$repo/demo" ]; then
        rm -rf "$site"
        cp -R "$repo/demo" "$site"
        chmod -R go+rX "$site"
    fi
    mkdir -p "$state/data" "$state/static"
    chmod 700 "$state/data"
    if ! [ -e "$state/data/secret-key" ]; then
        (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$state/data/secret-key")
    fi
    [ "$(id -u)" != 0 ] || chown -R www-data:www-data "$state/data"

    echo "Preparing the Django project: database, admin user, static files ..."
    manage as_child "${python[@]}" migrate --verbosity 0
    if ! [ -e "$state/data/admin-made" ]; then
        manage as_child env DJANGO_SUPERUSER_PASSWORD=admin "${python[@]}" createsuperuser \
            --no-input --username admin --email admin@localhost > /dev/null
        as_child touch "$state/data/admin-made"
    fi
    manage "${python[@]}" collectstatic --no-input --verbosity 0
}
