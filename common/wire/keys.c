// SPDX-License-Identifier: MIT
/* A text is PREFIX and base64url of 66 bytes: two keys, and the first two bytes of the SHA-256 of
 * the prefix and them. 66 is a multiple of 3, so nothing has to be filled up. */
#include "common/wire/keys.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define MASTER "katydid-master-"
#define WORKER "katydid-join-"
#define CHECK_BYTES 2
#define TEXT_BYTES (2 * KEYS_BYTES + CHECK_BYTES)
#define TEXT_LETTERS (TEXT_BYTES / 3 * 4)

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool add_public(const unsigned char *secret, unsigned char *to)
{
    size_t len = KEYS_BYTES;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, KEYS_BYTES);
    const bool is_made = pair && EVP_PKEY_get_raw_public_key(pair, to, &len) == 1;
    EVP_PKEY_free(pair);
    return is_made && len == KEYS_BYTES;
}

bool keys_make(struct keys *k)
{
    return RAND_bytes(k->master_secret, KEYS_BYTES) == 1 &&
           RAND_bytes(k->worker_secret, KEYS_BYTES) == 1 &&
           add_public(k->master_secret, k->master_public) &&
           add_public(k->worker_secret, k->worker_public);
}

static void add_check(const char *prefix, unsigned char bytes[TEXT_BYTES])
{
    unsigned char text[32 + 2 * KEYS_BYTES], hash[SHA256_DIGEST_LENGTH];
    const size_t len = strlen(prefix);
    memcpy(text, prefix, len);
    memcpy(text + len, bytes, 2 * KEYS_BYTES);
    SHA256(text, len + 2 * KEYS_BYTES, hash);
    memcpy(bytes + 2 * KEYS_BYTES, hash, CHECK_BYTES);
    OPENSSL_cleanse(text, sizeof text);
}

static void write_text(const char *prefix, const unsigned char *a, const unsigned char *b,
                       char text[KEYS_TEXT_MAX])
{
    unsigned char bytes[TEXT_BYTES];
    memcpy(bytes, a, KEYS_BYTES);
    memcpy(bytes + KEYS_BYTES, b, KEYS_BYTES);
    add_check(prefix, bytes);
    char *at = stpcpy(text, prefix);
    for (size_t i = 0; i < TEXT_BYTES; i += 3) {
        const unsigned n = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *at++ = letters[n >> shift & 63];
    }
    *at = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
}

void keys_master_text(const struct keys *k, char text[KEYS_TEXT_MAX])
{
    write_text(MASTER, k->master_secret, k->worker_secret, text);
}

void keys_worker_text(const struct keys *k, char text[KEYS_TEXT_MAX])
{
    write_text(WORKER, k->master_public, k->worker_secret, text);
}

bool keys_is_text(const char *text)
{
    return strncmp(text, MASTER, strlen(MASTER)) == 0 ||
           strncmp(text, WORKER, strlen(WORKER)) == 0 || strchr(text, '#') != NULL;
}

static bool from_letters(const char *text, unsigned char bytes[TEXT_BYTES], char **why)
{
    const size_t len = strlen(text);
    if (len != TEXT_LETTERS)
        return sbuf_refuse(why,
                           "the key has %zu letters behind its prefix and not %d; copy the whole "
                           "of it",
                           len, TEXT_LETTERS);
    for (size_t i = 0; i < TEXT_LETTERS; i += 4) {
        unsigned n = 0;
        for (size_t k = i; k < i + 4; k++) {
            const char *at = strchr(letters, text[k]);
            if (!at)
                return sbuf_refuse(why,
                                   "letter %zu of the key is none of A-Z, a-z, 0-9, '-' and '_'; "
                                   "copy it again",
                                   k + 1);
            n = n << 6 | (unsigned)(at - letters);
        }
        for (size_t k = 0; k < 3; k++)
            bytes[i / 4 * 3 + k] = (unsigned char)(n >> (16 - 8 * k));
    }
    return true;
}

static bool read_text(const char *prefix, const char *text, unsigned char bytes[TEXT_BYTES],
                      char **why)
{
    unsigned char again[TEXT_BYTES];
    if (!from_letters(text + strlen(prefix), bytes, why))
        return false;
    memcpy(again, bytes, TEXT_BYTES);
    add_check(prefix, again);
    if (memcmp(again, bytes, TEXT_BYTES) == 0)
        return true;
    return sbuf_refuse(why, "the key has a typing error; copy it again");
}

bool keys_read_master(const char *text, struct keys *k, char **why)
{
    unsigned char bytes[TEXT_BYTES];
    if (strncmp(text, WORKER, strlen(WORKER)) == 0 || strstr(text, "#" WORKER))
        return sbuf_refuse(why, "that is the line of the workers, for --join; the master needs the "
                                "file that katydid keys new wrote");
    if (strncmp(text, MASTER, strlen(MASTER)) != 0)
        return sbuf_refuse(why, "there is no line that begins with " MASTER
                                "; make a file of keys with: katydid keys new FILE");
    if (!read_text(MASTER, text, bytes, why))
        return false;
    memcpy(k->master_secret, bytes, KEYS_BYTES);
    memcpy(k->worker_secret, bytes + KEYS_BYTES, KEYS_BYTES);
    return (add_public(k->master_secret, k->master_public) &&
            add_public(k->worker_secret, k->worker_public)) ||
           sbuf_refuse(why, "the key cannot be used; make another one with: katydid keys new FILE");
}

bool keys_read_worker(const char *text, struct keys *k, char **why)
{
    unsigned char bytes[TEXT_BYTES];
    memset(k, 0, sizeof *k);
    if (strncmp(text, MASTER, strlen(MASTER)) == 0)
        return sbuf_refuse(why, "that is the master's own key, which no worker needs; get the line "
                                "for workers with: katydid keys join FILE");
    if (strncmp(text, WORKER, strlen(WORKER)) != 0)
        return sbuf_refuse(why, "a key for workers begins with " WORKER
                                "; get the line for workers with: katydid keys join FILE");
    if (!read_text(WORKER, text, bytes, why))
        return false;
    memcpy(k->master_public, bytes, KEYS_BYTES);
    memcpy(k->worker_secret, bytes + KEYS_BYTES, KEYS_BYTES);
    return add_public(k->worker_secret, k->worker_public) ||
           sbuf_refuse(why, "the key cannot be used; make another one with: katydid keys new FILE");
}

/* "HOST:PORT", "[V6]:PORT", "HOST". */
static bool read_where(const char *text, size_t len, struct keys_join *join, char **why)
{
    const char *colon = memrchr(text, ':', len);
    const bool is_bare_v6 = colon && text[0] != '[' && memchr(text, ':', (size_t)(colon - text));
    if (is_bare_v6 || (colon && memchr(colon, ']', len - (size_t)(colon - text))))
        colon = NULL;
    size_t host_len = colon ? (size_t)(colon - text) : len;
    if (colon) {
        char *end;
        const long port = strtol(colon + 1, &end, 10);
        if (colon[1] < '0' || colon[1] > '9' || end != text + len || port < 1 || port > 65535)
            return sbuf_refuse(why,
                               "'%.*s' is no port; write tcp://HOST:PORT#KEY with a port from "
                               "1 to 65535",
                               (int)(text + len - colon - 1), colon + 1);
        join->port = (int)port;
    }
    if (host_len >= 2 && text[0] == '[' && text[host_len - 1] == ']') {
        text++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len >= sizeof join->host || memchr(text, '/', host_len) ||
        memchr(text, ' ', host_len))
        return sbuf_refuse(why, "before the '#' there is no address; write tcp://HOST:PORT#KEY");
    memcpy(join->host, text, host_len);
    join->host[host_len] = '\0';
    return true;
}

bool keys_read_join(const char *text, struct keys_join *join, char **why)
{
    memset(join, 0, sizeof *join);
    const char *hash = strchr(text, '#'), *key = hash ? hash + 1 : text;
    struct keys k;
    if (hash && hash != text) {
        if (strncmp(text, "tcp://", 6) == 0)
            text += 6;
        if (!read_where(text, (size_t)(hash - text), join, why))
            return false;
    }
    const bool is_good = keys_read_worker(key, &k, why);
    OPENSSL_cleanse(&k, sizeof k);
    if (is_good)
        memcpy(join->key, key, strlen(key) + 1);
    return is_good;
}

char *keys_line(const char *text)
{
    while (*text) {
        text += strspn(text, " \t\r\n");
        const size_t len = strcspn(text, "\r\n");
        size_t used = len;
        while (used > 0 && (text[used - 1] == ' ' || text[used - 1] == '\t'))
            used--;
        if (used > 0 && text[0] != '#')
            return mem_dup(text, used);
        if (used > 1 && text[0] == '#' && strncmp(text + 1, WORKER, strlen(WORKER)) == 0)
            return mem_dup(text, used);
        text += len;
    }
    return NULL;
}
