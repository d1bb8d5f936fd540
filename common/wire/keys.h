// SPDX-License-Identifier: MIT
#pragma once
/* keys: who may join a cluster (docs/security.md), and the two texts that say it.
 *
 * A cluster has two pairs of Curve25519 keys: the master's, by which workers know it, and one that
 * all of its workers share, by which the master knows them. The master's text has both secrets, the
 * workers' the master's public key and their own secret. Each is a prefix and 88 letters, digits,
 * '-' and '_', the last of which find typing errors.
 */
#include <stdbool.h>

#define KEYS_BYTES 32
#define KEYS_TEXT_MAX 112 /* of a text, with its NUL */

struct keys {
    unsigned char master_public[KEYS_BYTES], master_secret[KEYS_BYTES]; /* no secret at a worker */
    unsigned char worker_public[KEYS_BYTES], worker_secret[KEYS_BYTES];
};

/* Where a worker finds its master. */
struct keys_join {
    char host[256]; /* without brackets; "" where the text does not say it */
    int port;       /* 0: likewise */
    char key[KEYS_TEXT_MAX];
};

bool keys_make(struct keys *k); /* new ones; false: this machine has no random numbers */
void keys_master_text(const struct keys *k, char text[KEYS_TEXT_MAX]);
void keys_worker_text(const struct keys *k, char text[KEYS_TEXT_MAX]);

/* Whether it is, or would be, such a text, and not the name of a file. */
bool keys_is_text(const char *text);

/* false with a sentence in *why (malloced), which has no key in it. */
bool keys_read_master(const char *text, struct keys *k, char **why);
bool keys_read_worker(const char *text, struct keys *k, char **why);
/* "tcp://HOST:PORT#KEY", "HOST:PORT#KEY", "HOST#KEY", "#KEY" or "KEY". */
bool keys_read_join(const char *text, struct keys_join *join, char **why);

/* The first line of a file's text that is neither empty nor a comment; malloced, NULL: none. */
char *keys_line(const char *text);
