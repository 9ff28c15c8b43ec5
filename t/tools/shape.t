# t/tools/shape.t - tools/shape measures functions and accepts an outlier that says why
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir(CLEANUP => 1);

# What shape says of a file with this text.
sub shape {
    my ($text, $name) = @_;
    my $path = "$dir/" . ($name // 'a.c');
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return qx{'$^X' tools/shape '$path' 2>&1};
}

sub function {
    my ($lines) = @_;
    return "static int f(struct x *a,\n             int b)\n{\n" . "    b++;\n" x ($lines - 4) . "}\n";
}

is shape(function(60)), '', 'a function of 60 lines';
like shape(function(61)), qr{a\.c:1: f has 61 lines \(limit 60\)}, 'one of 61';
is shape("/* shape: one list of cases */\n" . function(61)), '', 'which says why';
like shape("/* shape: */\n" . function(61)), qr{61 lines}, 'a reason has words';
like shape("/* shape: that one */\nint x;\n\n" . function(61)), qr{61 lines}, 'and stands beside it';

sub body { return "void f(void)\n{\n$_[0]}\n" }

is shape(body('if (a) { for (;;) { while (b) { if (c) d(); } } }' . "\n")), '', 'nested 4 deep';
like shape(body('if (a) for (;;) while (b) if (c) switch (d) { case 1: e(); }' . "\n")),
    qr{f nests 5 deep \(limit 4\)}, '5 deep, without braces';
is shape(body(join("\nelse ", map { "if (a == $_) b();" } 1 .. 9) . "\n")), '', 'else if is no level';
is shape(body(<<'C')), '', 'neither are braces of other kinds';
    char c = '{', *s = "{{{{{{"; /* {{{{{{ */
    struct x y = { { { { { { 1 } } } } } };
C
like shape(body('EACH(int, i, l) { EACH(int, j, l) { if (a) { if (b) { if (c) d(); } } } }' . "\n")),
    qr{5 deep}, 'a loop by macro is one';
is shape("#if A\nvoid f(int a)\n{\n#else\nvoid f(void)\n{\n#endif\n    b();\n}\n\n" . function(60)), '',
    'one body under two heads';

my $wide = 'int x; ' . '/' x 95 . "\n";
like shape($wide), qr{a\.c:1: line of 102 columns \(limit 100\)}, 'a wide line';
is shape("/* shape: a table */\n$wide"), '', 'which says why';
is shape("int \x{c3}\x{a4};" . ' ' x 93 . "/\n"), '', 'a letter of two bytes is one column';
like shape("int x;\n" x 901), qr{file of 901 lines \(limit 900\)}, 'a long file';
like shape("int x;\n" x 301, 'a.h'), qr{header of 301 lines \(limit 300\)}, 'a long header';
is shape("/*\n * a.c - x.\n * shape: generated\n */\n" . "int x;\n" x 901), '', 'which says why';

done_testing;
