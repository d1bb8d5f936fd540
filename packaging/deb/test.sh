#!/bin/bash
# SPDX-License-Identifier: MIT
# test.sh PACKAGE LOCUSTFILES: installs the package in a bare root, runs the sample shop under load with it, removes and purges it, and
# looks for what is left. As root, with debootstrap; SUITE names the release, else it is the one of this machine.
# The last line is "N passed, N failed".
set -euo pipefail
package=$(readlink -f "$1") files=$(readlink -f "$2")
# shellcheck source=/dev/null
suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
[ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null || { echo 'make deb-test: needs root and debootstrap'; exit 1; }
root=$(mktemp -d) passed=0 failed=0
cleanup() {
    umount "$root/proc" "$root/dev" 2>/dev/null || true
    mountpoint -q "$root/proc" || mountpoint -q "$root/dev" || rm -rf "$root"
}
trap cleanup EXIT
within() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy=$http_proxy} "$@"; }
check() { # WHAT COMMAND …
    local what=$1 log=$root/tmp/log
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1)) && echo "ok      $what"
    else
        failed=$((failed + 1)) && echo "FAILED  $what" && tail -20 "$log"
    fi
}
left() { ! find "$root" -xdev -path "$root/root" -prune -o -path "$root/tmp" -prune -o -path "$root/var/cache" -prune -o -path "$root/var/log" -prune -o \
    \( -iname '*katydid*' -o -iname '*locust*' \) -print | grep .; }

debootstrap --variant=minbase "$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 || { tail -5 "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/"
cp /etc/apt/apt.conf.d/*prox* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp "$package" "$root/root/katydid.deb"
cp -r "$files" "$root/root/files"
cat >"$root/root/example.sh" <<'END'
cd /root/files
python3 _shop.py --errors 0 >/tmp/shop.log & shop=$!
trap 'kill $shop' EXIT
until grep -q listening /tmp/shop.log; do kill -0 $shop && sleep 0.1; done
url=$(sed 's/.* //' /tmp/shop.log)
katydid -f ecommerce.py -H "$url" --headless -u 10 -r 10 -t 5s --processes 2 --json-file /tmp/out --html /tmp/report.html
END
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
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
