// SPDX-License-Identifier: MIT
/* note: see note.h. */
#include "master/web/note.h"

#include "master/web/audit.h"
#include "master/web/door.h"
#include "master/web/request.h"

#include <stdlib.h>
#include <string.h>

static const char *action_of(const struct request *r, const struct route *route)
{
    static const struct {
        const char *path, *action;
    } actions[] = {
        {"/login", "sign in"}, {"/swarm", "start"},       {"/user", "class settings"},
        {"/stop", "stop"},     {"/stats/reset", "reset"},
    };
    if (r->path == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].path, r->path) == 0)
            return actions[i].action;
    if (strcmp(r->path, SESSION_PATH) == 0)
        return "sign out";
    if (r->piece[0] != '\0' && strcmp(r->method, "DELETE") == 0)
        return "delete run";
    return route != NULL ? strrchr(r->path, '/') + 1 : NULL;
}

/* What only looks at a form. */
static bool is_question(const struct request *r)
{
    return r->path != NULL &&
           (strcmp(r->path, "/api/v1/check") == 0 || strcmp(r->path, "/api/v1/thresholds") == 0);
}

/* Where a login or a token is asked for, who has shown none. */
static bool is_stranger(const struct request *r)
{
    return r->has_login && !door_asks(r->door) && r->login[0] == '\0';
}

/* A stranger's requests are told of when he tried a token: they are as slow as attempts are; and
 * when the locustfile answered them itself: one of them may be its login. What the host carried out
 * by a request of its own is told of as that. */
static bool is_worth_a_note(const struct request *r, const struct route *route, int status)
{
    if (status == 429 || is_question(r))
        return false;
    if (r->is_failed)
        return true;
    if (r->who.role == ROLE_NONE || !r->may_change || (is_stranger(r) && !r->is_forwarded))
        return false;
    return !r->is_forwarded || route == NULL || status == 401 || status == 403;
}

void note_request(struct audit *audit, const struct request *r, const struct route *route,
                  int status)
{
    struct sbuf path = {0};
    if (audit == NULL || !is_worth_a_note(r, route, status))
        return;
    const bool has_token = door_asks(r->door);
    const char *action = r->is_failed ? "wrong token" : action_of(r, route);
    if (action == NULL || r->is_failed)
        sbuf_addf(&path, "%s %s", r->method, r->full_path);
    char *detail = audit_detail(r->said.data, r->said.len);
    audit_note(audit, &(struct audit_entry){.name = has_token ? r->who.name : r->login,
                                            .role = has_token ? role_word(r->who.role) : "",
                                            .login = has_token ? r->login : "",
                                            .address = r->client,
                                            .action = action != NULL ? action : "request",
                                            .object = path.len > 0 ? path.data : r->piece,
                                            .detail = detail,
                                            .status = status,
                                            .is_stranger = is_stranger(r)});
    free(detail);
    sbuf_fini(&path);
}
