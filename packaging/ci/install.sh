#!/bin/bash
# SPDX-License-Identifier: MIT
# install.sh FROM: makes `katydid` a command of this machine (Debian 12 or 13, Ubuntu 24.04): of a .deb, of a wheel (in an environment of its
# own, as those systems let pip change none of theirs), or of a folder with the sources.
# One that is there already is left as it is.
set -euo pipefail
from=$1
if command -v katydid >/dev/null; then
    katydid --version
    exit
fi
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
case $from in
*.deb)
    as_root apt-get update -qq
    as_root apt-get install -y -qq "$(readlink -f "$from")"
    ;;
*.whl)
    as_root python3 -m venv /opt/katydid
    as_root /opt/katydid/bin/pip install -q --disable-pip-version-check "$(readlink -f "$from")"
    as_root ln -sf /opt/katydid/bin/katydid /opt/katydid/bin/katydid-worker /usr/local/bin/
    ;;
*)
    make -C "$from" PYTHON=/usr/bin/python3
    as_root make -C "$from" install PYTHON=/usr/bin/python3 LIBRARY=0
    ;;
esac
katydid --version
