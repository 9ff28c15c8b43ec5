/*
 * master/ctl.c - one request to the control socket, and its answer.
 *
 * The socket is found by the configuration, as the master is by `-s`: faults elsewhere in it do not
 * matter. A question that ends without an answer is asked again: the keeper may have died with it.
 */
#include "master/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/control.h"
#include "common/core_conf.h"
#include "common/log.h"

#define WAIT_MS  120000 /* for an answer: a reload may take its time */
#define TRIES    5      /* of a question */
#define PAUSE_MS 200

enum ctl_exit { CTL_DONE, CTL_REFUSED, CTL_USAGE, CTL_NO_SERVER };

static const struct {
    const char *words, *args, *doc;
} commands[] = {
    {"upstream list", "", "the upstream blocks, and how many of their servers are up"},
    {"upstream show", "NAME", "the servers of one: state, connections, requests, answers"},
    {"upstream set", "NAME SERVER up|down|drain|PARAMETER...",
     "changes a server; PARAMETER is weight=N, max_conns=N, ..."},
    {"upstream add", "NAME SERVER [PARAMETER...]", "adds one, as a line in the block would"},
    {"upstream remove", "NAME SERVER", "no request goes to it any more"},
    {"upstream reset", "NAME [SERVER]", "all, or one server, as configured again"},
    {"reload", "", "loads the configuration anew, and says how it went"},
    {"reopen", "", "opens the log files anew"},
    {"quit", "", "ends when all requests are answered"},
    {"stop", "", "ends at once"},
    {"upgrade", "", "starts the new binary beside this one"},
};

void ctl_usage(const struct options *o, FILE *out)
{
    fprintf(out, "Usage: %s ctl [-c FILE] [-p DIR] [-g TEXT] [--socket PATH] [--json] "
            "COMMAND\n\n", o->identity->name);
    fputs("Commands:\n", out);
    for (size_t i = 0; i < COUNT(commands); i++) {
        int len = fprintf(out, "  %s %s", commands[i].words, commands[i].args);

        if (len > 30)
            fprintf(out, "\n%32s%s\n", "", commands[i].doc);
        else
            fprintf(out, "%*s%s\n", 32 - len, "", commands[i].doc);
    }
    fputs("\nThe exit code is 0 when it is done, 1 when it was refused or failed, 2 for a\n"
          "malformed command, 3 when no server answers.\n", out);
}

/* The command ---------------------------------------------------------------------------------- */

static bool begins_with(const char *words, const struct options *o)
{
    struct str rest = str_of(words);

    for (size_t i = 0; rest.data != NULL; i++)
        if (i >= o->word_count || !str_eq(str_cut(&rest, ' '), str_of(o->words[i])))
            return false;
    return true;
}

/* The place in the table; -1 for no command of ours. */
static int find_command(const struct options *o)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (begins_with(commands[i].words, o))
            return (int)i;
    return -1;
}

static bool is_question(const struct options *o)
{
    return begins_with("upstream list", o) || begins_with("upstream show", o);
}

/* The line to send; 0 after a message. */
static size_t print_line(char line[CONTROL_LINE_MAX], const struct options *o)
{
    struct str words[CONTROL_WORDS_MAX];
    size_t count = 0, len;

    if (strchr(commands[find_command(o)].words, ' ') == NULL)
        return o->word_count > 1 ? 0
                                 : (size_t)snprintf(line, CONTROL_LINE_MAX, "%c%s\n",
                                                    CONTROL_MASTER, o->words[0]);
    words[count++] = o->json ? STR("json") : STR("text");
    for (size_t i = 0; i < o->word_count; i++) {
        if (count == CONTROL_WORDS_MAX || o->words[i][0] == '\0')
            return 0;
        words[count++] = str_of(o->words[i]);
    }
    len = control_print(line, words, count);
    return len;
}

/* The server ----------------------------------------------------------------------------------- */

static void say(const struct options *o, const char *what, int err)
{
    if (err != 0)
        fprintf(stderr, "%s: %s (%d: %s)\n", o->identity->name, what, err, strerror(err));
    else
        fprintf(stderr, "%s: %s\n", o->identity->name, what);
}

/* In memory of its own; NULL after a message. */
static char *find_socket(const struct options *o)
{
    struct load_source source;
    struct generation *gen;
    char *path = NULL;
    unsigned faults;

    if (o->socket != NULL)
        return strdup(o->socket);
    if (!generation_source(&source, o))
        return NULL;
    source.level = 0;
    gen = generation_load(&source, 1, true, &faults);
    if (gen->main == NULL)
        say(o, "the configuration cannot be read: say --socket PATH", 0);
    else if (core_conf(gen)->control_path.len > 0)
        path = strdup(core_conf(gen)->control_path.data);
    else if (core_conf(gen)->control_given)
        say(o, "the configuration says \"control off\"", 0);
    else
        say(o, "without a master process (\"master_process off\") there is no control socket", 0);
    generation_destroy(gen);
    return path;
}

/* -1 with errno. */
static int open_connection(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), dir, err = 0;
    struct sockaddr_un name;

    if (fd < 0)
        return -1;
    if (!control_address(&name, path, &dir))
        err = ENAMETOOLONG;
    else if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0)
        err = errno;
    if (dir >= 0)
        close(dir);
    if (err == 0)
        return fd;
    close(fd);
    errno = err;
    return -1;
}

static bool send_all(int fd, const char *line, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, line, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        line += n;
        len -= (size_t)n;
    }
    return true;
}

/* All up to the end of the connection, in memory of its own. */
static char *receive_all(int fd, size_t *len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    size_t room = 65536;
    char *text = malloc(room);
    ssize_t n = 1;

    *len = 0;
    while (text != NULL && n > 0 && poll(&p, 1, WAIT_MS) > 0) {
        n = recv(fd, text + *len, room - *len, 0);
        *len += (size_t)MAX(n, 0);
        if (*len == room)
            text = realloc(text, room *= 2);
    }
    must(text != NULL);
    return text;
}

/* False: it ended without an answer. */
static bool take_answer(const char *text, size_t len, int *code)
{
    struct str rest = {text, len};

    if (str_starts(rest, STR(CONTROL_OK))) {
        *code = CTL_DONE;
        fwrite(text + 3, 1, len - 3, stdout);
    } else if (str_starts(rest, STR(CONTROL_NO))) {
        *code = CTL_REFUSED;
        fwrite(text + 3, 1, len - 3, stderr);
    } else {
        return false;
    }
    if (fflush(stdout) != 0)
        *code = CTL_REFUSED;
    return true;
}

static bool ask(const char *path, const char *line, size_t line_len, int *code)
{
    int fd = open_connection(path);
    char *answer;
    size_t len;
    bool answered;

    if (fd < 0)
        return false;
    errno = 0;
    answer = send_all(fd, line, line_len) ? receive_all(fd, &len) : NULL;
    answered = answer != NULL && take_answer(answer, len, code);
    free(answer);
    close(fd);
    errno = 0;
    return answered;
}

static int talk(const struct options *o, const char *path, const char *line, size_t len)
{
    char what[1024];
    int code = CTL_NO_SERVER, err;

    for (int tries = is_question(o) ? TRIES : 1; tries > 0; tries--) {
        if (ask(path, line, len, &code))
            return code;
        if (errno != 0)
            break;
        if (tries > 1)
            poll(NULL, 0, PAUSE_MS);
    }
    err = errno;
    if (err != 0)
        snprintf(what, sizeof(what), "no server can be reached at \"%s\"", path);
    else
        snprintf(what, sizeof(what), "the connection ended without an answer: whether it was done "
                                     "is not known");
    say(o, what, err);
    if (err == ENOENT || err == ECONNREFUSED)
        fputs("Does it run? -c and -p as it was started with, or --socket, tell which server is "
              "meant.\n", stderr);
    return code;
}

int ctl_run(const struct options *o)
{
    char line[CONTROL_LINE_MAX], *path;
    size_t len;
    int code;

    if (o->show_help) {
        ctl_usage(o, stdout);
        return CTL_DONE;
    }
    len = find_command(o) < 0 ? 0 : print_line(line, o);
    if (len == 0) {
        if (o->word_count > 0 && find_command(o) < 0)
            fprintf(stderr, "%s: there is no command \"%s%s%s\"\n", o->identity->name, o->words[0],
                    o->word_count > 1 ? " " : "", o->word_count > 1 ? o->words[1] : "");
        ctl_usage(o, stderr);
        return CTL_USAGE;
    }
    path = find_socket(o);
    if (path == NULL)
        return CTL_NO_SERVER;
    code = talk(o, path, line, len);
    free(path);
    return code;
}
