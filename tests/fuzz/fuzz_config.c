// SPDX-License-Identifier: MIT
/* Configuration files: any bytes, read as .conf (first byte even) or TOML (odd), must end in
 * settings that are whole, or in code 2. */
#include "master/options/options_table.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stderr = fopen("/dev/null", "we"); /* our messages; the fuzzer writes to the descriptor */
    return 0;
}

static int on_setting(void *arg, const char *path, const struct option_setting *s)
{
    size_t *count = arg;
    assert(strcmp(path, "file") == 0 && s->key && s->line > 0);
    assert(s->is_list || s->count == 1);
    for (size_t i = 0; i < s->count; i++)
        assert(s->values[i]);
    const struct option_def *d = option_find(s->key, strlen(s->key), 0, NULL);
    if (d && s->count && d->kind != OPTION_USERS_JSON) { /* that one opens files */
        struct options o = {0};
        option_set(&o, d, "file", s->values[0]);
        options_fini(&o);
    }
    return ++*count > 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || memchr(data + 1, '\0', size - 1))
        return 0;
    char *text = malloc(size); /* exactly as long as it is: the sanitizer sees a read too far */
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    size_t count = 0;
    int rc = (data[0] % 2 ? options_toml_read : options_conf_read)("file", text, size - 1,
                                                                   on_setting, &count);
    assert(rc == 0 || rc == 1 || rc == 2);
    free(text);
    return 0;
}
