# SPDX-License-Identifier: MIT
"""Everything that an attacked system may put before the person who tests it: names, messages, log
lines, exception texts, answers and options that want to be more than text."""

import itertools
import logging

from katydid import check
from katydid.metrics import Trend
from locust import HttpUser, constant, events, task

CORPUS = [
    "<img src=x onerror=alert(1)>",
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "\"><svg/onload=alert(1)>'",
    "<!--",
    "]]>",
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\x1b[31mred\x1b[0m\x1b]0;owned\x07",
    "nul\x00nul",
    "\u202egnp.exe\u202c",
    "zero\u200bwidth\ufeff",
    "line\nbreak\r\nbreak",
    "bytes \udcff\udc80 of nothing",
    "half \ud83d a pair",
    "{{7*7}} ${7*7} %s %n",
    "😀 é ü 漢字",
    "",
]
LONG = "L" * 1_000_000

log = logging.getLogger("<b>logger</b>")
numbers = itertools.count()
basket = Trend("basket", unit="<b>EUR</b>")


class Attack(Exception):
    pass


@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--hostile", default=CORPUS[0], help=CORPUS[1])


@events.init.add_listener
def extras(environment, web_ui, **kwargs):
    if web_ui is not None:
        web_ui.template_args["extended_tabs"] = [{"title": CORPUS[2], "key": "hostile"}]
        web_ui.template_args["extended_tables"] = [{"key": "hostile", "structure": [{"key": "a", "title": CORPUS[3]}]}]
        web_ui.template_args["extended_csv_files"] = [{"href": "javascript:alert(1)", "title": "x"}, {"href": "/mine.csv", "title": CORPUS[0]}]


class Hostile(HttpUser):
    wait_time = constant(0.02)

    def on_start(self):
        self.client.get("/long", name=LONG)
        self.environment.events.request.fire(request_type=LONG, name="long type", response_time=1, response_length=0, exception=Attack(LONG), context={})
        log.error("%s", LONG)

    @task
    def attack(self):
        at = next(numbers) % len(CORPUS)
        text = CORPUS[at]
        with self.client.get("/hostile", name=f"{at} {text}" if at % 2 else text, headers={"X-Sent": "<i>sent</i>"}, catch_response=True) as answer:
            answer.failure(f"{text} failed")
        self.environment.events.request.fire(request_type=text or "GET", name=text or "empty", response_time=2, response_length=3, exception=Attack(text), context={})
        log.warning("%s", text)
        basket.add(at, tags={"shop": text})
        check.that(text, False)
        # From a line of its own: exceptions of one place are one.
        exec(compile("\n" * at + "raise Attack(text)", __file__, "exec"), {"Attack": Attack, "text": text})


Named = type("<img src=x onerror=alert(1)>", (Hostile,), {"weight": 1, "__doc__": CORPUS[2]})
