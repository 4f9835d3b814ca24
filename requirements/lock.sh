#!/bin/sh
# Lock versions, with hashes: `make lock`, or with options for uv: `requirements/lock.sh --upgrade`.
#
# The versions are resolved once, so that they agree in all files; each file then holds what its
# level adds to those before it. lowest.lock has the lowest versions that pyproject.toml allows.
set -eu
cd "$(dirname "$0")/.."

compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-annotate --no-emit-index-url --no-emit-find-links \
        pyproject.toml --group build "$@" >/dev/null
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# uv keeps the versions of an output file that exists, unless it is told to upgrade.
cat requirements/service.lock requirements/postgres.lock requirements/redis.lock \
    requirements/aws.lock requirements/apprise.lock requirements/dev.lock requirements/bench.lock >"$folder/all" 2>/dev/null || true
compile --all-extras "$@" --output-file "$folder/all"

# Writes LEVEL.lock: what the extras so far and EXTRA... need, without what is locked already.
extras=""
: >"$folder/before"
add_level() {
    level=$1
    shift
    for extra in "$@"; do extras="$extras --extra $extra"; done
    # shellcheck disable=SC2086 # a list of words
    compile $extras --constraint "$folder/all" --output-file "$folder/level"
    awk -v before="$folder/before" '
        BEGIN { while ((getline line <before) > 0) locked[line] }
        /^[^ ]/ { known = ($0 in locked) }
        !known' "$folder/level" >"requirements/$level.lock"
    cat "requirements/$level.lock" >>"$folder/before"
    rm "$folder/level"
}
add_level service service
add_level postgres postgres
add_level redis redis
add_level aws aws
add_level apprise apprise
add_level dev llm httpx httpx2 aiohttp botocore dev
add_level bench bench

compile --extra service --extra postgres --extra redis --extra apprise --extra llm --extra httpx --extra httpx2 \
    --extra aiohttp --extra botocore --extra aws --group floors --resolution lowest-direct \
    --output-file "$folder/lowest"
cp "$folder/lowest" requirements/lowest.lock
