// SPDX-License-Identifier: MIT
#pragma once
/* message: gRPC's messages in a body: a byte that says whether one is compressed, its length in
 * four bytes, most significant first, and itself. They begin and end anywhere in what is read.
 *
 * A length is believed up to a limit, and no memory is taken for what has not come. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

#define GRPC_PREFIX 5

void grpc_prefix(char to[GRPC_PREFIX], bool is_compressed, uint32_t len);

struct grpc_message { /* borrowed: until more is put in */
    const char *bytes;
    size_t len;
    bool is_compressed;
};

struct grpc_reader { /* all zero but for most */
    struct sbuf bytes;
    size_t taken;  /* of them */
    uint64_t most; /* bytes of a message, as it comes */
};

enum grpc_read {
    GRPC_MESSAGE,
    GRPC_MORE,      /* the rest of it has not come */
    GRPC_TOO_LARGE, /* m->len: how large it says it is */
    GRPC_BAD_FLAG,
};

/* Room for so many bytes more; NULL: there is no memory. grpc_reader_put says how many came. */
char *grpc_reader_room(struct grpc_reader *r, size_t len);
void grpc_reader_put(struct grpc_reader *r, size_t len);
enum grpc_read grpc_reader_next(struct grpc_reader *r, struct grpc_message *m);
/* Of a body that is there as a whole, from *at on, which moves behind it. */
enum grpc_read grpc_message_at(const char *body, size_t len, size_t *at, uint64_t most,
                               struct grpc_message *m);
size_t grpc_reader_left(const struct grpc_reader *r); /* bytes of no message yet */
void grpc_reader_fini(struct grpc_reader *r);
