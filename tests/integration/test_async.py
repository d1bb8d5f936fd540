# SPDX-License-Identifier: MIT
"""Users whose tasks are `async def`: asyncio and gevent on one loop, and the ends of users as with plain tasks."""

import json
import textwrap
import urllib.request

import pytest
from harness import CLIENTS, get_json, katydid, locustfile, run_katydid, run_script, target, wait_for

PRELUDE = """
import asyncio, sys, threading, time
import gevent, gevent.event
from gevent.pool import Group
from locust import TaskSet, User, constant, task
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, StopUser
said = []

class Base(User):
    abstract = True
    wait_time = constant(0)

def start(user_class, count=1):
    environment = Environment(user_classes=[user_class], host="http://127.0.0.1:1")
    group = Group()
    users = [user_class(environment) for _ in range(count)]
    for user in users:
        user.start(group)
    return group

def play(user_class, count=1):
    start(user_class, count).join()

async def answer():
    await asyncio.sleep(0.01)
    return 42

def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, said
        gevent.sleep(0.01)
"""


def run(folder, body, *arguments):
    return run_script(folder, PRELUDE + textwrap.dedent(body), *arguments)


def test_the_life_of_a_user(tmp_path):
    run(tmp_path, """
    class Visitor(Base):
        async def on_start(self):
            said.append("start")
            await asyncio.sleep(0)
        @task
        async def work(self):
            await asyncio.sleep(0.01)
            said.append("work")
            if len(said) == 4:
                raise StopUser()
        async def on_stop(self):
            await asyncio.sleep(0.01)
            said.append("stop")
    play(Visitor)
    assert said == ["start", "work", "work", "work", "stop"], said
    """)


def test_sets_interrupt_reschedule_and_errors(tmp_path):
    """What leaves a coroutine means what it means in a plain task."""
    run(tmp_path, """
    class Visitor(Base):
        @task
        class Inner(TaskSet):
            async def on_start(self):
                said.append("enter")
            @task
            async def work(self):
                await asyncio.sleep(0)
                said.append("work")
                if len(said) == 3:
                    raise RescheduleTask()
                if len(said) == 4:
                    raise ValueError("broken")
                if len(said) > 5:
                    self.interrupt()
            async def on_stop(self):
                await asyncio.sleep(0)
                said.append("leave")
                raise StopUser()
    errors = []
    environment = Environment(user_classes=[Visitor])
    environment.events.user_error.add_listener(lambda user_instance, exception, tb, **_: errors.append((repr(exception), tb.tb_frame.f_code.co_name)))
    group = Group()
    Visitor(environment).start(group)
    group.join()
    assert said == ["enter", "work", "work", "work", "work", "work", "leave"], said
    assert errors == [("ValueError('broken')", "work")], errors
    """)


def test_functions_methods_and_what_is_scheduled(tmp_path):
    run(tmp_path, """
    async def alone(user):
        await asyncio.sleep(0)
        said.append("function")
    class Visitor(Base):
        tasks = [alone]
        async def other(self):
            said.append("method")
            raise StopUser()
        def on_start(self):
            self._taskset_instance.schedule_task(alone)
            self._taskset_instance.schedule_task(self.other)
    play(Visitor)
    assert said == ["function", "method"], said
    """)


def test_all_users_wait_at_once(tmp_path):
    run(tmp_path, """
    inside = most = 0
    gate = None
    class Visitor(Base):
        @task
        async def wait(self):
            global inside, most, gate
            gate = gate or asyncio.Event()
            inside += 1
            most = max(most, inside)
            if inside == 300:
                gate.set()
            await gate.wait()
            raise StopUser()
    play(Visitor, 300)
    assert most == 300
    """)


def test_a_call_that_waits_as_greenlets_do_holds_its_coroutine_only(tmp_path):
    """Others go on, be they of the same user; and asyncio knows afterwards which task it is in."""
    run(tmp_path, """
    opened = gevent.event.Event()
    async def blocks(k):
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert opened.wait(60)
        for _ in range(3):
            time.sleep(0.001 * k)
            assert asyncio.current_task() is task and asyncio.get_running_loop() is loop
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(60)
        except TimeoutError:
            assert asyncio.current_task() is task
            return k
    async def opens():
        await asyncio.sleep(0.02)
        opened.set()
        return "opened"
    class Visitor(Base):
        @task
        async def work(self):
            said.append(await asyncio.gather(*[blocks(k) for k in range(20)], opens()))
            raise StopUser()
    play(Visitor, 3)
    assert said == [[*range(20), "opened"]] * 3, said
    """)


def test_a_time_limit_reaches_a_call_that_waits_as_greenlets_do(tmp_path):
    run(tmp_path, """
    class Visitor(Base):
        @task
        async def work(self):
            try:
                async with asyncio.timeout(0.02):
                    gevent.event.Event().wait()
            except TimeoutError:
                said.append("limit")
            await asyncio.sleep(0.01)
            assert asyncio.current_task().cancelling() == 0
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
            raise StopUser()
    play(Visitor, 5)
    assert said == ["limit"] * 5, said
    """)


@pytest.mark.parametrize("wait", ["await asyncio.sleep(600)", "gevent.sleep(600)", "await asyncio.gather(asyncio.sleep(600), held())", "await asyncio.shield(held())"])
def test_a_user_that_is_killed_cleans_up_first(wait, tmp_path):
    run(tmp_path, f"""
    async def held():
        gevent.event.Event().wait()
    class Visitor(Base):
        @task
        async def work(self):
            said.append("work")
            try:
                {wait}
            except asyncio.CancelledError:
                said.append("cancelled")
                raise
            finally:
                await asyncio.sleep(0.02)
                said.append("cleaned")
        async def on_stop(self):
            said.append("stop")
    group = start(Visitor)
    until(lambda: said)
    group.kill()
    assert said == ["work", "cancelled", "cleaned", "stop"], said
    """)


def test_one_that_will_not_be_cancelled_ends_all_the_same(tmp_path):
    run(tmp_path, """
    class Visitor(Base):
        @task
        async def work(self):
            said.append("work")
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                pass
    group = start(Visitor)
    until(lambda: said)
    group.kill()
    assert said == ["work"], said
    """)


def test_what_a_user_left_running_ends_with_it(tmp_path):
    run(tmp_path, """
    async def listen():
        try:
            said.append("listens")
            await asyncio.sleep(600)
        finally:
            said.append("listened")
    class Visitor(Base):
        async def on_start(self):
            self.listener = asyncio.create_task(listen())
        @task
        async def work(self):
            await asyncio.sleep(0.01)
            raise StopUser()
        async def on_stop(self):
            said.append(self.listener.done())
    play(Visitor)
    until(lambda: len(said) == 3)
    assert said == ["listens", False, "listened"], said
    """)


def test_others_may_have_loops_of_their_own_meanwhile(tmp_path):
    """asyncio.run() of a plain task, while coroutines of others wait both ways."""
    run(tmp_path, """
    class Awaits(Base):
        @task
        async def work(self):
            await asyncio.sleep(600)
    class Blocks(Base):
        @task
        async def work(self):
            said.append("blocks")
            gevent.sleep(600)
    class Plain(Base):
        @task
        def work(self):
            said.append(asyncio.run(answer()))
            raise StopUser()
    others = [start(Awaits, 3), start(Blocks, 3)]
    until(lambda: said.count("blocks") == 3)
    play(Plain)
    assert said[3:] == [42], said
    for group in others:
        group.kill()
    """)


def test_streams_processes_and_threads(tmp_path):
    run(tmp_path, """
    async def answer(reader, writer):
        while line := await reader.readline():
            writer.write(b"you said " + line)
        writer.close()
    async def calls():
        server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 21)
        async with server:
            reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
            writer.write(b"hello" + bytes(1000000) + b"\\n")
            line = b""
            while not line.endswith(b"\\n"):
                line += await reader.read(65536)
            writer.close()
            await writer.wait_closed()
            return len(line)
    class Visitor(Base):
        @task
        async def work(self):
            said.append(await calls())
            cat = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
            out, _ = await cat.communicate(b"x" * 300000)
            said.append((len(out), cat.returncode))
            said.append(await asyncio.to_thread(lambda: time.sleep(0.01) or "thread"))
            loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
            gevent.get_hub().threadpool.spawn(lambda: loop.call_soon_threadsafe(future.set_result, "from a thread"))
            said.append(await future)
            raise StopUser()
    play(Visitor, 3)
    assert sorted(map(str, said)) == sorted(map(str, [1000015, (300000, 0), "thread", "from a thread"] * 3)), said
    """)


def test_a_loop_that_never_rests_lets_others_have_their_turn(tmp_path):
    run(tmp_path, """
    class Busy(Base):
        @task
        async def work(self):
            while True:
                await asyncio.sleep(0)
    class Plain(Base):
        @task
        def work(self):
            said.append(1)
            if len(said) > 20:
                raise StopUser()
    busy = start(Busy)
    play(Plain)
    busy.kill()
    """)


def test_a_coroutine_of_a_plain_task(tmp_path):
    run(tmp_path, """
    from katydid.aio import wait
    class Visitor(Base):
        @task
        def work(self):
            said.append(wait(answer()))
            raise StopUser()
    play(Visitor)
    assert said == [42]
    """)


def test_rows_of_data_belong_to_the_user(tmp_path):
    """A coroutine is carried out by one greenlet and another: what is kept for its user is not lost with these."""
    run(tmp_path, """
    from locust import _coroutines
    class Visitor(Base):
        @task
        async def work(self):
            said.append(_coroutines.greenlet() is self._greenlet)
            time.sleep(0.01)
            await asyncio.sleep(0.01)
            said.append(_coroutines.greenlet() is self._greenlet)
            raise StopUser()
    play(Visitor)
    assert said == [True, True]
    """)


def test_rows_of_measured_blocks(tmp_path):
    run(tmp_path, """
    from katydid.aio import measure
    rows, errors = [], []
    class Visitor(Base):
        @task
        async def work(self):
            async with measure(self, "good", "SQL") as row:
                await asyncio.sleep(0.02)
                row["response_length"] = 12
            if not said:
                said.append("once")
                with measure(self, "bad"):
                    raise ValueError("no")
            async with measure(self, "left"):
                raise StopUser()
    environment = Environment(user_classes=[Visitor])
    environment.events.request.add_listener(lambda **row: rows.append(row))
    environment.events.user_error.add_listener(lambda **error: errors.append(error))
    group = Group()
    Visitor(environment).start(group)
    group.join()
    told = [(row["request_type"], row["name"], row["response_length"], repr(row["exception"])) for row in rows]
    assert told == [("SQL", "good", 12, "None"), ("async", "bad", 0, "ValueError('no')"), ("SQL", "good", 12, "None")], told
    assert rows[0]["response_time"] >= 20 and not errors, "the failure is in its row, and that is enough"
    """)


# A whole run


def run_file(tmp_path, text, *arguments, **env):
    with locustfile(textwrap.dedent(text)) as path:
        run = run_katydid("-f", path, "--headless", *arguments, "--json", env=env)
    return run, {(row["method"], row["name"]): row for row in json.loads(run.stdout)}


def test_requests_in_coroutines_against_a_target(tmp_path):
    """What the target counted is what was reported and cut off, with a client that parks its greenlet."""
    text = """
    import asyncio
    from locust import HttpUser, constant, task
    class Visitor(HttpUser):
        wait_time = constant(0.01)
        @task
        async def work(self):
            self.client.get("/one")
            await asyncio.sleep(0.001)
            with self.client.get("/status/404", name="none", catch_response=True) as response:
                response.success()
            await asyncio.gather(self.more(), self.more())
        async def more(self):
            self.client.get("/more")
    """
    with target() as server:
        run, rows = run_file(tmp_path, text, "-H", server.url, "-u", 50, "-r", 50, "-t", 2, "--processes", 2)
        assert run.code == 0 and "/ERROR/" not in run.stderr, run.describe()
        reported = sum(row["num_requests"] for row in rows.values())
        assert rows["GET", "/one"]["num_requests"] > 100 and not any(row["num_failures"] for row in rows.values())
        assert rows["GET", "/more"]["num_requests"] >= 2 * rows["GET", "none"]["num_requests"] - 100
        assert 0 <= server.log()["requests"] - reported <= 100, "at most what was cut off: two of each user"


def test_requests_in_flight_are_cut_off(tmp_path):
    text = """
    import asyncio
    from locust import HttpUser, task
    class Visitor(HttpUser):
        @task
        async def work(self):
            self.client.get("/hang")
    """
    with target() as server:
        run, rows = run_file(tmp_path, text, "-H", server.url, "-u", 7, "-r", 7, "-t", 4)
        assert run.code == 0 and "7 requests were cut off in flight" in run.stderr, run.describe()


def test_the_client_for_coroutines(tmp_path):
    """katydid.aio.HttpUser: aiohttp's calls, and aiolocust's ways to say that something failed."""
    text = """
    import asyncio
    from katydid.aio import ClientConnectorError, ClientResponseError, HttpUser
    from locust import constant, task
    from locust.exception import StopUser
    async def run(user):
        async with user.client.get("/json", params={"a": 1}, name="json") as response:
            assert response.status == 200 and response.ok and await response.json() and await response.read()
            assert response.headers["Content-Type"].startswith(response.content_type)
        async with user.client.get("/", name="said") as response:
            response.error = "not as it should be"
        async with user.client.post("/", data=b"body", name="awaited") as response:
            assert response.method == "POST" and await response.text()
        assert (await user.client.get("/status/500", name="bad")).status == 500
        both = await asyncio.gather(user.client.get("/", name="gathered"), user.client.get("/", name="gathered"))
        assert [each.status for each in both] == [200, 200]
        try:
            async with user.client.get("/status/404", name="strict", raise_for_status=True):
                raise AssertionError("it was raised before")
        except ClientResponseError as error:
            assert error.status == 404
        try:
            await user.client.get("http://127.0.0.1:1/", name="nobody")
        except ClientConnectorError:
            pass
        try:
            async with user.client.get("/hang", name="late", timeout=0.2):
                pass
        except TimeoutError:
            pass
        async with user.client.get("/", name="asserted"):
            assert False, "of the answer"
    class Once(HttpUser):
        wait_time = constant(600)
        session_kwargs = {"headers": {"X-Own": "1"}}
        tasks = [run]
    class Second(HttpUser):
        fixed_count = 1
        wait_time = constant(600)
        async def run(self):
            async with self.client.get("/", name="second"):
                pass
    """
    with target() as server:
        run, rows = run_file(tmp_path, text, "-H", server.url, "-u", 2, "-r", 2, "-i", 2, "-t", 100)
    assert "/ERROR/" not in run.stderr, run.describe()
    failed = {name: (row["num_requests"], row["num_failures"]) for (_, name), row in rows.items()}
    assert failed == {"json": (1, 0), "said": (1, 1), "awaited": (1, 0), "bad": (1, 1), "gathered": (2, 0), "strict": (1, 1),
                      "nobody": (1, 1), "late": (1, 1), "asserted": (1, 1), "second": (1, 0)}, failed


def test_libraries_for_asyncio(tmp_path):
    """httpx with anyio below it, aiohttp, and websockets, whose server is on the same loop."""
    text = """
    import aiohttp, httpx, websockets
    from contextlib import suppress
    from katydid.aio import measure
    from locust import User, constant, task
    async def echo(socket):
        async for message in socket:
            await socket.send(message)
    class Visitor(User):
        wait_time = constant(0.01)
        socket = None
        async def on_start(self):
            self.http = httpx.AsyncClient(base_url=self.host)
            self.session = aiohttp.ClientSession(self.host)
            self.server = await websockets.serve(echo, "127.0.0.1", 0)
            self.socket = await websockets.connect(f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}")
        @task
        async def look(self):
            async with measure(self, "look", "httpx") as row:
                answer = await self.http.get("/json")
                row["response_length"] = len(answer.content)
                answer.raise_for_status()
            async with measure(self, "echo", "websockets"):
                await self.socket.send("hello")
                assert await self.socket.recv() == "hello"
            async with measure(self, "ask", "aiohttp"):
                async with self.session.get("/json") as answer:
                    answer.raise_for_status()
                    await answer.json()
            async with measure(self, "late", "aiohttp"):
                with suppress(TimeoutError):
                    await self.session.get("/hang", timeout=aiohttp.ClientTimeout(total=0.05))
            async with measure(self, "late", "httpx"):
                await self.http.get("/hang", timeout=0.05)
        async def on_stop(self):
            await self.http.aclose()
            await self.session.close()
            if self.socket:
                await self.socket.close()
                self.server.close()
                await self.server.wait_closed()
    """
    with target() as server:
        run, rows = run_file(tmp_path, text, "-H", server.url, "-u", 10, "-r", 10, "-i", 60, "-t", 100, VIRTUAL_ENV=str(CLIENTS))
    assert "/ERROR/" not in run.stderr, run.describe()
    counts = {name: (row["num_requests"] >= 50, row["num_failures"]) for (_, name), row in rows.items() if name != "late"}
    assert counts == {"look": (True, 0), "echo": (True, 0), "ask": (True, 0)} and "ReadTimeout" in run.stderr, run.describe()
    assert rows["httpx", "late"]["num_failures"] == rows["httpx", "late"]["num_requests"] >= 50
    assert rows["aiohttp", "late"]["num_failures"] == 0 and rows["aiohttp", "late"]["min_response_time"] >= 49


def test_the_end_of_the_iterations_interrupts_no_on_stop(tmp_path):
    text = """
    import asyncio, gevent
    from locust import User, constant, task
    class Waits(User):
        wait_time = constant(0)
        async def on_stop(self):
            await asyncio.sleep(0.3)
            print("stopped", flush=True)
        @task
        async def work(self):
            await asyncio.sleep(0.01)
    class Plain(User):
        wait_time = constant(0)
        def on_stop(self):
            gevent.sleep(0.3)
            print("stopped", flush=True)
        @task
        def work(self):
            gevent.sleep(0.01)
    """
    with locustfile(text) as path:
        run = run_katydid("-f", path, "--headless", "-u", 10, "-r", 10, "-i", 40, "-t", 100)
    assert run.code == 0 and run.stdout.count("stopped") == 10, run.describe()


def test_a_coroutine_begins_before_it_is_cancelled(tmp_path):
    run(tmp_path, """
        go = gevent.event.Event()
        class One(Base):
            @task
            def waits(self):
                go.wait()
                raise StopUser()
            async def on_stop(self):
                said.append("begun")
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    said.append("cancelled")
                    raise
        group = start(One, 50)
        gevent.sleep(0.1)
        go.set()
        gevent.killall(list(group), block=False)  # about when their on_stop is called
        group.join()
        assert said.count("begun") == said.count("cancelled") == 50, said
    """)


def test_arrivals_whose_task_is_a_coroutine(tmp_path):
    text = """
    import asyncio
    from locust import HttpUser, task
    class Visitor(HttpUser):
        async def on_start(self):
            await asyncio.sleep(0)
        @task
        async def work(self):
            await asyncio.sleep(0.01)
            self.client.get("/")
    """
    with target() as server:
        run, rows = run_file(tmp_path, text, "-H", server.url, "--scenario", "look:constant-arrival-rate:rate=50/s,duration=2s")
    assert run.code == 0 and "/ERROR/" not in run.stderr, run.describe()
    assert rows["GET", "/"]["num_requests"] == 100


def test_a_task_that_outlives_the_stop_timeout_is_cancelled(tmp_path):
    text = """
    import asyncio, sys
    from locust import User, task
    class Visitor(User):
        @task
        async def work(self):
            try:
                await asyncio.sleep(600)
            finally:
                print("cleaned up", file=sys.stderr)
    """
    run, _ = run_file(tmp_path, text, "-u", 3, "-r", 3, "-t", 1, "--stop-timeout", 1)
    assert run.code == 0 and run.stderr.count("cleaned up") == 3, run.describe()


def test_a_user_with_coroutines_is_tried(tmp_path):
    """By the page's Try: what its coroutine logs and sends is the trial's."""
    text = """
    import asyncio, logging
    from locust import HttpUser, task
    class Visitor(HttpUser):
        async def on_start(self):
            await asyncio.sleep(0.01)
            logging.info("it begins")
        @task
        async def work(self):
            await asyncio.sleep(0.01)
            self.client.get("/json")
    """
    with target() as server, locustfile(text) as path, katydid("-f", path, "--web-port", "0", "-H", server.url) as master:
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        wait_for(lambda: get_json(f"{url}/api/v1/script"), "the locustfile")
        request = urllib.request.Request(f"{url}/api/v1/try", data=b'{"user_class": "Visitor"}',
                                         headers={"Content-Type": "application/json", "X-Katydid": "1"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.loads(answer.read())
    assert told["ok"] and told["exception"] is None and told["task"] == "work", told
    assert [line[3] for line in told["logs"]] == ["it begins"] and [each["name"] for each in told["requests"]] == ["/json"], told


def test_plain_users_bring_no_asyncio(tmp_path):
    text = """
    import sys
    from locust import User, constant, events, task
    class Visitor(User):
        wait_time = constant(0.1)
        @task
        def work(self):
            return 12
    @events.test_stop.add_listener
    def look(**_):
        print("asyncio loop:", "locust._coroutines" in sys.modules, file=sys.stderr)
    """
    run, _ = run_file(tmp_path, text, "-u", 3, "-r", 3, "-t", 1)
    assert "asyncio loop: False" in run.stderr, run.describe()
