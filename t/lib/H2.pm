# t/lib/H2.pm - an HTTP/2 client that says frame by frame what it is told to, right or wrong
#
#     my $h2 = H2->open($site);                     # prior knowledge: preface and SETTINGS are sent
#     $h2->headers(1, [':method' => 'GET', ...], END_HEADERS | END_STREAM);
#     $h2->get(1, '/path');
#     $h2->frame(DATA, END_STREAM, 1, 'body');
#     my $seen = $h2->until(sub ($f) { $f->{type} == GOAWAY });   # frames up to that one
#
# Field blocks are sent as literals that enter no table, without Huffman codes; those that come back
# are not decoded, but for the status, which begins each. A frame is { type, flags, stream, payload }.
package H2;
use v5.36;
use Carp qw(croak);
use Exporter 'import';
use Wait qw(patience);

use constant {
    DATA => 0, HEADERS => 1, PRIORITY => 2, RST_STREAM => 3, SETTINGS => 4, PUSH_PROMISE => 5, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8, CONTINUATION => 9,
    END_STREAM => 1, ACK => 1, END_HEADERS => 4, PADDED => 8,
    PREFACE => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};
our @EXPORT = qw(DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION
                 END_STREAM ACK END_HEADERS PADDED);
my @STATUS = (8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400, 13 => 404, 14 => 500);
my %status_at = @STATUS;

sub open ($class, $site, %option) {
    my $self = bless { client => $site->connect($option{where} // {}), in => '', frames => [] }, $class;

    $self->raw($option{preface} // PREFACE);
    $self->frame(SETTINGS, 0, 0, $option{settings} // '') unless $option{silent};
    return $self;
}

sub raw ($self, $bytes) { $self->{client}->write($bytes); return $self }

sub frame ($self, $type, $flags, $stream, $payload = '') {
    return $self->raw(frame_bytes($type, $flags, $stream, $payload));
}

sub frame_bytes ($type, $flags, $stream, $payload = '') {
    return substr(pack('N', length $payload), 1) . pack('CCN', $type, $flags, $stream) . $payload;
}

# RFC 7541, 5.1 and 6.2.2.
sub integer ($n, $bits, $first) {
    my $most = 2**$bits - 1;
    return chr($first | $n) if $n < $most;
    my $bytes = chr($first | $most);
    for ($n -= $most; $n >= 128; $n >>= 7) { $bytes .= chr($n % 128 | 128) }
    return $bytes . chr $n;
}

sub block (@fields) {
    my $block = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        $block .= "\0" . integer(length $name, 7, 0) . $name . integer(length $value, 7, 0) . $value;
    }
    return $block;
}

sub request (%change) {
    my %pseudo = (':method' => 'GET', ':scheme' => 'http', ':path' => '/', ':authority' => 'a.example');
    my @more = @{ delete $change{fields} // [] };
    my @fields = map { my $value = exists $change{$_} ? $change{$_} : $pseudo{$_}; defined $value ? ($_ => $value) : () }
        qw(:method :scheme :path :authority);
    return (@fields, @more);
}

sub headers ($self, $stream, $fields, $flags = END_HEADERS | END_STREAM) {
    my ($first, @more) = unpack '(a16384)*', block(@$fields);
    return $self->frame(HEADERS, $flags, $stream, $first) if !@more;
    $self->frame(HEADERS, $flags & ~END_HEADERS, $stream, $first);
    $self->frame(CONTINUATION, 0, $stream, shift @more) while @more > 1;
    return $self->frame(CONTINUATION, END_HEADERS, $stream, $more[0]);
}

sub get ($self, $stream, $path, %change) {
    return $self->headers($stream, [request(':path' => $path, %change)]);
}

# The next frame; undef when the connection ends or nothing comes.
sub next_frame ($self, $seconds = patience()) {
    while (1) {
        if (length $self->{in} >= 9) {
            my $length = unpack 'N', "\0" . substr $self->{in}, 0, 3;
            if (length $self->{in} >= 9 + $length) {
                my ($type, $flags, $stream) = unpack 'x3CCN', $self->{in};
                my $payload = substr $self->{in}, 9, $length;
                substr $self->{in}, 0, 9 + $length, '';
                return { type => $type, flags => $flags, stream => $stream & 0x7fffffff, payload => $payload };
            }
        }
        my $more = $self->{client}->read_some($seconds);
        return undef if !defined $more || !length $more;
        $self->{in} .= $more;
    }
}

# All frames up to the first that $is says yes to, with it; all up to the end if none does.
sub until ($self, $is) {
    my @seen;
    while (my $frame = $self->next_frame) {
        push @seen, $frame;
        last if $is->($frame);
    }
    return @seen;
}

# The answer on a stream: { status, body, reset (an error code), frames }.
sub answer ($self, $stream) {
    my @seen = $self->until(sub ($f) {
        return 0 if $f->{stream} != $stream;
        return $f->{type} == RST_STREAM || ($f->{type} <= HEADERS && $f->{flags} & END_STREAM);
    });
    my %answer = (frames => \@seen, body => '');
    for my $f (grep { $_->{stream} == $stream } @seen) {
        $answer{status} //= status($f->{payload}) if $f->{type} == HEADERS;
        $answer{body} .= $f->{payload} if $f->{type} == DATA;
        $answer{reset} = unpack 'N', $f->{payload} if $f->{type} == RST_STREAM;
    }
    my ($goaway) = grep { $_->{type} == GOAWAY } @seen;
    $answer{goaway} = unpack 'x4N', $goaway->{payload} if $goaway;
    return \%answer;
}

# The fields of all HEADERS among the frames, a hash for each; every such frame of a connection must go through here,
# in order (one field block changes how the next one is read).
sub heads ($self, @frames) {
    require Hpack;
    $self->{hpack} //= Hpack->new;
    return map { { $self->{hpack}->decode($_->{payload}) } } grep { $_->{type} == HEADERS } @frames;
}

# Of a field block that begins with one: indexed, or a literal whose name is :status in the static table.
sub status ($block) {
    my $first = ord $block;
    return $status_at{ $first & 127 } if $first & 128;
    my ($length) = unpack 'x1C', $block;
    return unhuffman(substr $block, 2, $length & 127) if $length & 128;
    return substr $block, 2, $length;
}

# Digits: 0 1 2 have 5 bits (0 to 2), 3 to 9 six (25 to 31).
sub unhuffman ($bytes) {
    my ($bits, $text) = (unpack('B*', $bytes), '');
    while (length $bits >= 5 && $bits !~ /\A1+\z/) {
        my $five = oct '0b' . substr $bits, 0, 5;
        if ($five <= 2) { $text .= $five; substr $bits, 0, 5, ''; next }
        last if length $bits < 6;
        $text .= oct('0b' . substr $bits, 0, 6) - 22;
        substr $bits, 0, 6, '';
    }
    return $text;
}

# The error code with which the connection ends; undef when it does not end so.
sub goodbye ($self) {
    my ($goaway) = reverse grep { $_->{type} == GOAWAY } $self->until(sub ($f) { $f->{type} == GOAWAY });
    return $goaway ? unpack 'x4N', $goaway->{payload} : undef;
}

1;
