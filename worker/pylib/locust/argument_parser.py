# SPDX-License-Identifier: MIT
"""Options of a locustfile, and Python's parser of the built-in ones.

On a test run the master parses the command line; what it does not know arrives here as words for
the options that the locustfile adds (`init_command_line_parser`). A script that is run by itself
(run_single_user, the library) parses its own command line with get_parser(): the same options, of the same
table (master/options/options.def), from the same places, by argparse.
"""

import argparse
import json
import math
import os
import platform
import re
import sys
from collections import OrderedDict
from typing import NamedTuple

from . import _source
from ._events import events
from ._option_table import GROUPS, OUR_FORMS, OURS
from ._version import __version__
from .util.timespan import parse_timespan

DEFAULT_CONFIG_FILES = ("~/.locust.conf", "locust.conf", "pyproject.toml")

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_OF_PAGE = {"include_in_web_ui": True, "is_secret": False, "is_required": False, "is_multiple": False}
_OF_SOURCES = ("env_var", "is_config_file_arg", "is_write_out_config_file_arg")


class _Taker:
    """What parsers and groups have in common: add_argument takes a few arguments more. The page shows
    the options of a group only when they ask for it, as Locust's, which cannot ask."""

    _page = {}

    def add_argument(self, *args, **kwargs):
        asked = {key: kwargs.pop(key) for key in _OF_PAGE if key in kwargs}
        sources = {key: kwargs.pop(key) for key in _OF_SOURCES if key in kwargs}
        action = super().add_argument(*args, **kwargs)
        action.is_positional_arg = not action.option_strings
        for key, value in {**sources, **(_OF_PAGE if asked else self._page), **asked}.items():
            if key in _OF_PAGE or value:
                setattr(action, key, value)
        return action


class _Group(_Taker, argparse._ArgumentGroup):
    pass


class _ExclusiveGroup(_Taker, argparse._MutuallyExclusiveGroup):
    pass


class LocustTomlConfigParser:
    """Reads one of the tables `sections` of a TOML file: {key: text or list}."""

    def __init__(self, sections):
        self.sections = sections

    def parse(self, stream):
        import tomllib

        try:
            content = tomllib.loads(stream.read())
        except tomllib.TOMLDecodeError as error:
            raise argparse.ArgumentTypeError(f"Couldn't parse TOML file: {error}") from None
        for section in self.sections:
            table = content
            for name in section.split("."):
                table = table.get(name) or {}
            if table:
                return OrderedDict((key, value if isinstance(value, list) else str(value))
                                   for key, value in table.items())
        return OrderedDict()


class LocustConfigParser:
    """Reads a configuration file by its name: TOML, or lines of `key = value`, `key: value`,
    `key value` or a bare `key`."""

    _LINE = re.compile(r"(?:--)?([^:=;#\s]+)\s*[:=\s]?\s*(.*?)\s*(?:\s[#;].*)?$")

    def parse(self, stream):
        if stream.name.endswith(".toml"):
            return LocustTomlConfigParser(["tool.locust"]).parse(stream)
        found = OrderedDict()
        for number, line in enumerate(stream, 1):
            line = line.strip()
            if not line or line[0] in "#;[" or line.startswith("---"):
                continue
            match = self._LINE.fullmatch(line)
            if match is None:
                raise argparse.ArgumentTypeError(
                    f"{stream.name}:{number}: {line[:100]!r} is no setting: write it as key = value"
                )
            key, value = match.groups()
            found[key] = self._value(value) if value else "true"
        return found

    @staticmethod
    def _value(text):
        if text[0] == "[" and text[-1] == "]":
            return [item.strip() for item in text[1:-1].split(",")]
        is_quoted = len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]
        return text[1:-1] if is_quoted else text


class LocustArgumentParser(_Taker, argparse.ArgumentParser):
    """An ArgumentParser whose options can also come from the environment (env_var=...) and from
    configuration files, and tell the page how to show them."""

    _page = _OF_PAGE

    def __init__(self, *args, default_config_files=(), **kwargs):
        super().__init__(*args, **kwargs)
        self._default_config_files = default_config_files

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")

    def add_argument_group(self, *args, **kwargs):
        group = _Group(self, *args, **kwargs)
        self._action_groups.append(group)
        return group

    def add_mutually_exclusive_group(self, **kwargs):
        group = _ExclusiveGroup(self, **kwargs)
        self._mutually_exclusive_groups.append(group)
        return group

    def _web_ui(self, attribute):
        return {
            action.dest: action
            for action in self._actions
            if getattr(action, "include_in_web_ui", False) and getattr(action, attribute, False)
        }

    @property
    def args_included_in_web_ui(self):
        return self._web_ui("include_in_web_ui")

    @property
    def secret_args_included_in_web_ui(self):
        return self._web_ui("is_secret")

    @property
    def required_args_included_in_web_ui(self):
        return self._web_ui("is_required")

    @property
    def multiple_args_included_in_web_ui(self):
        return self._web_ui("is_multiple")

    def parse_known_args(self, args=None, namespace=None):
        words = self._typed() if args is None else list(args)
        given = self._named(words)
        before, unknown = self._environment_words(self._actions, given), []
        for setting in self._not_overridden(list(self._read_files(words)), given):
            name = "--" + setting["key"]
            if self._action_named(name) is not None:
                before += self._setting_words(setting)
            elif setting["key"] not in OURS:
                unknown.append(f"{name}={','.join(setting['values'])}")
        namespace, rest = super().parse_known_args(before + words, namespace)
        return namespace, unknown + rest

    def _typed(self):
        """What was typed, without what the command katydid alone understands."""
        ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        for forms, takes_value in OUR_FORMS:
            if not any(form in self._option_string_actions for form in forms):
                ours.add_argument(*forms, action="append" if takes_value else "store_true")
        return ours.parse_known_args(sys.argv[1:])[1]

    def parse_args(self, args=None, namespace=None):
        namespace, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(_unknown(self, unknown))
        return namespace

    def _read_files(self, words):
        """The settings of --config's file and the usual ones, the strongest first."""
        finder = argparse.ArgumentParser(add_help=False)
        finder.add_argument("--config")
        named = finder.parse_known_args(words)[0].config
        for path in filter(None, (named, *reversed(tuple(self._default_config_files)))):
            path = os.path.expanduser(path)
            if path != named and not os.path.isfile(path):
                continue
            try:
                with open(path, encoding="utf-8") as file:
                    found = LocustConfigParser().parse(file)
            except (OSError, UnicodeDecodeError, argparse.ArgumentTypeError) as error:
                self.error(f"{path}: {error}")
            for key, value in found.items():
                values = list(map(str, value)) if isinstance(value, list) else [value]
                yield {"key": key, "values": values, "is_list": isinstance(value, list),
                       "is_bare": False, "place": path}

    def parse_run(self, words, settings):
        """As parse_known_args, for the words of a command line and the settings of files
        (docs/wire.md) that the master could not explain: command line, environment, files."""
        given = self._named(words)
        custom = [action for action in self._actions if not _is_built_in(action)]
        before = self._environment_words(custom, given)
        for setting in self._not_overridden(settings, given):
            before += self._setting_words(setting)
        return super().parse_known_args(before + words)

    def _named(self, words):
        """The options that words name."""
        return {self._action_named(word) for word in words if word.startswith("-")} - {None}

    def _action_named(self, word):
        """The option of a word: its name, or the beginning of one long name."""
        name = word.split("=", 1)[0]
        if not name.startswith("--"):
            name = name[:2]
        if name in self._option_string_actions or not name.startswith("--"):
            return self._option_string_actions.get(name)
        longer = {action for option, action in self._option_string_actions.items()
                  if option.startswith(name)}
        return longer.pop() if len(longer) == 1 else None

    def _environment_words(self, actions, given):
        """The options that environment variables set and `given` has not, as words; they are
        added to `given`."""
        found = []
        for action in actions:
            value = os.environ.get(getattr(action, "env_var", None) or "")
            if value is not None and action.option_strings and action not in given:
                found += self._words_of(action, value, action.env_var)
                given.add(action)
        return found

    def _not_overridden(self, settings, given):
        """The settings that nothing stronger overrides; within one file the last one counts."""
        source, kept = {}, []
        for setting in settings:
            action = self._action_named("--" + setting["key"])
            file = setting["place"].rpartition(":")[0] or setting["place"]
            if action is None or (action not in given
                                  and source.setdefault(action, file) == file):
                kept.append(setting)
        return kept

    def _setting_words(self, setting):
        name, values, place = "--" + setting["key"], setting["values"], setting["place"]
        action = self._action_named(name)
        if action is None:
            word = name if setting["is_bare"] else f"{name}={','.join(values)}"
            self.error(f"{place}: {_unknown(self, [word])}")
        if not setting["is_list"]:
            words = self._words_of(action, values[0], f"{place}: {setting['key']}")
        elif action.nargs in ("*", "+") or isinstance(action.nargs, int) and action.nargs:
            words = [name, *values]
        elif isinstance(action, argparse._AppendAction):
            words = [f"{name}={value}" for value in values]
        else:
            self.error(f"{place}: {setting['key']}: takes one value, not a list")
        try:
            if action.nargs != 0:
                self._get_values(action, values)
        except argparse.ArgumentError as error:
            self.error(f"{place}: {error}")
        return words

    def _words_of(self, action, value, label):
        name = action.option_strings[-1]
        if action.nargs == 0:
            if value.lower() in _TRUE:
                return [name]
            if value.lower() in _FALSE:
                return []
            self.error(f"{label}={value!r}: use true or false")
        if value.startswith("[") and value.endswith("]"):
            items = [item.strip() for item in value[1:-1].split(",")]
            if action.nargs in ("*", "+"):
                return [name, *items]
            if isinstance(action, argparse._AppendAction):
                return [f"{name}={item}" for item in items]
        return [name, value] if action.nargs in ("*", "+") else [f"{name}={value}"]


def _is_built_in(action):
    return getattr(action, "is_built_in", False) or action.dest == "help"


def timespan(time_str):
    """An option type: seconds of "90", "1h30m" ..."""
    try:
        return parse_timespan(time_str)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive_integer(string):
    """An option type: a whole number of at least 1."""
    try:
        value = int(string)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"invalid value: '{string}', must be a number above 0")
    return value


def gt_zero(value_type):
    """An option type: a number above 0."""

    def checker(string):
        value = value_type(string)
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError("must be a finite number")
        if value <= 0:
            raise argparse.ArgumentTypeError("must be > 0")
        return value

    return checker


def raise_argument_type_error(err_msg):
    """An option action that only refuses, with that hint."""

    class ErrorRaisingAction(argparse.Action):
        def __call__(self, parser, namespace, values, option_string=None):
            raise argparse.ArgumentError(self, err_msg)

    return ErrorRaisingAction


def json_user_config(string):
    """An option type: JSON, or the name of a .json file, with one or several objects that each
    name a `user_class_name`. Returns a list of dicts."""
    try:
        if string.endswith(".json"):
            with open(string, encoding="utf-8") as file:
                config = json.load(file)
        else:
            config = json.loads(string)
    except (OSError, json.JSONDecodeError) as error:
        raise argparse.ArgumentTypeError(f"invalid value: {string}, {error}") from None
    entries = config if isinstance(config, list) else [config]
    for entry in entries:
        if not isinstance(entry, dict) or "user_class_name" not in entry:
            raise argparse.ArgumentTypeError(f"user config {entry} has no user_class_name")
    return entries


_TYPES = {"WHOLE": int, "INT": int, "COUNT": positive_integer, "RATE": gt_zero(float), "SPAN": timespan,
          "USERS_JSON": json_user_config, "CHOICE": str.upper}
_FIRST = ("locustfile", "config")
_TO_FIND_LOCUSTFILES = ("worker", "master", "master_host", "master_port")


def _add_built_in(taker, row):
    """An option of the table."""
    how = {key: row[key] for key in ("dest", "default", "env_var", "metavar", "choices") if key in row}
    how["help"] = argparse.SUPPRESS if row.get("is_hidden") else row["help"]
    kind = row["kind"]
    if kind == "FLAG":
        how["action"] = "store_true"
    elif kind == "VERSION":
        how = {"action": "version", "help": row["help"], "version": _version()}
    elif kind == "LEGACY":
        how["action"] = raise_argument_type_error(row["words"])
        if not row.get("takes_value"):
            how["nargs"] = 0
    else:
        how["type"] = _TYPES.get(kind)
        if kind in ("LIST", "USERS_JSON"):
            how["nargs"] = "*"
    if row["dest"] == "config":
        how["is_config_file_arg"] = True
    taker.add_argument(*row["names"], **how).is_built_in = True


def _version():
    return (f"locust {__version__} from {os.path.dirname(__file__)} "
            f"(Python {platform.python_version()})")


def _rows(dests):
    return [row for _, _, rows in GROUPS for row in rows if row["dest"] in dests]


def setup_parser_arguments(parser):
    """Adds every built-in option to what get_empty_argument_parser returned."""
    common, *groups = GROUPS
    parser._optionals.title = common[0]
    for row in common[2]:
        if row["dest"] not in _FIRST:
            _add_built_in(parser, row)
    for title, note, rows in groups:
        group = parser.add_argument_group(title, note)
        for row in rows:
            _add_built_in(group, row)
    parser.add_argument_group("User classes").add_argument(
        "user_classes", nargs="*", metavar="<UserClass>",
        default=os.environ.get("LOCUST_USER_CLASSES", "").split(),
        help="words that are not options name the User classes to run. Default: all of them",
    ).is_built_in = True


def get_empty_argument_parser(add_help=True, default_config_files=DEFAULT_CONFIG_FILES):
    """A parser that knows the locustfile and --config."""
    parser = LocustArgumentParser(usage="%(prog)s [options] [UserClass ...]", add_help=add_help,
                                  default_config_files=default_config_files)
    for row in _rows(_FIRST):
        _add_built_in(parser, row)
    return parser


def get_parser(default_config_files=DEFAULT_CONFIG_FILES):
    """The built-in options and those of the locustfile."""
    parser = get_empty_argument_parser(default_config_files=default_config_files)
    setup_parser_arguments(parser)
    events.init_command_line_parser.fire(parser=parser)
    return parser


def _built_in_parser():
    parser = get_empty_argument_parser(default_config_files=())
    setup_parser_arguments(parser)
    return parser


def default_args_dict():
    """{dest: value} of the built-in options when the command line is empty."""
    return vars(_built_in_parser().parse_args([]))


def _defaults(parser):
    """{dest: default} of the built-in options: what nobody has set, not even the environment."""
    found = {}
    for action in parser._actions:
        if _is_built_in(action) and action.default != argparse.SUPPRESS:
            is_text = isinstance(action.default, str) and action.type is not None
            found[action.dest] = action.type(action.default) if is_text else action.default
    return found


def parse_options(args=None):
    """Of a script that is run by itself."""
    parser = get_parser()
    options = parser.parse_args(args)
    if options.stats_history_enabled and options.csv_prefix is None:
        parser.error("'--csv-full-history' requires '--csv'.")
    return options


# Locustfiles


def _or_exit(function, *args):
    try:
        return function(*args)
    except _source.Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(1)


def parse_locustfile_option(args=None):
    """The options that are needed to find the locustfile; everything else is left alone."""
    parser = get_empty_argument_parser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", "-V", action="store_true")
    for row in _rows(_TO_FIND_LOCUSTFILES):
        _add_built_in(parser, row)
    options = parser.parse_known_args(args)[0]
    if options.help or options.version:
        get_parser().parse_args(args)  # prints it and exits
    return options


def parse_locustfile_paths(paths):
    """The files that the names of -f mean."""
    return [path for name in paths for path in _or_exit(_source.find, name)]


def get_locustfiles_locally(options):
    """The locustfiles of parsed options, fetched where they are elsewhere."""
    if options.locustfile == "-":
        return retrieve_locustfiles_from_master(options)
    return _or_exit(_source.find, options.locustfile)


def download_locustfile_from_url(url):
    return _or_exit(_source.download, url)


def retrieve_locustfiles_from_master(options):
    if not options.worker:
        sys.stderr.write("locustfile was set to '-' (meaning to download from master) "
                         "but --worker was not specified.\n")
        sys.exit(1)
    endpoint = f"tcp://{options.master_host}:{options.master_port}"
    return _or_exit(_source.from_master, endpoint)


def _custom_actions(parser):
    return [action for action in parser._actions if not _is_built_in(action)]


def shown_actions(parser):
    """Those of them that the page shows; one that gives a built-in option another name is not."""
    usual = _defaults(parser)
    return [action for action in _custom_actions(parser)
            if getattr(action, "include_in_web_ui", False) and action.dest not in usual]


def custom_options():
    """[[name, whether it takes no value]] of the locustfile's own options."""
    return [
        [name, action.nargs == 0]
        for action in _custom_actions(get_parser())
        for name in action.option_strings
    ]


def _also_theirs(parser, words):
    """Of options that the master understood itself, those that the locustfile has too, as its parser takes them."""
    for word in words:
        name, is_given, _ = word.partition("=")
        action = parser._option_string_actions.get(name)
        if action is not None and not _is_built_in(action) and bool(is_given) == (action.nargs != 0):
            yield word


def parse_custom(options, extra_words, settings=(), prog="katydid", own_words=()):
    """The options of a run: what the master parsed (`options`, by dest), completed by the
    locustfile's own out of the words and settings the master could not explain.

    Returns (Namespace, {dest: how the page shows it}). A word nobody knows ends the process with
    code 2 and the nearest name.
    """
    parser = get_parser()
    parser.prog = prog
    parser.set_defaults(user_classes=[])
    own, unknown = parser.parse_run([*_also_theirs(parser, own_words), *extra_words], settings)
    if unknown:
        parser.error(_unknown(parser, unknown))
    custom = _custom_actions(parser)
    usual, changed = _defaults(_built_in_parser()), _defaults(parser)
    merged = {**parser._defaults, **usual, **options}
    for dest, value in usual.items():  # the locustfile may have called set_defaults()
        if dest != "user_classes" and merged[dest] == value:
            merged[dest] = changed[dest]
    merged.update({action.dest: getattr(own, action.dest) for action in custom
                   if action.dest != argparse.SUPPRESS and hasattr(own, action.dest)})
    merged["user_classes"] = list(options.get("user_classes") or []) + own.user_classes
    return argparse.Namespace(**merged), {action.dest: _shown_as(action) for action in shown_actions(parser)}


def _likeness(a, b):
    """0 (far apart) to 1 (equal); the same first letters bring words nearer."""
    import difflib

    ratio = difflib.SequenceMatcher(None, a, b).ratio()
    same = min(6, len(os.path.commonprefix([a, b])))
    return ratio + (1 - ratio) * 0.1 * same if ratio >= 0.6 else 0.0


def _nearest(known, word, is_locust):
    """[the option that is nearest], or nothing; by the name locust, whichever Locust names."""
    if is_locust:
        import difflib

        return difflib.get_close_matches(word, known, n=1)
    name = word.split("=", 1)[0]
    near = max(known, key=lambda each: _likeness(name, each))
    return [near] if _likeness(name, near) > 0 else []


def _unknown(parser, words):
    """What to say of words that are no options."""
    known = [name for action in parser._actions for name in action.option_strings]
    near = _nearest(known, words[0], parser.prog == "locust")
    hint = f"\nDid you mean '{near[0]}'?" if near else ""
    return f"unrecognized arguments: {' '.join(words)}{hint}"


def _shown_as(action):
    return {
        "default": action.default,
        "help": action.help,
        "choices": list(action.choices) if action.choices is not None else None,
        "is_secret": getattr(action, "is_secret", False),
        "is_required": getattr(action, "is_required", False),
        "is_multiple": getattr(action, "is_multiple", False),
    }


class UIExtraArgOptions(NamedTuple):
    """How the page shows an option of the locustfile."""

    default_value: str
    is_secret: bool
    is_required: bool
    help_text: str
    is_multiple: bool
    choices: list[str] | None = None


def ui_extra_args_dict(args=None):
    """{dest: how the page shows it} of the locustfile's own options."""
    parser = get_parser()
    values = vars(parser.parse_args(args))
    return {
        action.dest: UIExtraArgOptions(
            default_value=values[action.dest],
            is_secret=getattr(action, "is_secret", False),
            is_required=getattr(action, "is_required", False),
            help_text=action.help,
            is_multiple=getattr(action, "is_multiple", False),
            choices=action.choices,
        )._asdict()
        for action in shown_actions(parser)
    }
