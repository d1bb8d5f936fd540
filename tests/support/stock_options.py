"""What stock Locust makes of command lines: run by its own Python with a JSON file of cases
[{"argv", "env", "dir", "custom": [[names, {argument: value}]]}]; prints [{"code", "options"}]. """

import contextlib
import io
import json
import os
import sys

import locust
from locust.argument_parser import get_parser


def listener(options):
    def add(parser):
        for names, arguments in options:
            arguments = {key: int if value == "int" else value for key, value in arguments.items()}
            parser.add_argument(*names, **arguments)

    return add


def parse(case):
    os.chdir(case["dir"])
    for name in [name for name in os.environ if name.startswith("LOCUST_")]:
        del os.environ[name]
    os.environ.update({"HOME": case["dir"], **case["env"]})
    locust.events.init_command_line_parser._handlers.clear()
    locust.events.init_command_line_parser.add_listener(listener(case["custom"]))
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            return {"code": 0, "options": vars(get_parser().parse_args(case["argv"]))}
    except SystemExit as end:
        return {"code": end.code}


with open(sys.argv[1]) as file:
    print(json.dumps([parse(case) for case in json.load(file)]))
