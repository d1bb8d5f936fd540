// SPDX-License-Identifier: MIT
/* http_coding: see the header. */
#include "common/base/http_coding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t"

static bool is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

/* Of ";q=0.5" and other parameters, to the next comma: 1 without a weight. */
static double weight(const char *parameters)
{
    for (const char *p = parameters; *p == ';';) {
        p += 1 + strspn(p + 1, BLANK);
        if ((*p == 'q' || *p == 'Q') && p[1] == '=')
            return strtod(p + 2, NULL);
        p += strcspn(p, ";,");
    }
    return 1;
}

bool http_takes_coding(const char *accept_encoding, const char *coding)
{
    bool is_any_taken = false;
    for (const char *p = accept_encoding; p && *p;) {
        p += strspn(p, BLANK ",");
        const size_t len = strcspn(p, BLANK ";,");
        const char *rest = p + len + strspn(p + len, BLANK);
        const bool is_taken = weight(rest) > 0;
        if (is_word(p, len, coding))
            return is_taken;
        if (is_word(p, len, "*"))
            is_any_taken = is_taken;
        p = rest + strcspn(rest, ",");
    }
    return is_any_taken;
}
