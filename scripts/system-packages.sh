#!/bin/sh
# The Debian packages that the tests use: a PostgreSQL server (the store's tests run on it as well as on SQLite),
# Chromium (the console and the report page are tested in a real browser), OpenSSL (it plays a time-stamp authority),
# Java (Spark runs on it), and Pango with a font (they draw the pages of a referral). As root on Debian or Ubuntu they are
# installed; anywhere else the one command to type is printed, and the tests that need them are left out by name.
set -eu

missing=""
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="$missing chromium"
command -v java >/dev/null 2>&1 || missing="$missing openjdk-17-jre-headless"
libraries=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
for library in libpango-1.0.so.0:libpango-1.0-0 libpangoft2-1.0.so.0:libpangoft2-1.0-0 \
    libharfbuzz-subset.so.0:libharfbuzz-subset0; do
    case $libraries in *"${library%%:*}"*) ;; *) missing="$missing ${library#*:}" ;; esac
done
[ -f /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing="$missing fonts-dejavu-core"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian packages:$missing ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "Some tests will be left out. To run them all, type:" >&2
    echo "    sudo apt-get install -y$missing" >&2
    [ "${CI:-}" = true ] && exit 1
fi
exit 0
