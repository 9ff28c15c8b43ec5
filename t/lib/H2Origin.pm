# t/lib/H2Origin.pm - an origin that speaks HTTP/2 frame by frame, in the test's own process
#
#     my $origin = H2Origin->listen;                 # ->address for the config
#     my $c = $origin->take;                         # the next connection; its preface is read, our SETTINGS sent
#     my $r = $c->request;                           # { stream, fields => { ... }, list => [...], ended }
#     $c->answer($r->{stream}, 'body', 'x-a' => 'b');     # or headers, frame, raw as H2 has them
#     my $body = $c->body($r->{stream});             # DATA up to END_STREAM, windows opened as it comes
#
# Nothing happens that the test does not say, so every order of events can be had.
package H2Origin;
use v5.36;
use Carp qw(croak);
use IO::Socket::IP;
use IO::Socket::UNIX;
use Client;
use H2;
use Hpack;
use Ports;
use Wait qw(patience);
our @ISA = ('H2');

sub listen ($class, %option) {
    my $self = bless { %option }, $class;
    if ($option{unix}) {
        $self->{listener} = IO::Socket::UNIX->new(Local => $option{unix}, Listen => 128) or croak "listen on $option{unix}: $!";
        chmod 0666, $option{unix};
    } else {
        $self->{port} //= Ports::take();
        $self->{listener} = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $self->{port}, Listen => 128, ReuseAddr => 1)
            or croak "listen on port $self->{port}: $!";
    }
    return $self;
}

sub address ($self) { return $self->{unix} ? "unix:$self->{unix}" : "127.0.0.1:$self->{port}" }

# Whether somebody is at the door.
sub knocked ($self, $seconds = 0) {
    my $bits = '';
    vec($bits, fileno $self->{listener}, 1) = 1;
    return select($bits, undef, undef, $seconds) > 0;
}

# OPTIONS: settings => bytes, silent => 1: no SETTINGS of ours; window => 0: windows are not opened.
sub take ($self, %option) {
    $self->knocked(patience()) or croak 'nobody came';
    my $sock = $self->{listener}->accept or croak "accept: $!";
    $sock->blocking(0);
    my $conn = bless { client => bless({ sock => $sock, in => '', end => '' }, 'Client'), in => '', hpack => Hpack->new,
                       later => [], window => 1, %option }, ref $self;
    while (length $conn->{in} < length H2::PREFACE) { $conn->{in} .= $conn->{client}->read_some // croak 'no preface' }
    croak 'no preface' if substr($conn->{in}, 0, length H2::PREFACE, '') ne H2::PREFACE;
    $conn->frame(SETTINGS, 0, 0, $option{settings} // '') if !$option{silent};
    return $conn;
}

# The connection on which the next request comes, a new one or one of those that were taken, and that request.
sub serve ($self, %option) {
    my $until = time + patience();
    while (time < $until) {
        for my $conn (grep { !$_->{gone} } @{ $self->{conns} // [] }) {
            return ($conn, $conn->request) if $conn->has_request;
        }
        push @{ $self->{conns} }, $self->take(%option) if $self->knocked(0.01);
    }
    croak 'no request came';
}

sub has_request ($self) {
    my $is = sub ($f) { $f->{type} == HEADERS };
    while (!grep { $is->($_) } @{ $self->{later} }) {
        return 0 if !length $self->{in} && !$self->{client}->ready(0, 0);
        my $f = $self->next_frame; # what has begun to come comes, or the connection ends
        if (!$f) {
            $self->{gone} = 1 if $self->{client}{end};
            return 0;
        }
        push @{ $self->{later} }, $f;
    }
    return 1;
}

# As H2's, but SETTINGS are acknowledged, windows opened, and frames for others kept for later.
sub next_frame ($self, $seconds = patience()) {
    my $f = $self->SUPER::next_frame($seconds) // return undef;
    $self->frame(SETTINGS, ACK, 0) if $f->{type} == SETTINGS && !($f->{flags} & ACK) && !$self->{silent};
    if ($f->{type} == DATA && length $f->{payload} && $self->{window}) {
        $self->frame(WINDOW_UPDATE, 0, $_, pack 'N', length $f->{payload}) for 0, $f->{flags} & END_STREAM ? () : $f->{stream};
    }
    if ($f->{type} == HEADERS) {
        my $block = $f->{payload};
        until ($f->{flags} & END_HEADERS) {
            my $more = $self->SUPER::next_frame // return undef;
            $block .= $more->{payload};
            $f->{flags} |= $more->{flags} & END_HEADERS;
        }
        $block = substr $block, 5 if $f->{flags} & 0x20;
        $f->{list} = [$self->{hpack}->decode($block)];
    }
    return $f;
}

# The next frame that is so; others stay for later calls.
sub wait_for ($self, $is, $seconds = patience()) {
    for my $i (0 .. $#{ $self->{later} }) {
        return splice @{ $self->{later} }, $i, 1 if $is->($self->{later}[$i]);
    }
    while (my $f = $self->next_frame($seconds)) {
        return $f if $is->($f);
        push @{ $self->{later} }, $f;
    }
    return undef;
}

sub request ($self) {
    my $f = $self->wait_for(sub ($f) { $f->{type} == HEADERS }) // croak 'no request came';
    my @list = @{ $f->{list} };
    my %fields;
    while (my ($name, $value) = splice @list, 0, 2) { $fields{$name} = defined $fields{$name} ? "$fields{$name}, $value" : $value }
    return { stream => $f->{stream}, fields => \%fields, list => $f->{list}, ended => !!($f->{flags} & END_STREAM) };
}

sub data ($self, $stream) {
    return $self->wait_for(sub ($f) { $f->{type} == DATA && $f->{stream} == $stream });
}

sub body ($self, $stream) {
    my $body = '';
    while (my $f = $self->data($stream)) {
        $body .= $f->{payload};
        return $body if $f->{flags} & END_STREAM;
    }
    return undef;
}

# The error code with which our peer resets a stream.
sub reset_of ($self, $stream) {
    my $f = $self->wait_for(sub ($f) { $f->{type} == RST_STREAM && $f->{stream} == $stream }) // return undef;
    return unpack 'N', $f->{payload};
}

sub head ($self, $stream, %fields) {
    my $status = delete $fields{':status'} // 200;
    return $self->headers($stream, [':status' => $status, map { $_ => $fields{$_} } sort keys %fields], END_HEADERS);
}

sub answer ($self, $stream, $body, %fields) {
    $self->head($stream, %fields);
    return $self->frame(DATA, END_STREAM, $stream, $body);
}

# A whole answer of gRPC: messages, then the status behind them.
sub grpc ($self, $stream, $messages, $status = 0, %more) {
    $self->head($stream, 'content-type' => 'application/grpc', %more);
    $self->frame(DATA, 0, $stream, message($_)) for @$messages;
    return $self->trailers($stream, 'grpc-status' => $status);
}

sub trailers ($self, $stream, @fields) { return $self->headers($stream, \@fields, END_HEADERS | END_STREAM) }

sub message ($bytes) { return pack('CN', 0, length $bytes) . $bytes }

sub rst ($self, $stream, $code) { return $self->frame(RST_STREAM, 0, $stream, pack 'N', $code) }
sub goaway ($self, $last, $code = 0) { return $self->frame(GOAWAY, 0, 0, pack 'NN', $last, $code) }
sub shut ($self) { return $self->{client}->close }
sub closed ($self) { $self->until(sub ($) { 0 }); return $self->{client}->closed }

1;
