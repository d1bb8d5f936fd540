// SPDX-License-Identifier: MIT
#pragma once
/* access: who asks, by --web-token: a token in the header Authorization, or the session that a
 * token was changed for, in a cookie. Thread-safe.
 *
 * A token that is wrong is an attempt (throttle.h). One that was right from an address a short
 * while ago is none there: who guesses from the address of others slows down no one but himself.
 * Sessions are in memory, ACCESS_SESSIONS_MAX of them; each ends with its token, after
 * ACCESS_IDLE_S without a request, and after ACCESS_LONGEST_S. The file of tokens is read again
 * once it has changed; one that cannot be read changes nothing, and is told of.
 */
#include "master/web/tokens.h"

struct access;

#define ACCESS_SESSIONS_MAX 512
#define ACCESS_IDLE_S 43200.0
#define ACCESS_LONGEST_S 604800.0
#define ACCESS_KNOWN_MAX 256
#define ACCESS_KNOWN_S 900.0
#define ACCESS_ID 32 /* bytes of a session's name, which is twice as many hex digits */

struct access_who {
    enum role role; /* ROLE_NONE: nobody that is known */
    char name[TOKENS_NAME_MAX + 1];
};

/* What a request brings with it; NULL none. */
struct access_shown {
    const char *authorization, *session, *address;
};

struct access_verdict {
    struct access_who who;
    int wait_s;     /* > 0: an attempt that came too early; heard again after that */
    bool is_failed; /* it was an attempt, and failed */
    bool by_header; /* `authorization` is ours: nobody else needs to see it */
};

/* given: as --web-token has it: a list (tokens.h), or @ and the name of a file. NULL, and *why
 * (malloced) has cause and mend. */
struct access *access_new(const char *given, char **why);
void access_free(struct access *a);
struct access_verdict access_check(struct access *a, const struct access_shown *shown);
/* Changes a token for a session, whose name is written when there is one. */
struct access_verdict access_sign_in(struct access *a, const char *token, const char *address,
                                     char session[2 * ACCESS_ID + 1]);
void access_sign_out(struct access *a, const char *session);
