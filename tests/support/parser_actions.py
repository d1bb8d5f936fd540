"""The options that `locust.argument_parser` has, as JSON: run by the Python of stock Locust and by one with ours."""

import json
import os
import sys

import locust
from locust import argument_parser

OURS = ("help", "metavar", "container", "version", "is_built_in")  # texts for people, and a mark of ours


def plain(value):
    return value.__name__ if callable(value) else value


def described(action):
    fields = {key: plain(value) for key, value in vars(action).items() if key not in OURS and value is not None}
    return {**fields, "class": type(action).__name__, "is_hidden": action.help == "==SUPPRESS==", "type": plain(action.type) or "str"}


def listener(parser):
    parser.add_argument("--plain", default=3, type=int, help="a number", env_var="PLAIN")
    parser.add_argument("--key", is_secret=True)
    parser.add_argument("--inner", include_in_web_ui=False)
    parser.add_argument("--color", choices=["red", "blue"], is_required=True, default="red")
    parser.add_argument("--sizes", is_multiple=True, nargs="*")
    parser.add_argument("--people", dest="num_users", type=int)
    parser.add_argument("place", nargs="*")
    parser.add_argument_group("mine").add_argument("--grouped", default="x", env_var="GROUPED")
    parser.add_mutually_exclusive_group().add_argument("--either", action="store_true")
    parser.set_defaults(fresh=1, host="http://set")


def parsers(folder):
    os.chdir(folder)
    with open("locust.conf", "w") as file:
        file.write("locustfile = x.py\nforeign = bar\nbare\nmaster-port = 7\n")
    yield "first", vars(argument_parser.parse_locustfile_option(["--users", "3", "-q"]))
    known, unknown = argument_parser.get_parser().parse_known_args(["--unknown"])
    yield "known", vars(known)
    yield "unknown", unknown
    os.remove("locust.conf")
    yield "page", argument_parser.ui_extra_args_dict(["--plain", "5", "--key", "k"])
    for name in ("secret_", "required_", "multiple_", ""):
        yield name, sorted(getattr(argument_parser.get_parser(), name + "args_included_in_web_ui"))
    os.environ["LOCUST_USERS"] = "7"
    yield "defaults", argument_parser.default_args_dict()
    empty = argument_parser.get_empty_argument_parser(add_help=False)
    yield "empty", [action.dest for action in empty._actions]


def main():
    parser = argument_parser.get_parser(default_config_files=())
    found = {"actions": {action.dest: described(action) for action in parser._actions},
             "groups": [group.title for group in parser._action_groups[1:]]}
    locust.events.init_command_line_parser.add_listener(listener)
    custom = {action.dest: described(action) for action in argument_parser.get_parser(default_config_files=())._actions}
    found["custom"] = {dest: fields for dest, fields in custom.items() if dest not in found["actions"]}
    found.update(parsers(sys.argv[1]))
    print(json.dumps(found))


main()
