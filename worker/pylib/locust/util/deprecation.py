# SPDX-License-Identifier: MIT
"""Names of Locust before 1.0, kept to say what they are called now."""

import warnings

warnings.filterwarnings("always", category=DeprecationWarning, module="locust")


def check_for_deprecated_task_set_attribute(class_dict):
    from ..user.task import TaskSet

    old = class_dict.get("task_set")
    if isinstance(old, type) and issubclass(old, TaskSet):
        if not hasattr(old, "locust_task_weight"):
            warnings.warn("Usage of User.task_set is deprecated since version 1.0. Set the tasks "
                          f"attribute instead (tasks = [{old.__name__}])", DeprecationWarning)


def deprecated_locust_meta_class(deprecation_message):
    """A metaclass that lets its first class be made, and no subclass of it."""

    class Renamed(type):
        def __new__(mcs, classname, bases, class_dict):
            if bases:
                raise ImportError(deprecation_message)
            return super().__new__(mcs, classname, bases, class_dict)

    return Renamed


def _renamed(old, new):
    return deprecated_locust_meta_class(
        f"The {old} class has been renamed to {new} in version 1.0. "
        "For more info see: https://docs.locust.io/en/latest/changelog.html#changelog-1-0")


class DeprecatedLocustClass(metaclass=_renamed("Locust", "User")):
    pass


class DeprecatedHttpLocustClass(metaclass=_renamed("HttpLocust", "HttpUser")):
    pass


class DeprecatedFastHttpLocustClass(metaclass=_renamed("FastHttpLocust", "FastHttpUser")):
    pass
