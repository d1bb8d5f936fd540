// SPDX-License-Identifier: MIT
/* Any bytes as a form and as a page command: no crash, and what is taken is within its limits. */
#include "master/web/intake.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct command *c)
{
    if (c->users > INTAKE_USERS_MAX || c->spawn_rate > INTAKE_USERS_MAX)
        abort();
    if (c->host != NULL && strlen(c->host) > INTAKE_HOST_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct form f;
    struct command c;
    struct intake_error e;
    if (form_parse(&f, (const char *)data, size)) {
        for (size_t i = 0; i < f.count; i++) {
            if (strlen(f.fields[i].name) + strlen(f.fields[i].value) > size)
                abort();
        }
        if (intake_form(&f, false, &c, &e)) {
            check(&c);
            command_fini(&c);
        }
    }
    form_fini(&f);
    for (int action = INTAKE_START; action <= INTAKE_RESET; action++) {
        if (intake_json((enum intake_action)action, (const char *)data, size, false, &c, &e)) {
            check(&c);
            command_fini(&c);
        } else if (e.text[0] == '\0') {
            abort();
        }
    }
    return 0;
}
