# SPDX-License-Identifier: MIT
"""The command, from Python: `python3 -m locust …` and main() become katydid, called by the name
`locust` (its exit codes, its words). And what Locust's own main module has for other programs.
"""

import os
import shutil
import sys

import locust

from .argument_parser import (  # noqa: F401
    get_locustfiles_locally,
    get_parser,
    parse_locustfile_option,
)
from .env import Environment
from .util.load_locustfile import load_locustfile  # noqa: F401

version = locust.__version__

# What a load shape decides, unless it has use_common_options: dest -> option
COMMON_OPTIONS = {"num_users": "users", "spawn_rate": "spawn-rate", "run_time": "run-time"}


def create_environment(
    user_classes,
    options,
    events=None,
    shape_class=None,
    locustfile=None,
    parsed_locustfiles=None,
    available_user_classes=None,
    available_shape_classes=None,
    available_user_tasks=None,
):
    """An Environment as the options of a command line have it."""
    return Environment(
        user_classes=user_classes,
        shape_class=shape_class,
        events=events,
        locustfile=locustfile,
        host=options.host,
        reset_stats=options.reset_stats,
        parsed_options=options,
        parsed_locustfiles=parsed_locustfiles,
        available_user_classes=available_user_classes,
        available_shape_classes=available_shape_classes,
        available_user_tasks=available_user_tasks,
        profile=options.profile,
    )


def merge_locustfiles_content(locustfiles):
    """({name: User class}, {name: shape}, {name: tasks}, the first shape or None) of the files;
    ends the process if two of them define the same name."""
    from . import _source, _worker

    try:
        users, shapes = _worker.import_locustfiles(locustfiles)
    except _source.Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(1)
    tasks = {name: cls.tasks for name, cls in users.items()}
    return users, shapes, tasks, next(iter(shapes.values()), None)


def main():
    """Becomes katydid, with this process's words."""
    program = _find_program()
    if program is None:
        sys.exit("locust: the program katydid, which runs tests, is not installed: run `make install`"
                 " in Katydid's sources, or put katydid into the PATH (KATYDID names it, too)")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program, ["locust", *sys.argv[1:]])


def _find_program():
    """katydid of the same installation, or in the PATH."""
    package = os.path.dirname(os.path.abspath(__file__))
    prefix = os.path.abspath(os.path.join(package, *[os.pardir] * 4))  # of lib/pythonX/packages
    candidates = (
        os.environ.get("KATYDID"),
        os.path.join(prefix, "bin", "katydid"),
        os.path.join(os.path.dirname(sys.executable or ""), "katydid"),
        os.path.join(package, *[os.pardir] * 3, "build", "katydid"),  # the source tree
    )
    for path in filter(None, candidates):
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return shutil.which("katydid")
