#!/bin/bash
# SPDX-License-Identifier: MIT
# test.sh PACKAGE LOCUSTFILES: installs the package in a bare root, runs the sample shop under load with it, removes and purges it, and
# looks for what is left (../root.sh). The last line is "N passed, N failed".
set -euo pipefail
package=$(readlink -f "$1") files=$(readlink -f "$2")
. "$(dirname "$0")/../root.sh"
left() { ! find "$root" -xdev -path "$root/root" -prune -o -path "$root/tmp" -prune -o -path "$root/var/cache" -prune -o -path "$root/var/log" -prune -o \
    \( -iname '*katydid*' -o -iname '*locust*' \) -print | grep .; }

cp "$package" "$root/root/katydid.deb"
cp -r "$files" "$root/root/files"
within apt-get update -qq >/dev/null
check 'it installs, with what it depends on' within apt-get install -y --no-install-recommends /root/katydid.deb
check 'it says its version' within katydid --version
check "README's first example" within bash -e /root/example.sh
check 'the report is there' within grep -q '<html' /tmp/report.html
check 'import locust, of the system'"'"'s Python' within python3 -c 'from locust import HttpUser'
check 'pages of man and completion' within test -f /usr/share/man/man1/katydid.1.gz -a -f /usr/share/bash-completion/completions/katydid
check 'byte code is made at installation' within test -d /usr/lib/katydid/pylib/locust/__pycache__
check 'no service is enabled' bash -c "! find '$root/etc/systemd' -name '*katydid*' | grep ."
check 'systemd-sysusers makes the user' within sh -c 'apt-get install -y --no-install-recommends systemd-standalone-sysusers && dpkg-reconfigure katydid && getent passwd katydid'
echo '# mine' >>"$root/etc/default/katydid"
check 'it is removed' within apt-get remove -y katydid
check 'settings outlive that' within grep -q mine /etc/default/katydid
check 'it is purged' within apt-get purge -y katydid
check 'nothing is left' left
check 'nor the user' within sh -c '! getent passwd katydid'
finish
