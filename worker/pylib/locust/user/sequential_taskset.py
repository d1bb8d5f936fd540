# SPDX-License-Identifier: MIT
"""Task sets that run their tasks in order of declaration, over and over."""

from itertools import cycle

from ..exception import LocustError
from .task import TaskSet, TaskSetMeta, _declared_weight, _final, inherited_tasks


def _tasks_attribute(value):
    if isinstance(value, dict):
        return [task for task, weight in value.items() for _ in range(weight)]
    if isinstance(value, list):
        return value
    raise ValueError("The 'tasks' attribute can only be set to list or dict")


class SequentialTaskSetMeta(TaskSetMeta):
    """A class body keeps its order, so `tasks` counts at the place where it stands."""

    def __new__(mcs, classname, bases, class_dict):
        found = inherited_tasks(bases)
        for name, value in class_dict.items():
            if name == "tasks":
                found += _tasks_attribute(value)
            weight = _declared_weight(value)
            if weight is not None:
                found += [value] * weight
        class_dict["tasks"] = found
        return type.__new__(mcs, classname, bases, class_dict)


class SequentialTaskSet(TaskSet, metaclass=SequentialTaskSetMeta):
    """Runs its tasks in the order in which they are declared; a weight repeats a task."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._task_cycle = cycle(self.tasks)

    def get_next_task(self):
        if not self.tasks:
            raise _final(LocustError("No tasks defined. Use the @task decorator or set the 'tasks' "
                                     "attribute of the SequentialTaskSet"))
        return next(self._task_cycle)
