# SPDX-License-Identifier: MIT
"""Counting tokens where a test brings its own way to do it: a function of a text, or a tokenizer."""

import inspect


def counter_of(given):
    """count(text), of what a user class gives: a function that returns a number or the tokens, or an object that encodes texts,
    as those of tiktoken, tokenizers and transformers do. Tokens that stand for no text (begin, end) are left out."""
    if given is None:
        return None
    if inspect.ismethod(given) and len(inspect.signature(given.__func__).parameters) == 1:  # a function that stands in the class
        given = given.__func__
    encode = getattr(given, "encode_ordinary", None) or getattr(given, "encode", None)
    if encode is None and not callable(given):
        raise TypeError(f"token_counter: {given!r} is neither a function of a text nor a tokenizer")
    if encode is None:
        return lambda text: _number(given(text))
    options = {"add_special_tokens": False} if _takes(encode, "add_special_tokens") else {}
    return lambda text: _number(encode(text, **options))


def _takes(function, name):
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # of C or Rust, and does not say
        return False


def _number(counted):
    return counted if isinstance(counted, int | float) else len(counted)


def texts_of(asked):
    """What a request says in words: a text, messages, or their parts."""
    if isinstance(asked, str):
        yield asked
    elif isinstance(asked, list | tuple):
        for each in asked:
            yield from texts_of(each)
    elif isinstance(asked, dict):
        for key in "content", "text":
            yield from texts_of(asked.get(key))
