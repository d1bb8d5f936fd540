// SPDX-License-Identifier: MIT
/* Unicode 15, table 3-7: the second byte's range depends on the first one; that alone excludes
 * surrogates, overlong forms and values past U+10FFFF. */
#include "common/base/utf8.h"

#include "common/base/sbuf.h"

struct lead {
    unsigned char from, to, low, high; /* first byte's range, second byte's range */
    unsigned char len, mask;
};

static const struct lead leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2, 0x1F}, {0xE0, 0xE0, 0xA0, 0xBF, 3, 0x0F},
    {0xE1, 0xEC, 0x80, 0xBF, 3, 0x0F}, {0xED, 0xED, 0x80, 0x9F, 3, 0x0F},
    {0xEE, 0xEF, 0x80, 0xBF, 3, 0x0F}, {0xF0, 0xF0, 0x90, 0xBF, 4, 0x07},
    {0xF1, 0xF3, 0x80, 0xBF, 4, 0x07}, {0xF4, 0xF4, 0x80, 0x8F, 4, 0x07},
};

static const struct lead *find_lead(unsigned char c)
{
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
        if (c >= leads[i].from && c <= leads[i].to)
            return &leads[i];
    return NULL;
}

size_t utf8_next(const char *text, size_t len, uint32_t *cp)
{
    const unsigned char *s = (const unsigned char *)text;
    if (!len)
        return 0;
    uint32_t value = s[0];
    size_t n = 1;
    if (s[0] >= 0x80) {
        const struct lead *lead = find_lead(s[0]);
        if (!lead || len < lead->len || s[1] < lead->low || s[1] > lead->high)
            return 0;
        value &= lead->mask;
        for (; n < lead->len; n++) {
            if ((s[n] & 0xC0) != 0x80)
                return 0;
            value = value << 6 | (s[n] & 0x3Fu);
        }
    }
    if (cp)
        *cp = value;
    return n;
}

size_t utf8_valid_prefix(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        size_t n = (unsigned char)text[i] < 0x80 ? 1 : utf8_next(text + i, len - i, NULL);
        if (!n)
            break;
        i += n;
    }
    return i;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t n = max;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

void utf8_add_clean(struct sbuf *b, const char *text, size_t len)
{
    while (len) {
        size_t n = utf8_valid_prefix(text, len);
        sbuf_add(b, text, n);
        if (n < len) {
            sbuf_adds(b, "\xEF\xBF\xBD");
            n++;
        }
        text += n;
        len -= n;
    }
}
