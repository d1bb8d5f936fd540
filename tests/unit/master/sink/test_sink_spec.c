// SPDX-License-Identifier: MIT
/* --out: what people write, and what they are told when it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/sink/sink.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sink_spec *good(const char *text)
{
    char *why = NULL;
    struct sink_spec *spec = sink_spec_text(text, &why);
    if (!spec)
        fail_msg("%s: %s", text, why);
    return spec;
}

static void bad(const char *text, const char *words)
{
    char *why = NULL;
    assert_null(sink_spec_text(text, &why));
    if (!strstr(why, words))
        fail_msg("%s: want '%s' in '%s'", text, words, why);
    free(why);
}

static void kind_target_and_keys_are_read(void **state)
{
    (void)state;
    struct sink_spec *spec =
        good("influxdb=http://h:8086/a,interval=200ms,names=7,gzip=no,org=one\\,two,version=2");
    assert_string_equal(spec->target, "http://h:8086/a");
    assert_true(sink_number(spec, "interval") == 0.2);
    assert_true(sink_number(spec, "names") == 7);
    assert_false(sink_is(spec, "gzip"));
    assert_string_equal(sink_get(spec, "org"), "one,two");
    assert_true(sink_is_word(spec, "version", "2"));
    assert_true(sink_number(spec, "timeout") == 5); /* as it is by itself */
    assert_null(sink_get(spec, "token"));
    sink_spec_free(spec);
    spec = good("statsd");
    assert_null(spec->target);
    sink_spec_free(spec);
    spec = good("graphite,tags");
    assert_true(sink_is(spec, "tags"));
    sink_spec_free(spec);
}

static void what_is_wrong_is_told_with_the_nearest_word(void **state)
{
    (void)state;
    bad("influx=http://h", "did you mean 'influxdb'?");
    bad("", "there is no kind ''");
    bad("influxdb,intervall=1s", "did you mean 'interval'?");
    bad("influxdb,zzz=1", "it has version, db");
    bad("influxdb,interval=soon", "interval=soon: give a number from 0.1 to 3600 seconds");
    bad("influxdb,interval=0", "interval=0: give");
    bad("influxdb,interval=-1s", "interval=-1s: give");
    bad("influxdb,interval=nan", "interval=nan: give");
    bad("influxdb,names=12x", "names=12x: give");
    bad("influxdb,version=4", "give one of 1 2 3");
    bad("influxdb,version=1 2", "give one of 1 2 3");
    bad("influxdb,gzip=maybe", "give yes or no");
    bad("influxdb,db=", "db has no value");
    bad("influxdb,db", "db has no value");
    bad("influxdb,db=a,db=b", "db is given twice");
    bad("influxdb,version", "version has no value");
}

static void secrets_are_of_files_and_variables_only(void **state)
{
    (void)state;
    char path[] = "/tmp/katydid-secret-XXXXXX", text[64];
    const int fd = mkstemp(path);
    assert_int_equal(write(fd, "s3cret,with=signs\n", 18), 18);
    close(fd);
    snprintf(text, sizeof text, "influxdb,token=@%s", path);
    struct sink_spec *spec = good(text);
    assert_string_equal(sink_get(spec, "token"), "s3cret,with=signs");
    sink_spec_free(spec);
    unlink(path);
    bad(text, "that file cannot be read");
    bad("influxdb,token=s3cret", "set INFLUX_TOKEN");
    char *why = NULL;
    assert_null(sink_spec_text("influxdb,token=s3cret", &why));
    assert_null(strstr(why, "s3cret"));
    free(why);
    bad("influxdb=http://me:pw@h:8086", "password=@FILE");
    setenv("INFLUX_TOKEN", "from outside", 1);
    spec = good("influxdb");
    assert_string_equal(sink_get(spec, "token"), "from outside");
    sink_spec_free(spec);
    unsetenv("INFLUX_TOKEN");
}

static void tables_say_the_same(void **state)
{
    (void)state;
    char *why = NULL;
    json_t *one = json_pack("{s:s,s:s,s:i,s:b,s:f}", "kind", "graphite", "target", "h:2003",
                            "names", 5, "tags", 1, "interval", 2.5);
    struct sink_spec *spec = sink_spec_json(one, "pyproject.toml", &why);
    assert_non_null(spec);
    assert_string_equal(spec->target, "h:2003");
    assert_true(sink_number(spec, "names") == 5 && sink_number(spec, "interval") == 2.5);
    assert_true(sink_is(spec, "tags"));
    sink_spec_free(spec);
    json_object_set_new(one, "target", json_array());
    assert_null(sink_spec_json(one, "pyproject.toml", &why));
    assert_non_null(strstr(why, "pyproject.toml: --out graphite"));
    free(why);
    json_object_del(one, "kind");
    assert_null(sink_spec_json(one, "pyproject.toml", &why));
    assert_non_null(strstr(why, "kind = "));
    free(why);
    json_decref(one);
}

static void every_kind_has_help_and_can_be_made(void **state)
{
    (void)state;
    struct sbuf help = {0};
    setenv("DD_API_KEY", "0123", 1);
    sink_help(&help);
#define SINK(kind)                                                                                 \
    {                                                                                              \
        struct output o;                                                                           \
        char *why = NULL;                                                                          \
        assert_non_null(strstr(help.data, sink_##kind.summary));                                   \
        for (size_t i = 0; i < sink_##kind.key_count; i++)                                         \
            assert_non_null(strstr(help.data, sink_##kind.keys[i].help));                          \
        const bool is_file = !strcmp(sink_##kind.target, "FILE"); /* there is no usual one */      \
        char *text = sbuf_words("%s%s", sink_##kind.name, is_file ? "=there" : "");                \
        assert_int_equal(sink_##kind.make(good(text), &o, &why), 0);                               \
        free(text);                                                                                \
        o.close(o.self);                                                                           \
    }
#include "master/sink/sinks.def"
#undef SINK
    unsetenv("DD_API_KEY");
    sbuf_fini(&help);
}

static void targets_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "influxdb=localhost:8086",
        "influxdb=ftp://h",
        "remote-write=h",
        "otlp=:4318",
        "graphite=h:99999",
        "graphite=udp://:1",
        "statsd=tcp://h:1",
        "statsd=unix://x",
        "prometheus=9646",
        "prometheus=:0",
        "prometheus=:x",
        "datadog",
        "csv",
        "jtl=-",
        "json=-",
        "hdrlog",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct output o;
        char *why = NULL;
        struct sink_spec *spec = good(texts[i]);
        const int rc = spec->kind->make(spec, &o, &why);
        if (rc == 0)
            fail_msg("%s is taken", texts[i]);
        free(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind_target_and_keys_are_read),
        cmocka_unit_test(what_is_wrong_is_told_with_the_nearest_word),
        cmocka_unit_test(secrets_are_of_files_and_variables_only),
        cmocka_unit_test(tables_say_the_same),
        cmocka_unit_test(every_kind_has_help_and_can_be_made),
        cmocka_unit_test(targets_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
