// SPDX-License-Identifier: MIT
#pragma once
/* tokens: the list of --web-token: who may use the page, and what for. Pure; of a token only its
 * SHA-256 is kept.
 *
 * A line (or what stands between commas) is `TOKEN`, `ROLE TOKEN` or `ROLE NAME TOKEN`; `#` begins
 * a comment. Without a role it may run tests; without a name it is called as its role.
 */
#include <stdbool.h>
#include <stddef.h>

#define TOKENS_MAX 64
#define TOKENS_NAME_MAX 40
#define TOKENS_LEN_MIN 16
#define TOKENS_LEN_MAX 256
#define TOKENS_HASH 32

enum role {
    ROLE_NONE,
    ROLE_SEE, /* looks at everything, changes nothing */
    ROLE_RUN, /* starts, stops, changes */
};

struct token {
    enum role role;
    char name[TOKENS_NAME_MAX + 1];
    unsigned char hash[TOKENS_HASH];
};
struct tokens {
    size_t count;
    struct token list[TOKENS_MAX];
};

/* At least one; or false, and *why says what is wrong, without the token (malloced). */
bool tokens_read(const char *text, struct tokens *t, char **why);
/* NULL: there is none of that hash. Takes the same time wherever it stands. */
const struct token *tokens_find(const struct tokens *t, const unsigned char hash[TOKENS_HASH]);
void tokens_hash(const char *text, size_t len, unsigned char hash[TOKENS_HASH]);
const char *role_word(enum role role); /* "see", "run"; "" of none */
