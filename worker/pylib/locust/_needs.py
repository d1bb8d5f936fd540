# SPDX-License-Identifier: MIT
"""What the code of a locustfile can be seen to need, before it runs."""

from . import _errors
from .contrib.fasthttp import FastHttpUser
from .user.users import HttpUser


def mentions(function, name):
    """Whether a function of the locustfile (not of ours) has to do with something of that name,
    which may then come to be while the test runs."""
    code = getattr(function, "__code__", None)
    if code is None or _errors.is_ours(code.co_filename):
        return False
    return name in code.co_names or name in code.co_consts


def own_host(environment, user_class):
    """What the class says itself, though a test may have given it the host that was asked for."""
    given, own = environment._hosts_given.get(user_class, (None, None))
    return own if given is not None and user_class.host == given else user_class.host


def give_host(environment, user_classes):
    """The host that was asked for, if one was, to each class."""
    for user_class in user_classes if environment.host else ():
        environment._hosts_given[user_class] = environment.host, own_host(environment, user_class)
        user_class.host = environment.host


def needs_host(environment, user_class):
    """Whether no user of the class can start unless a host is given."""
    if any(mentions(f, "host") for f in environment.events.test_start._handlers):
        return False
    is_http = issubclass(user_class, (HttpUser, FastHttpUser))
    return is_http and own_host(environment, user_class) is None and not mentions(user_class.__init__, "host")


def has_connection(user_class):
    """Whether each user of the class is expected to hold a connection, and so a descriptor."""
    shares = getattr(user_class, "pool_manager", None) or getattr(user_class, "client_pool", None)
    return issubclass(user_class, (HttpUser, FastHttpUser)) and shares is None


def has_proxies(user_class):
    """Whether its code speaks of proxies or adapters, which look up the host for it, or sets another
    address."""
    bodies = [user_class.on_start, user_class.__init__, *user_class.__dict__.values()]
    names = ("proxies", "mount", "trust_env", "base_url")
    return any(mentions(body, name) for body in bodies for name in names)
