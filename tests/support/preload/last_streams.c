// SPDX-License-Identifier: MIT
/* HTTP/2 connections that have two stream numbers left, when they are made: preloaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

typedef int make(void **session, const void *callbacks, void *arg, const void *option, void *mem);
make nghttp2_session_client_new3;
int nghttp2_session_client_new2(void **session, const void *callbacks, void *arg,
                                const void *option);
int nghttp2_session_set_next_stream_id(void *session, int32_t id);

int nghttp2_session_client_new3(void **session, const void *callbacks, void *arg,
                                const void *option, void *mem)
{
    make *const next = (make *)dlsym(RTLD_NEXT, "nghttp2_session_client_new3");
    const int rc = next(session, callbacks, arg, option, mem);
    return rc ? rc : nghttp2_session_set_next_stream_id(*session, INT32_MAX - 2);
}

int nghttp2_session_client_new2(void **session, const void *callbacks, void *arg,
                                const void *option)
{
    return nghttp2_session_client_new3(session, callbacks, arg, option, 0);
}
