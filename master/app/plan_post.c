// SPDX-License-Identifier: MIT
/* plan_post: what each worker is told of its shares of the scenarios, until it says that it has it.
 * A message may go to a connection that is broken: it is sent again. Each counts from an arrival on
 * and gives its part of what others left, so none may be left out: they are followed in order. */
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_S 2.0 /* a heartbeat may have crossed it */
#define MOST 64     /* of one worker: no more epochs are told apart (stripe.h) */

struct plan_letter { /* owned */
    uint64_t number;
    double told_s;
    struct stripe *shares;
    uint64_t *away; /* or NULL */
    struct ledger_piece *pieces;
    size_t piece_count;
};

static void letter_fini(struct plan_letter *l)
{
    free(l->shares);
    free(l->away);
    free(l->pieces);
}

static void drop(struct plan_post *of, size_t count)
{
    for (size_t i = 0; i < count; i++)
        letter_fini(&of->letters[i]);
    of->count -= count;
    memmove(of->letters, of->letters + count, of->count * sizeof *of->letters);
}

static void post_fini(struct plan_post *of)
{
    drop(of, of->count);
    free(of->letters);
    free(of->id);
}

static struct plan_post *find(const struct plans *p, const char *id)
{
    for (size_t i = 0; i < p->post_count; i++)
        if (!strcmp(p->posts[i].id, id))
            return &p->posts[i];
    return NULL;
}

static struct plan_post *make(struct plans *p, const char *id)
{
    struct plan_post *found = find(p, id);
    if (found)
        return found;
    p->posts = mem_realloc(p->posts, (p->post_count + 1) * sizeof *p->posts);
    p->posts[p->post_count] = (struct plan_post){.id = mem_strdup(id)};
    return &p->posts[p->post_count++];
}

static void *copy(const void *from, size_t bytes)
{
    return from ? mem_dup(from, bytes) : NULL;
}

static void send_letter(struct master *m, struct plan_post *to, size_t i)
{
    struct plans *p = &m->plans;
    const double now = master_now().mono;
    const struct plan_letter *l = &to->letters[i];
    const struct scenarios_begin begin = {now - p->begun_at, p->begun_at, clk_machine()};
    const struct scenarios_dealt dealt = {
        .number = l->number,
        .after = i ? to->letters[i - 1].number : 0,
        .told_s = l->told_s,
        .shares = l->shares,
        .count = p->list.count,
        .away = l->away,
        .pieces = l->pieces,
        .piece_count = l->piece_count,
    };
    struct sbuf out = {0};
    proto_scenarios(&out, to->id, m->machine.run.id, p->given ? p->texts : NULL, &begin, &dealt);
    outbox_bytes(&m->nodes, to->id, &out);
    to->at = now;
}

void plans_post(struct master *m, const char *id, const struct stripe *shares, const uint64_t *away)
{
    struct plans *p = &m->plans;
    struct plan_post *to = make(p, id);
    if (to->count == MOST)
        drop(to, 1);
    to->letters = mem_realloc(to->letters, (to->count + 1) * sizeof *to->letters);
    to->letters[to->count] = (struct plan_letter){
        .number = ++p->letters,
        .told_s = master_now().mono - p->begun_at,
        .shares = copy(shares, p->list.count * sizeof *shares),
        .away = copy(away, p->list.count * sizeof *away),
        .pieces = copy(p->pieces, p->piece_count * sizeof *p->pieces),
        .piece_count = p->piece_count,
    };
    send_letter(m, to, to->count++);
}

void plans_post_second(struct master *m)
{
    const double now = master_now().mono;
    for (size_t i = 0; i < m->plans.post_count; i++) {
        struct plan_post *to = &m->plans.posts[i];
        const struct worker *w = roster_find(&m->machine.roster, to->id);
        size_t heard = 0;
        while (w && heard < to->count && to->letters[heard].number <= w->order.shares)
            heard++;
        drop(to, heard);
        const bool is_due = to->count && now - to->at >= AGAIN_S;
        for (size_t n = 0; is_due && n < to->count; n++)
            send_letter(m, to, n);
    }
}

bool plans_post_waits(const struct plans *p, const char *id)
{
    const struct plan_post *to = find(p, id);
    return to && to->count > 0;
}

void plans_post_forget(struct plans *p, const char *id)
{
    struct plan_post *of = find(p, id);
    if (!of)
        return;
    post_fini(of);
    *of = p->posts[--p->post_count];
}

void plans_post_fini(struct plans *p)
{
    for (size_t i = 0; i < p->post_count; i++)
        post_fini(&p->posts[i]);
    free(p->posts);
    p->posts = NULL;
    p->post_count = 0;
}
