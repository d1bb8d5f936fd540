// SPDX-License-Identifier: MIT
/* Which protocols the HTTP clients speak: the one place of this folder that knows them by name. */
#include "worker/py/py_client_site.h"

#include "worker/http1/http1.h" /* LINT: layer what is wired together here */
#include "worker/http2/http2.h" /* LINT: layer what is wired together here */

static const struct protocol *const only_http1[] = {&http1, NULL};
static const struct protocol *const only_http2[] = {&http2, NULL};
static const struct protocol *const both[] = {&http2, &http1, NULL};
static const struct protocols known[] = {
    [HTTP2_NEVER] = {.list = only_http1,
                     .plain = &http1,
                     .tunnel = &http1_tunnel,
                     .next = &known[HTTP2_BY_ALPN]},
    [HTTP2_BY_ALPN] = {.list = both,
                       .plain = &http1,
                       .tunnel = &http1_tunnel,
                       .next = &known[HTTP2_BY_PRIOR_KNOWLEDGE]},
    [HTTP2_BY_PRIOR_KNOWLEDGE] = {.list = both,
                                  .plain = &http2,
                                  .tunnel = &http1_tunnel,
                                  .next = &known[HTTP2_ONLY]},
    [HTTP2_ONLY] = {.list = only_http2, .plain = &http2, .tunnel = &http1_tunnel},
};

const struct protocols *client_protocols(enum http2_use use)
{
    return &known[use];
}
