// SPDX-License-Identifier: MIT
#pragma once
/* audit: who started, stopped and changed what: a line of JSON each in the file of --audit-log, and
 * a line of the log. Any thread; nobody waits for a disk.
 *
 * A line has at (UTC), name and role of the token (or the name of a login of the locustfile's, or
 * what did it: "command line", "terminal"), with both the login's name as well, the address,
 * action, status (of HTTP; 0: nobody was asked) and detail. No secret gets there: of what was sent
 * only known fields are taken, of options their names, of a host's URL no password.
 */
#include <stdbool.h>
#include <stddef.h>

struct audit;
struct audit_entry {
    const char *name, *role, *address; /* "" none */
    const char *login;                 /* "" none, or it is `name` */
    const char *action;                /* "start" */
    const char *object;                /* which run or path it was about; "" none */
    const char *detail;                /* of audit_detail; NULL none */
    int status;
    bool is_stranger; /* of these one a second is told, whoever they are */
};

/* path NULL: the log only. is_loud: at INFO, else at DEBUG. NULL, and *why (malloced): the file
 * cannot be written. */
struct audit *audit_open(const char *path, bool is_loud, char **why);
/* After all that was noted is written, or a moment. NULL is fine. */
void audit_close(struct audit *a);
void audit_note(struct audit *a, const struct audit_entry *e);
/* What a body says, JSON or a form, as an object of JSON; malloced. NULL: nothing worth a word. */
char *audit_detail(const char *body, size_t len);
