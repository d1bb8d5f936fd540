// SPDX-License-Identifier: MIT
/* tokens: see tokens.h. */
#include "master/web/tokens.h"

#include "common/base/sbuf.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 3
#define BLANKS " \t\r"

struct word {
    const char *at;
    size_t len;
};

const char *role_word(enum role role)
{
    return role == ROLE_RUN ? "run" : role == ROLE_SEE ? "see" : "";
}

void tokens_hash(const char *text, size_t len, unsigned char hash[TOKENS_HASH])
{
    if (EVP_Digest(text, len, hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
}

const struct token *tokens_find(const struct tokens *t, const unsigned char hash[TOKENS_HASH])
{
    const struct token *found = NULL;
    for (size_t i = 0; i < t->count; i++)
        if (CRYPTO_memcmp(t->list[i].hash, hash, TOKENS_HASH) == 0)
            found = &t->list[i];
    return found;
}

static enum role role_of(struct word w)
{
    for (enum role role = ROLE_SEE; role <= ROLE_RUN; role++)
        if (w.len == strlen(role_word(role)) && strncmp(w.at, role_word(role), w.len) == 0)
            return role;
    return ROLE_NONE;
}

/* What fits a header as it is (RFC 6750), and a file of lines and commas. */
static bool is_made_of(struct word w, const char *others)
{
    for (size_t i = 0; i < w.len; i++)
        if (!isalnum((unsigned char)w.at[i]) && strchr(others, w.at[i]) == NULL)
            return false;
    return w.len > 0;
}

static bool check_token(struct word w, size_t number, char **why)
{
    if (w.len < TOKENS_LEN_MIN || w.len > TOKENS_LEN_MAX)
        return sbuf_refuse(why,
                           "token %zu has %zu characters: give one of %d to %d, such as openssl "
                           "rand -hex 24 writes",
                           number, w.len, TOKENS_LEN_MIN, TOKENS_LEN_MAX);
    return is_made_of(w, "-._~+/=") ||
           sbuf_refuse(why, "token %zu may have letters, digits and any of -._~+/= only", number);
}

static bool add(struct tokens *t, const struct word *words, size_t count, char **why)
{
    const size_t number = t->count + 1;
    const struct word text = words[count - 1];
    struct token *token = &t->list[t->count];
    if (t->count == TOKENS_MAX)
        return sbuf_refuse(why, "there are more than %d tokens", TOKENS_MAX);
    *token = (struct token){.role = count > 1 ? role_of(words[0]) : ROLE_RUN};
    if (token->role == ROLE_NONE)
        return sbuf_refuse(why, "token %zu has no role that there is: write run or see before it",
                           number);
    const struct word name =
        count == 3 ? words[1] : (struct word){role_word(token->role), strlen("run")};
    if (name.len > TOKENS_NAME_MAX || !is_made_of(name, "-._@"))
        return sbuf_refuse(why,
                           "the name of token %zu may have %d letters, digits and any of -._@ only",
                           number, TOKENS_NAME_MAX);
    if (!check_token(text, number, why))
        return false;
    memcpy(token->name, name.at, name.len);
    tokens_hash(text.at, text.len, token->hash);
    if (tokens_find(t, token->hash) != NULL)
        return sbuf_refuse(why, "token %zu is there twice", number);
    t->count++;
    return true;
}

/* One line: up to three words, or none. */
static bool read_line(struct tokens *t, const char *line, const char *end, char **why)
{
    struct word words[WORDS_MAX];
    size_t count = 0;
    const char *comment = memchr(line, '#', (size_t)(end - line));
    if (comment != NULL)
        end = comment;
    for (;;) {
        while (line < end && strchr(BLANKS, *line) != NULL)
            line++;
        if (line == end)
            return count == 0 || add(t, words, count, why);
        if (count == WORDS_MAX)
            return sbuf_refuse(why, "token %zu has more than a role, a name and itself on its line",
                               t->count + 1);
        words[count].at = line;
        while (line < end && strchr(BLANKS, *line) == NULL)
            line++;
        words[count].len = (size_t)(line - words[count].at);
        count++;
    }
}

bool tokens_read(const char *text, struct tokens *t, char **why)
{
    t->count = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, ",\n");
        /* a comma in a comment ends no line */
        if (memchr(text, '#', len) != NULL)
            len = strcspn(text, "\n");
        if (!read_line(t, text, text + len, why))
            return false;
        text += len + (text[len] != '\0');
    }
    return t->count > 0 || sbuf_refuse(why, "there is no token");
}
