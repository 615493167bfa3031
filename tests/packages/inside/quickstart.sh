# The commands of README.md, "Quick start", as they are written there: each part on a system that the part before has left.
# shellcheck shell=bash disable=SC2164
# Nobody answers questions here.
sudo() { if [ "$1" = apt-get ]; then command apt-get -y "${@:2}"; else "$@"; fi; }
start_apache
mkdir /srv/quick
cp /try/packages/*-1_*.deb /try/packages/*.whl /srv/quick/
cp /try/inside/app.py /srv/quick/
cd /srv/quick

# commands HEADING: the indented lines below it. What serves runs in the background, and what asks it tries until it answers.
commands() {
    awk -v heading="### $1" '/^#/ { here = $0 == heading } here' /try/repository/README.md |
        sed -n 's/^    //p' | sed -E '/mod-wsgi serve/ s/$/ > \/run\/serve.log 2>\&1 \&/; s/^(curl .*)/until_true 20 \1 -sfo \/dev\/null || { cat \/run\/serve.log; false; }/'
}
# Building is for machines with compilers.
headings=$(awk '/^## / { here = $0 == "## Quick start" } here && sub(/^### /, "")' /try/repository/README.md | grep -v '^Without packages$')
[ "$(wc -l <<< "$headings")" -ge 4 ]
while IFS= read -r heading; do
    echo "--- $heading"
    commands "$heading" > /run/commands
    [ -s /run/commands ]
    # shellcheck source=/dev/null
    . /run/commands < /dev/null
    for job in $(jobs -p); do
        kill "$job"
        wait "$job" || true
    done
    echo "seen: $heading: as written"
done <<< "$headings"
