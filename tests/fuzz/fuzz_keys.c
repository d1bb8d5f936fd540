// SPDX-License-Identifier: MIT
/* Any text as a key, a line to join by, and a file with a key: what is taken is written as it was
 * read, and what is said of another shows nothing of it. */
#include "common/wire/keys.h"
#include "tests/fuzz/fuzz.h"

static void as_key(const char *text)
{
    struct keys k = {0};
    char again[KEYS_TEXT_MAX], *why = NULL;
    if (keys_read_master(text, &k, &why)) {
        keys_master_text(&k, again);
        MUST(keys_is_text(text) && strcmp(again, text) == 0);
    } else {
        MUST(why && *why);
    }
    free(why);
    why = NULL;
    if (keys_read_worker(text, &k, &why)) {
        keys_worker_text(&k, again);
        MUST(keys_is_text(text) && strcmp(again, text) == 0);
    } else {
        MUST(why && *why);
    }
    free(why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *why = NULL, *line = keys_line(text);
    struct keys_join join = {0};
    const bool is_read = keys_read_join(text, &join, &why);
    MUST(is_read == !why);
    if (is_read) {
        struct keys k;
        char *bad = NULL;
        MUST(strlen(join.host) < sizeof join.host && join.port >= 0 && join.port <= 65535);
        MUST(keys_read_worker(join.key, &k, &bad));
    }
    free(why);
    as_key(text);
    if (line)
        as_key(line);
    free(line);
    free(text);
    return 0;
}
