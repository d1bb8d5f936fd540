# SPDX-License-Identifier: MIT
"""pytest's plug-in: the fixtures `session` and `fastsession`, for tests that are locustfiles too.

Under pytest they use the address of --host. Under Locust (PytestUser) the fixture function is called
with the user. locust is imported only when a fixture is used: it patches the standard library.
"""

import pytest

_config = None  # pytest's


class NoOpEvent:
    """Stands for the request event where nobody counts."""

    def __init__(self):
        self._handlers = []

    def fire(self, *, reverse=False, **kwargs):
        pass


def pytest_configure(config):
    global _config
    _config = config


def pytest_addoption(parser):
    try:
        parser.addoption("--host", "-H", action="store", default=None,
                         help="address that the fixtures session and fastsession send to")
    except ValueError as error:
        if "already added" not in str(error):  # by another plug-in; it serves
            raise


def _settings(user):
    if user is not None:
        return {"base_url": user.host, "request_event": user.environment.events.request, "user": user}
    host = _config.getoption("--host")  # None: for absolute URLs
    return {"base_url": host, "request_event": NoOpEvent(), "user": None}


@pytest.fixture
def session(user=None):
    """An HttpSession."""
    from locust.clients import HttpSession

    http = HttpSession(**_settings(user))
    yield http
    http.close()


@pytest.fixture
def fastsession(user=None):
    """A FastHttpSession."""
    from locust.contrib.fasthttp import FastHttpSession

    yield FastHttpSession(**_settings(user))
