#!/bin/sh
# Install the checkout and what is locked for it: requirements/install.sh VENV LEVEL...
#
# A level is the name of a lock file in this folder. VENV is created with $PYTHON (default:
# python3) when it does not exist. Levels that it has already stay, at the versions now locked.
# Nothing is resolved (--no-deps), so what is published later cannot change what is installed.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "$1" >&2; exit 1; }

venv=$1
shift
installed=$venv/.costmon-levels
before=$(cat "$installed" 2>/dev/null || true)
levels=$before
for level; do
    [ -f "requirements/$level.lock" ] || fail "there is no requirements/$level.lock"
    case " $levels " in *" $level "*) ;; *) levels="${levels:+$levels }$level" ;; esac
done
if [ "$levels" = "$before" ] &&
    [ -z "$(find requirements pyproject.toml -newer "$installed")" ]; then
    exit 0
fi

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "costmon needs Python 3.11 or newer; name one: make setup PYTHON=python3.11"
    "$python" -c 'import ensurepip, venv' ||
        fail "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"
    "$python" -m venv --clear "$venv"
fi

locks=""
for level in $levels; do locks="$locks --requirement requirements/$level.lock"; done
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
# shellcheck disable=SC2086 # a list of words
pip install --quiet --no-deps --require-hashes $locks
pip install --quiet --no-deps --no-build-isolation --editable .
conflicts=$(pip check 2>/dev/null) ||
    fail "$conflicts
the packages in $venv do not fit together; remove it (make clean) and run this again"
echo "$levels" >"$installed"
