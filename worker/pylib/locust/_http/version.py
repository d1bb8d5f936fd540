# SPDX-License-Identifier: MIT
"""Which HTTP a session speaks: what `http2` of its user says, else what the run asks for (--http2)."""

NEVER, BY_ALPN, BY_PRIOR_KNOWLEDGE = range(3)
_CHOICES = {"false": NEVER, "true": BY_ALPN, "prior-knowledge": BY_PRIOR_KNOWLEDGE}
_of_the_run = NEVER


def take_http2(text):
    """What the run asks for; nothing: HTTP/1.1, as Locust."""
    global _of_the_run
    _of_the_run = _CHOICES.get(text, NEVER)


def http2_of(user):
    chosen = getattr(user, "http2", None)
    if chosen is None:
        return _of_the_run
    try:
        return _CHOICES[str(chosen).lower()]
    except KeyError:
        raise ValueError(f"http2 is True, False or 'prior-knowledge', not {chosen!r}") from None
