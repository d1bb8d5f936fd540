# SPDX-License-Identifier: MIT
"""--web-login: the login page, and what keeps others out.

The page is plain HTML without script. `auth_args` of the locustfile says what is on it: a form for
name and password, buttons of providers, or a form of the locustfile's own."""

import json
import logging
import secrets
from html import escape
from urllib.parse import quote, unquote, urljoin, urlsplit

from . import _web_ask
from ._web_throttle import Throttle

logger = logging.getLogger("locust.web")

_HELP = "https://docs.locust.io/en/stable/extending-locust.html"

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif;
  --page: #f5f6f8; --panel: #fff; --line: #8a94a3; --ink: #14171c; --accent: #0067a5;
  --accent-ink: #fff; --error: #b3261e; --edge: #dfe3e8 }
@media (prefers-color-scheme: dark) { :root { --page: #0d0f12; --panel: #14181d; --line: #6b7686;
  --ink: #e8ebef; --accent: #56b4f0; --accent-ink: #06141f; --error: #ff8a80; --edge: #2a3038 } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page);
  color: var(--ink) }
main { box-sizing: border-box; width: min(24rem, 92vw); padding: 1.5rem; background: var(--panel);
  border: 1px solid var(--edge); border-radius: .5rem }
h1 { margin: 0 0 1rem; font-size: 1.375rem }
label { display: block; margin: .75rem 0 }
label.check { display: flex; gap: .5rem; align-items: center }
input:not([type=checkbox]), select, button, a.provider { box-sizing: border-box; width: 100%;
  min-height: 2.5rem; padding: .375rem .75rem; font: inherit; color: var(--ink);
  background: var(--panel); border: 1px solid var(--line); border-radius: .375rem }
button, a.provider { display: block; margin-top: 1rem; text-align: center; text-decoration: none;
  cursor: pointer }
button { color: var(--accent-ink); background: var(--accent); border-color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
a.provider img { height: 1.25em; vertical-align: middle; margin-right: .5rem }
p.error { border-left: .25rem solid var(--error); padding-left: .75rem }
p.info { border-left: .25rem solid var(--accent); padding-left: .75rem }
"""


def guard(view, args, kwargs):
    """Calls the view when there is a session; answers as Flask-Login does otherwise."""
    from flask import session
    from flask_login import login_required

    try:
        session["auth_error"] = None
        session["auth_info"] = None
        return login_required(view)(*args, **kwargs)
    except Exception as error:
        logger.exception("Locust auth exception")
        return (f"Locust auth exception: {escape(str(error))}<br/><br/>See "
                f"{_HELP}#adding-authentication-to-the-web-ui for configuring authentication, or "
                "disable login by removing --web-login argument.")


def is_admitted():
    """In a request context: whether the request has a session."""
    from flask_login import current_user

    return bool(current_user and current_user.is_authenticated)


def has_session():
    """The same; a login that is not set up admits nobody."""
    try:
        return is_admitted()
    except Exception as error:
        logger.debug("A request was not admitted: %s", error)
        return False


_NAME_MAX = 64


def who():
    """In a request context: the header that tells the master who is logged in; {} nobody."""
    from flask_login import current_user

    if not has_session():
        return {}
    name = str(current_user.get_id())[:_NAME_MAX]
    name = "".join(c if c.isprintable() else "?" for c in name)
    return {_web_ask.LOGIN: quote(name, safe="", errors="replace")}


def tell_who(app):
    """Has each of the app's answers tell it: the master takes it out."""

    @app.after_request
    def tell(response):
        response.headers.update(who())
        return response


class Slowed:
    """A WSGI application whose login callbacks (`auth_args`) may only be tried so often."""

    def __init__(self, app, web_ui):
        self._app = app.wsgi_app
        self._web_ui = web_ui
        self._throttle = Throttle()

        @app.after_request
        def note(response):
            from flask import request

            if self._is_attempt(request.environ):
                request.environ["katydid.is_admitted"] = is_admitted()
            return response

    def _is_attempt(self, environ):
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        path = path.encode("latin-1").decode("utf-8", "replace")
        return environ["REQUEST_METHOD"] != "OPTIONS" and path in _callbacks(self._web_ui)

    def __call__(self, environ, start_response):
        if not self._is_attempt(environ):
            return self._app(environ, start_response)
        peer = environ.get("REMOTE_ADDR", "")
        wait = self._throttle.begin(peer)
        if wait > 0:
            return refuse(environ, start_response, wait)
        answer = self._app(environ, start_response)
        if environ.get("katydid.is_admitted"):
            self._throttle.succeeded(peer)
        return answer


def _callbacks(web_ui):
    """The paths that the forms of the login page are sent to."""
    shown = web_ui.auth_args
    urls = (shown.get("username_password_callback"),
            (shown.get("custom_form") or {}).get("callback_url"))
    page_url = f"{web_ui.web_base_path}/login"
    return {unquote(urlsplit(urljoin(page_url, url)).path) for url in urls if url}


def refuse(environ, start_response, wait):
    """Answers that an attempt comes too early, the API as the API does."""
    kind, text = "text/plain", f"Too many attempts to log in failed. Try again in {wait} s."
    if "/api/v1/" in environ["PATH_INFO"]:
        kind, text = "application/json", json.dumps({"ok": False, "field": "", "error": text})
    body = text.encode() + b"\n"
    start_response("429 Too Many Requests", [
        ("Content-Type", f"{kind}; charset=utf-8"), ("Retry-After", str(wait)),
        ("Content-Length", str(len(body))), ("Cache-Control", "no-store")])
    return [body]


def _choices_of(field):
    return field.get("choices") or []


def _input(field):
    """One field of a custom form."""
    name = escape(str(field.get("name") or field.get("label") or ""), quote=True)
    label = escape(str(field.get("label") or field.get("name") or ""))
    default = field.get("default_value")
    required = " required" if field.get("is_required") else ""
    if _choices_of(field):
        options = "".join(
            f'<option{" selected" if choice == default else ""}>{escape(str(choice))}</option>'
            for choice in _choices_of(field)
        )
        multiple = " multiple" if field.get("is_multiple") else ""
        return f'<label>{label}<select name="{name}"{multiple}{required}>{options}</select></label>'
    if isinstance(default, bool):
        checked = " checked" if default else ""
        return (f'<label class="check"><input type="checkbox" name="{name}"{checked}>'
                f"{label}</label>")
    kind = "password" if field.get("is_secret") else field.get("type") or "text"
    value = "" if default is None else f' value="{escape(str(default), quote=True)}"'
    return (f'<label>{label}<input type="{escape(kind, quote=True)}" name="{name}"'
            f"{value}{required}></label>")


def _form(action, inputs, button):
    return (f'<form method="post" action="{escape(action or "", quote=True)}">{inputs}'
            f'<button type="submit">{escape(button)}</button></form>')


def _forms(auth_args):
    if custom := auth_args.get("custom_form"):
        inputs = "".join(_input(field) for field in custom.get("inputs") or [])
        yield _form(custom.get("callback_url"), inputs,
                    custom.get("submit_button_text") or "Login")
    elif callback := auth_args.get("username_password_callback"):
        yield _form(
            callback,
            '<label>Username<input name="username" autocomplete="username" required autofocus>'
            '</label><label>Password<input type="password" name="password" '
            'autocomplete="current-password"></label>',
            "Login",
        )
    for provider in auth_args.get("auth_providers") or []:
        icon = provider.get("icon_url")
        image = f'<img src="{escape(icon, quote=True)}" alt="">' if icon else ""
        yield (f'<a class="provider" href="{escape(provider["callback_url"], quote=True)}">{image}'
               f'{escape(provider.get("label") or "Login")}</a>')


def _notes(auth_args):
    for kind, role in (("error", "alert"), ("info", "status")):
        if auth_args.get(kind):
            yield f'<p class="{kind}" role="{role}">{escape(str(auth_args[kind]))}</p>'


def page(web_ui):
    """The view of /login."""
    from flask import make_response, redirect, session, url_for

    if not web_ui.web_login:
        return redirect(url_for("locust.index"))
    shown = web_ui.auth_args
    shown["error"] = session.get("auth_error")
    shown["info"] = session.get("auth_info")
    title = escape(shown.get("title") or "Locust")
    nonce = secrets.token_urlsafe(16)
    body = "".join([*_notes(shown), *_forms(shown)])
    answer = make_response(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style nonce="{nonce}">{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self' data: https:; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    answer.headers["X-Frame-Options"] = "DENY"
    answer.headers["Cache-Control"] = "no-store"
    return answer
