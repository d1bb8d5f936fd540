# SPDX-License-Identifier: MIT
# root.sh, to be sourced: a bare root by debootstrap, as root, and checks that are counted. SUITE names the release, else it is the one of
# this machine; MIRROR its mirror; COMPONENTS its parts. Sets root, and for Debian's or Ubuntu's apt what this machine says of proxies.
# shellcheck shell=bash disable=SC2034
[ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null || { echo "${0##*/}: needs root and debootstrap"; exit 1; }
# shellcheck source=/dev/null
suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
case $suite in
noble) mirror=${MIRROR:-http://archive.ubuntu.com/ubuntu} components=${COMPONENTS:-main,universe} ;;
*) mirror=${MIRROR:-http://deb.debian.org/debian} components=${COMPONENTS:-main} ;;
esac
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
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

debootstrap --variant=minbase --components="$components" "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -5 "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/"
cp /etc/apt/apt.conf.d/*prox* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
# README's first example, with the command katydid of the PATH.
cat >"$root/root/example.sh" <<'END'
cd /root/files
python3 _shop.py --errors 0 >/tmp/shop.log & shop=$!
trap 'kill $shop' EXIT
until grep -q listening /tmp/shop.log; do kill -0 $shop && sleep 0.1; done
url=$(sed 's/.* //' /tmp/shop.log)
katydid -f ecommerce.py -H "$url" --headless -u 10 -r 10 -t 5s --processes 2 --json-file /tmp/out --html /tmp/report.html
END
