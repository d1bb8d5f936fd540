#!/bin/sh
# packages.sh PACKAGE…: installs those that are missing (Debian, Ubuntu). a|b stands for the first that there is.
#
# One call of apt-get, with its progress shown. Where it may not install, it ends with the one command that
# would. Other systems get nothing installed: check.sh tells what is missing there.
set -u
command -v dpkg-query >/dev/null || exit 0
LOG=build/apt.log
mkdir -p build

is_installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Of the names a|b|c the one to install; nothing when one is there already.
choose() {
    names=$(echo "$1" | tr '|' ' ')
    for name in $names; do
        is_installed "$name" && return
    done
    for name in $names; do
        # a name that others provide (chromium on Ubuntu, which is a snap) is shown as nothing, and as a success
        apt-cache show "$name" 2>/dev/null | grep -q "^Package: $name$" && break
    done
    echo "$name"
}

list_missing() {
    missing=
    for package in "$@"; do
        missing="$missing $(choose "$package")"
    done
    echo $missing # unquoted: single spaces
}

# apt's own status lines, "pmstatus:package:percent:text", as one line that is written over, or a line each fifth.
show_progress() {
    last=-1
    while IFS=: read -r kind _ percent _; do
        case $kind in
        dlstatus) what="downloading" ;;
        pmstatus) what="installing" ;;
        *) continue ;;
        esac
        percent=${percent%%[.,]*}
        if [ -t 1 ]; then
            printf '\r  APT   %s %3d %%  ' "$what" "$percent"
        elif [ "$what $((percent / 20))" != "$last" ]; then
            echo "  APT   $what, $percent %"
        fi
        last="$what $((percent / 20))"
    done
    [ ! -t 1 ] || printf '\r%40s\r' ''
}

# As root, whose shell opens the status pipe: sudo closes every other one. The result is that of the first part
# of the pipeline, in a shell that has no pipefail.
install() {
    result=$(mktemp)
    {
        $sudo sh -c 'exec apt-get install -y -q --no-install-recommends -o APT::Status-Fd=3 "$@" 3>&1 >>'$LOG' 2>&1' sh "$@"
        echo $? >"$result"
    } | show_progress
    code=$(cat "$result")
    rm -f "$result"
    return "$code"
}

missing=$(list_missing "$@")
[ -n "$missing" ] || exit 0
command="apt-get update && apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" = 0 ]; then
    sudo="env DEBIAN_FRONTEND=noninteractive"
elif command -v sudo >/dev/null; then
    sudo="sudo env DEBIAN_FRONTEND=noninteractive"
    command="sudo sh -c '$command'"
else
    printf '\nThese packages are missing, and there is no sudo to install them with: %s\n\n' "$missing"
    printf 'As root, run this, then make again:\n\n    %s\n\n' "$command"
    exit 1
fi
echo "  APT   $missing"
$sudo apt-get update -q >$LOG 2>&1
missing=$(list_missing "$@") # a bare machine knows no names before
install $missing && exit 0
tail -5 $LOG
printf '\nThe packages could not be installed (%s has all of it). Run this, then make again:\n\n    %s\n\n' "$LOG" "$command"
exit 1
