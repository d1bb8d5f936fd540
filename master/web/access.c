// SPDX-License-Identifier: MIT
/* access: see access.h. One mutex guards everything. Of sessions and of pairs of address and token
 * only hashes are kept: who reads this memory has no way in. */
#include "master/web/access.h"

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "master/web/throttle.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define LOGGER "katydid.web"
#define FILE_MAX 65536
#define LOOK_EVERY_S 1.0 /* whether the file has changed */

struct session {
    unsigned char hash[TOKENS_HASH], token[TOKENS_HASH]; /* token: which it was changed for */
    double made_at, used_at;                             /* made_at 0: none */
};

struct known {
    unsigned char hash[TOKENS_HASH]; /* of address and token */
    double until;
};

/* What tells one state of a file from another. */
struct stamp {
    dev_t device;
    ino_t file;
    off_t size;
    struct timespec changed;
};

#define ACCESS_TAG 0x61636365u /* "acce" */

struct access {
    uint32_t tag;
    pthread_mutex_t lock;
    char *path; /* NULL: the tokens are in no file */
    struct stamp stamp;
    double looked_at;
    struct tokens tokens;
    struct throttle *throttle;
    struct session sessions[ACCESS_SESSIONS_MAX];
    struct known known[ACCESS_KNOWN_MAX];
};

static double seconds(void)
{
    return (double)clk_mono_ns() * 1e-9;
}

/* -- the list -- */

static bool look_at(const char *path, struct stamp *stamp)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return false;
    *stamp = (struct stamp){s.st_dev, s.st_ino, s.st_size, s.st_mtim};
    return true;
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->file == b->file && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool read_file(const char *path, struct tokens *t, char **why)
{
    char text[FILE_MAX];
    FILE *f = fopen(path, "re");
    const size_t len = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    const int error = f == NULL || ferror(f) ? errno : 0;
    if (f != NULL)
        fclose(f);
    text[len] = '\0';
    char *wrong = NULL;
    bool is_read = error == 0 && strlen(text) == len && tokens_read(text, t, &wrong);
    explicit_bzero(text, sizeof text);
    if (is_read)
        return true;
    *why = error != 0      ? sbuf_words("cannot read %s: %s", path, strerror(error))
           : wrong != NULL ? sbuf_words("%s: %s", path, wrong)
                           : sbuf_words("%s is no text", path);
    free(wrong);
    return false;
}

/* Who changes the file may be in the middle of it: what cannot be read is tried again with the next
 * change, and a file that is away is the old one still. */
static void renew(struct access *a, double now)
{
    struct stamp stamp;
    char *why = NULL;
    if (a->path == NULL || now - a->looked_at < LOOK_EVERY_S)
        return;
    a->looked_at = now;
    if (!look_at(a->path, &stamp) || is_same(&stamp, &a->stamp))
        return;
    a->stamp = stamp;
    struct tokens *fresh = mem_zalloc(sizeof *fresh);
    if (read_file(a->path, fresh, &why)) {
        a->tokens = *fresh;
        log_info(LOGGER, "The tokens of the page were read again: %zu", fresh->count);
    } else {
        log_warning(LOGGER, "--web-token: %s; the tokens from before stay in force", why);
    }
    free(why);
    free(fresh);
}

/* -- lifetime -- */

static bool read_given(struct access *a, const char *given, char **why)
{
    if (given[0] != '@')
        return tokens_read(given, &a->tokens, why);
    a->path = mem_strdup(given + 1);
    look_at(a->path, &a->stamp);
    return read_file(a->path, &a->tokens, why);
}

struct access *access_new(const char *given, char **why)
{
    char *wrong = NULL;
    struct access *a = mem_zalloc(sizeof *a);
    HANDLE_MADE(a, ACCESS_TAG);
    pthread_mutex_init(&a->lock, NULL);
    a->throttle = throttle_new(seconds());
    if (read_given(a, given, &wrong))
        return a;
    *why = sbuf_words("--web-token: %s", wrong);
    free(wrong);
    access_free(a);
    return NULL;
}

void access_free(struct access *a)
{
    if (a == NULL)
        return;
    HANDLE_IS(a, ACCESS_TAG);
    throttle_free(a->throttle);
    pthread_mutex_destroy(&a->lock);
    free(a->path);
    HANDLE_ENDS(a);
    free(a);
}

/* -- tokens -- */

static struct access_who who_is(const struct token *t)
{
    struct access_who who = {.role = t->role};
    memcpy(who.name, t->name, sizeof who.name);
    return who;
}

static void hash_pair(const char *address, const unsigned char token[TOKENS_HASH],
                      unsigned char hash[TOKENS_HASH])
{
    struct sbuf pair = {0};
    sbuf_add(&pair, token, TOKENS_HASH);
    sbuf_adds(&pair, address);
    tokens_hash(pair.data, pair.len, hash);
    sbuf_fini(&pair);
}

static struct known *find_known(struct access *a, const unsigned char hash[TOKENS_HASH], double now)
{
    for (size_t i = 0; i < ACCESS_KNOWN_MAX; i++)
        if (a->known[i].until > now && memcmp(a->known[i].hash, hash, TOKENS_HASH) == 0)
            return &a->known[i];
    return NULL;
}

static void know(struct access *a, const unsigned char hash[TOKENS_HASH], double now)
{
    struct known *place = &a->known[0];
    for (size_t i = 1; i < ACCESS_KNOWN_MAX; i++)
        if (a->known[i].until < place->until)
            place = &a->known[i];
    memcpy(place->hash, hash, TOKENS_HASH);
    place->until = now + ACCESS_KNOWN_S;
}

/* With the lock held. */
static struct access_verdict try_token(struct access *a, const char *text, const char *address,
                                       unsigned char hash[TOKENS_HASH], double now)
{
    struct access_verdict v = {.by_header = false};
    unsigned char pair[TOKENS_HASH];
    tokens_hash(text, strlen(text), hash);
    hash_pair(address, hash, pair);
    const struct token *token = tokens_find(&a->tokens, hash);
    struct known *known = find_known(a, pair, now);
    if (known == NULL || token == NULL)
        v.wait_s = throttle_begin(a->throttle, address, now);
    if (v.wait_s > 0)
        return v;
    v.is_failed = token == NULL;
    if (token == NULL)
        return v;
    v.who = who_is(token);
    if (known != NULL) {
        known->until = now + ACCESS_KNOWN_S;
        return v;
    }
    throttle_succeeded(a->throttle, address);
    know(a, pair, now);
    return v;
}

/* -- sessions -- */

static bool is_over(const struct session *s, double now)
{
    return now - s->used_at > ACCESS_IDLE_S || now - s->made_at > ACCESS_LONGEST_S;
}

static struct session *find_session(struct access *a, const char *name)
{
    unsigned char hash[TOKENS_HASH];
    struct session *found = NULL;
    tokens_hash(name, strlen(name), hash);
    for (size_t i = 0; i < ACCESS_SESSIONS_MAX; i++)
        if (a->sessions[i].made_at > 0 && memcmp(a->sessions[i].hash, hash, TOKENS_HASH) == 0)
            found = &a->sessions[i];
    return found;
}

static void make_session(struct access *a, const unsigned char token[TOKENS_HASH], double now,
                         char name[2 * ACCESS_ID + 1])
{
    struct session *place = &a->sessions[0];
    secret_hex(name, 2 * (size_t)ACCESS_ID);
    for (size_t i = 1; i < ACCESS_SESSIONS_MAX; i++)
        if (a->sessions[i].used_at < place->used_at)
            place = &a->sessions[i];
    *place = (struct session){.made_at = now, .used_at = now};
    memcpy(place->token, token, TOKENS_HASH);
    tokens_hash(name, strlen(name), place->hash);
}

static struct access_who who_has(struct access *a, const char *name, double now)
{
    struct access_who who = {.role = ROLE_NONE};
    struct session *s = find_session(a, name);
    const struct token *token =
        s != NULL && !is_over(s, now) ? tokens_find(&a->tokens, s->token) : NULL;
    if (token != NULL) {
        s->used_at = now;
        who = who_is(token);
    } else if (s != NULL) {
        memset(s, 0, sizeof *s);
    }
    return who;
}

/* -- the door -- */

/* The token of "Bearer TOKEN"; NULL: it is another's header. */
static const char *bearer(const char *authorization)
{
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    authorization += 7;
    return authorization + strspn(authorization, " ");
}

struct access_verdict access_check(struct access *a, const struct access_shown *shown)
{
    HANDLE_IS(a, ACCESS_TAG);
    struct access_verdict v = {.by_header = false};
    unsigned char hash[TOKENS_HASH];
    const char *token = bearer(shown->authorization);
    const double now = seconds();
    pthread_mutex_lock(&a->lock);
    renew(a, now);
    if (shown->session != NULL)
        v.who = who_has(a, shown->session, now);
    if (v.who.role == ROLE_NONE && token != NULL) {
        v = try_token(a, token, shown->address, hash, now);
        v.by_header = v.who.role != ROLE_NONE;
    }
    pthread_mutex_unlock(&a->lock);
    return v;
}

struct access_verdict access_sign_in(struct access *a, const char *token, const char *address,
                                     char session[2 * ACCESS_ID + 1])
{
    HANDLE_IS(a, ACCESS_TAG);
    unsigned char hash[TOKENS_HASH];
    const double now = seconds();
    session[0] = '\0';
    pthread_mutex_lock(&a->lock);
    renew(a, now);
    struct access_verdict v = try_token(a, token, address, hash, now);
    if (v.who.role != ROLE_NONE)
        make_session(a, hash, now, session);
    pthread_mutex_unlock(&a->lock);
    return v;
}

void access_sign_out(struct access *a, const char *session)
{
    HANDLE_IS(a, ACCESS_TAG);
    pthread_mutex_lock(&a->lock);
    struct session *s = find_session(a, session);
    if (s != NULL)
        memset(s, 0, sizeof *s);
    pthread_mutex_unlock(&a->lock);
}
