#!/bin/sh
# Installs what the tests talk to, where it is not there yet. Needs apt and either root or sudo.
set -eu

missing=""
need() { # command-or-path package
    if ! command -v "$1" >/dev/null 2>&1 && [ ! -e "$1" ]; then missing="$missing $2"; fi
}
need chromium chromium
need swaks swaks
need openssl openssl
need curl curl
need /usr/sbin/dovecot dovecot-imapd
need /usr/share/fonts/truetype/dejavu fonts-dejavu-core
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need:$missing. Install them with your system's package manager." >&2
    exit 1
fi
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -qq -y --no-install-recommends $missing >/dev/null
