# SPDX-License-Identifier: MIT
"""The bytes of requests and answers: both clients beside stock Locust's, against a server that plays what
it is given (tests/support/wire_cases.py). Differences are named here, and in docs/from-locust.md."""

import json
import subprocess

import pytest
from harness import PATIENCE, ROOT, VENV, WORKER

import echo_server

PROBE = echo_server.__file__.rpartition("/")[0] + "/wire_probe.py"
PASSED_OVER = "a line that is no header is passed over; in Locust it ends the headers"
CUT_OFF = "an answer that is cut off is a failure"
INTERIM = "an interim answer is not the answer"
ANSWERS_DIFFER = {
    "http": {
        **dict.fromkeys(
            ("cr_cr_lf", "no_colon", "no_colon_word", "blank_before_colon", "tab_before_colon", "length_blank_colon",
             "blank_in_name", "control_name", "latin1_name", "nul_name", "http_line_in_headers"), PASSED_OVER),
        **dict.fromkeys(("head_cut", "gzip_cut", "gzip_no_trailer", "deflate_cut", "br_cut"), CUT_OFF),
        **dict.fromkeys(("s102", "s103", "s199"), INTERIM),
        **dict.fromkeys(("length_underscore", "chunk_underscore"), "1_0 is no number on the wire"),
        "folded_lf": "a fold is one blank, whatever the line end",
        "gzip_blank": "blanks around a value do not belong to it",
        "zstd_not": "zstd is known without another package",
    },
    "fast": {
        "trailer": "trailers are no headers",
        "head_body": "what follows an answer does not take its headers away",
        "head_chunked_body": "what follows an answer does not take its headers away",
        "gzip_twice_lines": "each line of Content-Encoding counts",
        "gzip_once_two_lines": "each line of Content-Encoding counts",
        "gzip_members": "all members of a gzip file are its contents",
        "nothing": "sent again by Locust until it is answered",
    },
}


def probe(command, kind, what, *cases):
    out = subprocess.run([*map(str, command), PROBE, kind, what, *cases], capture_output=True, text=True,
                         timeout=PATIENCE * 3)
    assert out.returncode == 0, out.stderr[-3000:]
    return json.loads(out.stdout)


def both(kind, what, *cases):
    return probe([VENV / "bin" / "python"], kind, what, *cases), probe([WORKER, "--python"], kind, what, *cases)


def differing(find, kind, what):
    """What find() finds, and finds again when that alone is played once more: clients give up after a time, which a busy
    machine may need."""
    found = find(kind, *both(kind, what))
    return found and find(kind, *both(kind, what, *sorted({name.partition("+")[0] if what == "answers" else name for name in found})))


def trimmed(answer):
    """Blanks around a value say nothing; a reason is no part of FastHttpUser's answers in Locust."""
    headers = answer["headers"] and [[name, value.strip(" \t")] for name, value in answer["headers"]]
    return {**answer, "headers": headers, "reason": None}


def was_read(seen):
    return seen["events"] and seen["events"][0][1] == "/first" and seen["events"][0][3] is None


def answers_read_otherwise(kind, theirs, ours):
    assert list(theirs) == list(ours)
    different = {}
    for name, stock in theirs.items():
        seen, plain_name = ours[name], name.partition("+")[0]
        if seen["second"] != 200 or seen["second_text"] != "second":
            different[name] = ("the next request got", seen)
        if was_read(stock) and plain_name not in ANSWERS_DIFFER[kind]:
            if not was_read(seen) or trimmed(seen["first"]) != trimmed(stock["first"]):
                different[name] = (stock, seen)
            elif kind == "http" and seen["first"]["reason"] != stock["first"]["reason"]:
                different[name] = (stock, seen)
    return different


@pytest.mark.alone  # stock's client gives up after a time
@pytest.mark.parametrize("kind", ["http", "fast"])
def test_answers_that_stock_reads_are_read(kind):
    different = differing(answers_read_otherwise, kind, "answers")
    assert not different, f"{list(different)}\n{json.dumps(different, indent=1)[:5000]}"


BYTES = "whatever is made of bytes is sent as these; geventhttpclient raises out of the task"
COOKIE = "RFC 6265 instead of the Netscape rules that http.cookiejar keeps"
BEFORE = "what cannot be sent is refused before anything of it is sent"
SLASH = "the slash of a bare host is not said twice"
REQUESTS_DIFFER = {
    "http": {
        "host '/'": SLASH,
        **dict.fromkeys(
            (r"""cookie 'a="q\\"q"; Path=/'""", "cookie 'a=1; Path=relative'", "cookie 'a=1; Domain=; Path=/'",
             """cookie 'a=1; Port="80"; Path=/'""", "cookie 'A=1; path=/; PATH=/other'"), COOKIE),
        "absolute 'http://127.0.0.1:0PORT/x'": "as the installed urllib3 reads it",
        "data memoryview apart": BYTES,
        "data string io": "as many bytes as were announced",
        "data readable": "the place of a header that the client adds",
        "location '/%'": "the URL as it was asked for",
        "location '//x/y:z'": "the request goes under the name of its first hop",
        '''cookies "{'a': 5}"''': "which exception tells of a cookie that is no text",
    },
    "fast": {
        "host '/'": SLASH,
        **dict.fromkeys(
            (r"cookie 'a=\x01\x7f; Path=/'", "cookie 'a=1; Path=relative'", "cookie 'a=1; Domain=; Path=/'",
             """cookie 'a=1; Port="80"; Path=/'""", "cookie 'A=1; path=/; PATH=/other'"), COOKIE),
        **dict.fromkeys(
            ("data text file", "data file seeked", "data empty file", "redirect 307 of file seeked",
             "redirect 302 of file seeked"), "of a file, what is left to read is announced and sent"),
        **dict.fromkeys(
            ("location 'http://127.0.0.1:bad/x'", "location 'http://127.0.0.1:99999/x'", "location 'http://[::1/x'",
             r"location 'http://127.0.0.1:PORT\\x'", "location 'http://127.0.0.1:PORT//x'"),
            "a Location that is none fails the request that was made; in Locust the task ends, and nothing is counted"),
        **dict.fromkeys((r"location '/\\xc3\\xbc'", r"location '/x?a=\\xc3\\xbc'"), "a Location in UTF-8 is read as such"),
        r"location '/x\x01'": "control characters are escaped",
        "redirect 307 of generator": "what was sent can be sent again",
        "files quote": "no line ends in a file's name",
        **dict.fromkeys(("expect nothing 'body'", "expect nothing b'body'", "expect nothing {'a': '1'}"),
                        "a server that does not say whether it wants the body gets it after a second"),
        "absolute 'http://*:PORT/x'": "no name of a host",
        "absolute 'http://.localhost:PORT/x'": "no name of a host",
    },
}


def differs_on_purpose(kind, name):
    if name in REQUESTS_DIFFER[kind]:
        return True
    what, _, rest = name.partition(" ")
    return kind == "fast" and (what in ("data", "put", "typed", "get", "redirect")) and any(
        rest.endswith(body) or f"{body} of" in rest for body in ("bytearray", "memoryview", "memoryview apart", "array of bytes", "array of ints"))


def unsendable(stock, ours):
    """Stock sends the start of a request and raises: ours raises the same, and sends nothing."""
    is_raised = isinstance(stock["seen"], str) and stock["seen"].startswith("raised")
    return is_raised and ours["seen"] == stock["seen"] and not ours["sent"] and not ours["events"]


def requests_sent_otherwise(kind, theirs, ours):
    assert list(theirs) == list(ours)
    slash = ours.get("host '/'")
    assert not slash or slash["sent"][0].startswith("GET /x HTTP/1.1")
    return {
        name: (stock, ours[name]) for name, stock in theirs.items()
        if ours[name] != stock and not differs_on_purpose(kind, name) and not unsendable(stock, ours[name])
    }


@pytest.mark.alone  # stock's client gives up after a time
@pytest.mark.parametrize("kind", ["http", "fast"])
def test_requests_go_out_as_those_of_stock(kind):
    different = differing(requests_sent_otherwise, kind, "requests")
    assert not different, f"{list(different)}\n{json.dumps(different, indent=1)[:5000]}"


# What ordinary calls put on the wire, byte for byte, without what differs between machines (`clean` of the probe). A change that
# is meant is written down by the probe itself: it prints "sent" for the cases that are named to it.
GOLDEN = json.loads((ROOT / "tests" / "vectors" / "requests.json").read_text())


@pytest.mark.parametrize("kind", GOLDEN)
def test_the_bytes_of_requests_stay_as_they_are(kind):
    ours = probe([WORKER, "--python"], kind, "requests", *GOLDEN[kind])
    sent = {name: case["sent"] for name, case in ours.items()}
    different = {name: {"golden": golden, "sent": sent[name]} for name, golden in GOLDEN[kind].items() if sent[name] != golden}
    assert not different, json.dumps(different, indent=1)[:5000]
