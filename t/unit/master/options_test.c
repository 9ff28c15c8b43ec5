/*
 * t/unit/master/options_test.c - the command line, as nginx reads it, and our additions.
 */
#include "master/options.h"

#include <stdarg.h>
#include <unistd.h>

#include "common/module.h"
#include "common/role.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static struct options o;
static char said[1024]; /* on stderr */

/* Parses a NULL-terminated list of words. */
static bool parse(char *first, ...)
{
    char *argv[16] = {first};
    int argc = 1, err = dup(STDERR_FILENO), ends[2];
    va_list args;
    ssize_t n;
    bool parsed;

    va_start(args, first);
    while ((argv[argc] = va_arg(args, char *)) != NULL)
        argc++;
    va_end(args);
    if (pipe(ends) != 0)
        return false;
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    parsed = options_parse(&o, argc, argv);
    dup2(err, STDERR_FILENO);
    close(err);
    n = read(ends[0], said, sizeof(said) - 1);
    said[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    return parsed;
}

#define PARSE(...) parse(__VA_ARGS__, NULL)

static char weir[] = "weir", nginx[] = "/usr/sbin/nginx";
#define W(text) ((char[]){text})

static void knows_its_name(void)
{
    ok(PARSE(weir), "no options");
    is_str(o.identity->name, "weir", "weir");
    ok(PARSE(nginx), "by a path");
    is_str(o.identity->name, "nginx", "nginx");
    is_str(o.identity->pid_path, "/run/nginx.pid", "with its paths");
    ok(PARSE(W("./nginx-debug")), "another name");
    is_str(o.identity->name, "weir", "is Weir still");
}

static void reads_short_options(void)
{
    ok(PARSE(weir, W("-tq"), W("-c"), W("a.conf"), W("-p/x")), "joined and with values");
    ok(o.test && o.quiet && !o.dump, "-tq");
    is_str(o.conf, "a.conf", "-c and the next word");
    is_str(o.prefix, "/x", "-p and the rest of the word");
    ok(PARSE(weir, W("-T")) && o.test && o.dump, "-T tests too");
    ok(PARSE(weir, W("-V")) && o.show_version && o.show_build, "-V shows the version first");
    ok(PARSE(weir, W("-?")) && o.show_help && o.show_version, "-?");
    ok(PARSE(weir, W("-g"), W("daemon off;"), W("-e"), W("stderr")), "-g and -e");
    is_str(o.globals, "daemon off;", "the directives");
    is_str(o.error_log, "stderr", "the log");
    ok(PARSE(weir, W("-sreload")), "-sreload");
    is_str(o.signal, "reload", "the signal");
    ok(PARSE(weir, W("-")), "a dash alone is nothing");
}

static void reads_long_options(void)
{
    ok(PARSE(weir, W("--test"), W("--config=b.conf"), W("--prefix"), W("/y")), "both forms");
    ok(o.test, "--test");
    is_str(o.conf, "b.conf", "--config=");
    is_str(o.prefix, "/y", "--prefix and the next word");
    ok(PARSE(weir, W("--version")) && o.show_version && !o.show_build, "--version");
    ok(PARSE(weir, W("--dump-directives")), "for tools");
    is_int(o.command, COMMAND_DUMP_DIRECTIVES, "the command");
}

static void complains_as_nginx(void)
{
    ok(!PARSE(weir, W("-x")), "no such option");
    is_str(said, "weir: invalid option: \"x\"\n", "its letter");
    ok(!PARSE(nginx, W("foo")), "no option at all");
    is_str(said, "nginx: invalid option: \"foo\"\n", "the word");
    ok(!PARSE(weir, W("-c")), "a value is missing");
    is_str(said, "weir: option \"-c\" requires file name\n", "a file name");
    ok(!PARSE(weir, W("-s"), W("foo")), "no such signal");
    is_str(said, "weir: invalid option: \"-s foo\"\n", "which");
    ok(!PARSE(weir, W("--tset")), "a long one");
    is_str(said, "weir: invalid option: \"--tset\"\n", "which");
}

static void reads_commands(void)
{
    ok(PARSE(weir, W("serve"), W("dir"), W("--listen"), W("8080")), "serve");
    is_int(o.command, COMMAND_SERVE, "the command");
    is_str(o.subject, "dir", "the directory");
    is_str(o.listen, "8080", "the address");
    ok(!PARSE(weir, W("serve")), "serve what?");
    ok(PARSE(weir, W("proxy"), W("--to"), W("http://a"), W("--to=b"), W("c"),
             W("--print-config")), "proxy to three");
    is_int((int64_t)o.to_count, 3, "three");
    is_str(o.to[2], "c", "the last");
    ok(o.print_config, "printed only");
    ok(!PARSE(weir, W("proxy")), "proxy where to?");
    ok(!PARSE(weir, W("serve"), W("a"), W("b")), "one directory only");
    ok(PARSE(weir, W("help"), W("listen")), "help");
    is_str(o.subject, "listen", "on a directive");
}

int main(void)
{
    knows_its_name();
    reads_short_options();
    reads_long_options();
    complains_as_nginx();
    reads_commands();
    return tap_done();
}
