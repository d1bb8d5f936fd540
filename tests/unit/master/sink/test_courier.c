// SPDX-License-Identifier: MIT
/* What every receiver is owed, and what it may cost the end of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clk.h"
#include "master/sink/courier.h"
#include "tests/unit/snapshots.h"
#include <stdlib.h>
#include <string.h>

#define START 1700000000.0

struct probe {
    unsigned packed, delivered;
    double most_s; /* the longest time that was given */
    enum delivery answer;
};

static void pack(void *self, const struct moment *now, struct parcels *out)
{
    (void)now;
    ((struct probe *)self)->packed++;
    parcels_add(out, 0);
}

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *trouble)
{
    struct probe *probe = self;
    (void)p, (void)trouble;
    probe->delivered++;
    if (timeout_s > probe->most_s)
        probe->most_s = timeout_s;
    return probe->answer;
}

static void close_it(void *self)
{
    (void)self;
}

static const struct courier_kind kind = {.pack = pack, .deliver = deliver, .close = close_it};

static struct output output_of(struct probe *probe)
{
    char *why = NULL;
    struct sink_spec *spec = sink_spec_text("graphite=localhost,interval=1s,timeout=10s", &why);
    assert_non_null(spec);
    return courier_output(&kind, probe, spec);
}

static struct snapshot *second(struct stats *s, double number)
{
    struct snapshot *made;
    stats_add(s, stats_row(s, "GET", 3, "/", 1), START + number, 1000, 1);
    made = snapshot_of(s, START + number, 1);
    made->mono = (double)clk_mono_ns() / 1e9;
    return made;
}

static void tick(struct output *o, struct stats *s, double number)
{
    struct snapshot *now = second(s, number);
    char *why = NULL;
    o->tick(o->self, now, &why);
    free(why);
    snapshot_unref(now);
}

/* Ticks that wait when the end begins would each have a time limit of their own. */
static void the_end_has_one_limit_for_all_that_waits(void **state)
{
    struct probe probe = {.answer = DELIVERED};
    struct stats s;
    char *why = NULL;
    (void)state;
    stats_init(&s, START, STATS_LIMITS_DEFAULT);
    struct output o = output_of(&probe);
    tick(&o, &s, 1);
    assert_int_equal(probe.delivered, 1);
    o.hurry(o.self, (double)clk_mono_ns() / 1e9 - COURIER_END_S + 5);
    tick(&o, &s, 2);
    tick(&o, &s, 3);
    assert_int_equal(probe.packed, 3);
    assert_int_equal(probe.delivered, 1);
    probe.most_s = 0;
    struct snapshot *last = second(&s, 4);
    o.run_end(o.self, last, &why);
    assert_null(why);
    assert_int_equal(probe.delivered, 4);
    assert_true(probe.most_s <= 5);
    snapshot_unref(last);
    o.close(o.self);
    stats_fini(&s);
}

static void what_is_never_taken_is_counted(void **state)
{
    struct probe probe = {.answer = DELIVERY_LATER};
    struct stats s;
    char *why = NULL;
    (void)state;
    stats_init(&s, START, STATS_LIMITS_DEFAULT);
    struct output o = output_of(&probe);
    tick(&o, &s, 1);
    tick(&o, &s, 2); /* too soon to try again */
    assert_int_equal(probe.delivered, 1);
    struct snapshot *last = second(&s, 3);
    o.run_end(o.self, last, &why);
    assert_non_null(why);
    assert_int_equal(o.counts->sent, 0);
    assert_int_equal(o.counts->dropped, 3);
    assert_int_equal(probe.delivered, 2); /* once more, for who was never there */
    free(why);
    snapshot_unref(last);
    o.close(o.self);
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_has_one_limit_for_all_that_waits),
        cmocka_unit_test(what_is_never_taken_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
