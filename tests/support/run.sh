#!/bin/sh
# make run: the sample shop under load, with the dashboard; or the caller's own arguments.
set -eu
katydid=$1
shift
if [ $# -gt 0 ]; then
    exec "$katydid" "$@"
fi
shop_log=$(mktemp)
/usr/bin/python3 locustfiles/_shop.py >"$shop_log" &
shop=$!
trap 'kill "$shop" 2>/dev/null || true; rm -f "$shop_log"' EXIT
trap 'exit 130' INT TERM
n=0
until url=$(sed -n 's/^shop listening on //p' "$shop_log") && [ -n "$url" ]; do
    n=$((n + 1))
    [ "$n" -lt 100 ] || { echo "the sample shop did not start" >&2; exit 1; }
    sleep 0.1
done
echo "sample shop on $url; dashboard on http://127.0.0.1:8089 (Ctrl+C ends both)"
"$katydid" -f locustfiles/ecommerce.py -H "$url" --autostart -u 50 -r 5
