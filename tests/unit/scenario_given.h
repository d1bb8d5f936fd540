// SPDX-License-Identifier: MIT
#pragma once
/* scenario_given: a scenario as a test writes it, with its plan. */
#include "common/plan/scenario.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

static inline struct scenario *scenario_given(const char *text)
{
    struct scenario *s = calloc(1, sizeof *s);
    char *why = NULL;
    if (!scenario_read(s, text, &why))
        fail_msg("'%s': %s", text, why);
    s->plan.ramp = &s->ramp;
    return s;
}

static inline void scenario_drop(struct scenario *s)
{
    scenario_fini(s);
    free(s);
}
