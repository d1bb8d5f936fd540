#!/bin/sh
# check.sh CC: names everything that the build needs and does not find, before anything is compiled.
set -u
cc=$1
missing=

lacks() {
    missing="$missing
    $1"
}

has_module() {
    for name in "$@"; do
        pkg-config --exists "$name" && return 0
    done
    return 1
}

${cc} --version >/dev/null 2>&1 || lacks "a C compiler: $cc"
if command -v pkg-config >/dev/null; then
    for module in libevent libevent_pthreads libevent_openssl libzmq jansson libcurl openssl zlib libbrotlidec libzstd libnghttp2 sqlite3 libpq; do
        has_module "$module" || lacks "the C library $module with its headers (pkg-config does not know it)"
    done
    has_module msgpack-c msgpack || lacks "the C library msgpack-c with its headers (pkg-config does not know it)"
else
    lacks "pkg-config"
fi
if ${cc} --version >/dev/null 2>&1; then
    echo '#include <snappy-c.h>' | ${cc} -E - >/dev/null 2>&1 || lacks "the header snappy-c.h (Snappy)"
    echo '#include <civetweb.h>' | ${cc} -E - >/dev/null 2>&1 || lacks "the header civetweb.h (CivetWeb)"
fi
[ -z "$missing" ] && exit 0
printf '\nThe build needs what is not here:\n%s\n\nInstall it, then run make again.\n\n' "$missing"
exit 1
