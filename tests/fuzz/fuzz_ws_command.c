// SPDX-License-Identifier: MIT
/* Any bytes as a text of the live socket and as the headers that say who sent it. */
#include "master/web/guard.h"
#include "master/web/intake.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct intake_live m;
    struct guard g;
    if (intake_live((const char *)data, size, &m) && size > INTAKE_LIVE_MAX)
        abort();
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    guard_init(&g, "127.0.0.1", "machine", "listed.test");
    if (guard_host_ok(&g, text) && strlen(text) > GUARD_NAME_MAX + 32)
        abort();
    if (guard_origin_ok(text, "127.0.0.1:8089") && strstr(text, "127.0.0.1:8089") == NULL)
        abort();
    guard_init(&g, text, text, text);
    guard_host_ok(&g, text);
    free(text);
    return 0;
}
