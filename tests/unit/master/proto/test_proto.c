// SPDX-License-Identifier: MIT
/* Messages both ways. Incoming ones are written by hand, byte by byte where they are broken. */
#include "master/proto/proto_out.h"
#include "master/proto/proto_script.h"
#include "common/base/sbuf.h"
#include "common/metric/stats.h"
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* JSON-like text to msgpack: enough for tests. "~name~" is bin, everything else as in JSON. */
static const char *pack_value(msgpack_packer *pk, const char *p);

static const char *skip_blank(const char *p)
{
    return p + strspn(p, " ,:");
}

static const char *pack_list(msgpack_packer *pk, const char *p, char end)
{
    msgpack_sbuffer inner;
    msgpack_packer sub;
    size_t count = 0;
    msgpack_sbuffer_init(&inner);
    msgpack_packer_init(&sub, &inner, msgpack_sbuffer_write);
    for (p = skip_blank(p); *p != end; p = skip_blank(p), count++)
        p = pack_value(&sub, p);
    if (end == '}')
        msgpack_pack_map(pk, count / 2);
    else
        msgpack_pack_array(pk, count);
    pk->callback(pk->data, inner.data, inner.size);
    msgpack_sbuffer_destroy(&inner);
    return p + 1;
}

static const char *pack_value(msgpack_packer *pk, const char *p)
{
    char *end;
    if (*p == '[' || *p == '{')
        return pack_list(pk, p + 1, *p == '[' ? ']' : '}');
    if (*p == '\'' || *p == '~') {
        size_t len = strcspn(p + 1, (char[]){*p, 0});
        if (*p == '~')
            msgpack_pack_bin_with_body(pk, p + 1, len);
        else
            msgpack_pack_str_with_body(pk, p + 1, len);
        return p + len + 2;
    }
    if (!strncmp(p, "nil", 3)) {
        msgpack_pack_nil(pk);
        return p + 3;
    }
    if (!strncmp(p, "true", 4)) {
        msgpack_pack_true(pk);
        return p + 4;
    }
    double number = strtod(p, &end);
    if (memchr(p, '.', (size_t)(end - p)))
        msgpack_pack_double(pk, number);
    else
        msgpack_pack_int64(pk, (int64_t)number);
    return end;
}

static enum proto_rc parse(const char *text, msgpack_sbuffer *bytes, struct message *m)
{
    msgpack_packer pk;
    msgpack_sbuffer_init(bytes);
    msgpack_packer_init(&pk, bytes, msgpack_sbuffer_write);
    pack_value(&pk, text);
    return proto_parse(bytes->data, bytes->size, m);
}

static bool is_broken(const char *text)
{
    struct message m;
    msgpack_sbuffer bytes;
    bool is = parse(text, &bytes, &m) == PROTO_BROKEN;
    if (!is)
        message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
    return is;
}

static void versions(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        bool is_accepted, is_katydid;
    } rows[] = {
        {"'2.47.0'", true, false}, {"'2.46.7+katydid.1'", true, true},
        {"-1", true, false},       {"nil", false, false},
        {"''", false, false},      {"0", false, false},
        {"[]", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message m;
        msgpack_sbuffer bytes;
        struct sbuf text = {0};
        sbuf_addf(&text, "['client_ready', %s, 'h_1']", rows[i].data);
        assert_int_equal(parse(text.data, &bytes, &m), PROTO_OK);
        assert_int_equal(m.kind, MESSAGE_CLIENT_READY);
        assert_int_equal(m.ready.is_accepted, rows[i].is_accepted);
        assert_int_equal(m.ready.is_katydid, rows[i].is_katydid);
        message_fini(&m);
        msgpack_sbuffer_destroy(&bytes);
        sbuf_fini(&text);
    }
}

static void stats_of_both_dialects(void **state)
{
    (void)state;
    struct message m;
    msgpack_sbuffer bytes;
    assert_int_equal(parse("['stats', {'stats': [], 'stats_total': {}, 'errors': {}, "
                           "'user_classes_count': {'A': 2, 'B': 3}, 'user_count': 5}, 'h_1']",
                           &bytes, &m),
                     PROTO_OK);
    assert_false(m.stats.is_katydid);
    assert_int_equal(m.stats.users.total, 5);
    assert_string_equal(m.stats.users.classes[1].name, "B");
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
    assert_int_equal(
        parse("['stats', {'katydid': {'epoch': 'e', 'seq': 7, 'run': 'r', 't': 12.5, "
              "'report': ~abc~, 'health': {'cpu': 42.5, 'memory': 1000, 'lag_ms': 3}}, "
              "'user_classes_count': {}}, 'h_1']",
              &bytes, &m),
        PROTO_OK);
    assert_true(m.stats.is_katydid);
    assert_int_equal(m.stats.seq, 7);
    assert_string_equal(m.stats.run, "r");
    assert_int_equal(m.stats.report.len, 3);
    assert_memory_equal(m.stats.report.data, "abc", 3);
    assert_int_equal(m.stats.memory_bytes, 1000);
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
}

static void what_is_told_of_files_of_requests(void **state)
{
    (void)state;
    struct message m;
    msgpack_sbuffer bytes;
    assert_int_equal(parse("['stats', {'katydid': {'epoch': 'e', 'seq': 1, 'run': 'r', 't': 12.5, "
                           "'report': ~abc~, 'journals': [[90, 5, 'r.json: No space left'], "
                           "'none', [7, 0, nil]]}}, 'n']",
                           &bytes, &m),
                     PROTO_OK);
    assert_int_equal(m.stats.journals.count, 3);
    assert_int_equal(m.stats.journals.list[0].written, 90);
    assert_int_equal(m.stats.journals.list[0].dropped, 5);
    assert_string_equal(m.stats.journals.list[0].trouble, "r.json: No space left");
    assert_int_equal(m.stats.journals.list[1].written, 0);
    assert_int_equal(m.stats.journals.list[2].written, 7);
    assert_null(m.stats.journals.list[2].trouble);
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
}

static void what_is_told_of_scenarios(void **state)
{
    msgpack_sbuffer bytes;
    struct message m;
    (void)state;
    assert_int_equal(parse("['stats', {'katydid': {'epoch': 'e', 'seq': 7, 'run': 'r', 't': 12.5, "
                           "'report': ~abc~, 'scenarios': [[9, 5, 1, 2, 0, 3, 4, 1], 'none', [1, "
                           "2], [9, 5, 1, 2, 0, 3, 4, 1, 3, 6]]}}, 'n']",
                           &bytes, &m),
                     PROTO_OK);
    assert_int_equal(m.stats.scenario_count, 4);
    assert_int_equal(m.stats.scenarios[3].busy, 3);
    assert_int_equal(m.stats.scenarios[3].most_waiting, 6);
    assert_int_equal(m.stats.scenarios[0].told[ITERATIONS_DUE], 9);
    assert_int_equal(m.stats.scenarios[0].told[ITERATIONS_CUT], 2);
    assert_int_equal(m.stats.scenarios[0].told[ITERATIONS_INTERRUPTED], 3);
    assert_int_equal(m.stats.scenarios[0].users, 4);
    assert_int_equal(m.stats.scenarios[0].waiting, 1);
    assert_int_equal(m.stats.scenarios[2].told[ITERATIONS_DUE], 0);
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
    assert_int_equal(
        parse("['katydid_iterations', {'run': 'r', 'scenario': 1, 'started': 5, 'done': "
              "4, 'wanted': 3}, 'n']",
              &bytes, &m),
        PROTO_OK);
    assert_int_equal(m.iterations.scenario, 1);
    assert_int_equal(m.iterations.started, 5);
    assert_int_equal(m.iterations.done, 4);
    assert_int_equal(m.iterations.wanted, 3);
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
}

static void spans_of_a_worker(void **state)
{
    (void)state;
    msgpack_sbuffer bytes;
    struct message m;
    const char *text = "['katydid_spans', {'run': 'r', 'sender': 's', 'number': 3, 'count': 2, "
                       "'dropped': 1, 'spans': 'no bytes'}, 'n']";
    assert_int_equal(parse(text, &bytes, &m), PROTO_OK);
    assert_string_equal(m.spans.sender, "s");
    assert_int_equal(m.spans.number, 3);
    assert_int_equal(m.spans.count, 2);
    assert_int_equal(m.spans.dropped, 1);
    assert_int_equal(m.spans.spans.len, 0); /* a text is none */
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
    assert_int_equal(parse("['katydid_spans', {'run': 'r', 'number': 3}, 'n']", &bytes, &m),
                     PROTO_BROKEN);
    msgpack_sbuffer_destroy(&bytes);
}

static void what_has_not_the_shape_of_its_type_is_broken(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "['heartbeat', {}, 'n']",
        "['heartbeat', nil, 'n']",
        "['heartbeat', {'state': 7}, 'n']",
        "['stats', nil, 'n']",
        "['stats', {'user_classes_count': {'A': -1}}, 'n']",
        "['stats', {'user_classes_count': {'A': 99999999999}}, 'n']",
        "['stats', {'user_classes_count': {1: 1}}, 'n']",
        "['stats', {'katydid': {'epoch': 'e', 'seq': 0, 'report': ~~}}, 'n']",
        "['stats', {'katydid': {'epoch': 'e', 'seq': 1, 'report': 'text'}}, 'n']",
        "['stats', {'katydid': {'seq': 1, 'report': ~~}}, 'n']",
        "['spawning_complete', nil, 'n']",
        "['exception', {'msg': 'x'}, 'n']",
        "['katydid_call', {'method': 'dance'}, 'n']",
        "['katydid_ticked', 5, 'n']",
        "['katydid_done', nil, 'n']",
        "[7, nil, 'n']",
        "['heartbeat', {'state': 'ready'}]",
        "{'heartbeat': 1}",
        "5",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!is_broken(rows[i]))
            fail_msg("accepted: %s", rows[i]);
    assert_false(is_broken("['heartbeat', {'state': 'ready', 'current_cpu_usage': 1.5}, 'n']"));
    assert_false(is_broken("['katydid_ticked', nil, 'n']"));
    assert_false(is_broken("['my_own', {'any': ['thing', nil]}, 'n']"));
}

static void lengths_that_lie_allocate_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"", 0},
        {"\x93", 1},
        {"\x93\xa5stats\xdd\xff\xff\xff\xff\xc0", 13},
        {"\x93\xa5stats\xdf\xff\xff\xff\xff\xc0", 13},
        {"\x93\xa5stats\xdf\x7f\xff\xff\xff\xc0", 13},
        {"\x93\xa5stats\xc6\xff\xff\xff\xff\xc0", 13},
        {"\x93\xdb\xff\xff\xff\xff\xc0\xc0", 8},
        {"\x93\xa5stats\xc1\xc0", 9},
        {"\x93\xa5stats\xc0\xc0\xc0", 10},
        {"\x93\xd9\xff", 3},
    };
    struct message m;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(proto_parse(rows[i].bytes, rows[i].len, &m), PROTO_BROKEN);
    unsigned char deep[4096];
    memset(deep, 0x91, sizeof deep);
    memcpy(deep, "\x93\xa9heartbeat", 11);
    deep[sizeof deep - 2] = deep[sizeof deep - 1] = 0xc0;
    assert_int_equal(proto_parse(deep, sizeof deep, &m), PROTO_BROKEN);
}

static void the_script(void **state)
{
    (void)state;
    struct message m;
    struct script s;
    msgpack_sbuffer bytes;
    assert_int_equal(
        parse("['katydid_script', {'role': 'local', 'user_classes': [{'name': 'A', "
              "'weight': 2.5, 'fixed_count': 0, 'host': nil, 'tasks': {}}, {'name': 'B', "
              "'weight': 1, 'fixed_count': 3, 'host': 'http://h', 'tasks': {}}], "
              "'shape': {'name': 'S', 'use_common_options': true}, 'locustfile': "
              "'f.py', 'options': {'host': nil, 'mine': [1, 2]}, 'constants': {'NEW': 'x', "
              "'CONSOLE_STATS_INTERVAL_SEC': 7, 'CSV_STATS_INTERVAL_SEC': 'often', "
              "'PERCENTILES_TO_CHART': [0.25, 1]}}, 'n']",
              &bytes, &m),
        PROTO_OK);
    assert_int_equal(proto_script(&m, &s), PROTO_OK);
    assert_true(s.is_local && s.has_shape && s.shape_uses_options);
    assert_int_equal(s.class_count, 2);
    assert_true(s.classes[0].weight > 2.4 && s.classes[0].weight < 2.6);
    assert_null(s.classes[0].host);
    assert_int_equal(s.classes[1].fixed_count, 3);
    assert_true(s.options_len > 0 && *(unsigned char *)s.options == 0x82);
    assert_true(s.tunables.table_interval_s > 6.9 && s.tunables.table_interval_s < 7.1);
    assert_int_equal(s.tunables.chart.count, 2);
    assert_string_equal(s.bad_constant, "CSV_STATS_INTERVAL_SEC");
    script_fini(&s);
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
}

static msgpack_object sent(struct sbuf *out, msgpack_unpacked *u)
{
    size_t at = 0;
    msgpack_unpacked_init(u);
    assert_int_equal(msgpack_unpack_next(u, out->data, out->len, &at), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, out->len);
    assert_int_equal(u->data.via.array.size, 3);
    return u->data.via.array.ptr[1];
}

static void every_message_is_one_array_of_three(void **state)
{
    (void)state;
    const unsigned counts[] = {3, 0};
    const char *const names[] = {"A", "B"};
    const int code = 1;
    struct spawn_order order = {.timestamp = 1.5,
                                .run_id = "r",
                                .class_count = 2,
                                .names = names,
                                .counts = counts,
                                .options = {"\x81\xa1k\x01", 4},
                                .seed = -1};
    struct sbuf out[7] = {{0}};
    msgpack_unpacked u;
    proto_plain(&out[0], "stop", "n");
    proto_ack(&out[1], "n", 3, NULL, NULL);
    proto_ack(&out[2], "n", 3, "boot", NULL);
    proto_spawn(&out[3], "n", &order);
    proto_event(&out[4], "n", 9, "quit", &(struct event_args){.exit_code = &code});
    const struct tally total = {.requests = 1};
    proto_state(&out[5], "n", &(struct host_state){.state = "running", .total = &total});
    proto_report_ack(&out[6], "n", "e", 7, 1);
    const uint32_t sizes[] = {0, 1, 2, 7, 3, 7, 3};
    for (size_t i = 0; i < 7; i++) {
        msgpack_object data = sent(&out[i], &u);
        if (i == 0)
            assert_int_equal(data.type, MSGPACK_OBJECT_NIL);
        else
            assert_int_equal(data.via.map.size, sizes[i]);
        msgpack_unpacked_destroy(&u);
        sbuf_fini(&out[i]);
    }
}

static void listeners_do_not_see_our_report(void **state)
{
    (void)state;
    struct message m;
    msgpack_sbuffer bytes;
    struct sbuf out = {0};
    msgpack_unpacked u;
    size_t at = 0;
    parse("['stats', {'katydid': {'epoch': 'e', 'seq': 7, 'report': ~abc~}, 'mine': 5}, 'n']",
          &bytes, &m);
    proto_public_stats(&out, m.data);
    msgpack_unpacked_init(&u);
    msgpack_unpack_next(&u, out.data, out.len, &at);
    assert_int_equal(u.data.via.map.size, 1);
    assert_memory_equal(u.data.via.map.ptr[0].key.via.str.ptr, "mine", 4);
    msgpack_unpacked_destroy(&u);
    sbuf_fini(&out);
    message_fini(&m);
    msgpack_sbuffer_destroy(&bytes);
}

/* A form may have a field without a name, and so may the script's options. */
static void an_option_without_a_name_is_one(void **state)
{
    (void)state;
    struct sbuf map = {0}, out = {0};
    struct json_wrong wrong;
    const char *const texts[] = {"2"};
    assert_true(proto_from_json("{\"\": 1, \"a\": 1}", &map, &wrong));
    const struct slice options = {map.data, map.len};
    assert_int_equal(proto_option_texts(options, "", texts, 1, &out), PROTO_OPTION_SET);
    assert_memory_equal(out.data,
                        "\x82\xa0\x02\xa1"
                        "a\x01",
                        out.len);
    sbuf_clear(&out);
    assert_int_equal(proto_option_texts(options, "b", texts, 1, &out), PROTO_OPTION_UNKNOWN);
    const struct option_set far = {.number = 2e90, .is_whole = true}; /* no whole number is it */
    assert_int_equal(proto_option_value(options, "a", &far, &out), PROTO_OPTION_SET);
    assert_int_equal(out.data[out.len - 9], '\xcb');
    sbuf_clear(&out);
    sbuf_fini(&map);
    sbuf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_without_a_name_is_one),
        cmocka_unit_test(versions),
        cmocka_unit_test(stats_of_both_dialects),
        cmocka_unit_test(what_is_told_of_files_of_requests),
        cmocka_unit_test(what_is_told_of_scenarios),
        cmocka_unit_test(what_has_not_the_shape_of_its_type_is_broken),
        cmocka_unit_test(lengths_that_lie_allocate_nothing),
        cmocka_unit_test(spans_of_a_worker),
        cmocka_unit_test(the_script),
        cmocka_unit_test(every_message_is_one_array_of_three),
        cmocka_unit_test(listeners_do_not_see_our_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
