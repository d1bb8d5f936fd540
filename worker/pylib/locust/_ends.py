# SPDX-License-Identifier: MIT
"""Ways in which user code ends the process: sys.exit() and KeyboardInterrupt, wherever they come up.

In Locust they end it on the spot. Here the test ends as by runner.quit(), so that what was measured
is shown and every other process ends too; the exit code is that of the first sys.exit(), whatever
else the test came to. None of our own greenlets dies of it: they see the end through.
"""

import logging
import sys

import gevent

from . import _errors, log

logger = logging.getLogger("locust.runners")


_INTERRUPTED = 130  # what a shell makes of a program that SIGINT ended


def exit_code(end):
    """The exit code of a SystemExit, as Python has it."""
    tell_words(end.code)
    return exit_number(end.code) or 0


def exit_number(code):
    """What sys.exit(code) makes the exit code: 0 to 255, 1 for what is no whole number; None of None."""
    if code is None:
        return None
    if not isinstance(code, int):
        return 1
    return code & 255 if abs(code) < 1 << 31 else 255


def tell_words(code):
    """sys.exit(code) prints what is no number."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)


def _raise(error):
    raise error


class Ends:
    """quit(code): ends the test and the process; code is None unless sys.exit() gave one. Without
    it the process is a program's own, whose main greenlet gets what was raised."""

    def __init__(self, quit):
        self._quit = quit
        self.code = None  # that of the first sys.exit()
        self.is_asked = False
        self.is_closed = False  # our greenlets are being killed

    def run(self, body, *args, **kwargs):
        """Calls user code from a greenlet of ours: Exceptions are the caller's, the rest ends the
        test at most."""
        try:
            return body(*args, **kwargs)
        except Exception:
            raise
        except BaseException as error:
            if self.is_closed:
                raise
            self.take(error)
            return None

    def run_last(self, body, *args, **kwargs):
        """The same for listeners of `quitting` and `quit`, after which nobody would look at a mere
        error: in Locust it ends the process with 1, and KeyboardInterrupt with 130."""
        try:
            body(*args, **kwargs)
        except SystemExit as error:
            self.take(error)
        except KeyboardInterrupt:
            self._end(_INTERRUPTED)
        except BaseException as error:
            if self.is_closed:
                raise
            _errors.log_bounded(logger, error)
            self._end(1)

    def take(self, error):
        """User code raised something that is more than an Exception."""
        if self._quit is None:
            gevent.spawn(_raise, error)
        elif isinstance(error, SystemExit):
            log.log_exit(logger, error)
            self._end(exit_code(error))
        elif isinstance(error, KeyboardInterrupt):
            logger.info("KeyboardInterrupt was raised: ending the test")
            self._end(None)
        elif not isinstance(error, gevent.GreenletExit):
            _errors.log_bounded(logger, error)
            log.unhandled_greenlet_exception = True

    def _end(self, code):
        is_news = not self.is_asked or (self.code is None and code is not None)
        self.is_asked = True
        if self.code is None:
            self.code = code
        if is_news:
            self._quit(self.code)
