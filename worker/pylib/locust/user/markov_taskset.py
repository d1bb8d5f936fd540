# SPDX-License-Identifier: MIT
"""Task sets that walk a Markov chain: each task names those that may follow it, with weights."""

import logging
import random

from ..exception import LocustError
from .task import TaskSet, TaskSetMeta, check_task_name


class NoMarkovTasksError(LocustError):
    """The class has no function with transitions."""


class InvalidTransitionError(LocustError):
    """A transition leads to something the class does not have."""


class NonMarkovTaskTransitionError(LocustError):
    """A transition leads to a function that has no transitions itself: a dead end."""


class MarkovTaskTagError(LocustError):
    """Tags would tear holes into the chain."""


def transition(func_name, weight=1):
    """After this task may come `func_name`."""
    return transitions({func_name: weight})


def transitions(weights):
    """Several at once: a dict of weights, or a list of names and (name, weight) pairs."""
    if not isinstance(weights, dict):
        weights = dict(w if isinstance(w, tuple) else (w, 1) for w in weights)

    def mark(function):
        # Decorators apply from the bottom up; later ones add to what is there.
        function.transitions = {**getattr(function, "transitions", {}), **weights}
        return function

    return mark


def is_markov_task(task):
    return "transitions" in dir(task)


def get_markov_tasks(class_dict):
    return [value for value in class_dict.values() if is_markov_task(value)]


def to_weighted_list(transitions):
    """{"a": 2, "b": 1} as ["a", "a", "b"]: what random.choice draws from."""
    return [name for name, weight in transitions.items() for _ in range(weight)]


def validate_has_markov_tasks(tasks, classname):
    if not tasks:
        raise NoMarkovTasksError(
            f"No Markov tasks defined in class {classname}. "
            "Use the @transition(s) decorators to define some."
        )


def validate_transitions(tasks, class_dict, classname):
    """Every task leads somewhere, and to a task that leads on."""
    for task in tasks:
        for name in task.transitions:
            target = class_dict.get(name)
            if not target:
                raise InvalidTransitionError(
                    f"Transition to {name} from {task.__name__} is invalid since no such "
                    f"element exists on class {classname}"
                )
            if not is_markov_task(target):
                raise NonMarkovTaskTransitionError(
                    f"{classname}.{name} cannot be used as a target for a transition since it "
                    "does not define any transitions of its own."
                    f"Used as a transition from {task.__name__}."
                )
        if not to_weighted_list(task.transitions):
            raise InvalidTransitionError(
                f"{classname}.{task.__name__} has no transition with a weight above 0"
            )


def validate_no_unreachable_tasks(tasks, class_dict, classname):
    """Only warns: the others do run."""
    reached, todo = set(), [tasks[0].__name__]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += to_weighted_list(class_dict[name].transitions)
    lost = {task.__name__ for task in tasks} - reached
    if lost:
        logging.warning("The following markov tasks are unreachable in class %s: %s",
                        classname, lost)
    return tasks


def validate_no_tags(task, classname):
    if "locust_tag_set" in dir(task):
        raise MarkovTaskTagError(
            "Tags are unsupported for MarkovTaskSet since they can make the markov chain "
            f"invalid. Tags detected on {classname}.{task.__name__}: {task.locust_tag_set}"
        )


def validate_task_name(decorated_func):
    check_task_name(decorated_func, "@transition", "a step",
                    "TaskSet.run()", "annotate it with transitions")


def validate_markov_chain(tasks, class_dict, classname):
    """Raises what is wrong with a chain; warns of tasks that can never run."""
    validate_has_markov_tasks(tasks, classname)
    validate_transitions(tasks, class_dict, classname)
    validate_no_unreachable_tasks(tasks, class_dict, classname)
    for task in tasks:
        validate_task_name(task)
        validate_no_tags(task, classname)


class MarkovTaskSetMeta(TaskSetMeta):
    def __new__(mcs, classname, bases, class_dict):
        if not class_dict.get("abstract"):
            class_dict["abstract"] = False
            tasks = get_markov_tasks(class_dict)
            validate_markov_chain(tasks, class_dict, classname)
            class_dict["current"] = tasks[0]
            for task in tasks:
                task.transitions = to_weighted_list(task.transitions)
        return super().__new__(mcs, classname, bases, class_dict)


class MarkovTaskSet(TaskSet, metaclass=MarkovTaskSetMeta):
    """Starts with the first task of the class body, then follows the transitions by weight."""

    abstract = True  # an abstract chain is not checked
    current: object  # the task that comes next; at first, in the class, the first one

    def get_next_task(self):
        task = self.current
        self.current = getattr(self, random.choice(task.transitions))
        return task
