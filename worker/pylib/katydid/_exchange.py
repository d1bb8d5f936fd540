# SPDX-License-Identifier: MIT
"""What users of all workers have in common is kept by one node, the one with the master's side of the locustfile (the only
process of a local run): it answers the questions of the others, by messages as a locustfile may send them too. So it works
under stock Locust as well.

A process asks one question at a time about a topic, numbered, and again until it is answered; the same number has the same
answer. So nothing is given twice, whatever is lost on the way. What is asked in a run before is answered with the run's name
only. Who was lost begins with a new session."""

import logging
import uuid

import gevent
from gevent.event import AsyncResult, Event
from locust import events
from locust.runners import MasterRunner, WorkerRunner

_MESSAGE = "katydid_shared"
_AGAIN_S = 2.0
_LOOK_S = 1.0
_HERE = ""  # the name of this process, to itself

logger = logging.getLogger("locust.main")


def _token():
    return uuid.uuid4().hex[:12]


class Desk:
    """Answers. A topic has begin(), serve(client, question) -> answer, gone(client), check()."""

    def __init__(self):
        self.topics = {}
        self.run = None
        self.is_on = False
        self.environment = None
        self._answered = {}  # (client, topic) -> ((session, number), answer)

    @property
    def runner(self):
        return getattr(self.environment, "runner", None)

    def begin(self):
        """A run begins."""
        self.run, self.is_on = _token(), True
        self._answered.clear()
        for topic in self.topics.values():
            topic.begin()

    def stop(self):
        self.is_on = False

    def serve(self, client, question):
        if self.run is None:
            self.begin()
        key = client, question["topic"]
        mark = question["session"], question["number"]
        last_mark, answer = self._answered.get(key, (None, None))
        if mark == last_mark:
            return answer
        answer = {"topic": question["topic"], "mark": list(mark), "run": self.run}
        topic = self.topics.get(question["topic"])
        if topic is None:
            answer["error"] = f"{question['topic']} is not known to the node with the master's side: make it at module level"
        elif last_mark is None and question["number"] > 1:
            answer["is_stranger"] = True
        elif question["run"] == self.run:
            answer.update(topic.serve(client, question))
        self._answered[key] = mark, answer
        return answer

    def on_message(self, environment, msg, **_):
        self.runner.send_message(_MESSAGE, self.serve(msg.node_id, msg.data), msg.node_id)

    def nudge(self, name):
        """Whoever waits for an answer about it may ask again now."""
        for client, topic in list(self._answered):
            if topic != name:
                continue
            if client == _HERE:
                lines[name].wake()
            else:
                self.runner.send_message(_MESSAGE, {"topic": name}, client)

    def gone(self, client):
        """A worker was lost, or left."""
        for key in [key for key in self._answered if key[0] == client]:
            del self._answered[key]
        for topic in self.topics.values() if self.is_on else ():
            topic.gone(client)

    def watch(self):
        """Tells of the workers that go, where nobody else does: under stock Locust, and in programs that use it."""
        there = set()
        while True:
            gevent.sleep(_LOOK_S)
            now = {node.id for node in list(self.runner.clients.values()) if node.state != "missing"}
            for client in there - now:
                self.gone(client)
            there = now

    def end_test(self, is_failed):
        """The test ends, as it does when its time is over."""
        self.stop()
        if self.environment is None:
            return
        if is_failed:
            self.environment.process_exit_code = 1
        is_headless = getattr(self.environment.parsed_options, "headless", False)
        gevent.spawn_later(0, self.runner.quit if is_headless else self.runner.stop)


class Line:
    """Asks. side: question() -> what to ask, None for nothing; heard(answer) -> seconds until it is to be asked again, 0 for
    at once; forget(): another run has begun; renew(): nothing of what was told is known any more."""

    def __init__(self, topic, side):
        self.topic, self._side = topic, side
        self.run = ""
        self._session, self._number, self._is_known = _token(), 0, False
        self._news, self._answer, self._talker = Event(), None, None
        lines[topic] = self

    def wake(self):
        """There is something to ask."""
        self._news.set()
        if self._talker is None:
            self._talker = gevent.spawn(self._talk)

    def take(self, answer):
        """What came from the desk: an answer, or word that it is time to ask."""
        if "mark" not in answer:
            self.wake()
        elif self._answer is not None and answer["mark"] == [self._session, self._number]:
            self._answer.set(answer)

    def _talk(self):
        try:
            while True:
                self._news.clear()
                question = self._side.question()
                if question is None:
                    return
                pause = self._heard(self._ask(question))
                if pause:
                    self._news.wait(pause)
        finally:
            self._talker = None

    def _heard(self, answer):
        if answer.get("is_stranger"):
            self._session, self._number, self._is_known = _token(), 0, False
            self._side.renew()
            return 0
        is_asked_in_vain = answer["run"] != (self.run if self._is_known else "")
        self._is_known = True
        if answer["run"] != self.run:
            self.run = answer["run"]
            self._side.forget()
        return 0 if is_asked_in_vain and "error" not in answer else self._side.heard(answer)

    def _ask(self, question):
        self._number += 1
        question.update(topic=self.topic, session=self._session, number=self._number,
                        run=self.run if self._is_known else "")
        if not isinstance(desk.runner, WorkerRunner):
            return desk.serve(_HERE, question)
        self._answer = AsyncResult()
        while True:
            desk.runner.send_message(_MESSAGE, question)
            try:
                return self._answer.get(timeout=_AGAIN_S)
            except gevent.Timeout:
                continue


desk = Desk()
lines = {}  # topic -> Line


@events.init.add_listener
def _join(environment, runner, **_):
    desk.environment = environment
    if isinstance(runner, WorkerRunner):
        runner.register_message(_MESSAGE, lambda environment, msg, **_: _take(msg.data))
        return
    for topic in desk.topics.values():
        topic.check()
    if not isinstance(runner, MasterRunner):
        return
    runner.register_message(_MESSAGE, desk.on_message)
    if hasattr(runner, "_gone_listeners"):
        runner._gone_listeners.append(desk.gone)
    else:
        gevent.spawn(desk.watch)


def _take(answer):
    line = lines.get(answer["topic"])
    if line is not None:
        line.take(answer)


@events.test_start.add_listener
def _begin(environment, **_):
    if not isinstance(environment.runner, WorkerRunner):
        desk.begin()


def _stop(**_):
    desk.stop()


events.test_stopping.add_listener(_stop)
events.test_stop.add_listener(_stop)
