# SPDX-License-Identifier: MIT
"""Options that the locustfile adds, out of the words the master could not explain."""

import pytest

import locust
from locust import argument_parser


@pytest.fixture
def custom():
    """Registers a listener for the time of the test."""
    added = []

    def add(*args, **kwargs):
        def listener(parser):
            parser.add_argument(*args, **kwargs)

        added.append(locust.events.init_command_line_parser.add_listener(listener))

    yield add
    for listener in added:
        locust.events.init_command_line_parser.remove_listener(listener)


def parse(words, **options):
    return argument_parser.parse_custom(options, words)


def test_value_class_names_and_master_options_come_together(custom):
    custom("--tenant")
    namespace, _ = parse(["--tenant", "acme", "Visitor"], num_users=5, user_classes=["Buyer"])
    assert namespace.tenant == "acme"
    assert namespace.user_classes == ["Buyer", "Visitor"]
    assert namespace.num_users == 5
    assert namespace.web_port == 8089, "what the master does not tell has its default"


def test_environment_is_used_unless_the_command_line_says_it(custom, monkeypatch):
    custom("--tenant", env_var="TENANT")
    custom("--deep", env_var="DEEP", action="store_true")
    custom("--many", env_var="MANY", nargs="*")
    monkeypatch.setenv("TENANT", "from env")
    monkeypatch.setenv("DEEP", "true")
    monkeypatch.setenv("MANY", "[a, b]")
    assert parse([])[0].tenant == "from env"
    namespace = parse(["--tenant=given"])[0]
    assert (namespace.tenant, namespace.deep, namespace.many) == ("given", True, ["a", "b"])


def test_bad_boolean_in_the_environment_is_refused(custom, monkeypatch, capsys):
    custom("--deep", env_var="DEEP", action="store_true")
    monkeypatch.setenv("DEEP", "maybe")
    with pytest.raises(SystemExit) as end:
        parse([])
    assert end.value.code == 2
    assert "DEEP" in capsys.readouterr().err


@pytest.mark.parametrize("word, near", [
    ("--tennant=x", "--tenant"), ("--user-count", "--users"), ("--spawnrate", "--spawn-rate"),
])
def test_unknown_word_names_the_nearest(custom, capsys, word, near):
    custom("--tenant")
    with pytest.raises(SystemExit) as end:
        parse([word])
    assert end.value.code == 2
    text = capsys.readouterr().err
    assert word in text and f"'{near}'" in text


def test_the_page_is_told_how_to_show_an_option(custom):
    custom("--secret", is_secret=True, help="a key")
    custom("--color", choices=["red", "blue"], default="red", is_required=True)
    custom("--hidden", include_in_web_ui=False)
    _, shown = parse([])
    assert set(shown) == {"secret", "color"}
    assert shown["secret"]["is_secret"] and shown["secret"]["help"] == "a key"
    assert shown["color"] == {"default": "red", "help": None, "choices": ["red", "blue"],
                              "is_secret": False, "is_required": True, "is_multiple": False}


def test_groups_take_the_same_arguments():
    def listener(parser):
        group = parser.add_argument_group("mine")
        group.add_argument("--grouped", env_var="GROUPED", is_multiple=True, default=1, type=int)

    locust.events.init_command_line_parser.add_listener(listener)
    try:
        namespace, shown = parse(["--grouped", "3"])
    finally:
        locust.events.init_command_line_parser.remove_listener(listener)
    assert namespace.grouped == 3 and shown["grouped"]["is_multiple"]


@pytest.mark.parametrize("text, seconds", [
    ("20", 20), ("20s", 20), ("3m", 180), ("2h", 7200), ("1h20m", 4800), ("3h30m10s", 12610),
])
def test_timespan(text, seconds):
    assert argument_parser.timespan(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "1.5", "10s3m", "1d", "-1", "s", "\u0663"])
def test_bad_timespan(text):
    with pytest.raises(argument_parser.argparse.ArgumentTypeError):
        argument_parser.timespan(text)


def test_flags_of_a_configuration_file(custom):
    custom("--deep", action="store_true")
    assert parse(["--deep=true"])[0].deep is True
    assert parse(["--deep=false"])[0].deep is False
    with pytest.raises(SystemExit):
        parse(["--deep=perhaps"])
