"""Writes dispatch_*.json: what stock Locust's UsersDispatcher deals, step by step.

Run with the Python of an environment that has Locust installed:
    VENV/bin/python tests/unit/golden/make_dispatch.py tests/unit/golden
A case is {"classes": [[name, weight, fixed_count]], "workers": [id],
"ramps": [{"users", "rate", "classes": [name] or null, "steps": most steps to take or null,
"pause", "maps": [[counts of each class by name for each worker in the order of "workers"]]}]}.
In dispatch_workers.json a case is {"classes", "workers", "steps": [[what is done ..., the step after it:
{worker: counts of each class by name} or null for none]]}, done being "aim" (users, rate), "go" (nothing),
"add" or "remove" (a worker).
"""

import json
import random
import sys

import gevent

pauses = []

gevent.sleep = lambda seconds=0: pauses.append(seconds)

from locust import User  # noqa: E402
from locust.dispatch import UsersDispatcher  # noqa: E402
from locust.runners import WorkerNode  # noqa: E402


def run_case(classes, workers, ramps):
    made = [type(n, (User,), {"weight": w, "fixed_count": f}) for n, w, f in classes]
    by_name = {c.__name__: c for c in made}
    names = sorted(by_name)
    nodes = [WorkerNode(w) for w in workers]
    dispatcher = UsersDispatcher(nodes, made)
    done = []
    for users, rate, chosen, steps in ramps:
        dispatcher.new_dispatch(users, rate, [by_name[n] for n in chosen] if chosen else None)
        maps = []
        for dealt in dispatcher:
            maps.append([[dealt[w][n] for n in names] for w in workers])
            if steps is not None and len(maps) >= steps:
                break
        done.append({"users": users, "rate": rate, "classes": chosen, "steps": steps,
                     "pause": dispatcher._wait_between_dispatch, "maps": maps})
    return {"classes": classes, "workers": workers, "ramps": done}


def fixed_cases():
    yield [["A", 5, 0], ["B", 1, 0]], ["h_1"], [(12, 1, None, None), (3, 2, None, None), (9, 1, None, None)]
    yield [["A", 1, 0]], ["h_1", "h_2", "h_3"], [(4, 1, None, None), (3, 1, None, None), (7, 2, None, None)]
    yield [["A", 1, 0], ["B", 1, 3], ["C", 2, 1]], ["a_1", "a_2", "b_1"], [
        (10, 2.4, None, None), (2, 3, None, None), (8, 0.5, None, None), (0, 50, None, None), (5, 1, None, None)]
    yield [["A", 0, 2], ["B", 0, 1]], ["w_1", "w_2"], [(10, 1, None, None), (1, 1, None, None), (10, 5, None, None)]
    yield [["A", 0.1, 0], ["B", 2.75, 0], ["C", 0.333, 0]], ["x_1", "y_1", "x_2", "z"], [
        (60, 7, None, None), (60, 7, None, None), (31, 9.5, None, None)]
    yield [["A", 1, 0], ["B", 3, 0], ["C", 2, 2]], ["m_1", "m_2"], [
        (20, 4, None, 2), (6, 2, ["A", "C"], None), (25, 3, ["B"], None), (30, 100, ["A", "B", "C"], None)]


def random_cases(seed):
    rng = random.Random(seed)
    for _ in range(30):
        classes = []
        for name in rng.sample("ABCDEFGHIJ", rng.randint(1, 6)):
            fixed = rng.choice([0, 0, 0, rng.randint(1, 6)])
            classes.append([name, rng.choice([1, 1, 2, 3, 10, round(rng.uniform(0.05, 4), 3)]), fixed])
        workers = [f"{rng.choice(['n', 'n1', 'other-host', 'z'])}_{rng.randrange(10**6):06d}"
                   for _ in range(rng.randint(1, 7))]
        ramps = []
        for _ in range(rng.randint(2, 5)):
            chosen = None
            if rng.random() < 0.25:
                chosen = rng.sample([c[0] for c in classes], rng.randint(1, len(classes)))
            ramps.append((rng.randint(0, 90), rng.choice([0.3, 1, 2, 2.5, 7, 10.9, 40]), chosen,
                          rng.choice([None, None, rng.randint(1, 6)])))
        yield classes, workers, ramps


def run_changes(classes, workers, changes):
    made = [type(n, (User,), {"weight": w, "fixed_count": f}) for n, w, f in classes]
    names = sorted(c.__name__ for c in made)
    nodes = {w: WorkerNode(w) for w in workers}
    dispatcher = UsersDispatcher(list(nodes.values()), made)
    done = []
    for what, *args in changes:
        if what == "aim":
            dispatcher.new_dispatch(*args)
        elif what == "add":
            nodes[args[0]] = WorkerNode(args[0])
            dispatcher.add_worker(nodes[args[0]])
        elif what == "remove":
            dispatcher.remove_worker(nodes[args[0]])
        dealt = next(dispatcher, None)
        done.append([what, *args, dealt and {w: [dealt[w][n] for n in names] for w in sorted(dealt)}])
    return {"classes": classes, "workers": workers, "steps": done}


def random_changes(seed):
    rng = random.Random(seed)
    for _ in range(30):
        classes = [[name, rng.choice([1, 1, 2, 5, 0.7]), rng.choice([0, 0, 0, rng.randint(1, 4)])]
                   for name in rng.sample("ABCDEF", rng.randint(1, 4))]
        classes.append(["Z", 1, 0])  # there is always somebody to start
        pool = [f"{rng.choice('mn')}_{number}" for number in range(8)]
        there = pool[:rng.randint(1, 4)]
        began, gone, changes, users = list(there), pool[len(there):], [], 0
        for _ in range(rng.randint(2, 4)):
            before, users, rate = users, rng.randint(0, 60), rng.choice([1, 2.5, 7, 12])
            changes.append(("aim", users, rate))
            for _ in range(-(-abs(users - before) // max(1, int(rate)))):  # and one step too many
                what = rng.choice(["go", "go", "go", "add", "remove"])
                if what == "remove" and len(there) > 1:
                    gone.append(there.pop(rng.randrange(len(there))))
                    changes.append((what, gone[-1]))
                elif what == "add" and gone:
                    there.append(gone.pop(0))
                    changes.append((what, there[-1]))
                changes.append(("go",))
        yield classes, began, changes


def main(folder):
    for stem, cases in (("fixed", fixed_cases()), ("random", random_cases(1))):
        with open(f"{folder}/dispatch_{stem}.json", "w", encoding="ascii") as out:
            rows = [json.dumps(run_case(*case), separators=(",", ":")) for case in cases]
            out.write("[\n" + ",\n".join(rows) + "\n]\n")
    with open(f"{folder}/dispatch_workers.json", "w", encoding="ascii") as out:
        rows = [json.dumps(run_changes(*case), separators=(",", ":")) for case in random_changes(3)]
        out.write("[\n" + ",\n".join(rows) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1])
