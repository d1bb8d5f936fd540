// SPDX-License-Identifier: MIT
#pragma once
/* What an exchange may end with. */

/* code, failure text for people. The Python exceptions are mapped in py_client. */
#define FETCH_ERRORS(X)                                                                            \
    X(OK, "ok")                                                                                    \
    X(RESOLVE, "name resolution failed") /* sys: EAI_ code */                                      \
    X(CONNECT, "connection failed")      /* sys: errno */                                          \
    X(CONNECT_TIMEOUT, "connect timed out")                                                        \
    X(TLS, "TLS handshake failed")             /* text: OpenSSL's reason */                        \
    X(TLS_VERIFY, "certificate verify failed") /* text: the verification error */                  \
    X(PROXY, "proxy refused the tunnel")       /* sys: HTTP status */                              \
    X(WRITE, "sending failed")                 /* sys: errno */                                    \
    X(RESET, "connection broken")              /* sys: errno */                                    \
    X(CLOSED, "remote end closed connection without response")                                     \
    X(INCOMPLETE, "response ended before its announced length")                                    \
    X(READ_TIMEOUT, "read timed out")                                                              \
    X(TOTAL_TIMEOUT, "timed out")                                                                  \
    X(PROTOCOL, "malformed HTTP response") /* text: what */                                        \
    X(HEAD_TOO_LARGE, "response head too large")                                                   \
    X(BODY_TOO_LARGE, "response body too large")                                                   \
    X(DECODE, "response body could not be decompressed")                                           \
    X(NO_MEMORY, "no memory left for the response body")                                           \
    X(NO_FILES, "no file descriptor left")             /* EMFILE, ENFILE */                        \
    X(STREAM_RESET, "stream reset by the server")      /* sys: code of HTTP/2 */                   \
    X(GOAWAY, "connection ended by the server")        /* the same */                              \
    X(FRAMING, "the server broke the rules of HTTP/2") /* text: which */                           \
    X(HEAD_REFUSED, "request head too large for the server")                                       \
    X(CANCELLED, "cancelled")
enum fetch_error {
#define X(name, text) FETCH_##name,
    FETCH_ERRORS(X)
#undef X
};
const char *fetch_error_text(enum fetch_error e);
