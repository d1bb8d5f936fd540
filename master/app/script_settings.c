// SPDX-License-Identifier: MIT
/* script_settings: what listeners of `init` and `test_start` set of the test itself counts as if
 * it had been given on the command line: the host tells it with its script, and again when it
 * changed.
 *
 * m->live is the command line's options with these laid over; its texts are the script's. How
 * many users, how fast and how long is decided before the first run: from then on people decide
 * it. */
#include "common/base/mem.h"
#include "master/app/core.h"

#include <math.h>
#include <stdlib.h>

static double given(double value, double otherwise)
{
    return isnan(value) ? otherwise : value;
}

static int small(double value, int otherwise)
{
    return value >= -1e6 && value <= 1e6 ? (int)value : otherwise;
}

static void take_load(struct master *m, const struct script_settings *s)
{
    struct options *o = &m->live;
    m->machine.load.users = o->users = given(s->users, -1);
    /* 0 of a run that begins by itself is refused then; on the page people are asked */
    bool has_rate = s->spawn_rate > 0 || (m->is_auto && s->spawn_rate >= 0);
    m->machine.load.spawn_rate = o->spawn_rate = has_rate ? s->spawn_rate : -1;
    o->run_time_s = s->run_time_s > 0 ? s->run_time_s : 0;
    m->machine.load.run_time_s = m->nodes.host.script.has_shape ? 0 : o->run_time_s;
    o->csv_prefix = s->csv_prefix;
}

void settings_take(struct master *m)
{
    const struct script_settings *s = &m->nodes.host.script.settings;
    struct options *o = &m->live;
    gates_follow(m);
    if (!s->is_given)
        return;
    if (m->machine.run.number == 0 && !m->machine.is_auto_begun)
        take_load(m, s);
    o->stop_timeout_s = s->stop_timeout_s > 0 ? s->stop_timeout_s : 0;
    o->expect_workers = small(s->expect_workers, o->expect_workers);
    o->expect_workers_max_wait_s = given(s->expect_workers_max_wait_s, 0);
    o->autoquit_s = given(s->autoquit_s, -1);
    o->exit_code_on_error = small(s->exit_code_on_error, o->exit_code_on_error);
    o->reset_stats = s->reset_stats;
    o->json = s->json;
    o->only_summary = s->only_summary;
    o->print_stats = s->print_stats;
    o->html_file = s->html_file;
    o->json_file = s->json_file;
    o->host = s->host;
    free(m->machine.load.host);
    m->machine.load.host = s->host && s->host[0] ? mem_strdup(s->host) : NULL;
}
