# tools/lib/CText.pm - C source as text: comments and literals told apart from code.
#
# Positions never move: what is taken out is replaced by blanks, so line numbers and columns hold.

package CText;

use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(slurp c_files comments code_without_comments code_only);

sub slurp {
    my ($path) = @_;
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

# Every .c and .h below the given directories, sorted.
sub c_files {
    my @dirs = @_;
    my @files;
    while (defined(my $dir = shift @dirs)) {
        opendir my $handle, $dir or next;
        for my $name (sort readdir $handle) {
            next if $name =~ /^\./;
            my $path = "$dir/$name";
            if (-d $path) {
                push @dirs, $path;
            } elsif ($name =~ /\.[ch]$/) {
                push @files, $path;
            }
        }
    }
    return sort @files;
}

sub blank {
    my ($text) = @_;
    $text =~ s/[^\n]/ /g;
    return $text;
}

my $COMMENT = qr{ /\* .*? (?: \*/ | \z ) | // (?: [^\\\n] | \\. )* }xs;
my $LITERAL = qr{ " (?: [^"\\\n] | \\. )* " | ' (?: [^'\\\n] | \\. )* ' }xs;

# Calls visit->(text, offset, 'comment' | 'literal') for each, in order; what it returns replaces it.
sub rewrite {
    my ($text, $visit) = @_;
    my $out = '';
    while ($text =~ m{\G (.*?) (?: ($COMMENT) | ($LITERAL) | (\z) )}xgcs) {
        my ($plain, $comment, $literal) = ($1, $2, $3);
        $out .= $plain;
        if (defined $comment) {
            $out .= $visit->($comment, length $out, 'comment');
        } elsif (defined $literal) {
            $out .= $visit->($literal, length $out, 'literal');
        } else {
            last;
        }
    }
    return $out;
}

# [ { text, first, last } ], lines counted from 1.
sub comments {
    my ($text) = @_;
    my (@found, $line, $seen);
    $line = 1;
    $seen = 0;
    rewrite($text, sub {
        my ($piece, $at, $kind) = @_;
        if ($kind eq 'comment') {
            $line += substr($text, $seen, $at - $seen) =~ tr/\n//;
            $seen = $at;
            push @found, { text => $piece, first => $line, last => $line + ($piece =~ tr/\n//) };
        }
        return $piece;
    });
    return \@found;
}

sub code_without_comments {
    my ($text) = @_;
    return rewrite($text, sub { $_[2] eq 'comment' ? blank($_[0]) : $_[0] });
}

# Code with literals emptied (their quotes stay), comments, preprocessor lines and the branches of
# #else and #elif blanked, so that its braces balance.
sub code_only {
    my ($text) = @_;
    my $code = rewrite($text, sub {
        my ($piece, $at, $kind) = @_;
        return blank($piece) if $kind eq 'comment';
        return substr($piece, 0, 1) . blank(substr($piece, 1, -1)) . substr($piece, -1);
    });
    my @skipping;               # one entry per open #if: inside a branch after its first?
    my ($out, $directive) = ('', 0);
    for my $line ($code =~ /([^\n]*\n|[^\n]+)/g) {
        if (!$directive && $line =~ /^\s*#\s*(\w*)/) {
            $directive = 1;
            if    ($1 =~ /^if/)   { push @skipping, 0 }
            elsif ($1 =~ /^el/)   { $skipping[-1] = 1 if @skipping }
            elsif ($1 eq 'endif') { pop @skipping }
        }
        $out .= $directive || grep({ $_ } @skipping) ? blank($line) : $line;
        $directive = 0 if $directive && $line !~ /\\\s*$/;
    }
    return $out;
}

1;
