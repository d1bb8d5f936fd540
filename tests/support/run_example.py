# SPDX-License-Identifier: MIT
"""make run: an example under load with the dashboard, and the server that it needs.

    run_example.py BUILD EXAMPLE [ARGUMENT…]      EXAMPLE is a file in locustfiles/, such as client/upload

Arguments go to Katydid behind the defaults, and win; with a file of the caller's own (-f) nothing is assumed. Katydid has the
terminal to itself, so that Ctrl+C ends the test and not make: the exit code is Katydid's. Failures that an example shows on
purpose are none of the run's.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SUPPORT = ROOT / "tests" / "support"
CLIENTS = ROOT / "build" / "venv-clients"  # has the libraries of locustfiles/protocols
BROWSER = ROOT / "build" / "venv-browser"  # has Playwright
STOCK = ROOT / "build" / "venv-locust"  # has Faker
BY_PYTHON = ("as_library", "debug_one_user")
WITH_US = ("setpriv", "--pdeathsig", "TERM")  # a child ends with us, however we end
IF_WE_LIVE = 'test "$PPID" = "$0" && exec "$@"'  # whoever ended us before the line above was heeded, ends the child here
AS_GIVEN = ("-f", "--locustfile", "--worker", "-h", "--help", "-V", "--version")


def with_us(command):
    return [*WITH_US, "sh", "-c", IF_WE_LIVE, str(os.getpid()), *map(str, command)]


# ---- servers: what they are, the host for -H if that is how the example finds them, and variables ----


@contextmanager
def server(command, pattern):
    """Yields what the pattern finds in the server's first lines; it ends with us."""
    with subprocess.Popen(with_us(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, process_group=0) as process:
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if match := re.search(pattern, line):
                    break
            else:
                sys.exit(f"{command[0]} did not start:\n{''.join(said)}")
            yield match.group(1)
        finally:
            process.terminate()


@contextmanager
def shop():
    with server([sys.executable, "-u", ROOT / "locustfiles" / "_shop.py"], r"shop listening on (\S+)") as url:
        yield f"the sample shop on {url}", url, {}


@contextmanager
def echo():
    with server([sys.executable, "-u", SUPPORT / "echo_server.py"], r"^(\d+)$") as port:
        url = f"http://127.0.0.1:{port}"
        yield f"the echo server on {url}", url, {}


def one_of(name, scheme=""):
    @contextmanager
    def start():
        with server([CLIENTS / "bin" / "python", "-u", SUPPORT / "example_servers.py"], r"^(\{.*\})$") as ports:
            address = f"{scheme}127.0.0.1:{json.loads(ports)[name]}"
            yield f"a server that answers after 50 ms on {address}", address, {}

    return start


@contextmanager
def nothing():
    yield None, None, {}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def need(program, package, *more):
    found = shutil.which(program, path="/usr/sbin:/usr/bin") or next(map(str, more), None)
    return found or sys.exit(f"this example needs {package}: apt-get install {package}, then make run again")


@contextmanager
def mosquitto():
    program = need("mosquitto", "mosquitto")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        port = free_port()
        config.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n" + ("user root\n" if os.getuid() == 0 else ""))
        config.flush()
        with server([program, "-c", config.name], r"(running)"):
            yield f"an MQTT broker on 127.0.0.1:{port}", None, {"MQTT_PORT": str(port)}


@contextmanager
def postgres():
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = Path(need("postgres", "postgresql", *[folder / "postgres" for folder in programs[-1:]])).parent
    as_user = [*WITH_US, "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        if as_user:
            shutil.chown(folder, "postgres", "postgres")
        port = free_port()
        data = [f"{folder}/data", "-A", "trust", "-U", "katydid", "--no-sync"]
        subprocess.run([*as_user, programs / "initdb", "-D", *data], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        command = [*as_user, programs / "postgres", "-D", f"{folder}/data", "-p", str(port), "-c", "listen_addresses=127.0.0.1",
                   "-c", f"unix_socket_directories={folder}"]
        with server(command, r"(ready to accept connections)"):
            yield f"PostgreSQL on 127.0.0.1:{port}", None, {"PG_DSN": f"postgresql://katydid@127.0.0.1:{port}/postgres"}


@contextmanager
def http2():
    """nghttpd with a page and its parts."""
    program = need("nghttpd", "nghttp2-server")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        for name in ("index.html", "style.css", "app.js", "logo.svg"):
            Path(folder, name).write_text(name * 100)
        told = f"(until (: </dev/tcp/127.0.0.1/{port}) 2>&-; do sleep 0.05; done; echo it listens) &"  # it says nothing itself
        with server(["bash", "-c", f'{told} exec "$@"', "bash", program, "-a", "127.0.0.1", "-d", folder, "--no-tls", str(port)], "(listens)"):
            yield f"nghttpd on http://127.0.0.1:{port}", f"http://127.0.0.1:{port}", {"KATYDID_HTTP2": "prior-knowledge"}


@contextmanager
def streams():
    with server([sys.executable, "-u", SUPPORT / "sse_server.py"], r'"port": (\d+)') as port:
        yield f"a server of streams on http://127.0.0.1:{port}", f"http://127.0.0.1:{port}", {}


@contextmanager
def pages():
    need("chromium", "chromium")
    with server([sys.executable, "-u", SUPPORT / "page_server.py"], r"^(\d+)$") as port:
        yield f"a server of pages on http://127.0.0.1:{port}", f"http://127.0.0.1:{port}", {"LOCUST_USERS": "3"}


@contextmanager
def graphql():
    with server([sys.executable, "-u", SUPPORT / "graphql_server.py"], r"^(\d+)$") as port:
        yield f"a GraphQL server on http://127.0.0.1:{port}", f"http://127.0.0.1:{port}", {}


@contextmanager
def prices():
    with server([CLIENTS / "bin" / "python", "-u", SUPPORT / "graphql_live.py"], r'"ws": (\d+)') as port:
        yield f"a GraphQL server on http://127.0.0.1:{port}", f"http://127.0.0.1:{port}", {}


@contextmanager
def unix_socket():
    """A server on a Unix socket; the example finds it by the escaped path."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/app.sock"
        with server([sys.executable, "-u", SUPPORT / "sse_server.py", "--unix", path], r'"port": (\d+)'):
            yield f"a server on {path}", f"http+unix://{path.replace('/', '%2F')}", {}


SERVERS = {
    "protocols/async_calls": streams,
    "protocols/browser_shop": pages,
    "protocols/unix_socket": unix_socket,
    "protocols/graphql_heroes": graphql,
    "protocols/graphql_prices": prices,
    "protocols/sse_ticker": streams,
    "protocols/llm_chat": streams,
    "protocols/llm_ollama": streams,
    "protocols/http2": http2,
    "protocols/grpc_greeter": one_of("grpc_greeter"),
    "protocols/grpc_calls": one_of("grpc_calls"),
    "protocols/raw_socket": one_of("raw_socket"),
    "protocols/websocket_user": one_of("websocket_chat", "ws://"),
    "protocols/websocket_chat": one_of("websocket_chat", "ws://"),
    "protocols/mqtt_sensors": mosquitto,
    "protocols/postgres_rows": postgres,
    "manual_reporting": nothing,
}


# ---- run --------------------------------------------------------------------------------------------


def gives(arguments, *names):
    """Is one of the options among the arguments: -f x, -fx, --locustfile x, --locustfile=x?"""
    short = tuple(name for name in names if len(name) == 2)
    return any(word.split("=")[0] in names or (word.startswith(short) and not word.startswith("--")) for word in arguments)


def defaults(arguments, url, more):
    """What the caller said neither here nor in the environment, nor the example's own (more)."""
    wanted = [("-H", "--host", "LOCUST_HOST", url), ("-u", "--users", "LOCUST_USERS", "50"),
              ("-r", "--spawn-rate", "LOCUST_SPAWN_RATE", "5"), ("--exit-code-on-error", "--exit-code-on-error", "LOCUST_EXIT_CODE_ON_ERROR", "0")]
    said = [word for short, long, variable, value in wanted
            if value and not gives(arguments, short, long) and variable not in {**os.environ, **more} for word in (short, value)]
    return said if gives(arguments, "--headless") or "LOCUST_HEADLESS" in os.environ else [*said, "--autostart"]


def take_terminal():
    """Makes this process group the one that the terminal's keys mean. Not of a background job: it would be stopped."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def has_terminal():
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def on_signals(handle):
    """Of those that end us. A shell's background job has SIGINT ignored and yet may be sent one by pid; nohup means SIGHUP."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: handle(number))


def run(command, environment):
    """The exit code of the command, which runs in a process group of its own, with the terminal if we have it."""
    is_ours, process, heard = has_terminal(), None, []

    def pass_on(*numbers):
        heard.extend(numbers)
        while process and heard:
            process.send_signal(heard.pop(0))

    on_signals(pass_on)
    process = subprocess.Popen(with_us(command), env=environment, process_group=0, preexec_fn=take_terminal if is_ours else None)
    pass_on()  # what came before there was somebody to hear it
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if is_ours:
            take_terminal()
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode if process.returncode >= 0 else 128 - process.returncode
        os.killpg(0, signal.SIGTSTP)  # Ctrl+Z: we stop as well, and go on together
        if is_ours:
            os.tcsetpgrp(0, process.pid)
        os.killpg(process.pid, signal.SIGCONT)


def environment_of(name, build, more):
    environment = {**os.environ, **more}
    if name in BY_PYTHON:
        environment["PYTHONPATH"] = str(build / "python")
    venv = BROWSER if name == "protocols/browser_shop" else CLIENTS if name.startswith("protocols/") else STOCK if name == "faker_users" else None
    if venv and "VIRTUAL_ENV" not in environment:
        environment["VIRTUAL_ENV"] = str(venv)
    return environment


def main():
    on_signals(lambda number: sys.exit(128 + number))  # until there is more to end than the server
    build, name, *arguments = sys.argv[1:]
    build = (ROOT / build).resolve()
    if gives(arguments, *AS_GIVEN) or "LOCUST_LOCUSTFILE" in os.environ:
        return run([build / "katydid", *arguments], os.environ)
    name = name.removeprefix("locustfiles/").removesuffix(".py")
    file = ROOT / "locustfiles" / f"{name}.py"
    if not file.is_file():
        examples = sorted(str(path.relative_to(ROOT / "locustfiles").with_suffix("")) for path in (ROOT / "locustfiles").rglob("[!_]*.py"))
        sys.exit(f"there is no example {name}; there are: {' '.join(examples)}")
    start = SERVERS.get(name, echo if name.startswith("client/") else shop)
    if gives(arguments, "-H", "--host") or "LOCUST_HOST" in os.environ:
        start = nothing
    with ExitStack() as stack:
        what, url, more = stack.enter_context(start())
        if what:
            print(f"{what}; Ctrl+C ends both", flush=True)
        if name in BY_PYTHON:
            command = [sys.executable, file, *([url] if url else []), *arguments]
        else:
            command = [build / "katydid", "-f", file, *defaults(arguments, url, more), *arguments]
        return run(command, environment_of(name, build, more))


if __name__ == "__main__":
    sys.exit(main())
