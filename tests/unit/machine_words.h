// SPDX-License-Identifier: MIT
#pragma once
/* machine_words: what a run machine does, as text that a test can compare with. */
#include "common/base/sbuf.h"
#include "common/run/machine.h"

static const char *const action_names[] = {
    [DO_CLEAR] = "clear",
    [DO_RESET] = "reset",
    [DO_BEGIN] = "begin",
    [DO_RELOAD_FAILED] = "reload-failed",
    [DO_CLOSE] = "close",
    [DO_BEGAN] = "began",
    [DO_CANCEL_SETUP] = "cancel-setup",
    [DO_NOTE] = "note",
    [DO_TELL] = "",
    [DO_FIRE] = "fire",
    [DO_SEND_STATE] = "state",
    [DO_PUBLISH] = "publish",
    [DO_DEAL] = "deal",
    [DO_STOP_WORKER] = "stop",
    [DO_STOP_STRAY] = "stray",
    [DO_MISS_REPORTS] = "miss",
    [DO_QUIT_WORKER] = "quit",
    [DO_JUDGE] = "judge",
    [DO_WRITE] = "write",
    [DO_RELEASE] = "release",
    [DO_SIGNAL] = "signal",
    [DO_LEAVE] = "leave",
    [DO_TELL_SPAWNED] = "tell-spawned",
};

static const char *const line_names[MACHINE_LINES] = {
    [LINE_AIM] = "\"aim\"",
    [LINE_START] = "start",
    [LINE_SHAPE_STAGE] = "stage",
    [LINE_STEP] = "\"step\"",
    [LINE_SPAWNED] = "\"spawned\"",
    [LINE_UNSETTLED] = "\"unsettled\"",
    [LINE_RESET] = "\"reset\"",
    [LINE_STOPPING] = "\"stopping\"",
    [LINE_STOPPED] = "stopped",
    [LINE_SLOW_LISTENER] = "\"slow listener\"",
    [LINE_STOP_TIMEOUT] = "\"stop timeout\"",
    [LINE_BUSY_WORKERS] = "\"busy workers\"",
    [LINE_BUSY_WORKER] = "\"busy worker\"",
    [LINE_IDLE_WORKER] = "\"idle worker\"",
    [LINE_WORKER_QUIT] = "\"worker quit\"",
    [LINE_LAST_QUIT] = "\"last quit\"",
    [LINE_LAST_MISSING] = "\"last missing\"",
    [LINE_LAST_ENDED] = "\"last ended\"",
    [LINE_END] = "\"end\"",
    [LINE_AUTOQUIT] = "\"autoquit\"",
    [LINE_SIGNAL] = "\"signal\"",
    [LINE_TEARDOWN] = "\"teardown\"",
    [LINE_LEAVING] = "\"leaving\"",
    [LINE_RELEASE] = "\"quitting\"",
    [LINE_NO_WORKERS] = "\"no workers\"",
    [LINE_GAVE_UP] = "\"gave up\"",
    [LINE_WAITING] = "\"waiting\"",
    [LINE_HOST_UNLOADED] = "\"host unloaded\"",
    [LINE_HOST_ENDED] = "\"host ended\"",
    [LINE_SETUP] = "\"setup\"",
    [LINE_SETUP_FAILED] = "\"setup failed\"",
    [LINE_UNDO] = "\"undo\"",
    [LINE_UNDO_FAILED] = "\"undo failed\"",
};

static const char *const finish_names[] = {
    [FINISH_NOT] = "not",
    [FINISH_EARLY_EVENT] = "early event",
    [FINISH_STOP] = "stop",
    [FINISH_EVENT] = "event",
    [FINISH_OUTPUT] = "output",
    [FINISH_DONE] = "done",
    [FINISH_LAST_EVENT] = "last event",
    [FINISH_CHILDREN] = "children",
};

static inline void add_action(struct sbuf *out, const struct machine_action *a)
{
    sbuf_adds(out, out->len ? " " : "");
    sbuf_adds(out, action_names[a->kind]);
    if (a->kind == DO_TELL || a->kind == DO_NOTE)
        sbuf_addf(out, "%s%s", a->kind == DO_NOTE ? ":" : "", line_names[a->line]);
    if (a->kind == DO_FIRE)
        sbuf_addf(out, ":%s", listened_name(a->listened));
    if (a->worker && a->kind != DO_TELL)
        sbuf_addf(out, ":%s", a->worker->id);
    if (a->kind == DO_LEAVE || a->kind == DO_SIGNAL)
        sbuf_addf(out, ":%d", a->number);
}
