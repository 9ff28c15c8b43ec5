# t/tools/rooms.t - tools/rooms sees an include that climbs, and is silent when none does
use strict;
use warnings;
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $top = tempdir(CLEANUP => 1);

sub put {
    my ($path, $text) = @_;
    make_path("$top/$path" =~ s{/[^/]*$}{}r);
    open my $out, '>', "$top/$path" or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
}

sub rooms {
    my $said = qx{'$^X' '$top/tools/rooms' 2>&1};
    return wantarray ? ($said, $? >> 8) : $said;
}

make_path("$top/tools/lib");
copy("tools/$_", "$top/tools/$_") or die "$_: $!" for qw(rooms lib/CText.pm);
put('tools/rooms.txt', "common:\nnet: common\nhttp: common net\nworker: common *\n");
put("$_.h", "#pragma once\n") for qw(common/str worker/net/conn worker/http/request worker/drain);
put('worker/net/conn.c', <<'C');
/* #include "worker/http/request.h" is only said here */
#include "worker/net/conn.h"

#include <stdio.h>

#include "common/str.h"
C
put('worker/worker.c', qq{#include "worker/http/request.h"\n#include "worker/net/conn.h"\n});
is_deeply [rooms()], ['', 0], 'nothing to say';

sub says {
    my ($source, $expected, $what) = @_;
    put('worker/net/bad.c', $source);
    my ($said, $status) = rooms();
    like $said, $expected, $what;
    is $status, 1, 'and it fails';
    unlink "$top/worker/net/bad.c";
}

says(qq{\n#include "worker/http/request.h"\n},
     qr{^worker/net/bad\.c:2: .*net may not include http \(it may: common\)$}m, 'an include upwards');
says(qq{#include "str.h"\n}, qr{bad\.c:1: .*an include names its room}, 'a bare name');
says(qq{#include <common/str.h>\n}, qr{with quotes}, 'angle brackets around our own');
says(qq{#  include HEADER\n}, qr{an include names its file}, 'a macro');
says(qq{#include "common/none.h"\n}, qr{no such file}, 'a header that is not there');
put('worker/net/bad.h', '');
says(qq{#include "common/str.h"\n#include "worker/net/bad.h"\n},
     qr{bad\.c:1: "worker/net/bad\.h" comes first}, 'another header before its own');

put('tools/rooms.txt', "common:\nnet: common http\nhttp: common net\nworker: common *\n");
like scalar rooms(), qr{rooms\.txt:\d: a circle: http > net > http}, 'a table with a circle';

done_testing;
