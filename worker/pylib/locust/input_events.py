# SPDX-License-Identifier: MIT
"""Single keys pressed in a terminal, for programs that use Locust as a library. (With the command
katydid the master reads the keyboard.)"""

import logging
import select
import sys
import termios
import tty

import gevent

_POLL_S = 0.2


class InitError(Exception):
    """There is no keyboard to read."""


class UnixKeyPoller:
    """Reads keys as they are pressed; cleanup() gives the terminal back as it was."""

    def __init__(self):
        if not sys.stdin.isatty():
            raise InitError("Standard input is no terminal: keys are not read")
        self.stdin = sys.stdin.fileno()
        self.tattr = termios.tcgetattr(self.stdin)
        tty.setcbreak(self.stdin, termios.TCSANOW)

    def cleanup(self):
        termios.tcsetattr(self.stdin, termios.TCSANOW, self.tattr)

    def poll(self):
        """The next key, or None."""
        readable, _, _ = select.select([sys.stdin], [], [], 0)
        return sys.stdin.read(1) if readable else None


def get_poller():
    return UnixKeyPoller()


def input_listener(key_to_func_map):
    """A greenlet body that calls the function of each key that is pressed."""

    def listen():
        try:
            poller = get_poller()
        except InitError as error:
            logging.debug(error)
            return
        try:
            while True:
                key = poller.poll()
                if key is None:
                    gevent.sleep(_POLL_S)
                elif key in key_to_func_map:
                    key_to_func_map[key]()
        except Exception as error:
            logging.warning("Reading the keyboard ended: %s", error)
        finally:
            poller.cleanup()

    return listen
