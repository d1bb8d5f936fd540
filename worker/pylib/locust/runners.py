# SPDX-License-Identifier: MIT
"""locust.runners: what `environment.runner` is, and what starts and ends users (_facade.py)."""

from typing import TYPE_CHECKING

from . import _local, _master, _runner, _runner_settings, _worker_runner
from ._facade import make_facade

if TYPE_CHECKING:  # for editors and type checkers
    from ._local import *  # noqa: F403
    from ._master import *  # noqa: F403
    from ._runner import *  # noqa: F403
    from ._runner_settings import *  # noqa: F403
    from ._worker_runner import *  # noqa: F403

make_facade(__name__, (_runner_settings, _runner, _local, _master, _worker_runner))
