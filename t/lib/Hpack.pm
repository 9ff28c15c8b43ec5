# t/lib/Hpack.pm - HPACK (RFC 7541) as a reader of whole field blocks needs it
#
#     my $hpack = Hpack->new;                 # one for each direction of a connection
#     my @fields = $hpack->decode($block);    # name, value, name, value ...
package Hpack;
use v5.36;
use Carp qw(croak);

my @STATIC = map { [split /=/, $_, 2] } split /\|/, <DATA> =~ s{\n}{}r;
# The code is canonical (appendix B): the lengths say it all. One character for each symbol and the end: 5 is '5', 30 'u'.
my $LENGTHS = <DATA> =~ s/\n//r;
my %SYMBOL = codes(map { /\d/ ? $_ : ord($_) - ord('a') + 10 } split //, $LENGTHS);

sub codes (@lengths) {
    my ($code, $last, %symbol) = (0, 0);
    for my $i (sort { $lengths[$a] <=> $lengths[$b] || $a <=> $b } 0 .. $#lengths) {
        $code <<= $lengths[$i] - $last;
        $last = $lengths[$i];
        $symbol{ sprintf '%0*b', $last, $code++ } = $i;
    }
    return %symbol;
}

sub new ($class) { return bless { table => [] }, $class }

sub decode ($self, $block) {
    my ($at, @fields) = (0);

    while ($at < length $block) {
        my $first = ord substr $block, $at, 1;
        if ($first & 0x80) {
            push @fields, @{ $self->entry(integer($block, \$at, 7)) };
        } elsif (($first & 0xe0) == 0x20) {
            integer($block, \$at, 5);
        } else {
            my $index = integer($block, \$at, $first & 0x40 ? 6 : 4);
            my $name  = $index ? $self->entry($index)->[0] : text($block, \$at);
            my $value = text($block, \$at);
            push @fields, $name, $value;
            unshift @{ $self->{table} }, [$name, $value] if $first & 0x40;
        }
    }
    return @fields;
}

sub entry ($self, $index) {
    my $entry = $index <= @STATIC ? $STATIC[$index - 1] : $self->{table}[$index - @STATIC - 1];
    croak "no entry $index" if !$entry;
    return [$entry->[0], $entry->[1] // ''];
}

sub integer ($block, $at, $bits) {
    my $most = 2**$bits - 1;
    my $n = ord(substr $block, $$at++, 1) & $most;
    return $n if $n < $most;
    for (my $shift = 0; ; $shift += 7) {
        my $byte = ord substr $block, $$at++, 1;
        $n += ($byte & 127) << $shift;
        return $n if $byte < 128;
    }
}

sub text ($block, $at) {
    my $huffman = ord(substr $block, $$at, 1) & 0x80;
    my $length  = integer($block, $at, 7);
    my $bytes   = substr $block, $$at, $length;
    $$at += $length;
    return $huffman ? unhuffman($bytes) : $bytes;
}

sub unhuffman ($bytes) {
    my ($text, $code) = ('', '');
    for my $bit (split //, unpack 'B*', $bytes) {
        $code .= $bit;
        next if !defined $SYMBOL{$code};
        $text .= chr $SYMBOL{$code};
        $code = '';
    }
    return $text;
}

1;
__DATA__
:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate
dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f56565666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu
