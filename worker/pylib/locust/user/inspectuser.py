# SPDX-License-Identifier: MIT
"""How often each task comes: the ratio trees behind --show-task-ratio and the page."""

import inspect
from collections import Counter
from json import dumps

from .task import TaskSet


def print_task_ratio(user_classes, num_users, total):
    spawned = _calc_distribution(user_classes, num_users)
    _print_task_ratio(get_ratio(user_classes, spawned, total))


def print_task_ratio_json(user_classes, num_users):
    spawned = _calc_distribution(user_classes, num_users)
    tree = {
        "per_class": get_ratio(user_classes, spawned, False),
        "total": get_ratio(user_classes, spawned, True),
    }
    print(dumps(tree, indent=4))


def _calc_distribution(user_classes, num_users):
    """{class name: users}, by weight and fixed_count; without a number, as the weights are."""
    fixed = sum(u.fixed_count for u in user_classes)
    weights = sum(u.weight for u in user_classes if not u.fixed_count)
    num_users = num_users or (1 if fixed else weights)
    weighted = max(0, num_users - fixed)
    return {
        u.__name__: round(u.fixed_count or u.weight / weights * weighted) for u in user_classes
    }


def _print_task_ratio(tree, level=0):
    indent = "  " * level
    for name, node in tree.items():
        percent = indent + "%-6.1f" % (node.get("ratio", 1) * 100)
        print(" %-10s %-50s" % (percent, indent + name))
        if "tasks" in node:
            _print_task_ratio(node["tasks"], level + 1)


def get_ratio(user_classes, user_spawned, total):
    """Per class its share and its tasks'; in total: shares of everything, else of the class."""
    users = sum(user_spawned.values()) or 1
    tree = {}
    for cls in user_classes:
        share = user_spawned.get(cls.__name__, 0) / users
        tree[cls.__name__] = {"ratio": share, "tasks": _get_task_ratio(cls.tasks, total, share)}
    return tree


def _get_task_ratio(tasks, total, parent_ratio):
    whole = parent_ratio if total else 1.0
    tree = {}
    for task, count in Counter(tasks).items():
        node = {"ratio": count * whole / len(tasks)}
        if inspect.isclass(task) and issubclass(task, TaskSet):
            node["tasks"] = _get_task_ratio(task.tasks, total, node["ratio"])
        tree[task.__name__] = node
    return tree
