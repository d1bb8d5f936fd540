#!/bin/bash
# health.sh [page]: is this container's Katydid well? Where the dashboard listens it must answer, whatever it says.
#
# A worker and a test without a page have none to ask, and are well while they run. `page` says that there must be one.
port=${LOCUST_WEB_PORT:-8089}
mapfile -d '' -t words </proc/1/cmdline
for i in "${!words[@]}"; do
    case ${words[i]} in
    --web-port | -P) port=${words[i + 1]} ;;
    --web-port=*) port=${words[i]#*=} ;;
    -P?*) port=${words[i]#-P} ;;
    esac
done
if ! exec 3<>"/dev/tcp/127.0.0.1/$port"; then
    [ "${1-}" != page ]
    exit
fi 2>/dev/null
printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 5 -N 1 <&3
[ $? -le 128 ] # above: no byte and no end within 5 s. A page that speaks TLS hangs up, which is an answer.
