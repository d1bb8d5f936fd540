# SPDX-License-Identifier: MIT
"""Names of Locust before 1.0, kept to say what they are called now."""

import warnings

warnings.filterwarnings("always", category=DeprecationWarning, module="locust")


def check_for_deprecated_task_set_attribute(class_dict):
    from ..user.task import TaskSet

    old = class_dict.get("task_set")
    if isinstance(old, type) and issubclass(old, TaskSet):
        if not hasattr(old, "locust_task_weight"):
            warnings.warn(f"User.task_set is tasks = [{old.__name__}] since Locust 1.0",
                          DeprecationWarning)


def deprecated_locust_meta_class(deprecation_message):
    """A metaclass that lets its first class be made, and no subclass of it."""

    class Renamed(type):
        def __new__(mcs, classname, bases, class_dict):
            if bases:
                raise ImportError(deprecation_message)
            return super().__new__(mcs, classname, bases, class_dict)

    return Renamed


class DeprecatedLocustClass(
    metaclass=deprecated_locust_meta_class("The Locust class has been renamed to User in version 1.0")
):
    pass


class DeprecatedHttpLocustClass(
    metaclass=deprecated_locust_meta_class("The HttpLocust class has been renamed to HttpUser in version 1.0")
):
    pass


class DeprecatedFastHttpLocustClass(
    metaclass=deprecated_locust_meta_class("The FastHttpLocust class has been renamed to FastHttpUser in version 1.0")
):
    pass
