// SPDX-License-Identifier: MIT
/* Many deadlines on a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <stdlib.h>

#include "common/base/clk.h"
#include "worker/net/deadline.h"

#define COUNT 3000

struct item {
    struct deadline deadline; /* first: an item is its deadline */
    uint64_t fired_ns;
    unsigned order;
};

static struct event_base *base;
static struct deadlines *all;
static struct item *items;
static unsigned fired;

static int set_up(void **state)
{
    (void)state;
    base = event_base_new();
    all = deadlines_new(base);
    items = calloc(COUNT, sizeof *items);
    fired = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    deadlines_free(all);
    event_base_free(base);
    free(items);
    return 0;
}

static void on_fire(struct deadline *d)
{
    struct item *item = (struct item *)d;
    assert_null(d->queue);
    item->fired_ns = clk_mono_ns();
    item->order = ++fired;
}

static void set(struct item *item, uint32_t ms)
{
    item->deadline.fire = on_fire;
    deadline_set(all, &item->deadline, ms, clk_mono_ns());
}

static void test_fires_in_time(void **state)
{
    (void)state;
    static const uint32_t after[] = {30, 1, 10, 50, 20, 10};
    const uint64_t start = clk_mono_ns();
    for (int i = 0; i < 6; i++)
        set(&items[i], after[i]);
    event_base_dispatch(base); /* ends when no timer is left */
    assert_int_equal(fired, 6);
    for (int i = 0; i < 6; i++) {
        const uint64_t took = items[i].fired_ns - start;
        assert_true(took >= after[i] * UINT64_C(1000000));
        assert_true(took < (after[i] + 60000) * UINT64_C(1000000));
    }
    assert_true(items[1].order < items[2].order && items[2].order < items[5].order);
    assert_true(items[5].order < items[4].order && items[4].order < items[0].order);
    assert_int_equal(items[3].order, 6);
}

static void test_clear_and_set_again(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        set(&items[i], 20);
    for (int i = 0; i < COUNT; i += 3)
        deadline_clear(&items[i].deadline);
    for (int i = 1; i < COUNT; i += 3)
        set(&items[i], 60);
    deadline_clear(&items[0].deadline);
    event_base_dispatch(base);
    assert_int_equal(fired, COUNT / 3 * 2);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(items[i].fired_ns != 0, i % 3 != 0);
    assert_true(items[1].order > items[COUNT - 1].order);
}

static struct item *other;

static void on_fire_clearing(struct deadline *d)
{
    on_fire(d);
    deadline_clear(&other->deadline);
    set((struct item *)d, 5);
}

static void test_changes_while_firing(void **state)
{
    (void)state;
    set(&items[0], 10);
    set(&items[1], 10);
    items[0].deadline.fire = on_fire_clearing;
    other = &items[1];
    event_base_dispatch(base);
    assert_int_equal(fired, 2);
    assert_true(items[0].fired_ns && !items[1].fired_ns);
}

/* Whatever durations there are, the queues stay few, and no deadline is early. */
static void test_any_duration(void **state)
{
    (void)state;
    uint32_t ms = 1;
    for (int i = 0; i < COUNT; i++, ms = ms * 1664525 + 1013904223) {
        const uint64_t now = clk_mono_ns();
        items[i].deadline.fire = on_fire;
        deadline_set(all, &items[i].deadline, ms ? ms : 1, now);
        const uint64_t wait = items[i].deadline.at_ns - now, want = ms * UINT64_C(1000000);
        assert_true(wait >= want && wait <= want + want / 60);
    }
    for (int i = 0; i < COUNT; i++)
        deadline_clear(&items[i].deadline);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_fires_in_time),
        T(test_clear_and_set_again),
        T(test_changes_while_firing),
        T(test_any_duration),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
