// SPDX-License-Identifier: MIT
#pragma once
/* form: named values, as query strings and POST bodies carry them. Bounded, and strict: what is not
 * well formed is refused as a whole. */
#include <stdbool.h>
#include <stddef.h>

#define FORM_FIELDS_MAX 256
#define FORM_BODY_MAX 65536 /* bytes of a body that callers should read */

struct form {
    size_t count;
    struct {
        char *name, *value; /* decoded, NUL-terminated, inside `text` */
    } fields[FORM_FIELDS_MAX];
    char *text; /* owned */
};

/* application/x-www-form-urlencoded. true; false when there are too many fields, a broken escape or
 * a NUL byte. form_fini in any case.
 */
bool form_parse(struct form *f, const char *bytes, size_t len);
/* multipart/form-data (RFC 7578), boundary in the Content-Type. Parts that are files are left out.
 * true; false as above, or when a part is not well formed. */
bool form_parse_parts(struct form *f, const char *content_type, const char *bytes, size_t len);
void form_fini(struct form *f);
/* The first value of that name, or NULL. */
const char *form_get(const struct form *f, const char *name);
