# SPDX-License-Identifier: MIT
"""What wire_probe.py plays: answers as bytes, and requests as functions (session, root) → response."""

import array
import collections
import datetime
import decimal
import gzip
import io
import mmap
import os
import zlib

FOLDER = "."
OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TEXT = b"some text that was compressed " * 4


def raw_deflate(data):
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


def encoded(coding, body):
    return OK + b"Content-Encoding: " + coding + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def brotli(data):
    import brotli as library

    return library.compress(data)


ANSWERS = {
    "plain": OK + BODY,
    # line ends
    "bare_lf": b"HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 5\n\nhello",
    "lf_head_crlf_end": b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello",
    "crlf_head_lf_end": OK + b"Content-Length: 5\r\n\nhello",
    "lf_within": OK + b"X-A: 1\nX-B: 2\r\n" + BODY,
    "lf_status": b"HTTP/1.1 200 OK\n" + BODY,
    "bare_cr_value": OK + b"X-A: 1\rX-B: 2\r\n" + BODY,
    "cr_cr_lf": OK + b"X-A: 1\r\r\n" + BODY,
    "cr_end_of_head": OK + b"Content-Length: 5\r\n\rhello",
    "leading_crlf": b"\r\n" + OK + BODY,
    "leading_crlf_twice": b"\r\n\r\n" + OK + BODY,
    "leading_lf": b"\n" + OK + BODY,
    "leading_blank": b" " + OK + BODY,
    "garbage": b"not HTTP at all\r\n\r\n",
    "garbage_lf": b"oops\n",
    # lengths
    "length_twice": OK + b"Content-Length: 5\r\n" + BODY,
    "length_thrice": OK + b"Content-Length: 5\r\ncontent-length: 5\r\n" + BODY,
    "length_list": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "length_list_tight": OK + b"Content-Length: 5,5\r\n\r\nhello",
    "length_list_three": OK + b"Content-Length: 5, 5 , 5\r\n\r\nhello",
    "length_list_zeros": OK + b"Content-Length: 5, 05\r\n\r\nhello",
    "length_list_empty": OK + b"Content-Length: 5,\r\n\r\nhello",
    "length_list_unequal": OK + b"Content-Length: 5, 6\r\n\r\nhello!",
    "length_unequal": OK + b"Content-Length: 6\r\n" + BODY,
    "length_plus": OK + b"Content-Length: +5\r\n\r\nhello",
    "length_minus": OK + b"Content-Length: -5\r\n\r\nhello",
    "length_minus_zero": OK + b"Content-Length: -0\r\n\r\n",
    "length_empty": OK + b"Content-Length: \r\n\r\nhello",
    "length_empty_tight": OK + b"Content-Length:\r\n\r\nhello",
    "length_word": OK + b"Content-Length: abc\r\n\r\nhello",
    "length_hex": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "length_zeros": OK + b"Content-Length: 0005\r\n\r\nhello",
    "length_float": OK + b"Content-Length: 5.0\r\n\r\nhello",
    "length_trailing_word": OK + b"Content-Length: 5 bytes\r\n\r\nhello",
    "length_inner_blank": OK + b"Content-Length: 1 0\r\n\r\nhello",
    "length_underscore": OK + b"Content-Length: 0_5\r\n\r\nhello",
    "length_blanks": OK + b"Content-Length: \t 5 \t\r\n\r\nhello",
    "length_tab": OK + b"Content-Length:\t5\r\n\r\nhello",
    "length_huge": OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "length_max": OK + b"Content-Length: 18446744073709551615\r\n\r\nhello",
    "length_then_surplus": OK + BODY + b" and more",
    "length_zero_surplus": OK + b"Content-Length: 0\r\n\r\nsurplus",
    "length_short": OK + b"Content-Length: 9\r\n\r\nhello",
    "length_and_word": OK + b"Content-Length: abc\r\n" + BODY,
    "length_folded": OK + b"Content-Length:\r\n 5\r\n\r\nhello",
    "none": OK + b"\r\nuntil the end",
    "none_keep": OK + b"Connection: keep-alive\r\n\r\nuntil the end",
    # chunks
    "chunked": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    "chunked_two": CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "chunked_and_length": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "length_after_chunked": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked_and_odd_length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: abc\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked_and_two_lengths": OK + b"Content-Length: 3\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked_upper": OK + b"Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked_twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked_list": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked_identity": OK + b"Transfer-Encoding: identity, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "identity": OK + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
    "transfer_gzip": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "transfer_empty": OK + b"Transfer-Encoding: \r\nContent-Length: 5\r\n\r\nhello",
    "transfer_odd": OK + b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello",
    "chunk_upper_hex": CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n",
    "chunk_zeros": CHUNKED + b"0005\r\nhello\r\n0000\r\n\r\n",
    "chunk_padded": CHUNKED + b"5   \r\nhello\r\n0  \r\n\r\n",
    "chunk_tab": CHUNKED + b"5\t\r\nhello\r\n0\r\n\r\n",
    "chunk_led": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "chunk_extension": CHUNKED + b"5;a=b\r\nhello\r\n0;last\r\n\r\n",
    "chunk_extension_blank": CHUNKED + b"5 ; a=b ;c\r\nhello\r\n0\r\n\r\n",
    "chunk_extension_quoted": CHUNKED + b'5;a="x;y"\r\nhello\r\n0\r\n\r\n',
    "chunk_extension_odd": CHUNKED + b"5;;=\x01\xff\r\nhello\r\n0\r\n\r\n",
    "chunk_lf": CHUNKED + b"5\nhello\n0\n\n",
    "chunk_lf_size": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "chunk_lf_data": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "chunk_no_data_end": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "chunk_data_long": CHUNKED + b"5\r\nhello!!\r\n0\r\n\r\n",
    "chunk_empty_size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "chunk_word": CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n",
    "chunk_0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk_plus": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk_minus": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk_underscore": CHUNKED + b"0_5\r\nhello\r\n0\r\n\r\n",
    "chunk_word_behind": CHUNKED + b"5 hello\r\nhello\r\n0\r\n\r\n",
    "chunk_huge": CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n",
    "trailer_lf": CHUNKED + b"5\r\nhello\r\n0\r\nX-T: 1\n\n",
    "trailer_odd": CHUNKED + b"5\r\nhello\r\n0\r\nno colon here\r\n\r\n",
    "trailer_length": CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n",
    "no_last_chunk": CHUNKED + b"5\r\nhello\r\n",
    "no_last_crlf": CHUNKED + b"5\r\nhello\r\n0\r\n",
    "no_last_line_end": CHUNKED + b"5\r\nhello\r\n0",
    "no_chunk_crlf": CHUNKED + b"5\r\nhello",
    "chunk_cut": CHUNKED + b"5\r\nhel",
    "chunked_surplus": CHUNKED + b"5\r\nhello\r\n0\r\n\r\nsurplus",
    "chunked_no_chunks": CHUNKED + b"hello",
    "chunked_http10": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    # status lines
    "http12": b"HTTP/1.2 200 OK\r\n" + BODY,
    "http10": b"HTTP/1.0 200 OK\r\n" + BODY,
    "http10_keep": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + BODY,
    "http09": b"HTTP/0.9 200 OK\r\n" + BODY,
    "http2": b"HTTP/2 200 OK\r\n" + BODY,
    "http20": b"HTTP/2.0 200 OK\r\n" + BODY,
    "http1": b"HTTP/1 200 OK\r\n" + BODY,
    "http1_10": b"HTTP/1.10 200 OK\r\n" + BODY,
    "http_lower": b"http/1.1 200 OK\r\n" + BODY,
    "icy": b"ICY 200 OK\r\n" + BODY,
    "no_reason": b"HTTP/1.1 200\r\n" + BODY,
    "no_reason_blank": b"HTTP/1.1 200 \r\n" + BODY,
    "no_reason_lf": b"HTTP/1.1 200\n" + BODY,
    "two_blanks": b"HTTP/1.1  200 OK\r\n" + BODY,
    "two_blanks_reason": b"HTTP/1.1 200  OK  fine \r\n" + BODY,
    "tab_status": b"HTTP/1.1\t200\tOK\r\n" + BODY,
    "led_status": b"HTTP/1.1 0200 OK\r\n" + BODY,
    "status_600": b"HTTP/1.1 600 Odd\r\n" + BODY,
    "status_999": b"HTTP/1.1 999 Odd\r\n" + BODY,
    "status_1000": b"HTTP/1.1 1000 Odd\r\n" + BODY,
    "status_099": b"HTTP/1.1 099 Odd\r\n" + BODY,
    "status_20": b"HTTP/1.1 20 Odd\r\n" + BODY,
    "status_word": b"HTTP/1.1 OK 200\r\n" + BODY,
    "status_2xx": b"HTTP/1.1 2xx OK\r\n" + BODY,
    "status_glued": b"HTTP/1.1 200OK\r\n" + BODY,
    "status_minus": b"HTTP/1.1 -200 OK\r\n" + BODY,
    "no_status": b"HTTP/1.1\r\n" + BODY,
    "reason_latin1": b"HTTP/1.1 200 Gr\xfc\xdfe\r\n" + BODY,
    "reason_utf8": "HTTP/1.1 200 Grüße\r\n".encode() + BODY,
    "reason_control": b"HTTP/1.1 200 a\x01b\x7f\r\n" + BODY,
    "reason_cr": b"HTTP/1.1 200 a\rb\r\n" + BODY,
    "reason_long": b"HTTP/1.1 200 " + b"r" * 9000 + b"\r\n" + BODY,
    # header lines
    "no_colon": OK + b"no colon here\r\n" + BODY,
    "no_colon_word": OK + b"word\r\n" + BODY,
    "no_colon_last": OK + b"Content-Length: 5\r\nno colon here\r\n\r\nhello",
    "empty_name": OK + b": value\r\n" + BODY,
    "only_colon": OK + b":\r\n" + BODY,
    "blank_before_colon": OK + b"X-A : 1\r\n" + BODY,
    "tab_before_colon": OK + b"X-A\t: 1\r\n" + BODY,
    "length_blank_colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "blank_in_name": OK + b"X A: 1\r\n" + BODY,
    "odd_name": OK + b"X(A)[B]{C}@D,E: 1\r\n" + BODY,
    "odd_name_slash": OK + b"X/A?B=C<D>\\E\"F: 1\r\n" + BODY,
    "token_name": OK + b"!#$%&'*+-.^_`|~0Az: 1\r\n" + BODY,
    "control_name": OK + b"X\x01A: 1\r\n" + BODY,
    "latin1_name": OK + b"X-\xe4: 1\r\n" + BODY,
    "nul_name": OK + b"X\x00A: 1\r\n" + BODY,
    "led_name": OK + b" X-A: 1\r\n" + BODY,
    "led_name_later": OK + b"X-Z: 0\r\n\tX-A: 1\r\n" + BODY,
    "folded": OK + b"X-A: one\r\n two\r\n\tthree\r\n" + BODY,
    "folded_lf": OK + b"X-A: one\n two\r\n" + BODY,
    "folded_blank": OK + b"X-A: one\r\n  \r\n" + BODY,
    "folded_empty_start": OK + b"X-A:\r\n one\r\n" + BODY,
    "folded_wide": OK + b"X-A: one  \r\n   \t two  \r\n" + BODY,
    "folded_twice": OK + b"X-A: one\r\n two\r\nX-B: 1\r\n 2\r\n" + BODY,
    "value_control": OK + b"X-A: a\x01b\x7fc\r\n" + BODY,
    "value_nul": OK + b"X-A: a\x00b\r\n" + BODY,
    "value_latin1": OK + b"X-A: gr\xfc\xdfe\r\n" + BODY,
    "value_utf8": OK + "X-A: grüße\r\n".encode() + BODY,
    "value_vt": OK + b"X-A: a\x0bb\x0cc\r\n" + BODY,
    "value_fs": OK + b"X-A: a\x1cb\x1dc\x1ed\x1fe\r\n" + BODY,
    "value_nel": OK + b"X-A: a\x85b\xa0c\r\n" + BODY,
    "value_blanks": OK + b"X-A:   a  b \t \r\n" + BODY,
    "value_ends_odd": OK + b"X-A: \x0b\xa0a\x85\x0c\r\n" + BODY,
    "value_empty": OK + b"X-A:\r\nX-B: \r\nX-C:\t\r\n" + BODY,
    "value_colon": OK + b"X-A:b:c::\r\n" + BODY,
    "value_tight": OK + b"X-A:1\r\n" + BODY,
    "repeated": OK + b"X-A: 1\r\nx-a: 2\r\nX-A: 3\r\n" + BODY,
    "repeated_cookie": OK + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n" + BODY,
    "many": OK + b"".join(b"X-%d: v\r\n" % i for i in range(90)) + BODY,
    "long_value": OK + b"X-A: " + b"v" * 60000 + b"\r\n" + BODY,
    "long_name": OK + b"X" * 300 + b": v\r\n" + BODY,
    "http_line_in_headers": OK + b"HTTP/1.1 200 OK\r\n" + BODY,
    "connection_odd": OK + b"Connection: , close ,\r\n" + BODY,
    "connection_upgrade": OK + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + BODY,
    # statuses and bodies
    "s100": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + BODY,
    "s100_twice": b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + OK + BODY,
    "s100_headers": b"HTTP/1.1 100 Continue\r\nX-I: 1\r\n\r\n" + OK + BODY,
    "s100_length": b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + OK + BODY,
    "s100_lf": b"HTTP/1.1 100 Continue\n\n" + OK + BODY,
    "s102": b"HTTP/1.1 102 Processing\r\n\r\n" + OK + BODY,
    "s103": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + BODY,
    "s199": b"HTTP/1.1 199 Odd\r\n\r\n" + OK + BODY,
    "s101": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "s204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "s204_body": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    "s204_chunked": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "s205_body": b"HTTP/1.1 205 Reset\r\nContent-Length: 5\r\n\r\nhello",
    "s304_length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "s304_body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
    "s302_no_location": b"HTTP/1.1 302 Found\r\n" + BODY,
    "s404": b"HTTP/1.1 404 Not Found\r\n" + BODY,
    "s407": b"HTTP/1.1 407 Proxy\r\n" + BODY,
    "s500": b"HTTP/1.1 500 Error\r\n" + BODY,
    "head": ("head", OK + b"Content-Length: 5\r\n\r\n"),
    "head_body": ("head", OK + BODY),
    "head_chunked": ("head", OK + b"Transfer-Encoding: chunked\r\n\r\n"),
    "head_chunked_body": ("head", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "head_gzip": ("head", OK + b"Content-Encoding: gzip\r\nContent-Length: 50\r\n\r\n"),
    "head_none": ("head", OK + b"\r\n"),
    "head_404": ("head", b"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\n"),
    "head_two_lengths": ("head", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    "post_plain": ("post", OK + BODY),
    "delete_204": ("delete", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "nothing": b"",
    "head_cut": OK + b"Content-Len",
    "head_cut_line": OK + b"Content-Length: 5\r\n",
    "status_cut": b"HTTP/1.1 2",
    # codings
    "gzip": encoded(b"gzip", gzip.compress(TEXT)),
    "gzip_upper": encoded(b"GZIP", gzip.compress(TEXT)),
    "x_gzip": encoded(b"x-gzip", gzip.compress(TEXT)),
    "gzip_utf8": encoded(b"gzip, UTF-8", gzip.compress(TEXT)),
    "utf8_gzip": encoded(b"UTF-8, gzip", gzip.compress(TEXT)),
    "gzip_blank": encoded(b" gzip ", gzip.compress(TEXT)),
    "gzip_comma": encoded(b"gzip,", gzip.compress(TEXT)),
    "gzip_twice": encoded(b"gzip, gzip", gzip.compress(gzip.compress(TEXT))),
    "gzip_twice_lines": encoded(b"gzip\r\nContent-Encoding: gzip", gzip.compress(gzip.compress(TEXT))),
    "gzip_once_two_lines": encoded(b"gzip\r\nContent-Encoding: gzip", gzip.compress(TEXT)),
    "gzip_deflate": encoded(b"gzip, deflate", zlib.compress(gzip.compress(TEXT))),
    "gzip_identity": encoded(b"gzip, identity", gzip.compress(TEXT)),
    "identity_coding": encoded(b"identity", TEXT),
    "identity_upper": encoded(b"Identity", TEXT),
    "unknown": encoded(b"rot13", TEXT),
    "unknown_compress": encoded(b"compress", TEXT),
    "utf8": encoded(b"utf-8", TEXT),
    "coding_empty": encoded(b"", TEXT),
    "gzip_not": encoded(b"gzip", TEXT),
    "gzip_cut": encoded(b"gzip", gzip.compress(TEXT)[:-12]),
    "gzip_no_trailer": encoded(b"gzip", gzip.compress(TEXT)[:-8]),
    "gzip_bad_crc": encoded(b"gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
    "gzip_surplus": encoded(b"gzip", gzip.compress(TEXT) + b"surplus"),
    "gzip_members": encoded(b"gzip", gzip.compress(TEXT) + gzip.compress(b"second member")),
    "gzip_zeros": encoded(b"gzip", gzip.compress(TEXT) + b"\0" * 20),
    "gzip_empty": encoded(b"gzip", b""),
    "gzip_chunked": OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(gzip.compress(TEXT))
                    + gzip.compress(TEXT) + b"\r\n0\r\n\r\n",
    "gzip_404": b"HTTP/1.1 404 No" + encoded(b"gzip", gzip.compress(TEXT))[15:],
    "deflate_zlib": encoded(b"deflate", zlib.compress(TEXT)),
    "deflate_raw": encoded(b"deflate", raw_deflate(TEXT)),
    "deflate_not": encoded(b"deflate", TEXT),
    "deflate_cut": encoded(b"deflate", zlib.compress(TEXT)[:-6]),
    "deflate_surplus": encoded(b"deflate", zlib.compress(TEXT) + b"surplus"),
    "deflate_empty": encoded(b"deflate", b""),
    "zstd_not": encoded(b"zstd", TEXT),
    "br": encoded(b"br", brotli(TEXT)),
    "br_not": encoded(b"br", TEXT),
    "br_cut": encoded(b"br", brotli(TEXT)[:-4]),
    "br_surplus": encoded(b"br", brotli(TEXT) + b"surplus"),
}

# ---- requests -----------------------------------------------------------------------------------

FINE = OK + b"Content-Length: 2\r\n\r\nok"
REQUESTS, HTTP_REQUESTS, FAST_REQUESTS = {}, {}, {}


def add(cases, prefix, values, make, answers=None):
    """A case for each value: make(value) gives its function (session, root) → response."""
    for value in values:
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        name = f"{prefix} {text.encode('ascii', 'backslashreplace').decode()!r}"
        cases[name] = (make(value), answers(value) if answers else None)


def getting(**kwargs):
    return lambda s, root: s.get("/x", **kwargs)


def posting(**kwargs):
    return lambda s, root: s.post("/x", **kwargs)


def named(cases, prefix, table):
    for name, run in table.items():
        cases[f"{prefix} {name}"] = (run, None)


add(REQUESTS, "path", [
    "/plain", "//key.txt?sig=a", "///x", "//", "/a//b", "/a//", "/a|b", "/{id}", '/q"uote', "/a^b", "/<b>", "/`x`",
    "/a\\b", "/[x]", "/ü", "/a b", "/a%20b", "/%7e", "/%zz", "/100%", "/%41", "/a%2fb", "/a%C3%BC", "/x;p=1", "/x;", "/x;?a",
    "/?", "/x?", "/x?#", "/x#", "/x#frag", "/x?a=1#frag", "/x?a=b c", "/x?a={b}|c", "/x?a=ü", "/x?a=\"'`", "/x?a=<^>\\",
    "/x?a=%", "/x?a=%41%7e", "/x?a=[1]", "/x?q=a/b?c", "/x?a=1&&b=", "/x?a+b", "/.", "/..", "/a/./b", "/a/../b", "/a/..",
    "/a/b/../../../c", "/.hidden", "/a.b/..c", "/a/.../b", "?only=query", "", "#only", "/tab\tx", "/nl\nx", "/cr\r\nX: 1",
    "/nul\x00", "/\x7f", "/x ", "/x?a=\n", "/\ud800", "/\U0001f600", "/:80", "/@x", "/!$&'()*+,;=", "/~-_.", "/x\u00a0y",
    "/x\u2028y", "/a%", "/a%2", "/%e4", "/x?%zz|", "/a;b;c?d;e", "/x'y", "/x*y", "/http://other/", "//other:1/x?y#z",
], lambda path: lambda s, root: s.get(path))
add(REQUESTS, "absolute", [
    "http://127.0.0.1:PORT/x", "HTTP://127.0.0.1:PORT/x", "http://localhost:PORT/x", "http://LOCALHOST:PORT/X",
    "http://user:pw@127.0.0.1:PORT/x", "http://us%40er:p%3Aw%C3%BC@127.0.0.1:PORT/x", "http://user@127.0.0.1:PORT/x",
    "http://:pw@127.0.0.1:PORT/x", "http://127.0.0.1:PORT", "http://127.0.0.1:PORT?a=1", "http://127.0.0.1:PORT#f",
    "http://127.0.0.1:PORT//x", "http://127.0.0.1:0PORT/x", "http://127.0.0.1:bad/x", "http://127.0.0.1:99999/x",
    "http://127.0.0.1:PORT/a b?c d|", "http://", "http:///x", "http://127.0.0.1:PORT/..", "http://[::1/x", "http://[::1]x/",
    "http://127.0.0.1:PORT\\x", "http://user:p@w@127.0.0.1:PORT/x", "http://*:PORT/x", "http://.localhost:PORT/x",
    "http://127.0.0.1 :PORT/x", "http://exa mple:PORT/", "http://127.0.0.1:PORT/x#a b",
], lambda url: lambda s, root: s.get(url.replace("PORT", root.rpartition(":")[2])))

VALUES = ["1", " lead", "trail ", "\tlead", "trail\t", "", " ", "a\nb", "a\r\nb", "a\r\n b", "a\n", "\na", "a\r", "\r", "a\x00b",
          "a\x01b", "ü", "€", "a\x7fb", "a\x85b", "\xa0a", "\x0ba", "a\x0bb", "a\tb"]
add(REQUESTS, "value", VALUES, lambda value: getting(headers={"X-A": value, "X-Z": "z"}))
add(REQUESTS, "odd value", [5, 1.5, True, None, b"bytes", b"b\n", b"\xff", b" b", ["a", "b"], ("a",), [], {"x": 1},
                            bytearray(b"a"), decimal.Decimal("1.0"), object],
    lambda value: getting(headers={"X-A": value, "X-Z": "z"}))
add(REQUESTS, "name", ["X A", "X\n", "X\r\nY", "", "X:", " X", "X ", "Ü", "€", "X\x00", "X\t", ":x", "X(A)", "X\"", "X@", "X/Y", "x_y",
                       "X\x7f", "Content-Length ", "content-length:"],
    lambda name: getting(headers={name: "v", "X-Z": "z"}))
add(REQUESTS, "odd name", [5, None, b"X-B", b"X B"], lambda name: getting(headers={name: "v", "X-Z": "z"}))
named(REQUESTS, "headers", {
    "two spellings": getting(headers={"X-Key": "1", "x-key": "2", "X-Other": "3"}),
    "three spellings": getting(headers={"x-key": "1", "X-KEY": "2", "X-Key": "3"}),
    "two spellings of a default": getting(headers={"User-Agent": "a", "user-agent": "b"}),
    "two spellings of type": lambda s, root: s.post("/x", data=b"b", headers={"Content-Type": "a/b", "content-type": "c/d"}),
    "spelling none": getting(headers={"X-Key": "1", "x-key": None}),
    "lower agent": getting(headers={"user-agent": "me"}),
    "no agent": getting(headers={"User-Agent": None}),
    "empty agent": getting(headers={"User-Agent": ""}),
    "accept": getting(headers={"Accept": "a/b"}),
    "lower accept-encoding": getting(headers={"accept-encoding": "identity"}),
    "odd accept-encoding": getting(headers={"ACCEPT-encoding": "identity"}),
    "connection close": getting(headers={"Connection": "close"}),
    "host": getting(headers={"Host": "other.test"}),
    "lower host": getting(headers={"host": "other.test"}),
    "host ü": getting(headers={"Host": "bücher.test"}),
    "cookie": getting(headers={"Cookie": "a=1"}),
    "order": getting(headers={"X-Z": "1", "X-A": "2", "Accept": "3", "X-B": "4", "User-Agent": "5"}),
    "authorization": getting(headers={"Authorization": "Bearer x"}),
    "authorization and auth": getting(headers={"Authorization": "Bearer x"}, auth=("u", "p")),
    "length on get": getting(headers={"Content-Length": "0"}),
    "length on post": lambda s, root: s.post("/x", data=b"abc", headers={"Content-Length": "3"}),
    "lower length on post": lambda s, root: s.post("/x", data="abc", headers={"content-length": "3"}),
    "length without body": lambda s, root: s.post("/x", headers={"Content-Length": "0"}),
    "type and json": lambda s, root: s.post("/x", json={}, headers={"content-type": "a/b", "accept": "c/d"}),
    "type and form": lambda s, root: s.post("/x", data={"a": 1}, headers={"content-type": "a/b"}),
    "type and text": lambda s, root: s.post("/x", data="ü", headers={"Content-Type": "a/b"}),
    "chunked on get": getting(headers={"Transfer-Encoding": "chunked"}),
    "chunked bytes": lambda s, root: s.post("/x", data=b"abc", headers={"Transfer-Encoding": "chunked"}),
    "chunked text": lambda s, root: s.post("/x", data="abc", headers={"transfer-encoding": "chunked"}),
    "chunked generator": lambda s, root: s.post("/x", data=iter([b"a", b"bc"]), headers={"Transfer-Encoding": "chunked"}),
    "chunked json": lambda s, root: s.post("/x", json={"a": 1}, headers={"Transfer-Encoding": "chunked"}),
    "gzip transfer": lambda s, root: s.post("/x", data=b"abc", headers={"Transfer-Encoding": "gzip"}),
    "empty dict": getting(headers={}),
    "ordered": getting(headers=collections.OrderedDict([("X-B", "1"), ("X-A", "2")])),
    "many": getting(headers={f"X-{i}": str(i) for i in range(80)}),
    "long": getting(headers={"X-A": "v" * 20000}),
    "none": getting(headers=None),
    "str subclass": getting(headers={type("S", (str,), {})("X-A"): type("S", (str,), {})("v")}),
})
named(FAST_REQUESTS, "headers", {"chunked nothing": lambda s, root: s.post("/x", headers={"Transfer-Encoding": "chunked"})})
named(HTTP_REQUESTS, "headers", {
    "list of pairs": getting(headers=[("X-A", "1"), ("x-a", "2")]),
    "session": lambda s, root: (s.headers.update({"X-S": "1", "x-s": "2"}), s.get("/x", headers={"X-s": "3"}))[1],
    "session gone": lambda s, root: (s.headers.update({"X-S": "1"}), s.get("/x", headers={"x-S": None}))[1],
    "session value": lambda s, root: (s.headers.update({"X-S": "1\n"}), s.get("/x"))[1],
    "session blank": lambda s, root: (s.headers.update({"X-S": " 1"}), s.get("/x"))[1],
    "session number": lambda s, root: (s.headers.update({"X-S": 1}), s.get("/x"))[1],
    "session name": lambda s, root: (s.headers.update({"X S": "1"}), s.get("/x"))[1],
    "session none": lambda s, root: (s.headers.update({"User-Agent": None}), s.get("/x"))[1],
    "session host": lambda s, root: (s.headers.update({"Host": "h"}), s.get("/x"))[1],
    "session type": lambda s, root: (s.headers.update({"Content-Type": "a/b"}), s.post("/x", json={}))[1],
    "session chunked": lambda s, root: (s.headers.update({"Transfer-Encoding": "chunked"}), s.get("/x"))[1],
    "session dict": lambda s, root: (setattr(s, "headers", {"X-A": "1", "x-a": "2"}), s.get("/x"))[1],
    "session auth": lambda s, root: (setattr(s, "auth", ("u", "ü")), s.get("/x"))[1],
    "session params": lambda s, root: (setattr(s, "params", {"p": "1"}), s.get("/x?q", params={"r": 2}))[1],
    "session cookies": lambda s, root: (s.cookies.set("a", "1"), s.get("/x"))[1],
})
add(REQUESTS, "host", ["/", "/api/", "/api", "/a b|", "?q=1", "/#f"], lambda tail: lambda s, root: type(s)(root + tail, s.request_event, None).get("/x"))
add(REQUESTS, "host alone", ["", "/", "/api/", "/api", "/a b", "/api?q=1"],
    lambda tail: lambda s, root: [type(s)(root + tail, s.request_event, None).get("") for _ in range(2)][1])
FAST_HEADERS = [{"X-D": "1"}, {"User-Agent": "me"}, {"accept-encoding": "identity"}, {"Content-Type": "a/b"}, {"Host": "h"}, {"X-D": 5}, {"X D": "1"}, {"Cookie": "c=1"},
                {"X-D": "a\n"}, {"X-L": ["a", "b"]}, {"Authorization": "B x"}, {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"}]
add(FAST_REQUESTS, "default", FAST_HEADERS,
    lambda headers: lambda s, root: type(s)(root, s.request_event, None, headers=headers).post("/x", data="t", headers={"x-d": "call"}))
add(FAST_REQUESTS, "default with json", FAST_HEADERS[:-2], lambda headers: lambda s, root: type(s)(root, s.request_event, None, headers=headers).put("/x", json={"a": 1}))
add(REQUESTS, "method", ["A B", "", "get", "GeT", "QUERY", "PURGE", "ü", "GET\r\n", "GET /y HTTP/1.1\r\nX: 1\r\n\r\nGET", "M-SEARCH",
                         "HEAD", "OPTIONS", "TRACE", "x_y", "G(T", "G\tT", "\x00", " GET", "GET ", "DELETE", "PATCH", "PUT"],
    lambda method: lambda s, root: s.request(method, "/x"))
add(REQUESTS, "odd method", [b"GET", None, 5], lambda method: lambda s, root: s.request(method, "/x"))
add(REQUESTS, "body of", ["GET", "DELETE", "QUERY", "OPTIONS", "HEAD", "PROPFIND", "put", "TRACE"],
    lambda method: lambda s, root: s.request(method, "/x", data=b"abc"))
add(REQUESTS, "json of", ["GET", "DELETE", "QUERY"], lambda method: lambda s, root: s.request(method, "/x", json={"a": "ü"}))


def file_of(text, mode="rb", seek=0):
    path = os.path.join(FOLDER, f"file-{len(os.listdir(FOLDER))}")
    with open(path, "wb") as f:
        f.write(text)
    opened = open(path, mode)
    opened.seek(seek)
    return opened


def mapped(data):
    m = mmap.mmap(-1, len(data))
    m.write(data)
    m.seek(0)
    return m


class Readable:
    def __init__(self, data):
        self.data = data

    def read(self, size=-1):
        data, self.data = (self.data, b"") if size is None or size < 0 else (self.data[:size], self.data[size:])
        return data


class Iterable:
    def __init__(self, parts):
        self.parts = parts

    def __iter__(self):
        return iter(self.parts)


class Sized(Iterable):
    def __len__(self):
        return sum(map(len, self.parts))


BODIES = {
    "bytes": lambda: b"abc", "empty bytes": lambda: b"", "text": lambda: "abc", "text ü": lambda: "ü€", "empty text": lambda: "",
    "bytearray": lambda: bytearray(b"abc"), "empty bytearray": lambda: bytearray(), "memoryview": lambda: memoryview(b"abc"),
    "memoryview of bytearray": lambda: memoryview(bytearray(b"abc")), "memoryview apart": lambda: memoryview(b"abcdef")[::2],
    "memoryview of ints": lambda: memoryview(array.array("i", [1, 2, 3])), "array of bytes": lambda: array.array("B", b"abc"),
    "array of ints": lambda: array.array("i", [1, 2]), "mmap": lambda: mapped(b"abc"), "generator": lambda: (x for x in [b"a", b"bc"]),
    "generator of texts": lambda: (x for x in ["a", "ü"]), "generator of nothing": lambda: iter([]), "iter of empty": lambda: iter([b"", b"a", b""]),
    "list of bytes": lambda: [b"a", b"bc"], "list of texts": lambda: ["a", "bc"], "list of pairs": lambda: [("a", "1"), ("a", "2")],
    "tuple of pairs": lambda: (("a", "1"), ("b", "ü")), "pairs of lists": lambda: [("a", ["1", "2"])], "tuple of bytes": lambda: (b"a", b"b"),
    "empty list": lambda: [], "empty tuple": lambda: (), "list of ints": lambda: [1, 2], "set": lambda: {"a"}, "dict": lambda: {"a": "1", "b": "x y&z"},
    "dict ü": lambda: {"ü": "é"}, "dict of list": lambda: {"a": ["1", "2"]}, "dict of tuple": lambda: {"a": ("1", "2")}, "dict of none": lambda: {"a": None, "b": 1},
    "dict of numbers": lambda: {"i": 5, "f": 1.5, "b": True}, "dict of bytes": lambda: {"a": b"\xff"}, "dict of dict": lambda: {"a": {"b": 1}},
    "dict of decimal": lambda: {"d": decimal.Decimal("1.10")}, "dict of date": lambda: {"d": datetime.date(2020, 1, 2)}, "dict int key": lambda: {1: 2},
    "dict bytes key": lambda: {b"k": "v"}, "empty dict": lambda: {}, "ordered dict": lambda: collections.OrderedDict(b=1, a=2),
    "dict empty values": lambda: {"a": "", "b": []}, "dict tilde": lambda: {"a~b": "*'()!"},
    "bytes io": lambda: io.BytesIO(b"abc"), "empty io": lambda: io.BytesIO(b""), "string io": lambda: io.StringIO("aü"), "file": lambda: file_of(b"abc"),
    "text file": lambda: file_of(b"abc", "r"), "file seeked": lambda: file_of(b"abcdef", seek=2), "empty file": lambda: file_of(b""),
    "readable": lambda: Readable(b"abc"), "iterable": lambda: Iterable([b"a", b"b"]), "sized": lambda: Sized([b"a", b"bc"]),
    "int": lambda: 5, "zero": lambda: 0, "true": lambda: True, "float": lambda: 1.5, "object": object, "range": lambda: range(3),
    "none": lambda: None, "surrogate": lambda: "a\ud800", "bytes subclass": lambda: type("B", (bytes,), {})(b"abc"),
    "str subclass": lambda: type("S", (str,), {})("abc"), "dict subclass": lambda: type("D", (dict,), {})(a=1), "big": lambda: b"x" * 100000,
    "big text": lambda: "ü" * 50000, "big bytearray": lambda: bytearray(b"x" * 100000), "big generator": lambda: (b"y" * 5000 for _ in range(4)),
}
for name, make in BODIES.items():
    REQUESTS[f"data {name}"] = ((lambda m: lambda s, root: s.post("/x", data=m()))(make), None)
for name in ("bytearray", "memoryview", "generator", "bytes io", "list of texts", "mmap", "list of pairs", "text"):
    REQUESTS[f"put {name}"] = ((lambda m: lambda s, root: s.put("/x", data=m()))(BODIES[name]), None)
    REQUESTS[f"typed {name}"] = ((lambda m: lambda s, root: s.post("/x", data=m(), headers={"Content-Type": "a/b"}))(BODIES[name]), None)
    REQUESTS[f"get with {name}"] = ((lambda m: lambda s, root: s.request("GET", "/x", data=m()))(BODIES[name]), None)
add(REQUESTS, "json", [{}, [], "", "text", 0, None, False, True, 1.5, float("nan"), float("inf"), {"ü": "€", "n": None}, (1, 2), {1: 2},
                       {"a": decimal.Decimal(1)}, {"a": datetime.date(2020, 1, 2)}, {"a": b"x"}, {1}, [[[]]], {"a": "\ud800"}, 1e400, 10**40, {"a": {"b": [1, "x"]}}, {True: 1, None: 2}],
    lambda value: posting(json=value))
named(REQUESTS, "json", {
    "and data": posting(json={"a": 1}, data={"b": 2}), "and empty data": posting(json={"a": 1}, data={}),
    "and empty text": posting(json={"a": 1}, data=""), "and none": posting(json={"a": 1}, data=None),
})
add(REQUESTS, "params", [{"a": "1"}, {"a": "ä b", "c": "d&e"}, {"a": ["1", "2"]}, {"a": None, "b": 2}, {"a": True, "f": 1.5}, {"a": b"\xff"}, {}, [],
                         [("a", "1"), ("a", "2")], (("a", "1"),), "raw=1 2", "?raw", "", "ü=ß", "a=%20%zz", None, {"a": ("x", "y")}, {"a": ""}, {"": "x"}, {"a": {"b": 1}},
                         {1: 2}, {"a": decimal.Decimal("1.0")}, {"a[]": "1"}, {"a~": "~*'()"}, {"a": datetime.date(2020, 1, 2)}, {"a": []}, [("a", ["1", "2"])]],
    lambda value: getting(params=value))
named(REQUESTS, "params", {
    "and query": lambda s, root: s.get("/x?z=0", params={"a": "1"}), "and bare query": lambda s, root: s.get("/x?", params={"a": "1"}),
    "and fragment": lambda s, root: s.get("/x#f", params={"a": "1"}), "and amp": lambda s, root: s.get("/x?z&", params={"a": "1"}),
    "and odd path": lambda s, root: s.get("/a b|?c d", params={"a": "1"}), "and semicolon": lambda s, root: s.get("/x;p", params={"a": "1"}),
    "on post": posting(params={"a": 1}, data={"b": 2}), "no path": lambda s, root: s.get("", params={"a": "1"}),
    "text and query": lambda s, root: s.get("/x?z=0", params="a b=1"), "absolute": lambda s, root: s.get(root, params={"a": "1"}),
})
named(HTTP_REQUESTS, "params", {"bytes": getting(params=b"raw=1 2"), "set": getting(params={"a"}), "int": getting(params=5)})
PART = ("name.txt", b"contents", "text/plain")
named(REQUESTS, "files", {
    "bytes": posting(files={"f": b"contents"}), "text": posting(files={"f": "contents ü"}), "io": lambda s, root: s.post("/x", files={"f": io.BytesIO(b"c")}),
    "pair": posting(files={"f": ("n.txt", b"c")}), "triple": posting(files={"f": PART}), "quadruple": posting(files={"f": (*PART, {"X-P": "1"})}),
    "list": posting(files=[("f", PART), ("f", PART)]), "and dict": posting(files={"f": PART}, data={"a": "1", "l": ["2", "3"], "n": None, "i": 4}),
    "and pairs": posting(files={"f": PART}, data=[("a", "1"), ("a", "2")]), "and text": posting(files={"f": PART}, data="text"),
    "none": posting(files={"f": None}), "empty": posting(files={}), "ü name": posting(files={"f": ("ü.txt", b"c")}), "quote": posting(files={'f"x': ('a"b\r\n.txt', b"c")}),
    "file": lambda s, root: s.post("/x", files={"f": file_of(b"from disk")}), "no filename": posting(files={"f": (None, b"c")}), "empty list": posting(files=[]),
    "on put": lambda s, root: s.put("/x", files={"f": PART}), "typed": lambda s, root: s.post("/x", files={"f": PART}, headers={"Content-Type": "multipart/form-data; boundary=b"}),
    "bytearray": posting(files={"f": bytearray(b"c")}), "bytes name": posting(files={b"f": PART}), "five": posting(files={"f": (*PART, {}, "own-boundary")}),
    "and json": posting(files={"f": PART}, json={"a": 1}),
})
add(REQUESTS, "auth", [("u", "p"), ("ü", "p"), ("u", ""), ("", ""), (b"u", b"p"), ("€", "p"), ["u", "p"], ("u", "p:q")], lambda auth: getting(auth=auth))
add(HTTP_REQUESTS, "auth", [("u", None), (5, 6), "text", ("u",), ()], lambda auth: getting(auth=auth))
add(HTTP_REQUESTS, "cookies", [{"a": "1", "b": "2"}, {"a": "ü"}, {"a": ""}, {"a": "x;y"}, {"a": 'q"q'}, {"a": "€"}, {"a": 5}, {"a": None}, {"a": "n\nl"}, {}, {"ü": "1"}, {"a": "x y"}, {"a b": "1"}],
    lambda cookies: getting(cookies=cookies))
named(HTTP_REQUESTS, "cookies", {"and header": getting(cookies={"a": "1"}, headers={"Cookie": "b=2"}), "on path": lambda s, root: s.get("//x", cookies={"a": "1"})})


# ---- cookies that come and go -------------------------------------------------------------------

def set_cookie(*lines):
    return [OK + b"".join(b"Set-Cookie: " + line + b"\r\n" for line in lines) + b"Content-Length: 2\r\n\r\nok", FINE]


def twice(s, root):
    s.get("/dir/first")
    return s.get("/dir/second")


COOKIES = [b"a=1; Path=/", b"a=gr\xfc\xdfe; Path=/", "a=grüße; Path=/".encode(), b"a=\x01\x7f; Path=/", b'a="q q"; Path=/', b'a="q\\"q"; Path=/', b"a=; Path=/",
           b"a; Path=/", b"=v; Path=/", b"a=b=c==; Path=/", b"a=x,y; Path=/", b"a = spaced ; Path=/", b"\xfc=1; Path=/", b"a=1; Path=/; HttpOnly; SameSite=Lax",
           b"a=1", b"a=1; Path=/dir", b"a=1; Path=/dir/", b"a=1; Path=/other", b"a=1; Path=", b"a=1; Path=relative", b"a=1; Max-Age=0; Path=/", b"a=1; Max-Age=60; Path=/",
           b"a=1; Max-Age=x; Path=/", b"a=1; Expires=Wed, 01 Jan 2070 00:00:00 GMT; Path=/", b"a=1; Expires=never; Path=/", b"a=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT; Path=/",
           b"a=1; Domain=127.0.0.1; Path=/", b"a=1; Domain=.other; Path=/", b"a=1; Domain=; Path=/", b"a=1; unknown=x; Path=/", b"a=1;Path=/;", b"", b";", b"a[b]=1; Path=/", b"a{b}=1; Path=/",
           b"a=1\tb; Path=/", b"a=x;y=z; Path=/", b"a=1; Version=1; Path=/", b"a=1; Port=\"80\"; Path=/", b"a=1; Comment=c; Path=/", b"A=1; path=/; PATH=/other"]
add(REQUESTS, "cookie", COOKIES, lambda line: twice, set_cookie)
REQUESTS["cookie two"] = (twice, set_cookie(b"a=1; Path=/", b"b=2; Path=/dir", b"c=3; Path=/", b"a=4; Path=/"))
add(HTTP_REQUESTS, "jar cookie", COOKIES[:14], lambda line: lambda s, root: (s.cookies.clear(), twice(s, root))[1], set_cookie)


# ---- redirects ----------------------------------------------------------------------------------

def to(location, status=302, more=b""):
    return [b"HTTP/1.1 %d Go\r\n" % status + b"Location: " + location + b"\r\n" + more + b"Content-Length: 0\r\n\r\n", FINE]


LOCATIONS = [b"/next", b"next", b"?q=1", b"", b" ", b"#f", b"//127.0.0.1:PORT/x", b"http://127.0.0.1:PORT/x", b"HTTP://127.0.0.1:PORT/x", b"http://127.0.0.1:PORT", b"http://127.0.0.1:PORT?q",
             b"http:/x", b"http:x", b"http://127.0.0.1:bad/x", b"http://127.0.0.1:99999/x", b"http://", b"http:///x", b"ftp://x/y", b"javascript:1", b"mailto:a@b", "/ü".encode(), b"/\xfc", b"/%FC",
             b"/a b", b"/a|b{c}", b"/%7e%zz", b"/%", b"../up", b"./x", b"/a/../b", b"..", b"/../../x", b"/x#frag", b"\t/x", b"/x\x01", b"http://user:pw@127.0.0.1:PORT/x", b"//", b"///x", b"//x/y:z",
             b"/x?a=b c|", b"/x?a=\xc3\xbc", b"x:y", b":80/x", b"/x;p=1", b";p", b"http://127.0.0.1:PORT/a b", b"/\"<>^`\\", b"*", b"http://[::1/x", b"http://127.0.0.1:PORT\\x", b"127.0.0.1:PORT/x", b"/x?", b"/x#", b"http://127.0.0.1:PORT//x"]
add(REQUESTS, "location", LOCATIONS, lambda location: lambda s, root: s.get("/dir/first?a=1"), to)
for location in (b"/next", b"?q", b"#g"):
    name = location.decode()
    REQUESTS[f"location of fragment {name}"] = (lambda s, root: s.get("/dir/first#frag"), to(location))
REQUESTS["location twice"] = (lambda s, root: s.get("/x"), to(b"/a", more=b"Location: /b\r\n"))
REQUESTS["location twice alike"] = (lambda s, root: s.get("/x"), to(b"/a", more=b"Location: /a\r\n"))
REQUESTS["location of 200"] = (lambda s, root: s.get("/x"), to(b"/a", 200))
REQUESTS["location of 201"] = (lambda s, root: s.get("/x"), to(b"/a", 201))
REQUESTS["location loop"] = (lambda s, root: s.get("/x"), to(b"/x")[:1])
REQUESTS["location with cookie"] = (lambda s, root: s.get("/x"), to(b"/y", more=b"Set-Cookie: a=1; Path=/\r\n"))
REQUESTS["location with own cookie"] = (lambda s, root: s.get("/x", headers={"Cookie": "o=1"}), to(b"/y", more=b"Set-Cookie: a=1; Path=/\r\n"))
REQUESTS["location with host"] = (lambda s, root: s.get("/x", headers={"Host": "other.test"}), to(b"/y"))
REQUESTS["location elsewhere with all"] = (
    lambda s, root: s.get("/x", auth=("u", "p"), headers={"X-Kept": "1", "Cookie": "o=1", "Proxy-Authorization": "x"}), to(b"http://localhost:PORT/y"))
REQUESTS["location elsewhere with header"] = (lambda s, root: s.get("/x", headers={"Authorization": "Bearer x"}), to(b"http://localhost:PORT/y"))
REQUESTS["location here with header"] = (lambda s, root: s.get("/x", headers={"authorization": "Bearer x"}), to(b"/y"))
REQUESTS["location there and back"] = (lambda s, root: s.get("/x", auth=("u", "p")), [to(b"http://localhost:PORT/y")[0], *to(b"http://127.0.0.1:PORT/z")])
for name, rest in (("bad gzip", b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), ("chunks", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                   ("body", b"Content-Length: 3\r\n\r\nabc"), ("short body", b"Content-Length: 9\r\n\r\nabc")):
    answer = b"HTTP/1.1 302 Found\r\nLocation: /y\r\n" + rest
    REQUESTS[f"location with {name}"] = (lambda s, root: s.get("/x"), [(answer, None) if name == "short body" else answer, FINE])
REQUESTS["location of a stream"] = (lambda s, root: s.get("/x", stream=True), to(b"/y"))
REQUESTS["redirects off"] = (lambda s, root: s.get("/x", allow_redirects=False), to(b"/y"))
for status in (300, 301, 302, 303, 304, 305, 306, 307, 308):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "PURGE"):
        REQUESTS[f"redirect {status} {method}"] = (
            (lambda m: lambda s, root: s.request(m, "/x", data="body", headers={"Content-Type": "a/b", "X-Kept": "1"}))(method), to(b"/y", status))
    REQUESTS[f"redirect {status} json"] = (lambda s, root: s.post("/x", json={"a": 1}), to(b"/y", status))
    REQUESTS[f"redirect {status} none"] = (lambda s, root: s.post("/x"), to(b"/y", status))
for name in ("generator", "bytearray", "bytes io", "file seeked", "dict", "memoryview"):
    REQUESTS[f"redirect 307 of {name}"] = ((lambda m: lambda s, root: s.post("/x", data=m()))(BODIES[name]), to(b"/y", 307))
    REQUESTS[f"redirect 302 of {name}"] = ((lambda m: lambda s, root: s.post("/x", data=m()))(BODIES[name]), to(b"/y", 302))
named(HTTP_REQUESTS, "session", {"few redirects": lambda s, root: (setattr(s, "max_redirects", 2), s.get("/x"))[1]})
HTTP_REQUESTS["session few redirects"] = (HTTP_REQUESTS["session few redirects"][0], to(b"/x")[:1])
HTTP_REQUESTS["next"] = (lambda s, root: (lambda r: r.next and r.next.url)(s.get("/x", allow_redirects=False)), to(b"/y?z"))


# ---- Expect: 100-continue -----------------------------------------------------------------------

CONTINUE, NOT_NOW = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno"
for name, answers in {
    "continue": [{"asked": CONTINUE, "then": FINE}], "another": [{"asked": b"HTTP/1.1 102 Processing\r\n\r\n" + CONTINUE, "then": FINE}],
    "417": [{"asked": NOT_NOW, "then": ()}, FINE], "to": [{"asked": to(b"/y")[0], "then": ()}, FINE], "nothing": [FINE],
}.items():
    for body in ("body", b"body", {"a": "1"}):
        REQUESTS[f"expect {name} {body!r}"] = (
            (lambda body: lambda s, root: s.post("/x", data=body, headers={"Expect": "100-continue"}))(body), answers)
    REQUESTS[f"expect {name} without body"] = (lambda s, root: s.get("/x", headers={"expect": "100-continue"}), answers)


# ---- what scripts change of FastHttpSession's user agent ----------------------------------------

def agent(call=lambda s: s.get("/x"), **attributes):
    """The call of a session whose agent has these attributes of its own."""
    def run(s, root):
        for name, value in attributes.items():
            setattr(s.client, name, value)
        return call(s)
    return run


def agent_class(name, value, call=lambda s: s.get("/x")):
    """The same of all agents, for as long as the call takes: cases run side by side, so only calls of which the others see nothing."""
    def run(s, root):
        own = type("Agent", (type(s.client),), {name: value})
        s.client.__class__ = own
        return call(s)
    return run


def missing(status):
    return [b"HTTP/1.1 %d What\r\nContent-Length: 2\r\n\r\nno" % status, FINE]


def strict(self, status, url=None):
    raise ConnectionError(f"{status} is not good enough")


def in_block(s):
    with s.get("/x", catch_response=True) as r:
        return r


FAST_REQUESTS.update({
    "agent follows nothing": (agent(redirect_response_codes=frozenset()), to(b"/y")),
    "agent follows nothing, as it was spelled once": (agent(redirect_resonse_codes=frozenset()), to(b"/y")),
    "agent follows some": (agent(redirect_response_codes={301}), to(b"/y", 302)),
    "agent follows more": (agent(redirect_response_codes={300, 301}), to(b"/y", 300)),
    "agent follows created": (agent(redirect_response_codes={201}), to(b"/y", 201)),
    "agent takes fewer": (agent(valid_response_codes=frozenset([204])), missing(200)),
    "agent takes more": (agent(valid_response_codes=frozenset([200, 404])), missing(404)),
    "agent takes more in a block": (agent(in_block, valid_response_codes=frozenset([200, 404])), missing(404)),
    "agent takes less in a block": (agent(in_block, valid_response_codes=()), missing(200)),
    "agent takes no redirects": (agent(valid_response_codes={200}), to(b"/y")),
    "agent verifies": (agent(_verify_status=lambda status, url=None: None), missing(500)),
    "agent verifies strictly": (agent_class("_verify_status", strict), missing(200)),
    "agent class follows nothing": (agent_class("redirect_response_codes", ()), to(b"/y")),
    "agent class takes more": (agent_class("valid_response_codes", {500}), missing(500)),
    "agent with fewer redirects": (agent(max_redirects=1), [*to(b"/y")[:1], *to(b"/z")]),
    "agent with no redirects": (agent(max_redirects=0), to(b"/y")),
    "agent opens otherwise": (agent(urlopen=lambda url, **more: (_ for _ in ()).throw(OSError(5, "mine"))), None),
    "agent opens itself": (lambda s, root: (setattr(s.client, "urlopen", (lambda own: lambda url, **more: own(url + "y", **more))(s.client.urlopen)), s.get("/x"))[1], None),
    "safe mode of the object": (
        lambda s, root: (setattr(s, "_send_request_safe_mode", (lambda own: lambda m, url, **more: own("PUT", url + "?y", **more))(s._send_request_safe_mode)),
                         s.post("/x", data={"a": 1}))[1], None),
    "safe mode told": (
        lambda s, root: (setattr(s, "_send_request_safe_mode", lambda m, url, **more: (_ for _ in ()).throw(KeyError(repr((m, sorted(more.items())))))),
                         s.post("/x", json={"a": 1}, auth=("u", "p"), params={"q": 1}))[1], None),
    "safe mode by hand": (lambda s, root: s._send_request_safe_mode("POST", root + "/x", payload="text", headers={"X-A": "1"}), None),
    "safe mode by hand, late": (lambda s, root: s._send_request_safe_mode("GET", "http://127.0.0.1:1/x"), None),
    "safe mode by hand, 404": (lambda s, root: s._send_request_safe_mode("GET", root + "/x"), missing(404)),
})
FAST_REQUESTS.update({f"files five {name}": (posting(files=files), None) for name, files in {
    "of two": [("f", PART), ("g", (*PART, {"X-P": "1"}, "second"))], "and a first": [("f", (*PART, {}, "one")), ("g", (*PART, {}, "two"))],
    "list": {"f": [*PART, {}, "own"]}, "and six": {"f": (*PART, {}, "own", 6)}, "and one": {"f": ("n",)}, "number": {"f": 3}, "headers in pairs": {"f": (*PART, [("X-P", "1")])},
    "type twice": {"f": (*PART, {"Content-Type": "x/y"})}, "none within": {"f": ("n", None)}, "and text": {"f": (*PART, {}, "ü")}}.items()})
