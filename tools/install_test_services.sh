#!/bin/sh
# What some tests run beside the gateway (Redis, Prometheus, ...), as Debian packages: install_test_services.sh PACKAGE...
# Installs what is missing where it may, and else says what to install. Never fails: such tests skip, and say so.
missing=""
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

say() {
    echo "tests that need$missing will be skipped; to run them: apt-get install$missing"
    exit 0
}

command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ] || say
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # one word each
install() { apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1; }
install || { apt-get update -qq >/dev/null 2>&1 && install; } || say
