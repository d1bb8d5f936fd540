// SPDX-License-Identifier: MIT
/* One pass over the text, word by word. After a word that names a secret, what follows says how its
 * value is written and so where it ends; a value that was cut off ends with the text. */
#include "worker/proto/mask.h"

#include "common/base/sbuf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool has(const char *name, size_t len, const char *word)
{
    const size_t n = strlen(word);
    for (size_t i = 0; i + n <= len; i++)
        if (strncasecmp(name + i, word, n) == 0)
            return true;
    return false;
}

bool mask_is_secret(const char *name, size_t len)
{
    static const char *const words[] = {"authorization", "cookie",  "token",  "secret",    "passw",
                                        "api-key",       "api_key", "apikey", "credential"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has(name, len, words[i]))
            return true;
    return false;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

struct scan {
    const char *at, *end;
    struct sbuf *out;
};

static void copy_to(struct scan *s, const char *to)
{
    sbuf_add(s->out, s->at, (size_t)(to - s->at));
    s->at = to;
}

/* Puts the mask in place of what lies before `to`. */
static void hide_to(struct scan *s, const char *to)
{
    if (to > s->at)
        sbuf_adds(s->out, MASKED);
    s->at = to;
}

static const char *find(const struct scan *s, const char *what)
{
    const char *hit = memmem(s->at, (size_t)(s->end - s->at), what, strlen(what));
    return hit ? hit : s->end;
}

static const char *end_of_quoted(const struct scan *s, char quote)
{
    const char *at = s->at;
    while (at < s->end && *at != quote)
        at += *at == '\\' && at + 1 < s->end ? 2 : 1;
    return at;
}

static const char *end_of_bare(const struct scan *s, bool is_header)
{
    const char *at = s->at;
    while (at < s->end && !strchr(is_header ? "\r\n" : "&;,\r\n \t}])\"'<", *at))
        at++;
    return at;
}

static void hide_value(struct scan *s, char sign)
{
    const char *at = s->at;
    while (at < s->end && (*at == ' ' || *at == '\t'))
        at++;
    copy_to(s, at);
    if (at == s->end || *at == '{' || *at == '[')
        return; /* what is inside has names of its own */
    if (*at == '"' || *at == '\'') {
        copy_to(s, at + 1);
        hide_to(s, end_of_quoted(s, *at));
    } else {
        hide_to(s, end_of_bare(s, sign == ':'));
    }
}

/* s->at is behind the name; is_tag: a "<" stood before it. */
static void hide_after_name(struct scan *s, bool is_tag)
{
    const char *at = s->at;
    if (at < s->end && (*at == '"' || *at == '\''))
        at++;
    if (s->end - at >= 4 && memcmp(at, "\r\n\r\n", 4) == 0 && at > s->at) {
        copy_to(s, at + 4);
        hide_to(s, find(s, "\r\n--"));
        return;
    }
    if (is_tag && at < s->end && *at == '>') {
        copy_to(s, at + 1);
        hide_to(s, find(s, "<"));
        return;
    }
    while (at < s->end && (*at == ' ' || *at == '\t'))
        at++;
    if (at == s->end || (*at != '=' && *at != ':'))
        return;
    const char sign = *at;
    copy_to(s, at + 1);
    hide_value(s, sign);
}

/* s->at is behind "://": hides the password of user:password@host. */
static void hide_user(struct scan *s)
{
    const char *at = s->at, *colon = NULL;
    while (at < s->end && !isspace((unsigned char)*at) && !strchr("/?#\"'<>@", *at)) {
        if (*at == ':' && !colon)
            colon = at;
        at++;
    }
    if (at == s->end || *at != '@' || !colon)
        return;
    copy_to(s, colon + 1);
    hide_to(s, at);
}

void mask_text(struct sbuf *out, const char *text, size_t len)
{
    struct scan s = {text, text + len, out};
    while (s.at < s.end) {
        const char *word = s.at;
        while (word < s.end && is_word(*word))
            word++;
        if (word == s.at) {
            const bool is_url = s.end - s.at > 3 && memcmp(s.at, "://", 3) == 0;
            copy_to(&s, s.at + (is_url ? 3 : 1));
            if (is_url)
                hide_user(&s);
            continue;
        }
        const bool is_secret = mask_is_secret(s.at, (size_t)(word - s.at));
        const bool is_tag = s.at > text && s.at[-1] == '<';
        copy_to(&s, word);
        if (is_secret)
            hide_after_name(&s, is_tag);
    }
}
