// SPDX-License-Identifier: MIT
/* Any bytes as a file of a gate, JSON or TOML, and as what a baseline is called: taken with all
 * limits kept, or an error with words. */
#include "master/store/contrast.h"
#include "master/store/history.h"
#include "master/store/side.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stderr = fopen("/dev/null", "we"); /* the words of the reader of TOML */
    return 0;
}

static void check(int rc, const struct gate *g, char *why)
{
    MUST(rc == 0 || rc == -1);
    fuzz_why(rc == 0, why);
    if (rc != 0)
        return;
    MUST(g->count <= GATE_RULES_MAX && memchr(g->baseline, '\0', sizeof g->baseline));
    for (size_t i = 0; i < g->count; i++)
        MUST(g->rules[i].figure < FIGURES);
    MUST(*gate_unsure_name(g));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gate g = gate_usual;
    char *why = NULL, *text = fuzz_text(data, size);
    int rc = gate_load(&g, fuzz_file(data, size), &why);
    check(rc, &g, why);
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value) {
        why = NULL;
        rc = gate_read(&g, value, &why);
        check(rc, &g, why);
        json_decref(value);
    }
    why = NULL;
    fuzz_why(history_is_spec(text, &why), why);
    side_is_file(text);
    free(text);
    return 0;
}
