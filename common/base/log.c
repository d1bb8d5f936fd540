// SPDX-License-Identifier: MIT
/* One process-wide log, the only mutable global of common/: a line is formatted outside the lock,
 * then written whole, here or by a spool, so lines of several threads or processes that append to
 * the same file do not mix. A log that cannot be written is not worth ending a test: such lines are
 * lost, and log_error_number says so. */
#include "common/base/log.h"

#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "common/base/whole.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static struct {
    _Atomic int level;
    pthread_mutex_t lock; /* guards what follows */
    int fd;
    int error; /* of the first write that failed */
    void (*sink)(void *arg, enum log_level level, const char *line);
    void *sink_arg;
    struct spool *behind; /* writes them for us; NULL: not yet */
} the_log = {.level = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&the_log.level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

int log_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    pthread_mutex_lock(&the_log.lock);
    assert(!the_log.behind);
    int old = the_log.fd;
    the_log.fd = fd;
    pthread_mutex_unlock(&the_log.lock);
    if (old != STDERR_FILENO)
        close(old);
    return 0;
}

int log_error_number(void)
{
    pthread_mutex_lock(&the_log.lock);
    int error = the_log.behind ? spool_error_number(the_log.behind) : the_log.error;
    pthread_mutex_unlock(&the_log.lock);
    return error;
}

void log_set_sink(void (*sink)(void *arg, enum log_level level, const char *line), void *arg)
{
    pthread_mutex_lock(&the_log.lock);
    the_log.sink = sink;
    the_log.sink_arg = arg;
    pthread_mutex_unlock(&the_log.lock);
}

static const char *level_name(enum log_level level)
{
    if (level >= LOG_CRITICAL)
        return "CRITICAL";
    if (level >= LOG_ERROR)
        return "ERROR";
    if (level >= LOG_WARNING)
        return "WARNING";
    return level >= LOG_INFO ? "INFO" : "DEBUG";
}

static void add_head(struct sbuf *b, enum log_level level, const char *logger)
{
    double now = clk_wall();
    time_t second = (time_t)now;
    struct tm tm;
    localtime_r(&second, &tm);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = 0;
    sbuf_addf(b, "[%s,%03d] %s/%s/%s: ", stamp, (int)((now - (double)second) * 1000), host,
              level_name(level), logger);
}

/* A terminal obeys control characters; the texts of strangers must not command it. */
static void add_escaped(struct sbuf *b, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_c1 = c == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0;
        if (is_c1)
            sbuf_addf(b, "\\x%02x", (unsigned char)*++text);
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
            sbuf_addf(b, "\\x%02x", c);
        else
            sbuf_addc(b, (char)c);
    }
}

void log_add_left_out(struct sbuf *text, unsigned long lines)
{
    add_head(text, LOG_WARNING, "root");
    sbuf_addf(text, "%lu lines are missing here: they could not be written in time\n", lines);
}

void log_write_behind(void)
{
    pthread_mutex_lock(&the_log.lock);
    if (!the_log.behind)
        the_log.behind = spool_new(the_log.fd, log_add_left_out);
    pthread_mutex_unlock(&the_log.lock);
}

static struct spool *spool_of_log(void)
{
    pthread_mutex_lock(&the_log.lock);
    struct spool *s = the_log.behind;
    pthread_mutex_unlock(&the_log.lock);
    return s;
}

bool log_settle(double wait_s)
{
    struct spool *s = spool_of_log();
    return !s || spool_settle(s, wait_s);
}

/* Text for stderr, by the log's spool or, if that is for another place, by none. */
static void print_by(void (*by)(struct spool *s, const void *text, size_t len), const char *text,
                     size_t len)
{
    struct spool *s = spool_of_log();
    if (s && spool_is_for(s, STDERR_FILENO))
        by(s, text, len);
    else
        whole_write(STDERR_FILENO, text, len);
}

void log_print(const char *text, size_t len)
{
    print_by(spool_write, text, len);
}

void log_printf(const char *format, ...)
{
    struct sbuf line = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&line, format, args);
    va_end(args);
    sbuf_addc(&line, '\n');
    print_by(spool_put, line.data, line.len);
    sbuf_fini(&line);
}

/* With the lock held. */
static void put(const struct sbuf *line)
{
    if (the_log.behind) {
        spool_put(the_log.behind, line->data, line->len);
        return;
    }
    int error = whole_write(the_log.fd, line->data, line->len);
    if (the_log.error == 0)
        the_log.error = error;
}

void log_write(enum log_level level, const char *logger, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    int saved = errno;
    struct sbuf text = {0}, line = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    add_head(&line, level, logger);
    add_escaped(&line, text.data);
    size_t len = line.len;
    sbuf_addc(&line, '\n');
    pthread_mutex_lock(&the_log.lock);
    put(&line);
    if (the_log.sink) {
        line.data[len] = 0;
        the_log.sink(the_log.sink_arg, level, line.data);
    }
    pthread_mutex_unlock(&the_log.lock);
    sbuf_fini(&text);
    sbuf_fini(&line);
    errno = saved;
}
