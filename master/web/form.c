// SPDX-License-Identifier: MIT
/* form: see form.h. One copy of the input is decoded in place: decoding never grows a text. */
#include "master/web/form.h"

#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Decodes [*from, end of part) to *to and terminates it; false on a broken escape or a NUL. */
static bool decode_part(const char **from, const char *end, const char *stops, char **to)
{
    const char *in = *from;
    char *out = *to;
    while (in < end && strchr(stops, *in) == NULL) {
        if (*in == '%') {
            const int byte = hex_escaped(in, (size_t)(end - in));
            if (byte <= 0)
                return false;
            *out++ = (char)byte;
            in += 3;
        } else {
            *out++ = *in == '+' ? ' ' : *in;
            in++;
        }
    }
    *from = in;
    *to = out;
    return true;
}

bool form_parse(struct form *f, const char *bytes, size_t len)
{
    memset(f, 0, sizeof *f);
    if (len > 0 && memchr(bytes, '\0', len) != NULL)
        return false;
    char *text = mem_zalloc(len + 2); /* every part needs its NUL where "=" or "&" was */
    f->text = text;
    const char *in = bytes, *end = bytes + len;
    char *out = text;
    while (in < end) {
        if (*in == '&') {
            in++;
            continue;
        }
        if (f->count == FORM_FIELDS_MAX)
            return false;
        char *name = out;
        if (!decode_part(&in, end, "=&", &out))
            return false;
        char *value = out; /* of a name without "=": the NUL that ends it */
        if (in < end && *in == '=') {
            *out++ = '\0';
            in++;
            value = out;
            if (!decode_part(&in, end, "&", &out))
                return false;
        }
        *out++ = '\0';
        f->fields[f->count].name = name;
        f->fields[f->count].value = value;
        f->count++;
    }
    return true;
}

void form_fini(struct form *f)
{
    free(f->text);
    memset(f, 0, sizeof *f);
}

const char *form_get(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->fields[i].name, name) == 0)
            return f->fields[i].value;
    }
    return NULL;
}
