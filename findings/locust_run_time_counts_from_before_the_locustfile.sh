#!/usr/bin/env bash
# Locust 2.47.0 (gevent 26): a locustfile that computes while it is loaded takes that time off --run-time.
#
# The end of a headless test is set with gevent's spawn_later, and a gevent timer counts from the loop's own
# notion of now: the moment of its last look at the clock, here before the locustfile was loaded. With 3 s
# of computing at the top of the file, -t 8s is a test of some 5 s, and -t 2s is over at once with a request
# or two. (Importing Locust itself counts too: that is missing in the first line below.) Nothing says so; the
# exit code is 0. gevent's manual tells of the clock that stands still (Hub.loop.update_now, or update=True
# for a timer); Locust does not use it. A locustfile that sleeps instead of computing is not affected:
# sleeping runs the loop.
#
# Output seen (the times vary by some tenths of a second):
#   gevent             26.9.0
#   locust             2.47.0
#   -t 8s, nothing computed: the test took 7.14 s
#   -t 8s, 3 s computed at the top of the locustfile: the test took 4.13 s
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check locust==2.47.0 gevent==26.9.0
cd "$work"
cat >locustfile.py <<'PY'
import os
import time

from locust import User, constant, events, task

end = time.perf_counter() + float(os.environ["COMPUTE"])
while time.perf_counter() < end:  # stands for tables built or a model loaded
    pass


class Visitor(User):
    wait_time = constant(0.1)

    @task
    def page(self):
        events.request.fire(request_type="X", name="page", response_time=1, response_length=0, context={}, exception=None)


@events.test_start.add_listener
def started(**_):
    global begin
    begin = time.perf_counter()


@events.test_stop.add_listener
def stopped(**_):
    print(f"took {time.perf_counter() - begin:.2f}", flush=True)
PY
took() {
  COMPUTE=$1 timeout 60 venv/bin/locust -f locustfile.py --headless -u 1 -t 8s 2>log.txt | sed -n 's/^took //p'
}
idle=$(took 0)
computed=$(took 3)
venv/bin/pip list --disable-pip-version-check 2>/dev/null | grep -E '^(locust|gevent) '
echo "-t 8s, nothing computed: the test took $idle s"
echo "-t 8s, 3 s computed at the top of the locustfile: the test took $computed s"
python3 -c "import sys; sys.exit(not (float(sys.argv[1]) - float(sys.argv[2]) > 2 and float(sys.argv[2]) < 6))" "$idle" "$computed" || { echo "this has changed"; exit 1; }
