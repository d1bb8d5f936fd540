// SPDX-License-Identifier: MIT
/* The lines of /logs, in the order in which they were written. */
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include "master/data/node_logs.h"
#include "master/proto/proto_in.h"
#include "master/proto/proto_json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

static void take(struct node_logs *b, const char *node, const char *json)
{
    struct sbuf packed = {0};
    struct json_wrong wrong;
    assert_true(proto_from_json(json, &packed, &wrong));
    const struct slice data = {packed.data, packed.len};
    assert_int_equal(node_logs_take(b, node, &data, NULL), 0);
    sbuf_fini(&packed);
}

/* Whatever the wall clock did meanwhile. */
static void the_lines_of_the_host_stand_among_the_masters(void **unused)
{
    (void)unused;
    struct node_logs *b = node_logs_new(NULL);
    struct sbuf json = {0}, out = {0};
    node_logs_attach(b);
    log_info("x", "one");
    sbuf_addf(&json,
              "{\"logs\": [\"[2000-01-01 00:00:00,000] two\", \"three\"], \"mono\": [%.9f, %.9f]}",
              clk_now().mono, clk_now().mono);
    log_info("x", "four");
    node_logs_detach();
    take(b, "host", json.data);
    take(b, "w", "{\"logs\": [\"without times\"]}");
    node_logs_write(b, "host", &out);
    const char *last = out.data;
    static const char *const order[] = {"one\"",  "two\"", "three\"",
                                        "four\"", "\"w\"", "without times"};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const char *found = strstr(out.data, order[i]);
        if (!found)
            fail_msg("%s in %s", order[i], out.data);
        assert_true(found >= last);
        last = found;
    }
    sbuf_fini(&json);
    sbuf_fini(&out);
    node_logs_free(b);
}

static size_t allocated(void)
{
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

/* Of workers that come and go each leaves its last lines, not room for all that it could have. */
static void a_node_that_logs_little_costs_little(void **unused)
{
    (void)unused;
    enum { NODES = 500, BYTES_EACH = 1024 };
    struct node_logs *b = node_logs_new(NULL);
    const size_t before = allocated();
    for (int i = 0; i < NODES; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%d", i);
        take(b, name, "{\"logs\": [\"one\", \"two\"]}");
    }
    assert_true(allocated() < before + NODES * BYTES_EACH);
    node_logs_free(b);
}

static void the_newest_lines_of_a_node_stay(void **unused)
{
    (void)unused;
    struct node_logs *b = node_logs_new(NULL);
    struct sbuf json = {0}, out = {0};
    sbuf_adds(&json, "{\"logs\": [\"line 0\"");
    for (int i = 1; i < NODE_LOGS_LINES + 3; i++)
        sbuf_addf(&json, ", \"line %d\"", i);
    sbuf_adds(&json, "]}");
    take(b, "w", json.data);
    node_logs_write(b, "host", &out);
    assert_null(strstr(out.data, "\"line 2\""));
    const char *third = strstr(out.data, "\"line 3\"");
    assert_true(third && strstr(third, "\"line 502\""));
    sbuf_fini(&json);
    sbuf_fini(&out);
    node_logs_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lines_of_the_host_stand_among_the_masters),
        cmocka_unit_test(a_node_that_logs_little_costs_little),
        cmocka_unit_test(the_newest_lines_of_a_node_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
