// SPDX-License-Identifier: MIT
#pragma once
/* py_sample: one request as it is written down (docs/wire.md, katydid_samples), of whatever
 * protocol. After Python.h; with the GIL. */
#include <Python.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "worker/proto/header.h"

#define SAMPLE_HEADERS_MOST 64 /* each way, trailers included */
#define SAMPLE_BODY_MOST 4096u /* bytes of a body in a sample for the page */

struct measures;

struct sample_headers {
    const struct fetch_header *list;
    size_t count;
};
struct sample_text { /* bytes NULL: none */
    const char *bytes;
    size_t len;
};

/* Borrowed; NULL, 0: it has none. */
struct sample {
    const char *kind, *error, *trace; /* "failed", "slow" or "done"; texts */
    PyObject *user, *method, *name, *url;
    double at;                       /* it began; as of clk_steady */
    uint64_t time_ns;                /* it took */
    int status;                      /* of HTTP; not above 0: no answer */
    const struct measures *measures; /* its phases; never NULL */
    struct sample_headers asked, received, trailers;
    struct sample_text sent, answer; /* bodies */
};

/* Appends it as msgpack, secrets masked, bodies up to body_most bytes. */
void sample_pack(const struct sample *s, size_t body_most, struct sbuf *out);
