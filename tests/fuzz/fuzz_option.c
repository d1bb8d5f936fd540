// SPDX-License-Identifier: MIT
/* Any text as the value of any option (the first byte says which), as a list, as weights of workers
 * and as a receiver of --out: taken, or refused with words. */
#include "common/plan/weights.h"
#include "master/options/options_table.h"
#include "master/sink/sink.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stderr = fopen("/dev/null", "we"); /* our messages; the fuzzer writes to the descriptor */
    return 0;
}

static void as_value(const struct option_def *d, const char *text)
{
    struct options o = {0};
    if (!d->name || !option_takes_value(d) || d->kind == OPTION_USERS_JSON) /* opens files */
        return;
    const int rc = option_set(&o, d, "here", text);
    MUST(rc == 0 || rc == 2);
    free(option_locusts_words(d, text));
    options_fini(&o);
}

static void as_weights(const char *text)
{
    struct weights w = {0};
    char *why = NULL;
    const bool is_read = weights_read(&w, text, &why);
    fuzz_why(is_read, why);
    if (is_read)
        MUST(weights_of(&w, "big-1_0123abcd", 3) >= 1);
    weights_fini(&w);
}

static void as_sink(const char *text)
{
    char *why = NULL;
    struct sink_spec *spec = sink_spec_text(text, &why);
    fuzz_why(spec, why);
    why = NULL;
    sink_spec_free(spec);
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value) {
        spec = sink_spec_json(value, "here", &why);
        fuzz_why(spec, why);
        sink_spec_free(spec);
        json_decref(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    char *text = fuzz_text(data + 1, size - 1);
    as_value(&option_table[data[0] % option_count], text);
    options_free_list(options_split_list(text));
    as_weights(text);
    if (!strchr(text, '@')) /* a file, of which people have others */
        as_sink(text);
    free(text);
    return 0;
}
