// SPDX-License-Identifier: MIT
#pragma once
/* junit_suite: a suite of JUnit and its cases as XML. Only elements and attributes that the readers
 * of Jenkins, GitLab and GitHub agree on. */
#include "common/base/sbuf.h"

enum junit_kind { JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR, JUNIT_SKIPPED, JUNIT_KINDS };

struct junit_case {
    const char *name;
    double seconds;
    enum junit_kind kind;
    const char *type;    /* of a failure or an error */
    const char *message; /* of all but what passed */
    const char *text;    /* lines below the message; NULL: none */
};

struct junit_suite {
    const char *name; /* its cases are of the class katydid.NAME */
    struct sbuf cases;
    size_t tests, of[JUNIT_KINDS];
};

void junit_add_case(struct junit_suite *s, const struct junit_case *c);
void junit_suite_fini(struct junit_suite *s);

/* key="value" with a space before it; what XML 1.0 may not hold becomes a question mark. */
void junit_add_attribute(struct sbuf *out, const char *key, const char *value);
/* Text between tags as it stands, its lines too. */
void junit_add_cdata(struct sbuf *out, const char *text);
