# SPDX-License-Identifier: MIT
"""locust.stats: the names of Locust's module (_facade.py)."""

from typing import TYPE_CHECKING

from . import _csv, _failures, _numbers, _stats, _stats_settings, _tables
from ._facade import make_facade

if TYPE_CHECKING:  # for editors and type checkers
    from ._csv import *  # noqa: F403
    from ._failures import *  # noqa: F403
    from ._numbers import *  # noqa: F403
    from ._stats import *  # noqa: F403
    from ._stats_settings import *  # noqa: F403
    from ._tables import *  # noqa: F403

make_facade(__name__, (_stats_settings, _numbers, _failures, _stats, _tables, _csv))
