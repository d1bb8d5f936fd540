// SPDX-License-Identifier: MIT
#pragma once
/* status: what an answer means to gRPC: the status it has, or the one that stands for the lack of
 * it (the tables of gRPC over HTTP/2). Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "worker/proto/client.h"

/* In the order of their numbers.
 * By hand: clang-format stacks such lists into stairs, anew in every run. */
/* clang-format off */
#define GRPC_STATUSES(X)                                                                           \
    X(OK) X(CANCELLED) X(UNKNOWN) X(INVALID_ARGUMENT) X(DEADLINE_EXCEEDED) X(NOT_FOUND)            \
    X(ALREADY_EXISTS) X(PERMISSION_DENIED) X(RESOURCE_EXHAUSTED) X(FAILED_PRECONDITION) X(ABORTED) \
    X(OUT_OF_RANGE) X(UNIMPLEMENTED) X(INTERNAL) X(UNAVAILABLE) X(DATA_LOSS) X(UNAUTHENTICATED)
/* clang-format on */
enum grpc_status {
#define X(name) GRPC_##name,
    GRPC_STATUSES(X)
#undef X
        GRPC_STATUS_COUNT
};
const char *grpc_status_name(enum grpc_status s);

enum grpc_status grpc_status_of_http(int status);
/* An error code of HTTP/2. is_late: the deadline has passed. */
enum grpc_status grpc_status_of_reset(uint32_t code, bool is_late);

/* Of an answer that has ended, well or not; what is said of it goes into details, which is empty.
 */
enum grpc_status grpc_status_of(const struct fetch_response *r, bool is_late, struct sbuf *details);

/* Whether messages follow this head, and not a page that says what went wrong. */
bool grpc_has_messages(const struct fetch_response *r);

/* NULL: there is none. The last one counts. */
const struct fetch_header *grpc_header(const struct fetch_header *list, size_t count,
                                       const char *name);
