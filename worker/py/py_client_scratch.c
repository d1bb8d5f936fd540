// SPDX-License-Identifier: MIT
#include "worker/py/py_client.h"

enum { SCRATCH_KEPT = 8, SCRATCH_MAX_BYTES = 64 * 1024 };

static struct sbuf scratch[SCRATCH_KEPT];
static unsigned scratch_count;

struct sbuf scratch_take(void)
{
    return scratch_count ? scratch[--scratch_count] : (struct sbuf){0};
}

void scratch_give(struct sbuf *buffer)
{
    if (buffer->data && scratch_count < SCRATCH_KEPT && buffer->cap <= SCRATCH_MAX_BYTES) {
        sbuf_clear(buffer);
        scratch[scratch_count++] = *buffer;
        *buffer = (struct sbuf){0};
    }
    sbuf_fini(buffer);
}
