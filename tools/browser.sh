#!/bin/sh
# Chromium and its driver, for the test that opens a report in a browser. Installs what is missing
# by Debian's packages, as root or by a sudo that asks for nothing; else says what to do.
set -eu

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    echo "chromium and chromedriver are there"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "install chromium and chromedriver with this system's packages, both on PATH" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "not root: run  sudo apt-get install chromium chromium-driver" >&2
    exit 1
fi
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium chromium-driver
