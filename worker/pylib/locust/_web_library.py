# SPDX-License-Identifier: MIT
"""Locust's routes answered from the objects of this process: for programs that use Locust as a
library and call `environment.create_web_ui()`."""

import csv
import itertools
import logging
import math
import time
from io import StringIO

import gevent

from . import _web_page, stats
from .log import get_logs, greenlet_exception_logger
from .user.inspectuser import get_ratio
from .util.timespan import parse_timespan

logger = logging.getLogger("locust.web")

_ROWS_MAX = 500
_CACHE_S = 2.0
_RUN_TIME_HELP = "Valid run_time formats are : 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc."
_MISSING = "Missing or invalid user_count or spawn_rate from /swarm request"


class Refused(Exception):
    """What the answer to /swarm says when nothing is started."""


class Views:
    MORE_RULES = ()

    def __init__(self, web_ui):
        self._web_ui = web_ui
        self._environment = web_ui.environment
        self._swarm = None  # the greenlet that starts users
        self._timer = None  # of the run time
        self._requests = (0.0, None)  # when the last answer of /stats/requests was made, and it

    @property
    def _runner(self):
        return self._environment.runner

    def _is_master(self):
        from .runners import MasterRunner

        return isinstance(self._runner, MasterRunner)

    # The page

    def index(self):
        from flask import make_response, render_template

        if self._runner is None:
            return make_response("Error: Locust Environment does not have any runner", 500)
        self._web_ui.update_template_args()
        return render_template("index.html", template_args=self._web_ui.template_args)

    def page_html(self):
        return _web_page.PLAIN

    def assets(self, path):
        from flask import Response, abort, send_from_directory

        if self._web_ui.build_path:
            return send_from_directory(self._web_ui.app.template_folder + "/assets", path)
        if path not in _web_page.PLAIN_FILES:
            abort(404)
        kind, text = _web_page.PLAIN_FILES[path]
        return Response(text, mimetype=kind)

    # Commands

    def _answer(self, success, message, **more):
        from flask import jsonify

        return jsonify({"success": success, "message": message, **more})

    def swarm(self):
        try:
            more = self._start()
        except Refused as refusal:
            logger.error("%s", refusal)
            return self._answer(False, str(refusal), host=self._environment.host)
        return self._answer(True, more.pop("message"), host=self._environment.host, **more)

    def _start(self):
        from flask import request

        form = request.form
        more = {"message": "Swarming started"}
        if self._web_ui.userclass_picker_is_active:
            more["user_classes"] = self._pick(form)
        user_count, spawn_rate, run_time = self._take_fields(form)
        runner = self._runner
        if runner is None:
            raise Refused("No runner")
        shape = self._environment.shape_class
        if shape:
            runner.start_shape()
            return {"message": f"Swarming started using shape class '{type(shape).__name__}'"}
        self._end_swarm()
        self._cancel_timer()
        if (user_count is None or user_count < 0 or spawn_rate is None or spawn_rate <= 0
                or not math.isfinite(spawn_rate)):
            raise Refused(_MISSING)
        self._swarm = self._spawn(runner.start, user_count, spawn_rate)
        if run_time:
            self._set_timer(run_time)
            more["run_time"] = run_time
        return more

    @staticmethod
    def _spawn(function, *args):
        greenlet = gevent.spawn(function, *args)
        greenlet.link_exception(greenlet_exception_logger(logger))
        return greenlet

    def _set_timer(self, run_time):
        self._timer = gevent.spawn_later(run_time, self._on_time)
        self._timer.link_exception(greenlet_exception_logger(logger))

    def _on_time(self):
        self._timer = None  # /stop of the end itself would kill the greenlet that ends the test
        self._runner.stop()

    def _cancel_timer(self):
        """A test's limit is its own: neither a later one nor an edit without one has it."""
        if self._timer is not None:
            self._timer.kill(block=False)
            self._timer = None

    def _end_swarm(self):
        if self._swarm is not None:
            self._swarm.kill(block=True)
            self._swarm = None

    def _pick(self, form):
        """The classes and the shape that the form chooses; returns the names of the classes."""
        from .runners import STATE_RUNNING

        environment = self._environment
        available = environment.available_user_classes
        if not available:
            raise Refused("UserClass picker is active but there are no available UserClasses")
        names = form.getlist("user_classes")
        if not names and self._runner is not None and self._runner.state == STATE_RUNNING:
            names = [name for name, cls in available.items() if cls in environment.user_classes]
        classes = {name: cls for name, cls in available.items() if not names or name in names}
        environment.user_classes = list(classes.values())
        if environment.locustfile is None:
            environment.locustfile = ",".join(environment.user_classes_by_name)
        environment._remove_user_classes_with_weight_zero()
        environment._validate_user_class_name_uniqueness()
        self._choose_shape(form.get("shape_class", "Default"))
        return sorted(classes)

    def _choose_shape(self, name):
        environment = self._environment
        shapes = environment.available_shape_classes or {}
        if name != "Default" and name not in shapes:
            raise Refused(f"There is no load shape named {name!r}")
        environment.shape_class = shapes.get(name)
        if environment.shape_class is not None:
            environment.shape_class.runner = self._runner
        environment._validate_shape_class_instance()

    def _take_fields(self, form):
        options = self._environment.parsed_options
        known = vars(options) if options else {}
        user_count = self._number(form, "user_count", int, "an integer")
        spawn_rate = self._number(form, "spawn_rate", float, "a number")
        run_time = self._run_time(form.get("run_time"))
        for name, value in (("num_users", user_count), ("spawn_rate", spawn_rate),
                            ("run_time", run_time)):
            if value is not None:
                known[name] = value
        if "host" in form:
            host = form["host"].replace("<", "").replace(">", "")
            self._environment.host = known["host"] = host
        if "profile" in form:
            self._environment.profile = known["profile"] = form["profile"] or None
        if "user_classes" in form:
            known["user_classes"] = form.getlist("user_classes")
        taken = {"user_count", "spawn_rate", "run_time", "host", "profile", "user_classes"}
        for name in form:
            if name in known and name not in taken:
                known[name] = self._typed(name, known[name], form.getlist(name))
        return user_count, spawn_rate, run_time

    @staticmethod
    def _number(form, name, kind, what):
        if name not in form:
            return None
        try:
            return kind(form[name])
        except ValueError:
            raise Refused(f"Invalid {name} value: {form[name]!r} (must be {what})") from None

    @staticmethod
    def _run_time(text):
        if not text:
            return None
        try:
            return parse_timespan(text)
        except ValueError:
            raise Refused(_RUN_TIME_HELP) from None

    @staticmethod
    def _typed(name, old, texts):
        """The new value of an option, of the type of its old one."""
        try:
            if isinstance(old, bool):
                return texts[0] == "true"
            if old is None:
                return texts[0]
            if isinstance(old, list):
                texts = texts[0].split(",") if "," in texts[0] else texts
                is_whole = old and all(isinstance(each, int) for each in old)
                return [int(each) for each in texts] if is_whole else texts
            return type(old)(texts[0])
        except ValueError:
            raise Refused(f"Invalid {name} value: {texts[0]!r} (must be a "
                          f"{type(old).__name__})") from None

    def stop(self):
        self._end_swarm()
        self._cancel_timer()
        if self._runner is not None:
            self._runner.stop()
        return self._answer(True, "Test stopped")

    def reset_stats(self):
        self._environment.events.reset_stats.fire()
        if self._runner is not None:
            self._runner.stats.reset_all()
            self._runner.exceptions = {}
        return "ok"

    def update_user(self):
        import json

        from flask import abort, request

        try:
            settings = json.loads(request.data)
            self._environment.update_user_class(settings)
        except ValueError as error:
            abort(400, f"/user: the body is not valid JSON: {error}")
        except (KeyError, TypeError, AttributeError) as error:
            abort(400, f"/user: user_class_name must name one of the User classes ({error})")
        return {}, 201

    # Reading

    def request_stats(self):
        """At most every two seconds, or twice the time it took: a page that asks does not cost
        more than that."""
        from flask import Response, jsonify

        fresh_until, body = self._requests
        began = time.monotonic()
        if began >= fresh_until:
            body = jsonify(self._statistics()).get_data()
            took = time.monotonic() - began
            self._requests = (began + max(_CACHE_S, 2 * took), body)
        return Response(body, mimetype="application/json")

    def forget_statistics(self):
        """The next answer of /stats/requests is made anew."""
        self._requests = (0.0, None)

    def _statistics(self):
        from .runners import STATE_MISSING

        runner = self._runner
        if runner is None:
            return {"stats": [], "errors": [], "total_rps": 0.0, "total_fail_per_sec": 0.0,
                    "fail_ratio": 0.0, "current_response_time_percentiles": {},
                    "state": STATE_MISSING, "user_count": 0}
        total = runner.stats.total
        rows = [entry.to_dict() for entry in
                itertools.islice(stats.sort_stats(runner.stats.entries), _ROWS_MAX)]
        rows.append(total.to_dict())
        report = {
            "stats": rows,
            "errors": [error.serialize() for error in
                       itertools.islice(runner.errors.values(), _ROWS_MAX)],
            "fail_ratio": total.fail_ratio,
            "current_response_time_percentiles": {
                f"response_time_percentile_{each}": total.get_current_response_time_percentile(each)
                for each in stats.PERCENTILES_TO_CHART
            },
            "state": runner.state,
            "user_count": runner.user_count,
        }
        for key in ("current_rps", "current_fail_per_sec", "total_rps", "total_fail_per_sec"):
            report[key] = rows[-1][key]
        if self._is_master():
            report["workers"] = [
                {"id": worker.id, "state": worker.state, "user_count": worker.user_count,
                 "cpu_usage": worker.cpu_usage, "memory_usage": worker.memory_usage}
                for worker in runner.clients.values()
            ]
            report["worker_count"] = runner.worker_count
        return report

    def exceptions(self):
        from flask import jsonify

        rows = self._runner.exceptions.values() if self._runner is not None else []
        return jsonify({"exceptions": [
            {"count": row["count"], "msg": row["msg"], "traceback": row["traceback"],
             "nodes": ", ".join(row["nodes"])} for row in rows
        ]})

    def tasks(self):
        runner = self._runner
        counts = {} if runner is None else getattr(
            runner, "reported_user_classes_count", runner.user_classes_count)
        classes = self._environment.user_classes
        return {"per_class": get_ratio(classes, counts, False),
                "total": get_ratio(classes, counts, True)}

    def logs(self):
        from flask import jsonify

        return jsonify({"master": get_logs(), "workers": self._environment.worker_logs})

    def get_worker_count(self):
        return {"worker_count": self._runner.worker_count if self._is_master() else 0}

    # Downloads

    def _file_name(self, suffix):
        environment = self._environment
        host = f"_{environment.host}" if environment.host else ""
        start = time.strftime("%Y-%m-%d-%Hh%M", time.localtime(environment.stats.start_time))
        return f"Locust_{start}_{environment.locustfile}{host}{suffix}"

    def _csv(self, write, what):
        from flask import Response

        text = StringIO()
        write(csv.writer(text))
        answer = Response(text.getvalue(), mimetype="text/csv")
        answer.headers["Content-Disposition"] = (
            f"attachment;filename={self._file_name(f'_{what}.csv')}"
        )
        return answer

    def request_stats_csv(self):
        return self._csv(self._web_ui.stats_csv_writer.requests_csv, "requests")

    def failures_stats_csv(self):
        return self._csv(self._web_ui.stats_csv_writer.failures_csv, "failures")

    def exceptions_csv(self):
        return self._csv(self._web_ui.stats_csv_writer.exceptions_csv, "exceptions")

    def request_stats_full_history_csv(self):
        import os

        from flask import make_response, send_file

        options = self._environment.parsed_options
        writer = self._web_ui.stats_csv_writer
        if not getattr(options, "stats_history_enabled", False) or not hasattr(
                writer, "stats_history_file_name"):
            return make_response(
                "Error: Server was not started with option to generate full history.", 404)
        return send_file(os.path.abspath(writer.stats_history_file_name()), mimetype="text/csv",
                         as_attachment=True, max_age=0,
                         download_name=self._file_name("_requests_full_history.csv"))

    def stats_report(self):
        from flask import make_response, request

        from .html import get_html_report

        download = request.args.get("download")
        answer = make_response(get_html_report(
            self._environment, show_download_link=not download,
            theme=request.args.get("theme", "")))
        if download:
            answer.headers["Content-Disposition"] = (
                f"attachment;filename={self._file_name('.html')}"
            )
        return answer
