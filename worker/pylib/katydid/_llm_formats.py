# SPDX-License-Identifier: MIT
"""How language models are asked over HTTP, and what their streams say: OpenAI's three interfaces, Anthropic's, and Ollama's two.

A format has the path, makes headers and body, and reads an answer: read(event or None for a whole answer, data, answer)
adds what it says to the answer. is_lines: it streams lines of JSON in place of events."""

import json

TEXT, REASONING, TOOL = "text", "reasoning", "tool"


class ModelError(Exception):
    """What a service says is wrong, in place of an answer or within it."""


def error_of(data):
    """The error that a JSON answer or event tells of, in one line; None: it tells of none."""
    said = data.get("error") if isinstance(data, dict) else None
    if not said:
        return None
    if not isinstance(said, dict):
        return ModelError(str(said))
    kind, text = said.get("type") or said.get("code"), said.get("message") or str(said)
    return ModelError(f"{kind}: {text}" if kind else str(text))


def _numbers(*values):
    return sum(value for value in values if isinstance(value, int))


class _Format:
    extra = {}
    is_lines = False

    def headers(self, key):
        return {"Authorization": f"Bearer {key}"} if key else {}

    def body(self, fields, is_stream):
        return {**fields, "stream": True, **self.extra} if is_stream else fields


class Chat(_Format):
    path = "/v1/chat/completions"
    extra = {"stream_options": {"include_usage": True}}

    def read(self, event, data, answer):
        for choice in data.get("choices") or ():
            part = choice.get("delta" if event else "message") or {}
            answer.add(REASONING, part.get("reasoning_content") or part.get("reasoning"))
            answer.add(TEXT, part.get("content"))
            answer.add(TEXT, part.get("refusal"))
            for call in part.get("tool_calls") or ():
                answer.add(TOOL, (call.get("function") or {}).get("arguments"))
            answer.finish(choice.get("finish_reason"))
        _take_openai_usage(data.get("usage"), answer)


class Completions(_Format):
    path = "/v1/completions"
    extra = Chat.extra

    def read(self, event, data, answer):
        for choice in data.get("choices") or ():
            answer.add(TEXT, choice.get("text"))
            answer.finish(choice.get("finish_reason"))
        _take_openai_usage(data.get("usage"), answer)


def _take_openai_usage(usage, answer):
    if usage:
        details = usage.get("prompt_tokens_details") or {}
        answer.count(usage.get("prompt_tokens"), usage.get("completion_tokens"), details.get("cached_tokens"))


class Responses(_Format):
    path = "/v1/responses"
    kinds = {
        "response.output_text.delta": TEXT,
        "response.refusal.delta": TEXT,
        "response.reasoning_text.delta": REASONING,
        "response.reasoning_summary_text.delta": REASONING,
        "response.function_call_arguments.delta": TOOL,
    }

    def read(self, event, data, answer):
        kind = data.get("type") if event else None
        if kind in self.kinds:
            answer.add(self.kinds[kind], data.get("delta"))
        elif kind == "error":
            answer.error = ModelError(f"{data.get('code') or 'error'}: {data.get('message')}")
        elif not event or kind in ("response.completed", "response.incomplete", "response.failed"):
            self._take_whole(data.get("response") or {} if event else data, answer, not event)

    def _take_whole(self, whole, answer, with_text):
        usage = whole.get("usage") or {}
        details = usage.get("input_tokens_details") or {}
        answer.count(usage.get("input_tokens"), usage.get("output_tokens"), details.get("cached_tokens"))
        answer.error = error_of(whole)
        for item in (whole.get("output") or ()) if with_text else ():
            for part in item.get("content") or ():
                answer.add(TEXT, part.get("text"))
        answer.finish(whole.get("status"))


class Messages(_Format):
    path = "/v1/messages"
    version = "2023-06-01"
    kinds = {"text": TEXT, "thinking": REASONING, "partial_json": TOOL}

    def headers(self, key):
        return {"anthropic-version": self.version, **({"x-api-key": key} if key else {})}

    def body(self, fields, is_stream):
        return super().body({"max_tokens": 1024, **fields}, is_stream)

    def read(self, event, data, answer):
        kind = data.get("type")
        if kind == "content_block_delta":
            for key, what in self.kinds.items():
                answer.add(what, (data.get("delta") or {}).get(key))
        elif kind == "message_start":
            self._take_usage((data.get("message") or {}).get("usage"), answer)
        elif kind == "message_delta":
            self._take_usage(data.get("usage"), answer)
            answer.finish((data.get("delta") or {}).get("stop_reason"))
        elif kind == "message_stop":
            answer.is_over = True
        elif kind == "message":
            for part in data.get("content") or ():
                answer.add(TEXT, part.get("text"))
            self._take_usage(data.get("usage"), answer)
            answer.finish(data.get("stop_reason"))

    @staticmethod
    def _take_usage(usage, answer):
        """What was read from a cache is not among its input tokens."""
        usage = usage or {}
        parts = [usage.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")]
        answer.count(_numbers(*parts) or None, usage.get("output_tokens"), parts[1])


class _Ollama(_Format):
    is_lines = True

    def body(self, fields, is_stream):
        return {**fields, "stream": is_stream}  # where nothing is said it streams

    def read(self, event, data, answer):
        self._take_piece(data, answer)
        if data.get("done"):
            answer.count(data.get("prompt_eval_count"), data.get("eval_count"), None)
            answer.finish(data.get("done_reason") or "stop")
            answer.is_over = True


class OllamaChat(_Ollama):
    path = "/api/chat"

    @staticmethod
    def _take_piece(data, answer):
        message = data.get("message") or {}
        answer.add(REASONING, message.get("thinking"))
        answer.add(TEXT, message.get("content"))
        for call in message.get("tool_calls") or ():
            answer.add(TOOL, json.dumps((call.get("function") or {}).get("arguments") or {}))


class OllamaGenerate(_Ollama):
    path = "/api/generate"

    @staticmethod
    def _take_piece(data, answer):
        answer.add(REASONING, data.get("thinking"))
        answer.add(TEXT, data.get("response"))
