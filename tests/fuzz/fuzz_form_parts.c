// SPDX-License-Identifier: MIT
/* Any bytes as a multipart form; the first line is the Content-Type: no crash, and what is taken
 * fits in what came. */
#include "master/web/form.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = end != NULL ? (size_t)(end - data) : 0, taken = 0;
    struct form f;
    if (end == NULL)
        return 0;
    char *type = strndup((const char *)data, len);
    if (type != NULL && form_parse_parts(&f, type, (const char *)end + 1, size - len - 1)) {
        for (size_t i = 0; i < f.count; i++)
            taken += strlen(f.fields[i].name) + strlen(f.fields[i].value);
        if (taken > size || f.count > FORM_FIELDS_MAX)
            abort();
    }
    if (type != NULL)
        form_fini(&f);
    free(type);
    return 0;
}
