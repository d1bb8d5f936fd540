// SPDX-License-Identifier: MIT
#pragma once
/* intake: what people and scripts ask for, checked field by field, as a struct command.
 *
 * Two dialects, one set of rules: the page's JSON and the form fields of Locust's /swarm.
 * Pure; bounded by the caller's limit on the body.
 */
#include "master/web/bridge.h"
#include "master/web/form.h"

#define INTAKE_BODY_MAX 16384
#define INTAKE_USERS_MAX 10000000.0
#define INTAKE_HOST_MAX 2048
#define INTAKE_MARKER_MAX 400 /* bytes of its text */

struct intake_error {
    char field[32]; /* the page's name of the field, "" when the whole body is wrong */
    char text[256]; /* cause and mend */
};

enum intake_action { INTAKE_START, INTAKE_EDIT, INTAKE_STOP, INTAKE_RESET, INTAKE_MARKER };
#define INTAKE_ASK_MAX 65536 /* bytes of the body of try */

/* true and *c (owned by the caller, command_fini); or false and *e. A start without users or
 * spawn_rate is refused unless the view says that a shape decides about them. */
bool intake_json(enum intake_action action, const char *body, size_t len, bool has_shape,
                 struct command *c, struct intake_error *e);
/* Everything that is wrong with a start, in the order of the body: how many errors (at most max)
 * there are. *c (command_fini) has what is right; users and rate that are wrong or missing count as
 * 1, so that the master may look at the rest. A body that is no object is one error of field "". */
size_t intake_check(const char *body, size_t len, bool has_shape, struct command *c,
                    struct intake_error *errors, size_t max);
/* What the questions to the host may say: texts and an object of options. */
enum intake_question { INTAKE_TRY, INTAKE_RELOAD, INTAKE_PING };
bool intake_ask(enum intake_question question, const char *body, size_t len,
                struct intake_error *e);
bool intake_form(const struct form *f, bool has_shape, struct command *c, struct intake_error *e);

/* A text of the live socket: what a viewer may say there. */
struct intake_live {
    enum { LIVE_ACK, LIVE_PAUSE, LIVE_RESUME, LIVE_SUB } kind;
    unsigned long long tick; /* of LIVE_ACK */
    uint64_t columns;        /* of LIVE_SUB; not 0 */
};
#define INTAKE_LIVE_MAX 4096
bool intake_live(const char *text, size_t len, struct intake_live *m);
