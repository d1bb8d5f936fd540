// SPDX-License-Identifier: MIT
/* failure_kind: see failure_kind.h. A text is read word by word; "_" parts words. */
#include "common/metric/failure_kind.h"

#include "common/base/sbuf.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define LONG_ID 12   /* digits and dashes of a UUID, a hash, a date */
#define LONG_HEX 6   /* digits: shorter ones are words, too ("f00d") */
#define LONG_TOKEN 8 /* characters of a token of letters and digits */
#define LONG_END 3   /* digits: "utf8" and "http2" are names */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

/* A word that differs from one failure to the next: a number, a long hexadecimal one, a token whose
 * letters and digits take turns. */
static bool is_variable(const char *word, size_t len)
{
    size_t digits = 0, hex = 0, turns = 0;
    for (size_t i = 0; i < len; i++) {
        digits += is_digit(word[i]);
        hex += isxdigit((unsigned char)word[i]) != 0;
        turns += i > 0 && is_digit(word[i]) != is_digit(word[i - 1]);
    }
    bool is_hex = hex == len || (len > 2 && word[0] == '0' && word[1] == 'x' && hex == len - 1);
    return digits > 0 &&
           (is_digit(word[0]) || (is_hex && len >= LONG_HEX) || (turns >= 2 && len >= LONG_TOKEN));
}

/* Of a name with a long number at its end ("user1234") the part before that; else all of it. */
static size_t stem(const char *word, size_t len)
{
    size_t end = len;
    while (end > 0 && is_digit(word[end - 1]))
        end--;
    return len - end >= LONG_END ? end : len;
}

/* Status codes that servers send: IANA's registry, and what proxies added. */
static bool is_code(const char *word, size_t len)
{
    static const int KNOWN[][2] = {{100, 103}, {200, 208}, {226, 226}, {300, 308}, {400, 418},
                                   {420, 431}, {451, 451}, {499, 511}, {520, 530}, {598, 599}};
    if (len != 3 || !is_digit(word[0]) || !is_digit(word[1]) || !is_digit(word[2]))
        return false;
    int code = (word[0] - '0') * 100 + (word[1] - '0') * 10 + (word[2] - '0');
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (code >= KNOWN[i][0] && code <= KNOWN[i][1])
            return true;
    return false;
}

/* "Not Found", "Server": what follows a status in its reason. */
static bool is_reason(const char *after)
{
    size_t len = 1;
    if (after[0] != ' ' || !isupper((unsigned char)after[1]))
        return false;
    while (isalpha((unsigned char)after[len]))
        len++;
    return !is_word(after[len]) && after[len] != '_';
}

/* Whether a number after "word " or "word=" may be a status: after a thing it says which one. */
static bool tells_status(const char *text, const char *number)
{
    static const char *const KNOWN[] = {"http",     "https",     "status", "code",     "error",
                                        "got",      "is",        "was",    "not",      "answer",
                                        "answered", "reply",     "with",   "response", "returned",
                                        "expected", "unexpected"};
    const char *end = number;
    while (end > text && strchr(" =_", end[-1]) != NULL)
        end--;
    const char *word = end;
    while (word > text && isalpha((unsigned char)word[-1]))
        word--;
    if (word == end)
        return end == text || (unsigned char)end[-1] < 0x80; /* after no word, or a number */
    if (word > text && is_word(word[-1]))
        return false;
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strlen(KNOWN[i]) == (size_t)(end - word) &&
            strncasecmp(KNOWN[i], word, (size_t)(end - word)) == 0)
            return true;
    return false;
}

/* A status says what failed, where another number says which one. */
static bool is_status(const char *text, const char *word, size_t len)
{
    char before = word > text ? word[-1] : ' ', after = word[len];
    return is_code(word, len) && strchr("./:-#", before) == NULL &&
           (after == '\0' || strchr("./-#", after) == NULL) &&
           (tells_status(text, word) || is_reason(word + len));
}

/* Hexadecimal words with dashes between, as a UUID has them; 0 when they are no long id. A word
 * with other letters is none of them: what it becomes must not make an id of those before it. */
static size_t long_id(const char *word)
{
    size_t len = 0;
    for (const char *p = word;;) {
        size_t digits = strspn(p, "0123456789abcdefABCDEF");
        if (digits == 0 || is_word(p[digits]))
            break;
        len = (size_t)(p - word) + digits;
        p += digits + strspn(p + digits, "-");
    }
    return len >= LONG_ID && strcspn(word, "0123456789") < len ? len : 0;
}

void failure_kind_add(struct sbuf *out, const char *text)
{
    const size_t start = out->len;
    for (const char *p = text; *p;) {
        size_t len = long_id(p);
        if (len > 0) {
            sbuf_addc(out, '#');
            p += len;
            continue;
        }
        while (is_word(p[len]))
            len++;
        if (len == 0) {
            sbuf_addc(out, *p++);
            continue;
        }
        if (!is_variable(p, len) || is_status(text, p, len)) {
            size_t kept = is_status(text, p, len) ? len : stem(p, len);
            sbuf_add(out, p, kept);
            if (kept < len)
                sbuf_addc(out, '#');
        } else if (out->len >= start + 2 && out->data[out->len - 2] == '#' &&
                   strchr(".:-", out->data[out->len - 1]) != NULL) {
            out->data[--out->len] = '\0'; /* addresses, times and UUIDs are one "#" */
        } else {
            sbuf_addc(out, '#');
        }
        p += len;
    }
}
