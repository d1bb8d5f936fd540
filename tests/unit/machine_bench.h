// SPDX-License-Identifier: MIT
#pragma once
/* machine_bench: a run machine with two workers, one of ours and one of Locust's; events go in,
 * what follows comes out as text. For tests of common/run/machine.h. */
#include "tests/unit/machine_words.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct machine m;
    struct worker *a, *b; /* of ours; of Locust's */
    double now;
    struct sbuf seen;
};

static inline struct bench *new_bench(void)
{
    struct bench *b = calloc(1, sizeof *b);
    b->m.rules.autoquit_s = b->m.rules.settle_s = -1;
    b->m.load.users = b->m.load.spawn_rate = 4;
    b->now = b->m.open_since = 100;
    b->m.is_open = true;
    b->a = roster_get(&b->m.roster, "a");
    b->b = roster_get(&b->m.roster, "b");
    roster_join(&b->m.roster, b->a, true);
    roster_join(&b->m.roster, b->b, false);
    return b;
}

static inline void free_bench(struct bench *b)
{
    machine_fini(&b->m);
    sbuf_fini(&b->seen);
    free(b);
}

static inline struct run_clock at(double mono)
{
    return (struct run_clock){mono, 1700000000 + mono};
}

/* What follows from the event, as long as nobody answers; "-> " where the run goes by it, "=> "
 * where the end does. */
static inline const char *on(struct bench *b, struct machine_event e)
{
    struct machine_action a;
    const enum run_state run = b->m.run.state;
    const enum finish_step finish = b->m.finish;
    const bool was_over = b->m.is_test_over;
    sbuf_clear(&b->seen);
    machine_on(&b->m, &e, at(b->now));
    while (machine_next(&b->m, &a))
        add_action(&b->seen, &a);
    if (b->m.is_test_over && !was_over)
        sbuf_adds(&b->seen, b->seen.len ? " over" : "over");
    if (b->m.run.state != run)
        sbuf_addf(&b->seen, "%s-> %s", b->seen.len ? " " : "", run_state_name(b->m.run.state));
    if (b->m.finish != finish)
        sbuf_addf(&b->seen, "%s=> %s", b->seen.len ? " " : "", finish_names[b->m.finish]);
    return b->seen.len ? b->seen.data : "";
}

static const struct dispatch_class classes[] = {{"Visitor", 1, 0, false}};

static inline struct machine_event heard(const struct bench *b, enum listened listened)
{
    return (struct machine_event){.kind = ON_HEARD,
                                  .listened = listened,
                                  .run = b->m.run.number,
                                  .classes = classes,
                                  .class_count = 1};
}

static inline const char *just(struct bench *b, enum machine_event_kind kind)
{
    return on(b, (struct machine_event){.kind = kind});
}

static inline const char *of(struct bench *b, enum machine_event_kind kind, struct worker *w)
{
    return on(b, (struct machine_event){.kind = kind, .worker = w});
}

/* Each worker runs what it was told. */
static inline const char *users_run(struct bench *b, struct worker *w)
{
    const struct dispatch_worker *d =
        b->m.dispatch ? dispatch_find_worker(b->m.dispatch, w->id) : NULL;
    const unsigned outside = b->m.rules.deals_outside ? b->m.dealt / 2 : 0;
    struct class_users users = {(char *)(uintptr_t) "Visitor", d ? d->load : outside};
    roster_set_users(&b->m.roster, w, &users, 1);
    return on(b, (struct machine_event){.kind = ON_WORKER_USERS, .worker = w, .is_running = true});
}

static inline void told(struct bench *b)
{
    for (size_t i = 0; b->m.dispatch && i < dispatch_worker_count(b->m.dispatch); i++)
        dispatch_worker(b->m.dispatch, i)->is_changed = false;
}
