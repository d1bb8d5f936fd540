#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh FOLDER VERSION: makes FOLDER/katydid_VERSION_ARCH.deb of what `make install` put into FOLDER/root.
#
# By dpkg-dev alone. What the programs are linked with becomes Depends by dpkg-shlibdeps, so that the package is for the release
# it was made on. Byte code is not in it: py3compile makes it where the package is installed.
# DEBFULLNAME and DEBEMAIL name the maintainer, SOURCE_DATE_EPOCH the time of every file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
cd "$1"
version=$2
command -v dpkg-shlibdeps >/dev/null || { echo 'make deb: dpkg-dev is missing: apt-get install dpkg-dev'; exit 1; }
arch=$(dpkg --print-architecture)
when=${SOURCE_DATE_EPOCH:-$(git -C "$tree" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH="$when"
who="${DEBFULLNAME:-The Katydid authors} <${DEBEMAIL:-katydid@localhost.localdomain}>"
doc=root/usr/share/doc/katydid

find root -name __pycache__ -prune -exec rm -rf {} +
find root -type f \( -perm -100 -o -name '*.so' \) -exec sh -c 'head -c4 "$1" | grep -q ELF && strip --strip-unneeded -R .comment -R .note "$1"' _ {} \; || true

install -d root/usr/lib/systemd/system root/usr/lib/sysusers.d root/etc/default root/usr/share/lintian/overrides
install -m 644 "$here"/../systemd/*.service root/usr/lib/systemd/system/
install -m 644 "$here"/../systemd/katydid.sysusers root/usr/lib/sysusers.d/katydid.conf
install -m 644 "$here"/../systemd/katydid.default root/etc/default/katydid
install -m 644 "$here"/lintian-overrides root/usr/share/lintian/overrides/katydid

rm -f $doc/LICENSE
{ printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: katydid\n\nFiles: *\n'
  sed -n 's/^Copyright (c) /Copyright: /p' "$tree/LICENSE"
  echo 'License: Expat'
  sed -n '/^Permission/,$p' "$tree/LICENSE" | sed 's/^$/./; s/^/ /'; } >$doc/copyright
printf 'katydid (%s) unstable; urgency=medium\n\n  * CHANGES.md has what changed.\n\n -- %s  %s\n' \
    "$version" "$who" "$(LC_ALL=C date -u -R -d "@$when")" | gzip -9n >$doc/changelog.gz
gzip -9nf root/usr/share/man/man1/*.1

mkdir -p work/debian root/DEBIAN
printf 'Source: katydid\n\nPackage: katydid\nArchitecture: any\n' >work/debian/control
so=$(find root/usr/lib/python3 -name '_katydid*.so')
libraries=$(cd work && dpkg-shlibdeps -O -e../root/usr/bin/katydid -e../root/usr/bin/katydid-worker "-e../$so" 2>shlibdeps.log) ||
    { cat work/shlibdeps.log; exit 1; }
minor=$(/usr/bin/python3 -c 'import sys; print(sys.version_info[1])')
modules='python3-gevent, python3-greenlet, python3-requests, python3-charset-normalizer, python3-msgpack, python3-brotli'
cat >root/DEBIAN/control <<END
Package: katydid
Version: $version
Architecture: $arch
Maintainer: $who
Installed-Size: $(du -sk --exclude=DEBIAN root | cut -f1)
Depends: ${libraries#shlibs:Depends=}, python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), $modules
Recommends: python3-flask, python3-flask-login, ca-certificates, python3-venv
Suggests: python3-pytest, systemd
Conflicts: python3-locust
Section: net
Priority: optional
Description: load tests in Python, with Locust's API on an engine in C
 Katydid runs Locust's test files unchanged. Users and tasks are Python,
 as greenlets on one event loop; the HTTP client, the statistics and the
 web dashboard are written in C. Several workers, also on other machines,
 make the load of one test.
 .
 The services katydid-master and katydid-worker@ are installed disabled.
END
echo /etc/default/katydid >root/DEBIAN/conffiles
for script in postinst prerm postrm; do install -m 755 "$here/$script" root/DEBIAN/; done
(cd root && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find root -type d -exec chmod 755 {} +
find root -newermt "@$when" -exec touch -h -d "@$when" {} +
rm -f katydid_*.deb
dpkg-deb --root-owner-group -Zxz -b root "katydid_${version}_$arch.deb" >work/dpkg-deb.log
echo "  DEB   $1/katydid_${version}_$arch.deb"
