# SPDX-License-Identifier: MIT
"""First Python code of a worker: paths, gevent on the worker's loop, monkey-patching.

The C side (worker/py/embed.c) calls run_worker or run_script; both return the exit code.
"""
import gc
import os
import sys


def run_worker(args):
    return _guarded(_worker, args[0])


def run_script(args):
    return _guarded(_script, args)


def _worker(config_path):
    from . import parent

    parent.follow(config_path)
    _prepare()
    from locust import _worker

    return _worker.main(config_path)


def _script(args):
    import runpy

    _prepare()
    gc.enable()
    sys.argv[:] = args
    sys.path.insert(1, os.path.dirname(os.path.abspath(args[0])))
    runpy.run_path(args[0], run_name="__main__")
    return 0


def _prepare():
    gc.disable()  # whoever goes on enables it: of what is imported until then nothing goes away again
    from . import paths

    paths.add()
    try:
        from . import patch

        patch.everything()
    except ModuleNotFoundError as e:
        sys.exit(
            f"katydid-worker: the Python package {e.name!r} is missing: "
            f"apt install python3-{e.name.partition('.')[0]}, or pip install it into the active virtual environment."
        )
    import _katydid

    _katydid.watchdog(1.0)


def _guarded(main, *args):
    """The code that main returns, or that of the SystemExit it raised; anything else is printed."""
    try:
        code = main(*args)
    except SystemExit as e:
        code = e.code
    except BaseException as e:
        _print_traceback(e)
        code = 1
    if code is None:
        code = 0
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    _end()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            code = code or 120
    return code


def _print_traceback(error):
    """As Python does, without the frames that are ours."""
    import traceback

    tb = error.__traceback__
    while tb and tb.tb_next and tb.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>"):
        tb = tb.tb_next
    traceback.print_exception(error.with_traceback(tb))


def _end():
    import _katydid

    _katydid.watchdog(0)  # its threads must be gone before Python is


def gevent_sleep(*args, **kwargs):
    """What time.sleep is on threads other than the loop's; _katydid.sleep calls it."""
    from . import patch

    return patch.original_sleep(*args, **kwargs)
