// SPDX-License-Identifier: MIT
#pragma once
/* form: application/x-www-form-urlencoded, as query strings and POST bodies carry it. Bounded. */
#include <stdbool.h>
#include <stddef.h>

#define FORM_FIELDS_MAX 64

struct form {
    size_t count;
    struct {
        char *name, *value; /* decoded, NUL-terminated, inside `text` */
    } fields[FORM_FIELDS_MAX];
    char *text; /* owned */
};

/* true; false when there are too many fields, a broken escape or a NUL byte. form_fini in any case.
 */
bool form_parse(struct form *f, const char *bytes, size_t len);
void form_fini(struct form *f);
/* The first value of that name, or NULL. */
const char *form_get(const struct form *f, const char *name);
/* A whole number in [0, max], or fallback when absent or no number. */
unsigned long long form_get_number(const struct form *f, const char *name, unsigned long long max,
                                   unsigned long long fallback);
