#!/bin/sh
# Makes .venv from the committed lock file: with uv where it is on the PATH, with the standard library's venv
# and pip where it is not. Does nothing when the environment already matches the lock.
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
if command -v uv >/dev/null 2>&1; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "$python" "$venv"
    VIRTUAL_ENV=$venv uv pip install --quiet --require-hashes -r requirements.lock
    # The two local packages are built with the locked build backend, not with one fetched unpinned.
    VIRTUAL_ENV=$venv uv pip install --quiet --no-deps --no-build-isolation -e . -e synapse-module
else
    [ -x "$venv/bin/pip" ] || "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e synapse-module
fi
printf '%s' "$want" > "$stamp"
