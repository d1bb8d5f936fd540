#!/bin/bash
# SPDX-License-Identifier: MIT
# test.sh FOLDER TAG TOOLS LOCUSTFILES: what auditwheel (in the environment TOOLS) says of FOLDER's wheel for the Python TAG (cp311); installs
# it with pip in a virtual environment of a bare root that has Python and nothing else (../root.sh), with what it depends on, runs the
# sample shop under load, and looks for what is left after pip uninstall. The last line is "N passed, N failed".
set -euo pipefail
tag=$2 tools=$(readlink -f "$3") files=$(readlink -f "$4")
wheel=$(find "$(readlink -f "$1")" -name "katydid-*-$tag-$tag-*.whl")
[ -e "$wheel" ] || { echo "make wheel-test: no wheel for $tag in $1: make wheel"; exit 1; }
. "$(dirname "$0")/../root.sh"
python=python3.${tag#cp3}
says() { # WHAT TEXT: auditwheel's word, which it wraps
    PATH=$tools/bin:$PATH auditwheel show "$wheel" | tee /dev/stderr | tr '\n' ' ' | grep -q "$1"
}
tagged() {
    local platform=${wheel##*-}
    says "following platform tag: \"${platform%.whl}\""
}
in_venv() { within env PATH=/root/v/bin:/usr/bin:/bin "$@"; }
left() { ! find "$root/root/v" \( -iname '*katydid*' -o -iname '*locust*' \) -print | grep .; }

check 'auditwheel finds the tag that the name has' tagged
check 'and no library that the system has to bring' bash -c '! unzip -l "$1" | grep -q libpython' _ "$wheel"
within apt-get update -qq >/dev/null
cp "$wheel" "$root/root/"
if ! within apt-get install -y --no-install-recommends "$python" "$python-venv" >"$root/tmp/log" 2>&1; then
    echo "$suite has no $python, and a wheel is for one Python"
    within apt-get install -y --no-install-recommends python3-venv >"$root/tmp/log" 2>&1
    within python3 -m venv /root/v
    check 'pip of its own Python refuses the wheel in words' within sh -c '/root/v/bin/pip install --no-index /root/*.whl 2>&1 | grep "not a supported wheel"'
    finish
    exit
fi
mkdir "$root/root/wheels"
cp -r "$files" "$root/root/files"
"$tools/bin/pip" download -q --disable-pip-version-check --only-binary :all: --python-version "3.${tag#cp3}" -d "$root/root/wheels" "$wheel"
within "$python" -m venv /root/v
check 'pip installs it, with what it depends on' in_venv pip install --no-index --find-links /root/wheels katydid
check 'what it depends on agrees' in_venv pip check
check 'no shared library is missing' in_venv sh -c '! find /root/v/lib -path "*katydid*" -type f \( -name "*.so*" -o -path "*/bin/katydid" \) | xargs -n1 ldd | grep "not found"'
check 'it says its version, and whose Python runs' in_venv sh -c "katydid --version | grep 'Python 3.${tag#cp3}' && katydid-worker --version"
check "README's first example" in_venv bash -e /root/example.sh
check 'the report is there' within grep -q '<html' /tmp/report.html
check 'import locust, and a plug-in finds the distribution' in_venv python -c 'from locust import HttpUser; import importlib.metadata as m; m.version("locust")'
check 'without activation, as a pipeline calls it' within /root/v/bin/katydid -f /root/files/ecommerce.py --list
check 'python -m locust' in_venv python -m locust --version
check 'a program moved away from its Python says what is to be done' in_venv sh -c '/root/v/lib/python3*/site-packages/katydid_boot/bin/katydid-worker --version 2>&1 | grep "pip put beside python"'
check 'pip uninstalls it' in_venv pip uninstall -y katydid
check 'nothing is left' left
finish
