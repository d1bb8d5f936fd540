// SPDX-License-Identifier: MIT
/* grpc: see the header. */
#include "master/sink/grpc.h"
#include "common/base/hex.h"
#include "common/base/protobuf.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FRAME 5 /* bytes: packed or not, then a length, the highest byte first */
#define SHOWN_MOST 200
#define DETAILS_MOST 4096

enum {
    OK,
    CANCELLED,
    UNKNOWN,
    DEADLINE_EXCEEDED = 4,
    RESOURCE_EXHAUSTED = 8,
    ABORTED = 10,
    OUT_OF_RANGE,
    UNAVAILABLE = 14,
    DATA_LOSS
};

static const char *const NAMES[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};
#define NAME_COUNT (sizeof NAMES / sizeof NAMES[0])

void grpc_frame(struct sbuf *message, bool is_gzip)
{
    const size_t len = message->len;
    sbuf_add(message, "\0\0\0\0", FRAME);
    memmove(message->data + FRAME, message->data, len);
    message->data[0] = is_gzip;
    for (unsigned i = 1; i < FRAME; i++)
        message->data[i] = (char)(len >> (8 * (FRAME - 1 - i)));
}

void grpc_prepare(struct http_post *h, bool is_gzip)
{
    http_post_use_http2(h);
    http_post_header(h, "Content-Type: application/grpc");
    http_post_header(h, "TE: trailers");
    if (is_gzip)
        http_post_header(h, "grpc-encoding: gzip");
}

/* ---- what an answer says ----------------------------------------------------------------- */

static void add_message(const struct http_answer *a, struct sbuf *out)
{
    size_t len, shown = 0;
    const char *text = http_answer_text(a, "grpc-message", &len);
    for (size_t i = 0; text && i < len && shown < SHOWN_MOST; shown++) {
        const int escaped = hex_escaped(text + i, len - i);
        const int c = escaped >= 0 ? escaped : (unsigned char)text[i];
        if (shown == 0)
            sbuf_adds(out, ": ");
        sbuf_addc(out, c < ' ' || c == 127 ? ' ' : (char)c);
        i += escaped >= 0 ? 3 : 1;
    }
}

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' || c == '-' ? 62
           : c == '/' || c == '_' ? 63
                                  : -1;
}

/* base64, up to what is none of it. */
static void add_decoded(struct sbuf *out, const char *text, size_t len)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < len && i < DETAILS_MOST && digit_of(text[i]) >= 0; i++) {
        bits = bits << 6 | (uint32_t)digit_of(text[i]);
        count += 6;
        if (count >= 8) {
            count -= 8;
            sbuf_addc(out, (char)(bits >> count));
        }
    }
}

struct field {
    uint64_t number, value;
    const unsigned char *bytes; /* NULL: value is the value */
    size_t len;
};

/* The next field of a message; false at its end, or where it is none. */
static bool next_field(const unsigned char **p, const unsigned char *end, struct field *f)
{
    uint64_t key;
    if (*p >= end || !varint_read(p, end, &key))
        return false;
    *f = (struct field){.number = key >> 3};
    if (!varint_read(p, end, &f->value))
        return false;
    if ((key & 7) == PB_VARINT)
        return true;
    if ((key & 7) != PB_BYTES || f->value > (uint64_t)(end - *p))
        return false;
    f->bytes = *p;
    f->len = (size_t)f->value;
    *p += f->len;
    return true;
}

/* google.protobuf.Duration: seconds 1, nanos 2. */
static double duration_of(const unsigned char *p, const unsigned char *end)
{
    struct field f;
    double seconds = 0;
    while (next_field(&p, end, &f))
        seconds += f.number == 1 ? (double)f.value : f.number == 2 ? (double)f.value / 1e9 : 0;
    return seconds;
}

/* google.rpc.RetryInfo: retry_delay 1. */
static double delay_of(const unsigned char *p, const unsigned char *end)
{
    struct field f;
    while (next_field(&p, end, &f))
        if (f.number == 1 && f.bytes)
            return duration_of(f.bytes, f.bytes + f.len);
    return 0;
}

/* google.protobuf.Any: type_url 1, value 2. False: it is something else. */
static bool is_retry_info(const unsigned char *p, const unsigned char *end, double *delay_s)
{
    static const char type[] = "/google.rpc.RetryInfo";
    const size_t len = sizeof type - 1;
    struct field f;
    bool is_it = false;
    while (next_field(&p, end, &f)) {
        if (f.number == 1 && f.bytes)
            is_it = f.len >= len && !memcmp(f.bytes + f.len - len, type, len);
        if (f.number == 2 && f.bytes && is_it)
            *delay_s = delay_of(f.bytes, f.bytes + f.len);
    }
    return is_it;
}

/* google.rpc.Status: details 3. */
static bool says_when(const struct http_answer *a, double *delay_s)
{
    size_t len;
    const char *text = http_answer_text(a, "grpc-status-details-bin", &len);
    struct sbuf status = {0};
    struct field f;
    bool is_said = false;
    if (!text)
        return false;
    add_decoded(&status, text, len);
    const unsigned char *p = (const unsigned char *)status.data;
    while (p && !is_said && next_field(&p, (const unsigned char *)status.data + status.len, &f))
        is_said = f.number == 3 && f.bytes && is_retry_info(f.bytes, f.bytes + f.len, delay_s);
    sbuf_fini(&status);
    return is_said;
}

/* ---- judging ----------------------------------------------------------------------------- */

/* An answer of something that is no receiver of gRPC: a proxy, or one of HTTP alone. */
static enum delivery judge_http(const struct http_answer *a, struct delivery_trouble *t)
{
    if (a->status == 200) {
        sbuf_adds(&t->why, "the receiver's answer has no grpc-status: is it one of gRPC?");
        return DELIVERY_REFUSED;
    }
    const enum delivery d = http_judge(a, t);
    return d == DELIVERY_LATER && a->status != 429 && (a->status < 502 || a->status > 504)
               ? DELIVERY_REFUSED
               : d;
}

static enum delivery judge(const struct http_answer *a, struct delivery_trouble *t)
{
    double number;
    if (!http_answer_number(a, "grpc-status", &number))
        return judge_http(a, t);
    if (number == OK)
        return DELIVERED;
    const bool has_name = number > 0 && number < (double)NAME_COUNT;
    const int code = has_name ? (int)number : UNKNOWN;
    sbuf_addf(&t->why, "the receiver answers %s", NAMES[code]);
    add_message(a, &t->why);
    const bool is_said = says_when(a, &t->retry_after_s);
    switch (code) {
    case CANCELLED:
    case DEADLINE_EXCEEDED:
    case ABORTED:
    case OUT_OF_RANGE:
    case UNAVAILABLE:
    case DATA_LOSS:
        return DELIVERY_LATER;
    case RESOURCE_EXHAUSTED:
        return is_said ? DELIVERY_LATER : DELIVERY_REFUSED;
    default:
        return DELIVERY_REFUSED;
    }
}

static void take_answer(const struct http_answer *a, struct sbuf *answer)
{
    if (a->body.len > FRAME && a->body.data[0] == 0)
        sbuf_add(answer, a->body.data + FRAME, a->body.len - FRAME);
}

enum delivery grpc_call(struct http_post *h, const char *path, const struct sbuf *framed,
                        double timeout_s, struct http_answer *a, struct sbuf *answer,
                        struct delivery_trouble *t)
{
    struct sbuf deadline = {0};
    sbuf_addf(&deadline, "grpc-timeout: %dm", (int)(timeout_s * 1000) + 1);
    http_post_header(h, deadline.data);
    sbuf_fini(&deadline);
    if (http_post_send(h, path, framed->data, framed->len, timeout_s, a, &t->why) != 0)
        return DELIVERY_LATER;
    const enum delivery d = judge(a, t);
    if (d == DELIVERED)
        take_answer(a, answer);
    return d;
}
