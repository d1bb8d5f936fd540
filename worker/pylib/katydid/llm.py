# SPDX-License-Identifier: MIT
"""Users of language models: what their answers take, token by token (docs/llm.md has the definitions).

    from katydid.llm import LLMUser

    class Chatter(LLMUser):
        model = "some-model"
        slo = {"ttft": 0.3, "itl": 0.05}            # seconds: what goodput asks of each request

        @task
        def ask(self):
            answer = self.llm.chat([{"role": "user", "content": "Why is the sky blue?"}], max_tokens=200, name="sky")

A request is a row `LLM` with its time from end to end; the rest are metrics with the tags `name` and `model`."""

import functools
import json
import os
import random
import re

from locust import exception
from locust.user.users import HttpUser

from ._backend import goodputs
from ._llm_formats import REASONING, Chat, Completions, Messages, ModelError, OllamaChat, OllamaGenerate, Responses, error_of
from ._llm_tokens import counter_of, texts_of
from ._sse import EventStream, StreamError
from .metrics import Counter, Rate, Trend

__all__ = ["Answer", "LLMUser", "ModelError", "Prompts"]

KIND = "LLM"
DONE = "[DONE]"
_REST_S = 1.0  # that a service may take to end a stream after it said that it is over
_EVENT_COSTS = 64  # bytes, beside its data: events without any cost memory too
_TOKENS_MOST = 1e15  # that are believed
_ASKS = "system", "instructions", "prompt", "input", "messages"
_UNFINISHED = "the stream ended before the answer was finished"


class Answer:
    """What came of one request. Times in seconds, None where there is none; tokens None where nobody said how many."""

    def __init__(self, name, model):
        self.name, self.model = name, model
        self._said = {"text": [], "reasoning": [], "tool": []}
        self.error = self.finish_reason = self.response = None
        self.tokens_in = self.tokens_out = self.tokens_cached = None
        self.is_estimated = False  # tokens_out is the number of pieces
        self.tokens_by = None  # who said tokens_out: "usage" of the service, the user's "counter", "pieces"
        self.ttft = self.ttfo = self.itl = self.tpot = self.e2e = None
        self.gaps = []  # between pieces
        self.is_whole = self.is_over = False  # it came in one piece; a stream said that it has ended
        self._now = self._last = None
        self._pieces, self._has_piece, self._has_content = 0, False, False

    @property
    def ok(self):
        return self.error is None

    @property
    def text(self):
        return "".join(self._said["text"])

    @property
    def reasoning(self):
        return "".join(self._said["reasoning"])

    @property
    def tool_calls(self):
        return "".join(self._said["tool"])

    @property
    def length(self):
        """Bytes of the text, of which a half of a pair (\\ud83d) may be all that came."""
        return len(self.text.encode(errors="surrogatepass"))

    # ---- for formats

    def add(self, what, text):
        if not text:
            return
        if not isinstance(text, str):
            raise TypeError(f"{what} is no text")
        self._said[what].append(text)
        self._has_piece = self._has_content = True
        if what != REASONING and self.ttfo is None:
            self.ttfo = self._now

    def finish(self, reason):
        self.finish_reason = reason or self.finish_reason

    def count(self, tokens_in, tokens_out, cached):
        for name, number in ("tokens_in", tokens_in), ("tokens_out", tokens_out), ("tokens_cached", cached):
            if isinstance(number, (int, float)) and (number == 0 or 1 <= number < _TOKENS_MOST):
                setattr(self, name, number)

    # ---- for the client

    def at(self, now):
        """What is read next arrived then."""
        self._now, self._has_piece = now, False

    def took(self):
        """It was read: a piece of the answer, or something about it."""
        self.e2e = self._now
        if not self._has_piece:
            return
        self._pieces += 1
        if self.ttft is None:
            self.ttft = self._now
        else:
            self.gaps.append(self._now - self._last)
        self._last = self._now

    def close(self, asked, counter):
        """No more will come: what follows from it all. counter(text): the user's own, or None."""
        self._take_tokens(asked, counter)
        tokens = self.tokens_out or 0
        if tokens and self.e2e is not None:
            self.tpot = self.e2e / tokens
        if tokens > 1 and self.ttft is not None and self._last > self.ttft:
            self.itl = (self._last - self.ttft) / (tokens - 1)

    def _take_tokens(self, asked, counter):
        if counter is not None and self.ok:
            self.tokens_out = sum(counter("".join(said)) for said in self._said.values() if said)
            self.tokens_by = "counter"
            if self.tokens_in is None:
                self.tokens_in = sum(map(counter, texts_of([asked.get(name) for name in _ASKS])))
        elif self.tokens_out is not None:
            self.tokens_by = "usage"
        elif self._pieces:
            self.tokens_out, self.tokens_by, self.is_estimated = self._pieces, "pieces", True

    def meets(self, slo):
        """Whether it is an answer, and took no longer than these say, or as a threshold's text has it: a time that there is none of is
        not met."""
        asked = _limits(slo) if isinstance(slo, str) else [(name, limit, False) for name, limit in slo.items()]
        return self.ok and all(_is_kept(self._judged(name), limit, is_strict) for name, limit, is_strict in asked)

    def _judged(self, name):
        if name == "itl" and self.itl is None and self._has_content:
            return 0  # no token came after the first
        is_there = {"ttft": self._has_content, "ttfo": bool(self._said["text"] or self._said["tool"])}
        return self.e2e if self.is_whole and is_there.get(name) else getattr(self, name)


@functools.cache
def _limits(text):
    """Of "ttft<300ms & itl<=50ms": (name, seconds, whether it must be less)."""
    return [(name, float(ms) / 1000, op == "<") for name, op, ms in re.findall(r"(\w+)(<=?)([^m]+)ms", text)]


def _is_kept(took, limit, is_strict):
    return took is not None and (took < limit if is_strict else took <= limit)


class _Stream(EventStream):
    """One answer, whose row is told when it is complete."""

    kinds = KIND, KIND, KIND
    _is_counting = False
    _is_held = True

    def _why_none(self, response, kind):
        return _said(response) or super()._why_none(response, kind)

    def _begin(self, event):
        self._has_begun = True

    def _tell(self, kind, ms, length=0, error=None):
        """The end of the stream is told with the answer."""

    def tell(self, answer):
        ms = None if answer.e2e is None else answer.e2e * 1000
        super()._tell(KIND, ms, answer.length, answer.error)


class _Lines(_Stream):
    types = "application/x-ndjson", "application/ndjson", "application/jsonl"
    is_lines = True


def _said(response):
    """The error that an answer tells of as JSON."""
    try:
        return error_of(json.loads(response.text or "null"))
    except (ValueError, RecursionError, AttributeError):  # no JSON; no answer at all
        return None


def _read(form, event, data, answer):
    """Adds what the service says; the error that it tells of, or is."""
    if not isinstance(data, dict):
        return None
    try:
        form.read(event, data, answer)
    except (TypeError, AttributeError, RecursionError):  # a list where a text belongs, and the like
        return ModelError("an event of another form" if event else "an answer of another form")
    return answer.error


@functools.cache
def _metrics():
    times = {name: Trend(name, unit="ms") for name in ("ttft", "ttfo", "itl", "tpot", "chunk_gap")}
    counts = {name: Trend(name, unit="tokens") for name in ("tokens_in", "tokens_out", "tokens_cached")}
    by = {"pieces": Counter("tokens_estimated"), "counter": Counter("tokens_counted")}
    return times, counts, Trend("tokens_per_s", unit="tokens/s"), Counter("tokens", unit="tokens"), by, Rate("goodput"), Rate("slo_goodput")


class Client:
    """user.llm: asks by the user's HTTP client. Each method takes what the service's interface takes, and `name` for the row,
    `stream=False` for an answer in one piece, `headers`, `path`."""

    def __init__(self, user):
        self._user = user
        try:
            self._counter = counter_of(user.token_counter)
        except TypeError as error:
            raise exception.StopTest(str(error)) from None

    def chat(self, messages, **fields):
        """OpenAI's chat completions, which most services have."""
        return self._ask(Chat(), messages=messages, **fields)

    def complete(self, prompt, **fields):
        """OpenAI's completions."""
        return self._ask(Completions(), prompt=prompt, **fields)

    def respond(self, input, **fields):
        """OpenAI's responses."""
        return self._ask(Responses(), input=input, **fields)

    def message(self, messages, **fields):
        """Anthropic's messages."""
        return self._ask(Messages(), messages=messages, **fields)

    def ollama_chat(self, messages, **fields):
        """Ollama's own chat."""
        return self._ask(OllamaChat(), messages=messages, **fields)

    def ollama_generate(self, prompt, **fields):
        """Ollama's own completions."""
        return self._ask(OllamaGenerate(), prompt=prompt, **fields)

    def _ask(self, form, name=None, model=None, stream=True, headers=None, path=None, **fields):
        user = self._user
        model = model or user.model
        answer = Answer(name or model or form.path, model)
        headers = {**form.headers(user.api_key or os.environ.get(user.api_key_variable)), **(headers or {})}
        if model is not None:
            fields["model"] = model
        (self._stream if stream else self._whole)(form, answer, path or form.path, headers, form.body(fields, stream))
        answer.close(fields, self._counter)
        _count(answer, user.slo)
        return answer

    def _stream(self, form, answer, path, headers, body):
        kind = _Lines if form.is_lines else _Stream
        with kind(self._user.client, path, answer.name, headers, "POST", ends=True, json=body) as stream:
            answer.response = stream.response
            if not stream.ok:
                answer.error = _said(stream.response) or stream.error or StreamError("no answer")
                return
            left = self._user.max_answer
            for event in stream:
                left -= len(event.data) + _EVENT_COSTS
                answer.at(event.time)
                self._take(form, event, answer)
                answer.took()
                if left < 0 and answer.error is None and not answer.is_over:
                    answer.error = ModelError(f"an answer of more than {self._user.max_answer} bytes")
                if answer.is_over or answer.error is not None:
                    break
            if answer.is_over:  # to its end, so that the connection can be used again
                for _ in stream.until(seconds=_REST_S):
                    pass
            if answer.error is None:
                answer.error = stream.error
            if answer.error is None and not answer.is_over and answer.finish_reason is None:
                answer.error = StreamError(_UNFINISHED)
            stream.tell(answer)

    @staticmethod
    def _take(form, event, answer):
        if event.data == DONE:
            answer.is_over = True
            return
        if not event.data:
            return
        try:
            data = event.json()
        except (ValueError, RecursionError):
            answer.error = ModelError("an event that is no JSON")
            return
        answer.error = error_of(data) or _read(form, event, data, answer)

    def _whole(self, form, answer, path, headers, body):
        with self._user.client.request("POST", path, name=answer.name, json=body, headers=headers, catch_response=True) as response:
            response.request_meta["request_type"] = KIND
            answer.response = response
            answer.error = self._read_whole(form, response, answer)
            if answer.error is not None and response.status_code == 200:
                response.failure(answer.error)
        answer.is_whole = True
        answer.e2e = response.request_meta["response_time"] / 1000

    @staticmethod
    def _read_whole(form, response, answer):
        try:
            data = json.loads(response.text or "null")
        except (ValueError, RecursionError):
            data = None
        said = error_of(data)
        if said is not None or response.status_code != 200 or not isinstance(data, dict):
            return said or response.error or ModelError(f"status {response.status_code} without an answer")
        return _read(form, None, data, answer)


def _count(answer, slo):
    times, counts, speed, tokens, counted_by, goodput, asked = _metrics()
    tags = {"name": answer.name, "model": answer.model or ""}
    if slo:
        goodput.add(answer.meets(slo), tags=tags)
    for text in goodputs:
        asked.add(answer.meets(text), tags={**tags, "slo": text})
    if not answer.ok:
        return
    for name, trend in times.items():
        values = answer.gaps if name == "chunk_gap" else [getattr(answer, name)]
        for value in values:
            if value is not None:
                trend.add(value * 1000, tags=tags)
    for name, trend in counts.items():
        if getattr(answer, name) is not None:
            trend.add(getattr(answer, name), tags=tags)
    if answer.itl:
        speed.add(1 / answer.itl, tags=tags)
    if answer.tokens_out:
        tokens.add(answer.tokens_out, tags=tags)
    if answer.tokens_by in counted_by:
        counted_by[answer.tokens_by].add(1, tags=tags)


class LLMUser(HttpUser):
    """An HttpUser with `llm`. `host` is the service's address, without /v1."""

    abstract = True
    model = None
    api_key = None
    api_key_variable = "OPENAI_API_KEY"  # of the environment, where api_key is None
    token_counter = None  # a function of a text, or a tokenizer (of tiktoken, tokenizers, transformers); None: as the service counts
    max_answer = 64 << 20  # bytes of the events of one answer
    slo = {}  # {"ttft": seconds, "ttfo", "itl", "tpot", "e2e"}: what a good answer takes at most

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.llm = Client(self)


_WORDS = ("time year people way day man thing woman life child world school state family student group country problem hand part "
          "place case week company system program question work number night point home water room mother area money story fact "
          "month lot right study book eye job word business issue side kind head house service friend father power hour game line").split()


class Prompts:
    """Prompts of about so many words, never the same one twice, so that no cache of the service answers: a normal
    distribution of lengths, and a share of each that all have in common, as a system's prompt would be."""

    def __init__(self, words=200, stddev=0, shared=0.0, seed=None):
        self._words, self._stddev = words, stddev
        self._random = random.Random(seed)
        self._common = [self._random.choice(_WORDS) for _ in range(round(words * shared))]
        if seed is not None:
            self._random = random.Random(f"{seed} {os.getpid()}")  # workers draw different ones

    def __call__(self):
        length = max(1, round(self._random.gauss(self._words, self._stddev)))
        own = [self._random.choice(_WORDS) for _ in range(max(1, length - len(self._common)))]
        return " ".join([*self._common, *own])
