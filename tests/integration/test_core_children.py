# SPDX-License-Identifier: MIT
"""Child processes of what runs on the worker's loop."""

from test_core_gevent import run


def test_fork():
    run("""
        def pause():
            time.sleep(0.1)
            return 5
        g = gevent.spawn(time.sleep, 0.2)
        pid = os.fork()
        if pid == 0:
            code = gevent.spawn(pause).get() + (1 if socket.getaddrinfo("localhost", 80) else 0)
            os._exit(code)
        with within(0, 20):
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 6
            g.join()
        together(lambda: time.sleep(WAIT))
    """)


def test_children_that_end_at_once():
    run("""
        for _ in range(20):
            assert subprocess.run(["true"]).returncode == 0
        assert subprocess.run(["sh", "-c", "exit 3"]).returncode == 3
        out = subprocess.run(["cat"], input=b"x" * 300_000, capture_output=True).stdout
        assert len(out) == 300_000
    """)


def test_who_watches_a_child_that_was_just_reaped_is_told():
    """As asyncio of 3.12 does: a descriptor says that the child has ended, and then it is waited for."""
    run("""
        loop, told = gevent.get_hub().loop, []
        pid = os.posix_spawn("/bin/true", ["true"], {})
        first, second = loop.child(pid), loop.child(pid)
        first.start(told.append, "first")
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        loop._reap()
        second.start(told.append, "second")
        until(lambda: len(told) == 2)
        assert (second.rpid, second.rstatus) == (first.rpid, first.rstatus) == (pid, 0), (second.rpid, second.rstatus)
    """)
