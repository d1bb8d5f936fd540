// SPDX-License-Identifier: MIT
/* What is on the wire is believed before what is missing from it: a status in the trailers, or in a
 * head that is all there is; else what broke the exchange; else what HTTP says. */
#include "worker/grpc/status.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "worker/grpc/text.h"

/* RFC 9113, section 7 */
enum {
    H2_NO_ERROR,
    H2_REFUSED_STREAM = 7,
    H2_CANCEL = 8,
    H2_ENHANCE_YOUR_CALM = 11,
    H2_INADEQUATE_SECURITY = 12
};

const char *grpc_status_name(enum grpc_status s)
{
    static const char *const names[] = {
#define X(name) #name,
        GRPC_STATUSES(X)
#undef X
    };
    return names[s];
}

enum grpc_status grpc_status_of_http(int status)
{
    switch (status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

enum grpc_status grpc_status_of_reset(uint32_t code, bool is_late)
{
    switch (code) {
    case H2_REFUSED_STREAM:
        return GRPC_UNAVAILABLE;
    case H2_CANCEL:
        return is_late ? GRPC_DEADLINE_EXCEEDED : GRPC_CANCELLED;
    case H2_ENHANCE_YOUR_CALM:
        return GRPC_RESOURCE_EXHAUSTED;
    case H2_INADEQUATE_SECURITY:
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

static enum grpc_status status_of_error(const struct fetch_response *r, bool is_late)
{
    switch (r->error) {
    case FETCH_TOTAL_TIMEOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case FETCH_STREAM_RESET:
        return grpc_status_of_reset((uint32_t)r->sys, is_late);
    case FETCH_GOAWAY:
        return r->sys == H2_ENHANCE_YOUR_CALM ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNAVAILABLE;
    case FETCH_BODY_TOO_LARGE:
    case FETCH_HEAD_TOO_LARGE:
    case FETCH_HEAD_REFUSED:
    case FETCH_NO_MEMORY:
        return GRPC_RESOURCE_EXHAUSTED;
    case FETCH_PROTOCOL:
    case FETCH_DECODE:
    case FETCH_FRAMING:
        return GRPC_INTERNAL;
    case FETCH_CANCELLED:
        return GRPC_CANCELLED;
    case FETCH_OK:
    case FETCH_RESOLVE:
    case FETCH_CONNECT:
    case FETCH_CONNECT_TIMEOUT:
    case FETCH_TLS:
    case FETCH_TLS_VERIFY:
    case FETCH_PROXY:
    case FETCH_WRITE:
    case FETCH_RESET:
    case FETCH_CLOSED:
    case FETCH_INCOMPLETE:
    case FETCH_READ_TIMEOUT:
    case FETCH_NO_FILES:
        break;
    }
    return GRPC_UNAVAILABLE;
}

static void describe_error(const struct fetch_response *r, enum grpc_status s, struct sbuf *details)
{
    if (s == GRPC_DEADLINE_EXCEEDED) {
        sbuf_adds(details, "Deadline Exceeded");
        return;
    }
    const bool is_of_tls = r->error == FETCH_TLS || r->error == FETCH_TLS_VERIFY;
    if (!r->text || is_of_tls)
        sbuf_adds(details, fetch_error_text(r->error));
    if (r->text) {
        sbuf_addf(details, is_of_tls ? ": %s" : "%s", r->text);
        return;
    }
    if (r->error == FETCH_RESOLVE)
        sbuf_addf(details, ": %s", gai_strerror(r->sys));
    else if (r->sys && (r->error == FETCH_CONNECT || r->error == FETCH_RESET ||
                        r->error == FETCH_WRITE || r->error == FETCH_NO_FILES))
        sbuf_addf(details, ": %s", strerror(r->sys));
}

const struct fetch_header *grpc_header(const struct fetch_header *list, size_t count,
                                       const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = count; i-- > 0;)
        if (list[i].name_len == len && !memcmp(list[i].name, name, len))
            return &list[i];
    return NULL;
}

/* A number that is none of gRPC's is UNKNOWN. */
static enum grpc_status read_status(const struct fetch_header *h)
{
    unsigned number = 0;
    for (uint32_t i = 0; i < h->value_len; i++) {
        if (h->value[i] < '0' || h->value[i] > '9' || number > GRPC_STATUS_COUNT)
            return GRPC_UNKNOWN;
        number = number * 10 + (unsigned)(h->value[i] - '0');
    }
    return h->value_len && number < GRPC_STATUS_COUNT ? (enum grpc_status)number : GRPC_UNKNOWN;
}

static bool told_in(const struct fetch_header *list, size_t count, enum grpc_status *s,
                    struct sbuf *details)
{
    const struct fetch_header *status = grpc_header(list, count, "grpc-status");
    if (!status)
        return false;
    *s = read_status(status);
    const struct fetch_header *message = grpc_header(list, count, "grpc-message");
    if (message)
        grpc_add_unescaped(details, message->value, message->value_len);
    return true;
}

static bool is_grpc(const struct fetch_response *r)
{
    static const char type[] = "application/grpc";
    const size_t len = sizeof type - 1;
    const struct fetch_header *h = grpc_header(r->headers, r->header_count, "content-type");
    return h && h->value_len >= len && !memcmp(h->value, type, len) &&
           (h->value_len == len || strchr("+; ", h->value[len]));
}

bool grpc_has_messages(const struct fetch_response *r)
{
    return r->status == 200 && is_grpc(r);
}

enum grpc_status grpc_status_of(const struct fetch_response *r, bool is_late, struct sbuf *details)
{
    enum grpc_status s = GRPC_UNKNOWN;
    if (r->error != FETCH_OK) {
        s = status_of_error(r, is_late);
        describe_error(r, s, details);
        return s;
    }
    if (told_in(r->trailers, r->trailer_count, &s, details) ||
        told_in(r->headers, r->header_count, &s, details))
        return s;
    if (r->status != 200) {
        sbuf_addf(details, "Received http2 header with status: %d", r->status);
        return grpc_status_of_http(r->status);
    }
    sbuf_adds(details, is_grpc(r) ? "the answer has no grpc-status"
                                  : "the answer's content-type is not that of gRPC");
    return GRPC_UNKNOWN;
}
