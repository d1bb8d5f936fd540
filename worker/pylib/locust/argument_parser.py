# SPDX-License-Identifier: MIT
"""Options of a locustfile, and the table of the built-in ones.

On a test run the master parses the command line; what it does not know arrives here as words for
the options that the locustfile adds (`init_command_line_parser`). A script that is run by itself
(run_single_user, the library) parses its own command line with get_parser().
"""

import argparse
import difflib
import json
import os
import sys

import locust

from .util.timespan import parse_timespan

DEFAULT_CONFIG_FILES = ("~/.locust.conf", "locust.conf", "pyproject.toml")

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_EXTRAS = {"env_var": None, "include_in_web_ui": True, "is_secret": False, "is_required": False,
           "is_multiple": False, "is_config_file_arg": False,
           "is_write_out_config_file_arg": False}
_KEPT = ("env_var", "include_in_web_ui", "is_secret", "is_required", "is_multiple")


class _Taker:
    """What parsers and groups have in common: add_argument takes a few arguments more."""

    def add_argument(self, *args, **kwargs):
        extras = {key: kwargs.pop(key, default) for key, default in _EXTRAS.items()}
        action = super().add_argument(*args, **kwargs)
        for key in _KEPT:
            setattr(action, key, extras[key])
        return action


class _Group(_Taker, argparse._ArgumentGroup):
    pass


class _ExclusiveGroup(_Taker, argparse._MutuallyExclusiveGroup):
    pass


class LocustArgumentParser(_Taker, argparse.ArgumentParser):
    """An ArgumentParser whose options can also come from the environment (env_var=...) and tell
    the page how to show them."""

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
        words = list(sys.argv[1:] if args is None else args)
        before = self._environment_words(self._actions, self._named(words))
        return super().parse_known_args(before + words, namespace)

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
            file = setting["place"].rpartition(":")[0]
            if action is None or (action not in given
                                  and source.setdefault(action, file) == file):
                kept.append(setting)
        return kept

    def _setting_words(self, setting):
        name, values, place = "--" + setting["key"], setting["values"], setting["place"]
        action = self._action_named(name)
        if action is None:
            word = name if setting["is_bare"] else f"{name}={','.join(values)}"
            self.error(f"{place}: {_unknown(self, word)}")
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


_FLAG = "flag"
_LIST = "list"
# option strings, dest, type, default, environment variable
_BUILT_IN = (
    ("-f --locustfile", None, str, "locustfile.py", "LOCUST_LOCUSTFILE"),
    ("--config", None, str, None, None),
    ("-H --host", None, str, None, "LOCUST_HOST"),
    ("-u --users", "num_users", positive_integer, None, "LOCUST_USERS"),
    ("-r --spawn-rate", None, float, None, "LOCUST_SPAWN_RATE"),
    ("-t --run-time", None, timespan, None, "LOCUST_RUN_TIME"),
    ("-l --list", "list_commands", _FLAG, False, None),
    ("--config-users", None, json_user_config, None, "LOCUST_CONFIG_USERS"),
    ("--web-host", None, str, "", "LOCUST_WEB_HOST"),
    ("--web-host-display-name", None, str, None, "LOCUST_WEB_HOST_DISPLAY_NAME"),
    ("-P --web-port", None, int, 8089, "LOCUST_WEB_PORT"),
    ("--headless", None, _FLAG, False, "LOCUST_HEADLESS"),
    ("--headful", None, _FLAG, False, "LOCUST_HEADFUL"),
    ("--autostart", None, _FLAG, False, "LOCUST_AUTOSTART"),
    ("--autoquit", None, int, -1, "LOCUST_AUTOQUIT"),
    ("--web-login", None, _FLAG, False, "LOCUST_WEB_LOGIN"),
    ("--tls-cert", None, str, None, "LOCUST_TLS_CERT"),
    ("--tls-key", None, str, None, "LOCUST_TLS_KEY"),
    ("--class-picker", None, _FLAG, False, "LOCUST_USERCLASS_PICKER"),
    ("--build-path", None, str, None, "LOCUST_BUILD_PATH"),
    ("--web-base-path", None, str, "", "LOCUST_WEB_BASE_PATH"),
    ("--master", None, _FLAG, False, "LOCUST_MODE_MASTER"),
    ("--master-bind-host", None, str, "*", "LOCUST_MASTER_BIND_HOST"),
    ("--master-bind-port", None, int, 5557, "LOCUST_MASTER_BIND_PORT"),
    ("--expect-workers", None, int, 1, "LOCUST_EXPECT_WORKERS"),
    ("--expect-workers-max-wait", None, int, 0, "LOCUST_EXPECT_WORKERS_MAX_WAIT"),
    ("--enable-rebalancing", None, _FLAG, False, None),
    ("--worker", None, _FLAG, False, "LOCUST_MODE_WORKER"),
    ("--processes", None, int, None, "LOCUST_PROCESSES"),
    ("--master-host", None, str, "127.0.0.1", "LOCUST_MASTER_NODE_HOST"),
    ("--master-port", None, int, 5557, "LOCUST_MASTER_NODE_PORT"),
    ("-T --tags", None, _LIST, None, "LOCUST_TAGS"),
    ("-E --exclude-tags", None, _LIST, None, "LOCUST_EXCLUDE_TAGS"),
    ("--csv", "csv_prefix", str, None, "LOCUST_CSV"),
    ("--csv-full-history", "stats_history_enabled", _FLAG, False, "LOCUST_CSV_FULL_HISTORY"),
    ("--print-stats", None, _FLAG, False, "LOCUST_PRINT_STATS"),
    ("--only-summary", None, _FLAG, False, "LOCUST_ONLY_SUMMARY"),
    ("--reset-stats", None, _FLAG, False, "LOCUST_RESET_STATS"),
    ("--html", "html_file", str, None, "LOCUST_HTML"),
    ("--json", None, _FLAG, False, None),
    ("--json-file", None, str, None, None),
    ("--skip-log-setup", None, _FLAG, False, "LOCUST_SKIP_LOG_SETUP"),
    ("-L --loglevel", None, str.upper, "INFO", "LOCUST_LOGLEVEL"),
    ("--logfile", None, str, None, "LOCUST_LOGFILE"),
    ("--show-task-ratio", None, _FLAG, False, None),
    ("--show-task-ratio-json", None, _FLAG, False, None),
    ("--exit-code-on-error", None, int, 1, "LOCUST_EXIT_CODE_ON_ERROR"),
    ("-s --stop-timeout", None, timespan, 0, "LOCUST_STOP_TIMEOUT"),
    ("--equal-weights", None, _FLAG, False, None),
    ("--profile", None, str, None, None),
    ("--otel", None, _FLAG, False, "LOCUST_ENABLE_OPENTELEMETRY"),
)


def setup_parser_arguments(parser):
    """Adds every built-in option."""
    for names, dest, kind, default, env_var in _BUILT_IN:
        how = {"default": default, "env_var": env_var, "include_in_web_ui": False}
        if dest:
            how["dest"] = dest
        if kind is _FLAG:
            how["action"] = "store_true"
        elif kind is _LIST:
            how["nargs"] = "*"
        else:
            how["type"] = kind
            if kind is json_user_config:
                how["nargs"] = "*"
        parser.add_argument(*names.split(), **how).is_built_in = True
    parser.add_argument(
        "user_classes", nargs="*", default=os.environ.get("LOCUST_USER_CLASSES", "").split(),
        include_in_web_ui=False,
    ).is_built_in = True


def get_empty_argument_parser(add_help=True, default_config_files=DEFAULT_CONFIG_FILES):
    return LocustArgumentParser(prog="katydid", add_help=add_help)


def get_parser(default_config_files=DEFAULT_CONFIG_FILES):
    """The built-in options and those of the locustfile."""
    parser = get_empty_argument_parser()
    setup_parser_arguments(parser)
    locust.events.init_command_line_parser.fire(parser=parser)
    return parser


def default_args_dict():
    """{dest: default} of the built-in options."""
    parser = get_empty_argument_parser(add_help=False)
    setup_parser_arguments(parser)
    return {action.dest: action.default for action in parser._actions}


def _custom_actions(parser):
    return [action for action in parser._actions if not _is_built_in(action)]


def custom_options():
    """[[name, whether it takes no value]] of the locustfile's own options."""
    return [
        [name, action.nargs == 0]
        for action in _custom_actions(get_parser())
        for name in action.option_strings
    ]


def parse_custom(options, extra_words, settings=(), prog="katydid"):
    """The options of a run: what the master parsed (`options`, by dest), completed by the
    locustfile's own out of the words and settings the master could not explain.

    Returns (Namespace, {dest: how the page shows it}). A word nobody knows ends the process with
    code 2 and the nearest name.
    """
    parser = get_parser()
    parser.prog = prog
    parser.set_defaults(user_classes=[])
    own, unknown = parser.parse_run(list(extra_words), settings)
    if unknown:
        parser.error(_unknown(parser, unknown[0]))
    custom = _custom_actions(parser)
    merged = {**default_args_dict(), **options}
    merged.update({action.dest: getattr(own, action.dest) for action in custom
                   if action.dest != argparse.SUPPRESS and hasattr(own, action.dest)})
    merged["user_classes"] = list(options.get("user_classes") or []) + own.user_classes
    shown = {action.dest: _shown_as(action) for action in custom
             if getattr(action, "include_in_web_ui", True)}
    return argparse.Namespace(**merged), shown


def _likeness(a, b):
    """0 (far apart) to 1 (equal); the same first letters bring words nearer."""
    ratio = difflib.SequenceMatcher(None, a, b).ratio()
    same = min(6, len(os.path.commonprefix([a, b])))
    return ratio + (1 - ratio) * 0.1 * same if ratio >= 0.6 else 0.0


def _unknown(parser, word):
    """What to say of a word that is no option."""
    known = [name for action in parser._actions for name in action.option_strings]
    near = max(known, key=lambda name: _likeness(word.split("=", 1)[0], name))
    is_near = _likeness(word.split("=", 1)[0], near) > 0
    hint = f"\nDid you mean '{near}'?" if is_near else ""
    return f"unrecognized arguments: {word}{hint}"


def _shown_as(action):
    return {
        "default": action.default,
        "help": action.help,
        "choices": list(action.choices) if action.choices is not None else None,
        "is_secret": getattr(action, "is_secret", False),
        "is_required": getattr(action, "is_required", False),
        "is_multiple": getattr(action, "is_multiple", False),
    }


def ui_extra_args_dict(args=None):
    """{dest: how the page shows it} of the locustfile's own options."""
    parser = get_parser()
    values = vars(parser.parse_args(args))
    shown = {}
    for action in _custom_actions(parser):
        if getattr(action, "include_in_web_ui", True):
            how = _shown_as(action)
            how["default_value"] = values[action.dest]
            how["help_text"] = how.pop("help")
            del how["default"]
            shown[action.dest] = how
    return shown
