# SPDX-License-Identifier: MIT
"""The Python face of a session's cookie jar.

A session keeps its cookies in C until somebody touches `session.cookies`. Then they move into a
SessionCookies, a RequestsCookieJar that counts its changes; the C core copies it again whenever the
count has moved.
"""

from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy

from requests.cookies import RequestsCookieJar, cookiejar_from_dict


class SessionCookies(RequestsCookieJar):
    katydid_changes = 0

    def _changed(self):
        self.katydid_changes += 1

    def set_cookie(self, cookie, *args, **kwargs):
        self._changed()
        return super().set_cookie(cookie, *args, **kwargs)

    def clear(self, *args, **kwargs):
        self._changed()
        return super().clear(*args, **kwargs)

    def set_policy(self, policy):
        self._changed()
        return super().set_policy(policy)

    def copy(self):
        other = SessionCookies()
        other.set_policy(self.get_policy())
        other.update(self)
        return other


def make_cookies(rows):
    jar = SessionCookies()
    for row in rows:
        jar.set_cookie(cookie_from(row))
    return jar


def adopt_cookies(value):
    """A jar that the user assigned stays the object it is; what is no jar becomes one."""
    if type(value) is RequestsCookieJar:
        value.__class__ = SessionCookies
        return value
    if isinstance(value, CookieJar):
        return value
    return cookiejar_from_dict(value or {}, SessionCookies())


def cookie_from(row):
    name, value, domain, path, expires, secure, has_domain, has_path, http_only = row
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain,
        domain_specified=has_domain,
        domain_initial_dot=domain.startswith("."),
        path=path,
        path_specified=has_path,
        secure=secure,
        expires=int(expires) if expires else None,
        discard=not expires,
        comment=None,
        comment_url=None,
        rest={"HttpOnly": None} if http_only else {},
        rfc2109=False,
    )


def jar_set(jar, row, is_expired):
    """A cookie that the server sent: stored, or taken away when it has expired."""
    cookie = cookie_from(row)
    if not is_expired:
        jar.set_cookie(cookie)
        return
    try:
        jar.clear(cookie.domain, cookie.path, cookie.name)
    except KeyError:
        pass


def jar_rows(jar):
    """(name, value, domain, path, expires, secure) of each cookie; None when the C core cannot
    stand in for this jar, because of its class or its policy."""
    policy = jar._policy
    if type(jar) is not SessionCookies or type(policy) is not DefaultCookiePolicy:
        return None
    if policy._allowed_domains is not None or policy._blocked_domains:
        return None
    if any(cookie.version or cookie.port for cookie in jar):
        return None
    return [
        (c.name, c.value, c.domain, c.path, float(c.expires or 0), bool(c.secure)) for c in jar
    ]
