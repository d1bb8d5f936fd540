# SPDX-License-Identifier: MIT
"""The Environment: everything that belongs to one test, in one place."""

from .dispatch import UsersDispatcher
from .event import Events
from .exception import RunnerAlreadyExistsError
from .runners import LocalRunner, MasterRunner, WorkerRunner
from .shape import LoadTestShape
from ._stats import RequestStats
from ._thresholds import Thresholds
from .user.task import TaskHolder, filter_tasks_by_tags


class Environment:
    def __init__(
        self,
        *,
        user_classes=None,
        shape_class=None,
        tags=None,
        locustfile=None,
        exclude_tags=None,
        events=None,
        host=None,
        reset_stats=False,
        stop_timeout=None,
        catch_exceptions=True,
        parsed_options=None,
        parsed_locustfiles=None,
        available_user_classes=None,
        available_shape_classes=None,
        available_user_tasks=None,
        dispatcher_class=UsersDispatcher,
        profile=None,
    ):
        self.runner = None
        self.web_ui = None
        self.process_exit_code = None  # if a listener sets it, the exit code of the process
        self.events = events or Events()
        self.locustfile = locustfile
        self.user_classes = user_classes or []
        self.shape_class = shape_class  # an instance of a LoadTestShape subclass
        self.tags = tags
        self.exclude_tags = exclude_tags
        self.stats = RequestStats()  # see the property
        self.host = host
        self.reset_stats = reset_stats
        self.profile = profile
        if stop_timeout is None:
            stop_timeout = getattr(parsed_options, "stop_timeout", None) or 0.0
        self.stop_timeout = float(stop_timeout)
        self.catch_exceptions = catch_exceptions
        self.parsed_options = parsed_options
        self.parsed_locustfiles = parsed_locustfiles
        self.available_user_classes = available_user_classes
        self.available_shape_classes = available_shape_classes
        self.available_user_tasks = available_user_tasks
        self.dispatcher_class = dispatcher_class
        self.worker_logs = {}
        self.setup_data = None  # ours: what @katydid.setup returned
        self.thresholds = Thresholds()  # ours, for locustfiles to add to
        self._tasks_filtered = False
        self._filtered_by = None
        self._hosts_given = {}  # by User class: the last one, and the class's own
        self._remove_user_classes_with_weight_zero()
        self._validate_user_class_name_uniqueness()
        self._validate_shape_class_instance()

    @property
    def stats(self):
        return self._stats

    @stats.setter
    def stats(self, stats):
        self._stats = stats
        if self.runner is not None:
            self.runner._bind_stats()

    def _create_runner(self, runner_class, *args, **kwargs):
        if self.runner is not None:
            raise RunnerAlreadyExistsError(f"Environment.runner already exists ({self.runner})")
        self.runner = runner_class(self, *args, **kwargs)
        if self.shape_class:
            self.shape_class.runner = self.runner
        return self.runner

    def create_local_runner(self):
        return self._create_runner(LocalRunner)

    def create_master_runner(self, master_bind_host="*", master_bind_port=5557):
        return self._create_runner(MasterRunner, master_bind_host, master_bind_port)

    def create_worker_runner(self, master_host, master_port):
        self.stats = RequestStats(use_response_times_cache=False)  # the master has that
        return self._create_runner(WorkerRunner, master_host, master_port)

    def create_web_ui(
        self,
        host="",
        port=8089,
        web_base_path=None,
        web_login=False,
        tls_cert=None,
        tls_key=None,
        stats_csv_writer=None,
        delayed_start=False,
        userclass_picker_is_active=False,
        build_path=None,
    ):
        """A web server in this process, for a runner of this process (library)."""
        from .web import WebUI

        self.web_ui = WebUI(
            self, host, port, web_base_path, web_login, tls_cert, tls_key, stats_csv_writer,
            delayed_start, userclass_picker_is_active, build_path,
        )
        return self.web_ui

    def update_user_class(self, user_settings):
        """Sets attributes of a user class, `tasks` by their names."""
        name = user_settings.get("user_class_name")
        user_class = self.available_user_classes[name]
        for key, value in user_settings.items():
            if key == "tasks":
                user_class.tasks = [
                    task for task in self.available_user_tasks[name] if task.__name__ in value
                ]
            elif key != "user_class_name":
                setattr(user_class, key, value)

    def update_worker_logs(self, worker_log_report):
        if worker_log_report.get("worker_id"):
            self.worker_logs[worker_log_report["worker_id"]] = worker_log_report.get("logs", [])

    def _filter_tasks_by_tags(self):
        """Once: the tasks that tags leave out do not come back in the next test."""
        if not self._tasks_filtered:
            self._filter_by_new_tags()

    def _filter_by_new_tags(self):
        """Again, when a listener of test_start has set others."""
        tags = self._tag_set("tags")
        exclude_tags = self._tag_set("exclude_tags")
        if self._tasks_filtered and (tags, exclude_tags) == self._filtered_by:
            return
        self._tasks_filtered = True
        self._filtered_by = tags, exclude_tags
        for user_class in self.user_classes:
            filter_tasks_by_tags(user_class, tags, exclude_tags)

    def _tag_set(self, name):
        names = getattr(self, name)
        if names is None:
            names = getattr(self.parsed_options, name, None) or None
        return None if names is None else set(names)

    def _remove_user_classes_with_weight_zero(self):
        if not self.user_classes:
            return
        kept = [c for c in self.user_classes if c.weight > 0 or c.fixed_count > 0]
        if not kept:
            raise ValueError("There are no users with weight > 0.")
        self.user_classes[:] = kept

    def assign_equal_weights(self):
        """Gives every class the same weight, and every task of a user: each leaf once, out of
        its sets."""
        for user_class in self.user_classes:
            user_class.weight = 1
            leaves, todo = [], list(user_class.tasks)
            while todo:
                task = todo.pop()
                if isinstance(task, TaskHolder):
                    todo.extend(task.tasks)
                elif not callable(task):
                    raise ValueError("Unrecognized task type in user")
                elif task not in leaves:
                    leaves.append(task)
            user_class.tasks = leaves

    def _validate_user_class_name_uniqueness(self):
        if len({c.__name__ for c in self.user_classes}) != len(self.user_classes):
            names = ", ".join(c.fullname() for c in self.user_classes)
            raise ValueError(f"The following user classes have the same class name: {names}")

    def _validate_shape_class_instance(self):
        if self.shape_class is not None and not isinstance(self.shape_class, LoadTestShape):
            raise ValueError(
                "shape_class should be instance of LoadTestShape or subclass LoadTestShape, but "
                f"got: {self.shape_class}"
            )

    @property
    def user_classes_by_name(self):
        return {c.__name__: c for c in self.user_classes}
