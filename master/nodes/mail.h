// SPDX-License-Identifier: MIT
#pragma once
/* mail: messages that were taken off the link and wait to be handled, in the order they came.
 *
 * Taking a message off costs little, handling a report much: so a master that has not time enough
 * for all reports still hears at once who is alive and what the host says, and knows how far it is
 * behind. Bounded in bytes: when it is full, nothing more is taken, ZeroMQ stops reading, and the
 * senders feel it. Pure: time comes in, monotonic and steady seconds.
 */
#include "common/base/clk.h"
#include "common/wire/link.h"
#include <stdbool.h>

#define MAIL_BYTES_MAX ((size_t)64 << 20) /* and one message more */

struct letter {
    struct link_message raw;
    struct clk_moment came;
    struct letter *next;
};

struct mail {
    struct letter *first, *last;
    size_t count, bytes;
};

void mail_fini(struct mail *m);
bool mail_is_full(const struct mail *m);
void mail_put(struct mail *m, const struct link_message *raw, struct clk_moment now); /* takes it */
/* The oldest one, or NULL. */
struct letter *mail_take(struct mail *m);
void letter_free(struct letter *l);
/* How long the oldest one has waited; 0 when there is none. */
double mail_waits_s(const struct mail *m, double mono);
