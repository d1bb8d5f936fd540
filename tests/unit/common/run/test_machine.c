// SPDX-License-Identifier: MIT
/* Every event in every state: what the machine asks for, and where it goes. What is not in the
 * table must do nothing at all. */
#include "tests/unit/machine_states.h"

/* ---- events ---- */

enum who { NOBODY, OURS, STOCK };

/* Those of machine.h, with the values that make a difference. */
static const struct happening {
    const char *name;
    enum who who;
    double after_s; /* the state was reached */
    struct machine_event e;
} happenings[] = {
    {"start", NOBODY, 0, {.kind = ON_START}},
    {"shape", NOBODY, 0, {.kind = ON_SHAPE}},
    {"aim", NOBODY, 0, {.kind = ON_AIM}},
    {"limit", NOBODY, 0, {.kind = ON_LIMIT}},
    {"stop", NOBODY, 0, {.kind = ON_STOP}},
    {"end", NOBODY, 0, {.kind = ON_END}},
    {"quit", NOBODY, 0, {.kind = ON_QUIT}},
    {"SIGINT", NOBODY, 0, {.kind = ON_SIGNAL, .number = SIGINT, .has_script = true}},
    {"SIGHUP", NOBODY, 0, {.kind = ON_SIGNAL, .number = SIGHUP, .has_script = true}},
    {"SIGINT too early", NOBODY, 0, {.kind = ON_SIGNAL, .number = SIGINT}},
    {"dealt", NOBODY, 0, {.kind = ON_DEALT, .users = 2}},
    {"dealt to the end", NOBODY, 0, {.kind = ON_DEALT, .users = 3, .is_last = true}},
    {"heard test_start", NOBODY, 0, {.kind = ON_HEARD, .listened = HEAR_TEST_START}},
    {"heard spawning_complete", NOBODY, 0, {.kind = ON_HEARD, .listened = HEAR_SPAWNING_COMPLETE}},
    {"heard test_stopping", NOBODY, 0, {.kind = ON_HEARD, .listened = HEAR_TEST_STOPPING}},
    {"heard test_stop", NOBODY, 0, {.kind = ON_HEARD, .listened = HEAR_TEST_STOP}},
    {"heard quitting", NOBODY, 0, {.kind = ON_HEARD, .listened = HEAR_QUITTING}},
    {"heard quit", NOBODY, 0, {.kind = ON_HEARD, .listened = HEAR_QUIT}},
    {"time", NOBODY, 0, {.kind = ON_TIME}},
    {"time, later", NOBODY, 20, {.kind = ON_TIME}},
    {"second", NOBODY, 0, {.kind = ON_SECOND, .children = 1}},
    {"second, a minute later", NOBODY, 61, {.kind = ON_SECOND, .children = 1}},
    {"second, behind", NOBODY, 61, {.kind = ON_SECOND, .children = 1, .is_behind = true}},
    {"second, far behind", NOBODY, 700, {.kind = ON_SECOND, .children = 1, .is_behind = true}},
    {"no children", NOBODY, 0, {.kind = ON_CHILDREN}},
    {"children", NOBODY, 0, {.kind = ON_CHILDREN, .children = 2}},
    {"children, slow", NOBODY, 5, {.kind = ON_CHILDREN, .children = 2}},
    {"children, stuck", NOBODY, 7, {.kind = ON_CHILDREN, .children = 2}},
    {"host says", NOBODY, 0, {.kind = ON_HOST_SAYS, .has_number = true, .number = 5}},
    {"host exits", NOBODY, 0, {.kind = ON_HOST_EXIT, .number = 6}},
    {"host ended", NOBODY, 0, {.kind = ON_HOST_ENDED, .number = 6, .has_script = true}},
    {"host was killed", NOBODY, 0, {.kind = ON_HOST_ENDED, .signal = 9, .has_script = true}},
    {"host ended, loading", NOBODY, 0, {.kind = ON_HOST_ENDED, .number = 6, .is_loading = true}},
    {"open", NOBODY, 0, {.kind = ON_OPEN}},
    {"two expected", NOBODY, 0, {.kind = ON_EXPECT, .expected = 2, .has_script = true}},
    {"three expected", NOBODY, 0, {.kind = ON_EXPECT, .expected = 3, .has_script = true}},
    {"three expected, late", NOBODY, 11, {.kind = ON_EXPECT, .expected = 3, .has_script = true}},
    {"none expected", NOBODY, 0, {.kind = ON_EXPECT, .has_script = true}},
    {"leave", NOBODY, 0, {.kind = ON_LEAVE, .number = 7}},
    {"fault", NOBODY, 0, {.kind = ON_FAULT, .number = 8}},
    {"judged", NOBODY, 0, {.kind = ON_JUDGED, .number = 1}},
    {"written", NOBODY, 0, {.kind = ON_WRITTEN}},
    {"ours came", OURS, 0, {.kind = ON_WORKER_CAME}},
    {"ours came, was missing", OURS, 0, {.kind = ON_WORKER_CAME, .was_missing = true}},
    {"ours came, was running", OURS, 0, {.kind = ON_WORKER_CAME, .was_running = true}},
    {"stock came", STOCK, 0, {.kind = ON_WORKER_CAME}},
    {"ours back, ready", OURS, 0, {.kind = ON_WORKER_BACK, .beat = BEAT_READY}},
    {"ours back, running", OURS, 0, {.kind = ON_WORKER_BACK, .beat = BEAT_RUNNING}},
    {"ours beats, ready", OURS, 4, {.kind = ON_WORKER_BEAT, .beat = BEAT_READY}},
    {"ours beats, spawning", OURS, 0, {.kind = ON_WORKER_BEAT, .beat = BEAT_SPAWNING}},
    {"ours beats, running", OURS, 0, {.kind = ON_WORKER_BEAT, .beat = BEAT_RUNNING}},
    {"stock beats, running", STOCK, 0, {.kind = ON_WORKER_BEAT, .beat = BEAT_RUNNING}},
    {"ours beats oddly", OURS, 0, {.kind = ON_WORKER_BEAT, .beat = BEAT_OTHER}},
    {"ours spawns", OURS, 0, {.kind = ON_WORKER_SPAWNS}},
    {"ours has users", OURS, 0, {.kind = ON_WORKER_USERS, .is_running = true}},
    {"ours is busy", OURS, 0, {.kind = ON_WORKER_BUSY}},
    {"ours stopped", OURS, 0, {.kind = ON_WORKER_STOPPED}},
    {"stock stopped", STOCK, 0, {.kind = ON_WORKER_STOPPED}},
    {"stock reports", STOCK, 0, {.kind = ON_WORKER_REPORT}},
    {"ours quits", OURS, 0, {.kind = ON_WORKER_QUIT}},
    {"ours is missing", OURS, 0, {.kind = ON_WORKER_LOST}},
    {"ours ended", OURS, 0, {.kind = ON_WORKER_LOST, .has_ended = true}},
};

static const char *happens(struct bench *b, const struct happening *h)
{
    struct machine_event e = h->e;
    e.worker = h->who == OURS ? b->a : h->who == STOCK ? b->b : NULL;
    e.run = b->m.run.number;
    e.classes = classes;
    e.class_count = 1;
    b->m.rules.is_auto = h->e.kind == ON_EXPECT;
    b->m.rules.max_wait_s = 10;
    b->now += h->after_s;
    return on(b, e);
}

/* All that does something: the event, the states in which it does it, and what. */
static const struct effect {
    const char *event, *states, *actions;
} effects[] = {
    {"start", "READY STOPPED OVER",
     "\"aim\" clear note:start state publish fire:test_start -> spawning"},
    {"aim", "UNHEARD RAMP SETTLING", "\"aim\" note:\"aim\" state publish"},
    {"aim", "RUNNING ENDING", "\"aim\" note:\"aim\" state publish -> spawning"},
    {"stop", "UNHEARD RAMP SETTLING RUNNING ENDING",
     "state publish fire:test_stopping -> stopping"},
    {"end", "UNHEARD RAMP SETTLING RUNNING",
     "\"end\" state publish fire:test_stopping -> stopping"},
    {"quit", "READY OVER", "\"teardown\" fire:quitting => event"},
    {"quit", "UNHEARD RAMP SETTLING RUNNING",
     "state publish fire:test_stopping -> stopping => stop"},
    {"quit", "UNTOLD STOPPING STOPPED", "=> stop"},
    {"SIGINT", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"signal\" \"teardown\" fire:quitting => early event"},
    {"SIGINT", "ENDING JUDGING WRITING CHILDREN", "signal:9 leave:130 => done"},
    {"SIGINT", "END_STOP END_EVENT LAST", "\"signal\""},
    {"SIGHUP", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"signal\" \"teardown\" fire:quitting => early event"},
    {"SIGINT too early",
     "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER END_STOP END_EVENT "
     "LAST",
     "\"signal\" signal:15 leave:130 => done"},
    {"SIGINT too early", "ENDING JUDGING WRITING CHILDREN", "signal:9 leave:130 => done"},
    {"heard test_stopping", "UNTOLD", "\"stopping\" stop:a stop:b"},
    {"heard test_stopping", "END_STOP", "\"stopping\" stop:a quit:b"},
    {"heard test_stop", "STOPPED", "over"},
    {"heard quitting", "ENDING", "state publish fire:test_stopping -> stopping => stop"},
    {"heard quitting", "END_EVENT", "judge => output"},
    {"heard quit", "LAST", "\"quitting\" release => children"},
    {"time", "RAMP", "deal \"step\""},
    {"time, later", "RAMP", "deal \"step\""},
    {"time, later", "SETTLING",
     "fire:spawning_complete tell-spawned \"unsettled\" state publish -> running"},
    {"second, a minute later", "UNTOLD", "\"slow listener\" \"stopping\" stop:a stop:b"},
    {"second, a minute later", "STOPPING",
     "\"stop timeout\" miss:a miss:b close note:stopped state publish fire:test_stop -> stopped"},
    {"second, a minute later", "END_STOP", "\"slow listener\" \"stopping\" stop:a quit:b"},
    {"second, a minute later", "CHILDREN", "signal:9"},
    {"second, behind", "UNTOLD", "\"slow listener\" \"stopping\" stop:a stop:b"},
    {"second, behind", "END_STOP", "\"slow listener\" \"stopping\" stop:a quit:b"},
    {"second, behind", "CHILDREN", "signal:9"},
    {"second, far behind", "UNTOLD", "\"slow listener\" \"stopping\" stop:a stop:b"},
    {"second, far behind", "STOPPING",
     "\"stop timeout\" miss:a miss:b close note:stopped state publish fire:test_stop -> stopped"},
    {"second, far behind", "END_STOP", "\"slow listener\" \"stopping\" stop:a quit:b"},
    {"second, far behind", "CHILDREN", "signal:9"},
    {"no children", "CHILDREN", "leave:0 => done"},
    {"children, slow", "CHILDREN", "signal:15"},
    {"children, stuck", "CHILDREN", "signal:9"},
    {"host ended",
     "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER ENDING END_STOP END_EVENT "
     "JUDGING WRITING LAST",
     "\"host ended\""},
    {"host was killed",
     "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER ENDING END_STOP END_EVENT "
     "JUDGING WRITING LAST",
     "\"host ended\""},
    {"host ended, loading", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "reload-failed"},
    {"two expected", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPED OVER", "begin"},
    {"two expected", "STOPPING", "\"waiting\""},
    {"three expected", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"waiting\""},
    {"three expected, late", "READY OVER", "\"gave up\" \"teardown\" fire:quitting => event"},
    {"three expected, late", "UNHEARD RAMP SETTLING RUNNING",
     "\"gave up\" state publish fire:test_stopping -> stopping => stop"},
    {"three expected, late", "UNTOLD STOPPING STOPPED", "\"gave up\" => stop"},
    {"none expected", "READY OVER", "\"no workers\" \"teardown\" fire:quitting => event"},
    {"none expected", "UNHEARD RAMP SETTLING RUNNING",
     "\"no workers\" state publish fire:test_stopping -> stopping => stop"},
    {"none expected", "UNTOLD STOPPING STOPPED", "\"no workers\" => stop"},
    {"leave",
     "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER ENDING END_STOP END_EVENT "
     "JUDGING WRITING LAST CHILDREN",
     "leave:7 => done"},
    {"judged", "JUDGING", "\"leaving\" write"},
    {"written", "WRITING", "publish fire:quit => last event"},
    {"ours came", "STOPPING", "stop:a"},
    {"ours came, was missing", "STOPPING", "stop:a"},
    {"ours came, was running", "STOPPING", "stop:a"},
    {"ours came", "RAMP SETTLING RUNNING ENDING", "deal"},
    {"ours came, was missing", "READY STOPPED OVER END_EVENT JUDGING WRITING LAST CHILDREN",
     "stray:a"},
    {"ours came, was missing", "RAMP SETTLING RUNNING ENDING", "deal"},
    {"ours came, was running", "RAMP SETTLING RUNNING ENDING", "deal"},
    {"stock came", "RAMP SETTLING RUNNING ENDING", "deal"},
    {"ours back, ready", "RAMP SETTLING RUNNING ENDING", "deal"},
    {"ours back, running",
     "READY UNHEARD UNTOLD STOPPING STOPPED OVER END_STOP END_EVENT JUDGING WRITING LAST CHILDREN",
     "stray:a"},
    {"ours back, running", "RAMP SETTLING RUNNING ENDING", "deal"},
    {"ours beats, ready", "RUNNING ENDING", "\"idle worker\" deal"},
    {"ours beats, spawning", "READY STOPPED OVER END_EVENT JUDGING WRITING LAST CHILDREN",
     "stray:a"},
    {"ours beats, running", "READY STOPPED OVER END_EVENT JUDGING WRITING LAST CHILDREN",
     "stray:a"},
    {"ours is busy", "UNHEARD RAMP SETTLING RUNNING ENDING", "\"busy worker\""},
    {"ours stopped", "RAMP SETTLING", "deal"},
    {"ours stopped", "RUNNING ENDING", "deal -> spawning"},
    {"stock stopped", "RAMP SETTLING", "deal"},
    {"stock stopped", "RUNNING ENDING", "deal -> spawning"},
    {"ours quits",
     "READY UNHEARD UNTOLD STOPPING STOPPED OVER END_STOP END_EVENT JUDGING WRITING LAST CHILDREN",
     "\"worker quit\""},
    {"ours quits", "RAMP SETTLING", "deal \"worker quit\""},
    {"ours quits", "RUNNING ENDING", "deal \"worker quit\" -> spawning"},
    {"ours is missing", "RAMP SETTLING", "deal"},
    {"ours is missing", "RUNNING ENDING", "deal -> spawning"},
    {"ours ended", "RAMP SETTLING", "deal"},
    {"ours ended", "RUNNING ENDING", "deal -> spawning"},
};

/* The same for a run whose users the surroundings deal out, without its ends. */
static const struct effect outside[] = {
    {"start", "READY STOPPED OVER",
     "\"aim\" clear note:start state publish fire:test_start -> spawning"},
    {"aim", "UNHEARD RAMP SETTLING", "\"aim\" note:\"aim\" state publish"},
    {"aim", "RUNNING", "\"aim\" note:\"aim\" state publish -> spawning"},
    {"stop", "UNHEARD RAMP SETTLING RUNNING", "state publish fire:test_stopping -> stopping"},
    {"end", "UNHEARD RAMP SETTLING RUNNING",
     "\"end\" state publish fire:test_stopping -> stopping"},
    {"quit", "READY OVER", "\"teardown\" fire:quitting => event"},
    {"quit", "UNHEARD RAMP SETTLING RUNNING",
     "state publish fire:test_stopping -> stopping => stop"},
    {"quit", "UNTOLD STOPPING STOPPED", "=> stop"},
    {"SIGINT", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"signal\" \"teardown\" fire:quitting => early event"},
    {"SIGHUP", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"signal\" \"teardown\" fire:quitting => early event"},
    {"SIGINT too early", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"signal\" signal:15 leave:130 => done"},
    {"dealt", "RAMP SETTLING", "\"step\""},
    {"dealt to the end", "RAMP SETTLING", "\"step\""},
    {"heard test_stopping", "UNTOLD", "\"stopping\" stop:a stop:b"},
    {"heard test_stop", "STOPPED", "over"},
    {"time, later", "SETTLING",
     "fire:spawning_complete tell-spawned \"unsettled\" state publish -> running"},
    {"second, a minute later", "UNTOLD", "\"slow listener\" \"stopping\" stop:a stop:b"},
    {"second, a minute later", "STOPPING",
     "\"stop timeout\" miss:a miss:b close note:stopped state publish fire:test_stop -> stopped"},
    {"second, behind", "UNTOLD", "\"slow listener\" \"stopping\" stop:a stop:b"},
    {"second, far behind", "UNTOLD", "\"slow listener\" \"stopping\" stop:a stop:b"},
    {"second, far behind", "STOPPING",
     "\"stop timeout\" miss:a miss:b close note:stopped state publish fire:test_stop -> stopped"},
    {"host ended", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"host ended\""},
    {"host was killed", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"host ended\""},
    {"host ended, loading", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "reload-failed"},
    {"two expected", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPED OVER", "begin"},
    {"two expected", "STOPPING", "\"waiting\""},
    {"three expected", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"waiting\""},
    {"three expected, late", "READY OVER", "\"gave up\" \"teardown\" fire:quitting => event"},
    {"three expected, late", "UNHEARD RAMP SETTLING RUNNING",
     "\"gave up\" state publish fire:test_stopping -> stopping => stop"},
    {"three expected, late", "UNTOLD STOPPING STOPPED", "\"gave up\" => stop"},
    {"none expected", "READY OVER", "\"no workers\" \"teardown\" fire:quitting => event"},
    {"none expected", "UNHEARD RAMP SETTLING RUNNING",
     "\"no workers\" state publish fire:test_stopping -> stopping => stop"},
    {"none expected", "UNTOLD STOPPING STOPPED", "\"no workers\" => stop"},
    {"leave", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "leave:7 => done"},
    {"ours came, was missing", "READY STOPPED OVER", "stray:a"},
    {"ours came", "STOPPING", "stop:a"},
    {"ours came, was missing", "STOPPING", "stop:a"},
    {"ours came, was running", "STOPPING", "stop:a"},
    {"ours back, running", "READY UNHEARD UNTOLD STOPPING STOPPED OVER", "stray:a"},
    {"ours beats, spawning", "READY STOPPED OVER", "stray:a"},
    {"ours beats, running", "READY STOPPED OVER", "stray:a"},
    {"ours is busy", "UNHEARD RAMP SETTLING RUNNING", "\"busy worker\""},
    {"ours quits", "READY UNHEARD RAMP SETTLING RUNNING UNTOLD STOPPING STOPPED OVER",
     "\"worker quit\""},
};

static bool has_word(const char *words, const char *word)
{
    const size_t len = strlen(word);
    for (const char *p = strstr(words, word); p; p = strstr(p + 1, word))
        if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == 0))
            return true;
    return false;
}

static const char *expected(const struct effect *table, size_t n, const char *event,
                            const char *state)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(table[i].event, event) && has_word(table[i].states, state))
            return table[i].actions;
    return "";
}

static void check(const struct effect *table, size_t n, enum state last, bool is_outside)
{
    for (size_t h = 0; h < sizeof happenings / sizeof *happenings; h++)
        for (enum state s = 0; s <= last; s++) {
            struct bench *b = new_bench();
            b->m.rules.deals_outside = is_outside;
            go(b, s);
            const char *seen = happens(b, &happenings[h]);
            const char *wanted = expected(table, n, happenings[h].name, state_names[s]);
            if (strcmp(seen, wanted) != 0)
                fail_msg("\"%s\" in %s: \"%s\", not \"%s\"", happenings[h].name, state_names[s],
                         seen, wanted);
            free_bench(b);
        }
}

static void every_event_in_every_state(void **unused)
{
    (void)unused;
    check(effects, sizeof effects / sizeof *effects, DONE, false);
}

/* Whoever deals the users out himself: no user is dealt here, whatever happens to the workers. */
static void every_event_of_a_run_that_is_dealt_outside(void **unused)
{
    (void)unused;
    check(outside, sizeof outside / sizeof *outside, OVER, true);
}

static void every_kind_of_event_is_tried(void **unused)
{
    (void)unused;
    for (enum machine_event_kind kind = 0; kind < MACHINE_EVENTS; kind++) {
        bool is_tried = false;
        for (size_t h = 0; h < sizeof happenings / sizeof *happenings; h++)
            is_tried |= happenings[h].e.kind == kind;
        assert_true(is_tried);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_state),
        cmocka_unit_test(every_event_of_a_run_that_is_dealt_outside),
        cmocka_unit_test(every_kind_of_event_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
