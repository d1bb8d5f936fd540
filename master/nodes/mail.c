// SPDX-License-Identifier: MIT
#include "master/nodes/mail.h"

#include "common/base/mem.h"
#include <stdlib.h>

static size_t size_of(const struct letter *l)
{
    return sizeof *l + l->raw.len;
}

void letter_free(struct letter *l)
{
    link_message_free(&l->raw);
    free(l);
}

void mail_fini(struct mail *m)
{
    for (struct letter *l = mail_take(m); l; l = mail_take(m))
        letter_free(l);
}

bool mail_is_full(const struct mail *m)
{
    return m->bytes >= MAIL_BYTES_MAX;
}

void mail_put(struct mail *m, const struct link_message *raw, struct clk_moment now)
{
    struct letter *l = mem_zalloc(sizeof *l);
    *l = (struct letter){.raw = *raw, .came = now};
    *(m->last ? &m->last->next : &m->first) = l;
    m->last = l;
    m->count++;
    m->bytes += size_of(l);
}

struct letter *mail_take(struct mail *m)
{
    struct letter *l = m->first;
    if (!l)
        return NULL;
    m->first = l->next;
    if (!m->first)
        m->last = NULL;
    m->count--;
    m->bytes -= size_of(l);
    return l;
}

double mail_waits_s(const struct mail *m, double mono)
{
    return m->first && mono > m->first->came.mono ? mono - m->first->came.mono : 0;
}
