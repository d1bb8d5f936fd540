// SPDX-License-Identifier: MIT
/* Any bytes as the body of a check, of a question, and as the scenarios of a form: errors have
 * words, and not more of them than there is room for. */
#include "master/app/scenario_json.h"
#include "common/plan/scenario.h"
#include "master/web/intake.h"
#include "tests/fuzz/fuzz.h"

static void check(const char *body, size_t len, bool has_shape)
{
    struct command c;
    struct intake_error errors[4];
    const size_t count = intake_check(body, len, has_shape, &c, errors, 4);
    MUST(count <= 4 && c.users <= INTAKE_USERS_MAX && c.spawn_rate <= INTAKE_USERS_MAX);
    for (size_t i = 0; i < count; i++)
        MUST(errors[i].text[0]);
    command_fini(&c);
}

static void as_scenarios(const char *body, size_t len)
{
    json_t *all = json_loadb(body, len, 0, NULL), *one;
    const char *name;
    json_object_foreach(all, name, one)
    {
        struct scenario s;
        char *why = NULL, *text = scenario_json_text(name, one, &why);
        fuzz_why(text, why);
        why = NULL;
        if (text) {
            const bool is_read = scenario_read(&s, text, &why);
            fuzz_why(is_read, why);
            if (is_read)
                scenario_fini(&s);
        }
        free(text);
    }
    json_decref(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *body = malloc(size ? size : 1);
    memcpy(body, data, size);
    check(body, size, false);
    check(body, size, true);
    for (int question = INTAKE_TRY; question <= INTAKE_PING; question++) {
        struct intake_error e = {"", ""};
        MUST(intake_ask((enum intake_question)question, body, size, &e) || e.text[0]);
    }
    as_scenarios(body, size);
    free(body);
    return 0;
}
