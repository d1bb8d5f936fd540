#!/bin/bash
# SPDX-License-Identifier: MIT
# test.sh BUILD SCHEMAS: the action and the templates by their public schemas (check-jsonschema in the environment SCHEMAS), and what
# the action runs against the sample shop: a gate that holds, one that does not. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
build=$(readlink -f "$1") schemas=$2
work=$(mktemp -d) passed=0 failed=0 shop=
trap '[ -z "$shop" ] || kill "$shop"; rm -rf "$work"' EXIT
check() { # WHAT COMMAND …
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1)) && echo "ok      $what"
    else
        failed=$((failed + 1)) && echo "FAILED  $what" && tail -20 "$work/log"
    fi
}
valid() { check "$2 ($1)" "$schemas/bin/check-jsonschema" --builtin-schema "vendor.$1" "$2"; }
ended_with() { # CODE COMMAND …
    local wanted=$1 code=0
    shift
    "$@" || code=$?
    echo "ended with $code, not $wanted"
    [ "$code" = "$wanted" ]
}
valid github-actions action.yml
valid gitlab-ci packaging/ci/gitlab.yml
valid circle-ci packaging/ci/circleci.yml

/usr/bin/python3 locustfiles/_shop.py --errors 0 >"$work/shop" &
shop=$!
until grep -q listening "$work/shop"; do kill -0 $shop || exit 1; sleep 0.1; done # who waits for it has a deadline: it listens, or ends
export PATH=$build:$PATH FILE=$PWD/locustfiles/ecommerce.py USERS=5 RATE=5 TIME=5s PROCESSES=1 ARGS='--loglevel WARNING' KATYDID_HISTORY=$work/history INVALID=false # the machine may be busy
HOST=$(sed 's/.* //' "$work/shop") RESULTS=$work/results GITHUB_OUTPUT=$work/output GATES=$work/gates.toml
export HOST RESULTS GITHUB_OUTPUT GATES
echo 'threshold = ["fail_ratio < 1%"]' >"$GATES"
check 'a gate that holds is 0' ended_with 0 packaging/ci/run.sh
check 'it leaves the report, the cases and the summary' test -s "$RESULTS/report.html" -a -s "$RESULTS/junit.xml" -a -s "$RESULTS/summary.json"
check 'it tells the workflow where' grep -q "^results=$RESULTS" "$GITHUB_OUTPUT"
echo 'threshold = ["count > 1000000"]' >"$GATES"
check 'a gate that does not hold is 99' ended_with 99 packaging/ci/run.sh
check 'install.sh leaves a Katydid that is there' packaging/ci/install.sh /nowhere
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
