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


def parse(words, settings=(), **options):
    return argument_parser.parse_custom(options, words, settings)


def setting(key, *values, place="locust.conf:3", is_list=False):
    return {"key": key, "values": list(values), "is_list": is_list, "is_bare": False, "place": place}


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
    assert parse([], [setting("deep", "true")])[0].deep is True
    assert parse([], [setting("deep", "false")])[0].deep is False
    with pytest.raises(SystemExit):
        parse([], [setting("deep", "perhaps")])


def test_the_command_line_is_stronger_than_the_environment_and_that_than_files(custom, monkeypatch):
    custom("--tenant", env_var="TENANT")
    files = [setting("tenant", "a", place="my.conf:1"), setting("tenant", "b", place="locust.conf:1")]
    assert parse([], files)[0].tenant == "a"
    assert parse([], files[1:] + [setting("tenant", "c", place="locust.conf:2")])[0].tenant == "c"
    monkeypatch.setenv("TENANT", "env")
    assert parse([], files)[0].tenant == "env"
    assert parse(["--ten", "x"], files)[0].tenant == "x"


def test_a_list_of_a_file_is_one_list(custom):
    custom("--many", nargs="*")
    custom("--more", action="append")
    files = [setting("many", "a", "b", is_list=True), setting("more", "c", "d", is_list=True)]
    options = parse([], files)[0]
    assert (options.many, options.more) == (["a", "b"], ["c", "d"])
    assert parse(["--more", "x"], files)[0].more == ["x"]


@pytest.mark.parametrize("bad, words", [
    (setting("num", "x"), ["locust.conf:3", "--num", "'x'"]),
    (setting("nmu", "1"), ["locust.conf:3", "--nmu=1", "Did you mean '--num'"]),
    (setting("num", "1", "2", is_list=True), ["locust.conf:3", "num", "one value"]),
])
def test_a_bad_setting_names_file_and_line(custom, capsys, bad, words):
    custom("--num", type=int)
    with pytest.raises(SystemExit) as end:
        parse([], [bad])
    said = capsys.readouterr().err
    assert end.value.code == 2 and all(word in said for word in words), said


def test_options_of_a_group_take_the_same_arguments(custom, monkeypatch):
    def listener(parser):
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--red", env_var="RED", action="store_true", include_in_web_ui=True)
        group.add_argument("--blue", action="store_true")

    locust.events.init_command_line_parser.add_listener(listener)
    try:
        monkeypatch.setenv("RED", "yes")
        options, shown = parse([])
        assert options.red is True and list(shown) == ["red"], "as in Locust, the page shows a group's options only when asked"
        with pytest.raises(SystemExit):
            parse(["--blue"])
    finally:
        locust.events.init_command_line_parser.remove_listener(listener)


def test_the_library_reads_configuration_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".locust.conf").write_text("users = 1\nspawn-rate: 4 # each second\nheadless\n")
    (tmp_path / "locust.conf").write_text("users = 2\ntags = [a, b]\n")
    (tmp_path / "pyproject.toml").write_text('[tool.locust]\nhost = "http://toml"\nrun-time = "1m"\n')
    (tmp_path / "my.conf").write_text("run-time 2m\n")
    options = argument_parser.get_parser().parse_args(["--config", "my.conf"])
    assert (options.num_users, options.spawn_rate, options.run_time) == (2, 4.0, 120)
    assert (options.headless, options.tags, options.host) == (True, ["a", "b"], "http://toml")
    assert argument_parser.get_parser().parse_args(["-u", "7"]).num_users == 7


def test_options_of_the_command_alone_may_stand_in_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locust.conf").write_text("timeline-memory = 64\nhtml-samples\nusers = 3\n")
    assert argument_parser.get_parser().parse_args([]).num_users == 3


def test_only_what_finds_the_locustfile_is_parsed(monkeypatch):
    monkeypatch.setenv("LOCUST_MASTER_NODE_HOST", "m")
    options = argument_parser.parse_locustfile_option(["-f", "a.py", "--worker", "--mine", "x", "-u", "many"])
    assert (options.locustfile, options.worker, options.master_host) == ("a.py", True, "m")


@pytest.mark.parametrize("rate", ["inf", "nan", "0", "-1", "x"])
def test_a_spawn_rate_is_a_finite_number_above_0(capsys, rate):
    with pytest.raises(SystemExit) as end:
        argument_parser.get_parser().parse_args(["-r", rate])
    assert end.value.code == 2 and "--spawn-rate" in capsys.readouterr().err


def test_defaults_that_a_locustfile_sets_are_told_with_the_options():
    def listener(parser):
        parser.set_defaults(host="http://set", stop_timeout=4, fresh=1)

    locust.events.init_command_line_parser.add_listener(listener)
    try:
        options, _ = parse([], num_users=3)
        assert (options.host, options.stop_timeout, options.fresh, options.num_users) == ("http://set", 4, 1, 3)
        assert parse([], host="http://given", stop_timeout=0)[0].host == "http://given"
    finally:
        locust.events.init_command_line_parser.remove_listener(listener)
    assert parse([], stop_timeout=0)[0].stop_timeout == 0


def test_what_the_master_told_is_not_taken_for_a_default(monkeypatch):
    monkeypatch.setenv("LOCUST_USERS", "7")
    assert parse([], num_users=7)[0].num_users == 7
    assert argument_parser.default_args_dict()["num_users"] == 7


def test_help_and_version_are_told_before_a_locustfile_is_looked_for(capsys):
    for word, shown in (("--help", "Worker options:"), ("-V", "locust 2.47.0 from ")):
        with pytest.raises(SystemExit) as end:
            argument_parser.parse_locustfile_option([word])
        assert end.value.code == 0 and shown in capsys.readouterr().out


def test_a_removed_option_says_what_it_is_called_now(capsys):
    with pytest.raises(SystemExit) as end:
        argument_parser.get_parser().parse_args(["--slave"])
    assert end.value.code == 2 and "--worker" in capsys.readouterr().err
