# SPDX-License-Identifier: MIT
"""Half a minute of one fault after another, dealt by a die: stops, deafness and muteness of a worker, kills with another in place, a master that stands still."""

import os
import random
import time

from cluster import Cluster
from courier import Courier
from harness import signal, wait_for
from rig import drill

FAULTS_S = 30


def stop(c, dice, process, _):
    process.signal(signal.SIGSTOP)
    time.sleep(dice.uniform(0.5, 6))
    process.signal(signal.SIGCONT)


def replace(c, _, process, living):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    living.remove(process)
    living.append(c.stack.enter_context(c.worker(0)))


def one_way(which):
    def work(c, dice, *_):
        setattr(c.link, which, True)
        time.sleep(dice.uniform(0.5, 6))
        setattr(c.link, which, False)
    return work


def stand_still(c, dice, *_):
    stop(c, dice, c.boss, None)


KINDS = (stop, replace, one_way("is_deaf"), one_way("is_mute"), stand_still)


def mixed(report, seed):
    dice = random.Random(seed)
    with Cluster(workers=3, users=45, link=Courier(repeats=True, reorders=True)) as c:
        c.wait_for_load(400)
        living, until = list(c.workers), time.monotonic() + FAULTS_S
        while time.monotonic() < until:
            dice.choice(KINDS)(c, dice, dice.choice(living), living)
            time.sleep(dice.uniform(0, 4))
        report.back(time.monotonic(), c.is_right, within=10)
        before = c.seen()
        wait_for(lambda: c.loads(before, 400), "load of all")
        report.end(c, workers=living)


for one in range(1, 5):
    drill(f"faults of all kinds for half a minute, seed {one}")(lambda report, one=one: mixed(report, one))
