# SPDX-License-Identifier: MIT
"""Every public name of stock Locust is there, and takes what it takes in stock Locust.

Both packages are asked by tests/support/surface.py, each in a Python of its own. What differs on
purpose is listed below with its reason; an entry that no longer differs fails too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("KATYDID_BUILD", ROOT / "build"))
VENV = Path(os.environ.get("KATYDID_LOCUST_VENV", ROOT / "build" / "venv-locust"))

# Modules whose imports from other modules of Locust are part of what people import from them. Of
# other modules only what they define themselves counts.
DOORS = ("locust", "locust.clients", "locust.contrib.fasthttp", "locust.user", "locust.user.task",
         "locust.util.load_locustfile")

WINDOWS = "Katydid does not run on Windows"
BY_THE_CORE = "made by the C core only, never by user code"
OWN_LINK = "a part of Locust's own link between master and worker; ours is another"
OWN_PARSER = "how Locust's parser is put together; the command line is the master's"
ELSEWHERE = "a constant of another module that this one happens to import"

FOR_TYPES = "a type that only annotations use"
OF_INSTANCES = "an attribute that every instance has; here the class does not announce it"

DIFFERENCES = {
    "locust.argument_parser.download_locustfile_from_master": OWN_LINK,
    "locust.argument_parser.parse_locustfiles_from_master": OWN_LINK,
    "locust.argument_parser.exit_handler": OWN_LINK,
    "locust.argument_parser.version": ELSEWHERE,
    "locust.clients.LocustHttpAdapter.build_connection_pool_key_attributes":
        "a patch of Locust's for one release of requests; ours loads certificates once anyway",
    "locust.clients.LocustHttpAdapter.cert_verify":
        "a patch of Locust's for one release of requests; ours loads certificates once anyway",
    "locust.clients.ResponseContextManager.wrap_response": BY_THE_CORE,
    "locust.clients.RestResponseContextManager.wrap_response": BY_THE_CORE,
    "locust.clients.basestring": "a leftover of Python 2",
    "locust.contrib.fasthttp.ErrorResponse.__init__": BY_THE_CORE,
    "locust.contrib.fasthttp.FastResponse.__init__": BY_THE_CORE,
    "locust.contrib.fasthttp.LocustUserAgent.__init__": BY_THE_CORE,
    "locust.contrib.fasthttp.ResponseContextManager.__init__": BY_THE_CORE,
    "locust.contrib.fasthttp.RestResponseContextManager.__init__": BY_THE_CORE,
    "locust.html.DEFAULT_BUILD_PATH": "a path",
    "locust.html.STATE_STOPPED": ELSEWHERE,
    "locust.html.STATE_STOPPING": ELSEWHERE,
    "locust.input_events.WindowsKeyPoller": WINDOWS,
    "locust.html.render_template_from": "a path, as the default",
    "locust.rpc.protocol.ObjectId": "of bson, or a stand-in for it; ours looks at the value's type",
    "locust.rpc.zmqrpc.BaseSocket": OWN_LINK,
    "locust.rpc.zmqrpc.Client.ipv4_only": OWN_LINK,
    "locust.rpc.zmqrpc.Client.recv_from_client": "of servers; there by inheritance only",
    "locust.rpc.zmqrpc.Client.send_to_client": "of servers; there by inheritance only",
    "locust.rpc.zmqrpc.Server.ipv4_only": OWN_LINK,
    "locust.rpc.zmqrpc.Server.recv": "of clients; there by inheritance only",
    "locust.rpc.zmqrpc.Server.send": "of clients; there by inheritance only",
    "locust.runners.WorkerRunner.connect_to_master": OWN_LINK,
    "locust.runners.WorkerRunner.handle_message": OWN_LINK,
    "locust.runners.WorkerRunner.heartbeat": OWN_LINK,
    "locust.runners.WorkerRunner.heartbeat_timeout_checker": OWN_LINK,
    "locust.runners.WorkerRunner.logs_reporter": OWN_LINK,
    "locust.runners.WorkerRunner.reset_connection": OWN_LINK,
    "locust.runners.WorkerRunner.spawning_complete": OWN_LINK,
    "locust.runners.WorkerRunner.stats_reporter": OWN_LINK,
    "locust.runners.WorkerRunner.worker": OWN_LINK,
    "locust.stats.CSVWriter": FOR_TYPES,
    "locust.user.markov_taskset.MarkovTaskT": FOR_TYPES,
    "locust.web.DEFAULT_BUILD_PATH": "a path",
    "locust.web.STATE_MISSING": ELSEWHERE,
    "locust.web.STATE_RUNNING": ELSEWHERE,
    "locust.web.WebUI.auth_args": OF_INSTANCES,
    "locust.web.WebUI.template_args": OF_INSTANCES,
}


def ask(python, pythonpath):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("LOCUST_SKIP_MONKEY_PATCH", "PYTHONPATH"):
        environment.pop(name, None)
    if pythonpath:
        environment["PYTHONPATH"] = pythonpath
    answer = subprocess.run([python, ROOT / "tests" / "support" / "surface.py"], env=environment,
                            capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def differences():
    stock = ask(VENV / "bin" / "python", None)
    ours = ask(sys.executable, str(BUILD / "python"))
    assert len(stock) > 40, "stock Locust's modules were not found"
    return dict(compare(stock, ours))


def compare(stock, ours):
    """(dotted name, what differs)"""
    for module, names in stock.items():
        assert "error" not in names, f"{module}: {names['error']}"
        theirs = ours.get(module)
        if theirs is None or "error" in theirs:
            yield module, (theirs or {"error": "is missing"})["error"]
            continue
        for name, item in names.items():
            if is_required(module, name, item):
                yield from compare_item(f"{module}.{name}", item, theirs.get(name))


def is_required(module, name, item):
    if item["kind"] == "module":
        return item["home"] == f"{module}.{name}"
    return module in DOORS or item.get("home") in (None, module)


def compare_item(path, stock, ours):
    if ours is None:
        yield path, "is missing"
        return
    if stock["kind"] == "class":
        if ours["kind"] != "class":
            yield path, f"is a {ours['kind']}, no class"
            return
        for name, member in stock["members"].items():
            yield from compare_item(f"{path}.{name}", member, ours["members"].get(name))
        return
    if stock["kind"] in ("function", "classmethod", "staticmethod"):
        if ours["kind"] not in ("function", "classmethod", "staticmethod", "class"):
            yield path, f"is a {ours['kind']}, not callable"
        elif stock.get("signature") and ours.get("signature"):
            if wrong := narrower(stock["signature"], ours["signature"]):
                yield path, wrong
    elif "value" in stock and "value" in ours and stock["value"] != ours["value"]:
        yield path, f"{ours['value']} instead of {stock['value']}"


def narrower(stock, ours):
    """What a caller of stock's function cannot do with ours; None if there is nothing."""
    if {kind for name, kind, _ in stock if name != "self"} == {"VAR_POSITIONAL", "VAR_KEYWORD"}:
        return None  # it only passes on what it gets
    kinds = {kind for _, kind, _ in ours}
    own = {name: (at, kind, default) for at, (name, kind, default) in enumerate(ours)}
    for at, (name, kind, default) in enumerate(stock):
        if kind.startswith("VAR_"):
            if kind not in kinds:
                return f"takes no {kind}"
        elif name not in own:
            if "VAR_KEYWORD" not in kinds and at and not name.startswith("_"):
                return f"takes no {name}"
        elif "POSITIONAL" in kind and own[name][1] == "POSITIONAL_OR_KEYWORD" and own[name][0] != at:
            return f"has {name} at another place"
        elif default is not None and own[name][2] != default:
            return f"has {own[name][2]} as the default of {name}, not {default}"
    known = {name for name, _, _ in stock}
    for name, kind, default in ours[1:]:  # the first one is never named by callers
        if default is None and not kind.startswith("VAR_") and name not in known:
            if not any(k.startswith("VAR_") for _, k, _ in stock):
                return f"needs {name}"
    return None


def test_every_name_of_locust_is_there(differences):
    unexpected = {name: text for name, text in differences.items() if name not in DIFFERENCES}
    assert not unexpected, "\n".join(f"{name}: {text}" for name, text in unexpected.items())


def test_the_list_of_differences_is_true(differences):
    assert not set(DIFFERENCES) - set(differences)
