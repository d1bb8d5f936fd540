// SPDX-License-Identifier: MIT
#include "common/plan/weights.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/plan/stripe.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FADES 0.9 /* of what was measured, each second */
#define LEAST_SECONDS 10
#define LEAST_BUSY 0.05 /* of a processor: who does less tells nothing of what it could do */
#define LEAST_CHANGE 0.2

/* ---- as given ------------------------------------------------------------------------------- */

static bool add_rule(struct weights *w, char *text)
{
    char *weight = strrchr(text, '='), *end = NULL;
    if (!weight || weight == text)
        return false;
    *weight++ = '\0';
    const unsigned long n = strspn(weight, "0123456789") ? strtoul(weight, &end, 10) : 0;
    if (!end || *end || n < 1 || n > STRIPE_MOST_WEIGHT)
        return false;
    w->rules = mem_realloc(w->rules, (w->count + 1) * sizeof *w->rules);
    w->rules[w->count++] = (struct weights_rule){mem_strdup(text), (unsigned)n};
    return true;
}

bool weights_read(struct weights *w, const char *text, char **why)
{
    *w = (struct weights){.count = 0};
    *why = NULL;
    if (!text)
        return true;
    w->is_auto = !strcmp(text, "auto");
    char *rest = NULL, *copy = mem_strdup(w->is_auto ? "" : text);
    bool is_good = true;
    for (char *rule = strtok_r(copy, ",", &rest); rule && is_good;
         rule = strtok_r(NULL, ",", &rest))
        is_good = add_rule(w, rule);
    free(copy);
    if (is_good && (w->is_auto || w->count))
        return true;
    weights_fini(w);
    return sbuf_refuse(
        why,
        "'%.200s' are no weights: write auto, or weights from 1 to %d by the names of "
        "workers or hosts, or by index, such as big-*=4,small-*=1 or 0=3",
        text, STRIPE_MOST_WEIGHT);
}

void weights_fini(struct weights *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->rules[i].name);
    free(w->rules);
    *w = (struct weights){.count = 0};
}

unsigned weights_of(const struct weights *w, const char *id, unsigned index)
{
    const char *end = strrchr(id, '_');
    char number[16], host[256];
    snprintf(number, sizeof number, "%u", index);
    snprintf(host, sizeof host, "%.*s", end ? (int)(end - id) : (int)strlen(id), id);
    for (size_t i = 0; i < w->count; i++) {
        const char *name = w->rules[i].name;
        if (!strcmp(name, number) || !fnmatch(name, id, 0) || !fnmatch(name, host, 0))
            return w->rules[i].weight;
    }
    return w->is_auto ? WEIGHTS_MEAN : 1;
}

/* ---- as measured ---------------------------------------------------------------------------- */

void weighed_second(struct weighed *w, double busy, double done)
{
    w->busy = w->busy * FADES + busy;
    w->done = w->done * FADES + done;
    w->seconds++;
}

double weighed_capacity(const struct weighed *w, double processor)
{
    const double seconds = (1 - pow(FADES, w->seconds)) / (1 - FADES);
    if (w->seconds < LEAST_SECONDS || w->done <= 0 || w->busy < LEAST_BUSY * seconds)
        return 0;
    return w->done / w->busy * processor;
}

static unsigned nearest_weight(double fair)
{
    return (unsigned)fmin(fmax(round(fair), 1), STRIPE_MOST_WEIGHT);
}

bool weighed_weigh(const double *capacities, unsigned *weights, size_t count)
{
    double sum = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        if (capacities[i] <= 0)
            return false;
        sum += capacities[i];
    }
    for (size_t i = 0; i < count; i++) {
        const double fair = WEIGHTS_MEAN * capacities[i] * (double)count / sum;
        if (nearest_weight(fair) != weights[i]) /* else it stays, however far from fair */
            most = fmax(most, fabs(fair / weights[i] - 1));
    }
    if (most < LEAST_CHANGE)
        return false;
    for (size_t i = 0; i < count; i++) {
        const double fair = WEIGHTS_MEAN * capacities[i] * (double)count / sum;
        weights[i] = nearest_weight(fair);
    }
    return true;
}
