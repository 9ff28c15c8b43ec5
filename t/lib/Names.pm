# t/lib/Names.pm - the names of this machine as a test says: what getaddrinfo finds
#
#     my $names = Names->new // plan skip_all => 'no compiler';
#     $names->set('a.test' => '127.0.0.2', 'b.test' => ['127.0.0.3', '127.0.0.4'], 'c.test' => 'again');
#                                                            # all there are below .test
#     my $site = Site->prepare($conf, env => $names->env); $names->settle($site); $site->up;
#
# A library before libc's reads them from a file, anew each time.
package Names;
use v5.36;
use File::Temp ();

my $SOURCE = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static char path[4096];
__attribute__((constructor)) static void start(void) { snprintf(path, sizeof(path), "%s", getenv("NAMES_FILE")); }
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    char name[256], addr[256];
    FILE *file = fopen(path, "r");
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo **end = out;
    *out = NULL;
    while (file && fscanf(file, "%255s %255s", name, addr) == 2) {
        if (strcmp(name, node))
            continue;
        if (!strcmp(addr, "again")) { fclose(file); return EAI_AGAIN; }
        if (real(addr, service, hints, end) == 0)
            for (; *end; end = &(*end)->ai_next) ;
    }
    if (file) fclose(file);
    if (*out) return 0;
    return strstr(node, ".test") ? EAI_NONAME : real(node, service, hints, out);
}
C

# Undef without a compiler.
sub new ($class) {
    my $dir = File::Temp::tempdir(CLEANUP => 1);

    chmod 0755, $dir;
    open my $source, '>', "$dir/names.c" or die $!;
    print $source $SOURCE;
    close $source;
    return if system("cc -shared -fPIC -o $dir/names.so $dir/names.c -ldl 2>$dir/cc.log");
    return bless { dir => $dir }, $class;
}

sub set ($self, %names) {
    my $file = "$self->{dir}/names";

    open my $out, '>', "$file.new" or die $!;
    for my $name (sort keys %names) {
        print $out map { "$name $_\n" } ref $names{$name} ? @{ $names{$name} } : $names{$name};
    }
    close $out;
    rename "$file.new", $file or die $!;
    return $self;
}

# Of processes that see them.
sub env ($self) {
    return {
        LD_PRELOAD   => "$self->{dir}/names.so",
        NAMES_FILE   => "$self->{dir}/names",
        ASAN_OPTIONS => join(':', grep { defined && length } $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0', 'detect_leaks=1'),
    };
}

# The site's own place for reports of sanitizers.
sub settle ($self, $site) {
    $site->{env}{ASAN_OPTIONS} = join ':', $self->env->{ASAN_OPTIONS}, "log_path=$site->{dir}/sanitizer/report";
    return $site;
}

1;
