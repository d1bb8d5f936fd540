# SPDX-License-Identifier: MIT
"""Run control of the runners of programs that use Locust as a library.

The run machine of the master decides (common/run/machine.h, here _katydid.Machine): it is told what
happened and says what is to be done. Here that is carried out: listeners are called in the greenlet that
comes to it, so that start() and stop() come back when theirs have run."""

import logging

import _katydid
import gevent
from gevent.event import Event

from . import _once
from . import _runner_settings as settings

_STOP_EXTRA_S = 65  # beyond stop_timeout: until nobody waits for a stop any more
_CODES = {"setup": 76, "teardown": 77}  # docs/exit-codes.md


class Controlled:
    """Mixed into a runner."""

    _machine = None
    _settle_s = 0.0  # how long the counts of the workers may take after a ramp

    def _make_machine(self, is_local):
        self._machine = _katydid.Machine(is_local)
        self._shown_state = self._machine.state
        self._has_stopped = Event()
        self._has_stopped.set()
        self._stopper = None  # the greenlet in which its listeners run
        self._once = {}  # setup and teardown of this run: the seconds they may take
        self._setup = None  # the greenlet in which it runs
        self._packed = None  # what it gave, in msgpack

    def _tell(self, event, worker=None, **what):
        """Something happened. What follows is to be carried out (_perform, _perform_aside)."""
        self._machine.rules(float(self.environment.stop_timeout or 0), self._settle_s,
                            settings.HEARTBEAT_LIVENESS)
        self._machine.on(event, worker, **what)

    def _on(self, event, worker=None, **what):
        self._tell(event, worker, **what)
        self._perform()

    def _perform(self):
        """While a listener has control, another greenlet may come and go on."""
        while (action := self._machine.next()) is not None:
            name, *details = action
            getattr(self, f"_do_{name}")(*details)
        self._show_state()

    def _perform_aside(self):
        """For those who must not be kept by listeners."""
        self._show_state()
        if self._machine.has_actions:
            self._spawn(self._perform)

    def _show_state(self):
        state = self._machine.state
        if state != self._shown_state:
            self._shown_state = state
            self.update_state(state)

    def _do_clear(self):
        self._clear_test()

    def _do_tell(self, lines):
        for level, name, text in lines:
            logging.getLogger(name).log(level, "%s", text)

    def _do_fire(self, event, run):
        if event in _CODES:
            self._do_once(event, run)
            return
        try:
            getattr(self, f"_{event}")()
        except BaseException:
            if event == "test_start":
                self._on("stop")  # it does not begin
            raise
        finally:
            self._tell("heard", listened=event, run=run)

    # What runs once a run. It may be cancelled, and a program's greenlet is not for killing.

    def _do_once(self, kind, run):
        is_failed = True
        try:
            is_failed = self._fails(kind)
        finally:
            self._tell("heard", listened=kind, run=run, is_failed=is_failed)

    def _fails(self, kind):
        run = _once.set_up if kind == "setup" else _once.tear_down
        body = gevent.spawn(self._once_safely, kind, run)
        if kind == "setup":
            self._setup = body
        else:
            self._stopper = body
        try:
            return body.get() is not True
        finally:
            if kind == "teardown":
                self._stopper = None
                self._has_stopped.set()

    def _once_safely(self, kind, run):
        try:
            packed = run(self.environment, self._once[kind])
        except Exception as error:
            _once.tell(kind, error)
            if self.environment.process_exit_code is None:
                self.environment.process_exit_code = _CODES[kind]
            return False
        if kind == "setup":
            self._packed = packed
        return True

    def _do_cancel_setup(self):
        self._setup.kill(block=False)

    def _do_tell_spawned(self, users):
        """The workers hear of it."""

    # What is fired. Listeners of test_start and test_stopping see the state before.

    def _test_start(self):
        self._has_stopped.clear()
        self._begin_test(is_new=False)

    def _spawning_complete(self):
        self._show_state()
        user_count = sum(self.target_user_classes_count.values())
        self.environment.events.spawning_complete.fire(user_count=user_count)

    def _test_stopping(self):
        self._fire_of_stop("test_stopping")
        self.final_user_classes_count = self._counts_at_the_end()

    def _test_stop(self):
        self._show_state()
        try:
            self._fire_of_stop("test_stop")
        finally:
            if "teardown" not in self._once:
                self._has_stopped.set()

    def _fire_of_stop(self, event):
        self._stopper = gevent.getcurrent()
        try:
            self._fire(event, environment=self.environment)
        finally:
            self._stopper = None

    def _await_stop(self):
        """Until the test has stopped; not where the stop would wait for the one that waits."""
        me = gevent.getcurrent()
        if me is not self._stopper and me not in self.user_greenlets:
            self._has_stopped.wait(timeout=(self.environment.stop_timeout or 0) + _STOP_EXTRA_S)

    def _begin_or_aim(self, user_count, spawn_rate):
        """Whether a test is on then: not, when a listener has stopped it."""
        if not self._machine.is_active:
            self._await_stop()
        if self._machine.obstacle:
            logging.getLogger("locust.runners").warning("%s", self._machine.obstacle)
            return False
        self._machine.load(user_count, spawn_rate)
        if self._machine.is_active:
            self._on("aim")
        else:
            self._prepare_once()
            self._on("start")
        return self._machine.is_active

    def _prepare_once(self):
        self._once = once = _once.asked(self.environment)
        self._packed = self.environment.setup_data = None
        self._machine.once("setup" in once, once.get("setup", 0.0), "teardown" in once, once.get("teardown", 0.0))
