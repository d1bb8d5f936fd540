#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh: the test of a step of a pipeline, told by variables: FILE, HOST, USERS, RATE, TIME, GATES (may be empty), PROCESSES, INVALID
# (false: a measurement that was not valid does not fail), ARGS (more options, split at spaces). RESULTS is the folder for its files. The exit code is the test's.
set -uo pipefail
results=${RESULTS:-load-test}
mkdir -p "$results" || exit 74
words=(-f "$FILE" -H "$HOST" --headless -u "$USERS" -r "$RATE" -t "$TIME" --processes "$PROCESSES"
    --html "$results/report.html" --junit "$results/junit.xml" --summary "$results/summary.json")
[ -z "${GATES-}" ] || words+=(--thresholds "$GATES")
[ "${INVALID-}" = false ] || words+=(--fail-on-invalid)
read -r -a more <<<"${ARGS-}"
katydid "${words[@]}" ${more[@]+"${more[@]}"}
code=$?
[ -z "${GITHUB_OUTPUT-}" ] || printf 'exit-code=%s\nresults=%s\n' "$code" "$results" >>"$GITHUB_OUTPUT"
exit $code
