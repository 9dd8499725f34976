#!/bin/sh
# Makes .venv from the committed lock file, with uv: the one on the PATH, or the one that the lock file names. Where uv
# cannot be had, with pip, which takes three times as long. Does nothing when the environment already matches the lock.
set -eu
cd "$(dirname "$0")/.."

venv=${NIGHTLIGHT_VENV:-.venv}
stamp="$venv/.installed-from"
want=$(cat requirements.lock pyproject.toml synapse-module/pyproject.toml | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && "$venv/bin/python" -c 'import nightlight' 2>/dev/null; then
    exit 0
fi

python=${PYTHON:-python3}
"$python" - <<'CHECK' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"Nightlight needs Python 3.11 or newer; this is {sys.version.split()[0]}. Set PYTHON=/path/to/python3.11.")
CHECK

echo "Installing into $venv from requirements.lock (this needs the network, once) ..." >&2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    only_uv=$(mktemp)
    trap 'rm -f "$only_uv"' EXIT
    awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements.lock > "$only_uv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$only_uv" &&
        uv="$venv/bin/uv" || echo "uv cannot be had here; going on with pip ..." >&2
fi

with_uv() {
    [ -n "$uv" ] &&
        VIRTUAL_ENV=$venv "$uv" pip install --quiet --compile-bytecode --require-hashes -r requirements.lock &&
        VIRTUAL_ENV=$venv "$uv" pip install --quiet --no-deps --no-build-isolation -e . -e synapse-module
}
with_pip() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    # The two local packages are built with the locked build backend, not with one fetched unpinned.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
        -e . -e synapse-module
}
with_uv || with_pip
printf '%s' "$want" > "$stamp"
