// SPDX-License-Identifier: MIT
#pragma once
/* http_post: one receiver that is pushed to over HTTP, by libcurl: kept connections, TLS, proxies
 * (not for this machine itself), and how a refusal is told. One thread at a time. */
#include "common/base/sbuf.h"
#include "master/sink/courier.h"

/* Keys of every kind that pushes over HTTP. */
#define SINK_HTTP_KEYS                                                                             \
    {"username", SINK_TEXT, NULL, NULL, "of the receiver"},                                        \
        {"password", SINK_SECRET, NULL, "KATYDID_OUT_PASSWORD", "its password"},                   \
        {"headers", SINK_SECRET, NULL, "KATYDID_OUT_HEADERS",                                      \
         "more header lines, each NAME: VALUE"},                                                   \
        {"ca", SINK_TEXT, NULL, NULL, "file of the authority that its certificate is of"},         \
        {"cert", SINK_TEXT, NULL, NULL, "file of our certificate"},                                \
        {"key", SINK_TEXT, NULL, NULL, "file of its key"},                                         \
    {                                                                                              \
        "insecure", SINK_FLAG, NULL, NULL, "take any certificate"                                  \
    }

struct http_post;
/* base: http://host[:port][/path]. NULL, and *why (malloced): it is no such address. The spec has
 * SINK_HTTP_KEYS, and outlives it. Main thread. */
struct http_post *http_post_new(const struct sink_spec *spec, const char *base, char **why);
void http_post_free(struct http_post *h); /* NULL is fine */
/* "Name: value"; for all requests from now on. A name with another value replaces it. */
void http_post_header(struct http_post *h, const char *line);
/* All requests are signed from now on as AWS has it (Signature Version 4), by the keys in
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. -1, and *why: they are not there.
 */
int http_post_sign(struct http_post *h, const char *region, const char *service, char **why);

/* HTTP/2 from now on, without TLS from the first byte on; what a receiver of gRPC speaks. */
void http_post_use_http2(struct http_post *h);

struct http_answer {
    long status; /* 0: none came */
    double retry_after_s;
    struct sbuf body;    /* the beginning */
    uint64_t body_bytes; /* of all that was read */
    struct sbuf headers; /* all and trailers, lower-case names, a line each */
};
void http_answer_fini(struct http_answer *a);
/* The value of that header (lower-case), or trailer, up to the end of its line. NULL: none. */
const char *http_answer_text(const struct http_answer *a, const char *name, size_t *len);
/* Whether it has that header, and its number. */
bool http_answer_number(const struct http_answer *a, const char *name, double *number);

/* path: behind base, with its query; or "". 0: an answer came; -1, and why. */
int http_post_send(struct http_post *h, const char *path, const void *body, size_t len,
                   double timeout_s, struct http_answer *a, struct sbuf *why);
/* Whether a connection can be made, TLS included. */
int http_post_reach(struct http_post *h, double timeout_s, struct sbuf *why);

/* The usual judgement: 2xx is taken, 429 and 5xx later, all else never. */
enum delivery http_judge(const struct http_answer *a, struct delivery_trouble *t);
/* Both: sends and judges. */
enum delivery http_post_deliver(struct http_post *h, const char *path, const struct parcel *p,
                                double timeout_s, struct delivery_trouble *t);
/* Text as part of a query. */
void http_add_query(struct sbuf *out, const char *text);
/* Replaces the bytes by those of gzip, or of zlib for HTTP's deflate. */
void http_gzip(struct sbuf *body);
void http_deflate(struct sbuf *body);
