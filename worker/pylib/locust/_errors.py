# SPDX-License-Identifier: MIT
"""Exceptions of user code, as their author wants to see them: without frames of this package,
and without the same traceback a thousand times.
"""

import logging
import os
import time
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_VERBATIM = 10  # so many times the same error is logged in full
_REPEAT_S = 10.0  # and then once in this time, with a count
_MAX_PLACES = 1000

_formatted = {}  # place -> text of its traceback
_seen = {}  # place -> [times logged in full, not logged since, when it was logged]


def is_ours(filename):
    return filename.startswith(_HERE)


def user_part(tb):
    """The traceback from the first frame that is not ours; all of it if every frame is."""
    start = tb
    while start is not None and is_ours(start.tb_frame.f_code.co_filename):
        start = start.tb_next
    return start if start is not None else tb


def _place(tb):
    """What makes two tracebacks the same one: the code and lines they go through."""
    frames = []
    while tb is not None:
        frames.append((tb.tb_frame.f_code, tb.tb_lineno))
        tb = tb.tb_next
    return tuple(frames)


def class_name(error):
    """What it is: one word, for whoever reads its text, which does not tell."""
    name = type(error).__name__
    return name if isinstance(name, str) else ""


def format_tb(tb):
    """The stack of a traceback as text, without the exception itself."""
    tb = user_part(tb)
    place = _place(tb)
    text = _formatted.get(place)
    if text is None:
        if len(_formatted) >= _MAX_PLACES:
            _formatted.clear()
        text = _formatted[place] = "".join(traceback.format_tb(tb))
    return text


def format_exception(error):
    """The traceback of an exception of user code, as Python prints it; without user code in it
    only the exception."""
    tb = user_part(error.__traceback__)
    if tb is not None and is_ours(tb.tb_frame.f_code.co_filename):
        tb = None
    return "".join(traceback.format_exception(type(error), error, tb))


def log_bounded(logger, error, title=None, level=logging.ERROR):
    """Logs an exception with its traceback; the same one, from the same place, only so often.
    title: what the line begins with instead of the exception's own text."""
    place = (type(error), title, _place(error.__traceback__))
    now = time.monotonic()
    if len(_seen) >= _MAX_PLACES:
        _seen.clear()
    entry = _seen.setdefault(place, [0, 0, 0.0])
    if entry[0] >= _VERBATIM and now - entry[2] < _REPEAT_S:
        entry[1] += 1
        return
    more = f"\n(and {entry[1]} times more since the last time)" if entry[1] else ""
    entry[0] += 1
    entry[1] = 0
    entry[2] = now
    logger.log(level, "%s\n%s%s", title or error, format_exception(error), more)
    if entry[0] == _VERBATIM:
        logger.error("This error came %d times: from now on once in %d s, with a count.",
                     _VERBATIM, int(_REPEAT_S))
