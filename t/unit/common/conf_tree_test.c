/*
 * t/unit/common/conf_tree_test.c - files that include files.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/common/conf_toy.h"
#include "t/unit/tap.h"

static char dir[64];

static void put(const char *name, const char *text)
{
    char path[256];
    FILE *out;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    out = fopen(path, "w");
    fputs(text, out);
    fclose(out);
}

static struct toy *load(const char *globals)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/main.conf", dir);
    return toy_load_file(path, globals);
}

/* What was said, the directory's name cut out. */
static const char *said(struct toy *toy)
{
    for (char *at = toy->said; (at = strstr(at, dir)) != NULL;)
        memmove(at, at + strlen(dir), strlen(at + strlen(dir)) + 1);
    return toy->said;
}

static void says(const char *main_text, const char *want, const char *what)
{
    struct toy *toy;

    put("main.conf", main_text);
    toy = load(NULL);
    is_str(said(toy), want, what);
    toy_free(toy);
}

/* The names of the files, as -T lists them. */
static const char *files(const struct toy *toy)
{
    static char out[512];
    size_t len = 0;

    out[0] = '\0';
    for (const struct conf_file *f = toy->gen.files; f != NULL; f = f->next)
        len += (size_t)sprintf(out + len, "%s ", f->path.data + strlen(dir) + 1);
    return out;
}

static void includes(void)
{
    struct toy *toy;

    put("main.conf", "http { include sites/*.conf; include none/*; header x; include types; }");
    put("sites/b.conf", "header b;\ninclude types;");
    put("sites/a.conf", "header a; server {\n include loc; }");
    put("loc", "location / { header l; }");
    put("types", "types { a b; }");
    toy = load("daemon off; pid /p;");
    is_str(files(toy), "main.conf sites/a.conf loc sites/b.conf types ", "in order, each once");
    is_str(said(toy), "[emerg] \"types\" directive is duplicate in /types:1:1 "
           "(first in /types:1:1)\n", "a file read twice says so twice");
    ok(!core_conf(&toy->gen)->daemon, "globals count");
    is_int((int64_t)WEB(toy_location(toy, 0, 0))->headers->count, 1, "a block of a file within");
    is_int((int64_t)WEB(toy_server(toy, 0)->scope)->headers->count, 3, "directives join");
    toy_free(toy);
}

static void globals_are_a_file_of_their_own(void)
{
    struct toy *toy;

    put("main.conf", "daemon on;");
    toy = load("daemon off;");
    is_str(said(toy), "[emerg] \"daemon\" directive is duplicate in /main.conf:1:1 "
           "(first in command line:1:1)\n", "duplicates are found");
    toy_free(toy);
    toy = load("daemon off");
    is_str(said(toy), "[emerg] unexpected end of parameter, expecting \";\" in command line:1:11 "
           "(\"daemon\" began on line 1)\n", "and faults of syntax");
    toy_free(toy);
}

static void faults(void)
{
    says("include nofile;", "[emerg] open() \"/nofile\" failed (2: No such file or directory) in "
         "/main.conf:1:9 (relative paths start at /)\n", "a missing file");
    says("include sites;", "[emerg] read() \"/sites\" failed (21: Is a directory) in "
         "/main.conf:1:9\n", "a directory");
    says("include none*;", "", "a pattern without a match is fine");
    says("include;", "[emerg] invalid number of arguments in \"include\" directive in "
         "/main.conf:1:1 (syntax: include file | mask;)\n", "no path");
    says("include a { }", "[emerg] directive \"include\" is not terminated by \";\" in "
         "/main.conf:1:1 (syntax: include file | mask;)\n", "a block");
    put("self", "daemon on;\n  include self;\n");
    says("include self;", "[emerg] \"/self\" includes itself in /self:2:11\n", "a loop");
    put("open", "http {\n");
    says("include open;\n}", "[emerg] unexpected \"}\" in /main.conf:2:1\n"
         "[emerg] unexpected end of file, expecting \"}\" in /open:2:1 (the \"http\" block opened "
         "on line 1 is not closed)\n", "a block ends in its file; faults of all files are told");
}

static void depth(void)
{
    char text[4096] = "", name[32];
    struct toy *toy;

    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "deep%d", i);
        snprintf(text, sizeof(text), "include deep%d;", i + 1);
        put(name, text);
    }
    says("include deep0;", "[emerg] includes are nested too deep in /deep30:1:9 "
         "(at most 32 files within files)\n", "files");
    text[0] = '\0';
    for (int i = 0; i < 150; i++)
        strcat(text, "http{");
    put("main.conf", text);
    toy = load(NULL);
    ok(strstr(toy->said, "blocks are nested too deep") != NULL, "blocks");
    is_int(toy->faults, 1, "said once");
    toy_free(toy);
}

static void no_file(void)
{
    struct toy *toy = toy_load_file("/nonexistent/x.conf", NULL);

    is_str(toy->said, "[emerg] open() \"/nonexistent/x.conf\" failed (2: No such file or "
           "directory)\n", "no main file");
    toy_free(toy);
}

int main(void)
{
    char command[128];

    strcpy(dir, "/tmp/conf_tree_test.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    snprintf(command, sizeof(command), "%s/sites", dir);
    mkdir(command, 0755);
    includes();
    globals_are_a_file_of_their_own();
    faults();
    depth();
    no_file();
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return tap_done() | system(command);
}
