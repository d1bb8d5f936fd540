# SPDX-License-Identifier: MIT
"""URLs of Unix sockets: http+unix://%2Frun%2Fapp.sock/path, the socket's escaped path where others have a host."""

import urllib.parse

SCHEME = "http+unix"
HOST = "localhost"  # what the Host header says

for schemes in (urllib.parse.uses_relative, urllib.parse.uses_netloc):  # so that redirects can be relative to one
    if SCHEME not in schemes:
        schemes.append(SCHEME)


def is_unix(url):
    return url[:12].lower() == f"{SCHEME}://"


def wrong_path(url):
    """What is wrong with the socket of such a URL; None: nothing."""
    if is_unix(url) and (not socket_path(url).startswith("/") or "\0" in socket_path(url)):
        return f"Invalid URL {url!r}: the path of a Unix socket begins with %2F"
    return None


def socket_path(url):
    return urllib.parse.unquote(urllib.parse.urlsplit(url).netloc)


def same_socket(base, url):
    """A server on a Unix socket that redirects to a host by the name it was called by means itself."""
    parts = urllib.parse.urlsplit(url)
    if is_unix(base) and parts.scheme == "http" and parts.hostname == HOST and parts.port in (None, 80):
        return parts._replace(scheme=SCHEME, netloc=urllib.parse.urlsplit(base).netloc).geturl()
    return url
