# t/lib/Client.pm - one client connection, as raw as a test needs it
#
# Knows the methods of the requests sent through send(), so that responses to HEAD are read rightly;
# bytes sent through write() may say what they ask for: $c->read_response(method => 'HEAD').
package Client;
use v5.36;
use Carp qw(croak);
use Errno qw(EAGAIN EINTR ECONNRESET EPIPE);
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF SO_SNDBUF IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);
use Reply;
use Wait qw(patience);

# WHERE: port => N (and host), or unix => PATH; rcvbuf => BYTES for a reader that backs up soon; tls =>
# { options of IO::Socket::SSL } for a client that speaks TLS (by default it verifies nothing).
sub connect ($class, %where) {
    my $sock;

    if ($where{unix}) {
        $sock = IO::Socket::UNIX->new(Peer => $where{unix}) or croak "connect $where{unix}: $!";
    } else {
        my @before = $where{rcvbuf} ? (Sockopts => [[SOL_SOCKET, SO_RCVBUF, $where{rcvbuf}]]) : ();
        $sock = IO::Socket::IP->new(PeerHost => $where{host} // '127.0.0.1',
                                    PeerPort => $where{port}, @before)
            or croak "connect to port $where{port}: $!";
        $sock->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    }
    $sock = start_tls($sock, %{ $where{tls} }) if $where{tls};
    $sock->blocking(0);
    return bless { sock => $sock, in => '', methods => [], end => '', host => 'localhost' }, $class;
}

sub start_tls ($sock, %option) {
    require IO::Socket::SSL;
    return IO::Socket::SSL->start_SSL($sock, SSL_verify_mode => 0, SSL_hostname => '', Timeout => patience(),
                                      %option)
        || croak 'TLS handshake: ' . ($IO::Socket::SSL::SSL_ERROR // $!);
}

sub socket     ($self) { return $self->{sock} }
sub local_port ($self) { return $self->{sock}->sockport }

# The bytes of a request: request_bytes('GET /a', { body => 'x', version => '1.0' }, Name => 'v').
# Adds Host (unless given or version 1.0) and Content-Length (unless given or chunked).
sub request_bytes ($what, @rest) {
    my %option = ref $rest[0] eq 'HASH' ? %{ shift @rest } : ();
    my ($method, $uri) = $what =~ /\A(\S+) (.+)\z/s or croak "not a request: $what";
    my $version = $option{version} // '1.1';
    my ($head, %seen) = ("$method $uri HTTP/$version\r\n");

    croak "odd list of headers" if @rest % 2;
    my @fields = @rest;
    $seen{ lc $fields[$_] } = 1 for grep { $_ % 2 == 0 } 0 .. $#fields;
    $head .= 'Host: ' . ($option{host} // 'localhost') . "\r\n"
        unless $seen{host} || ($version eq '1.0' && !defined $option{host});
    while (my ($name, $value) = splice @fields, 0, 2) {
        $head .= "$name: $value\r\n" if defined $value;
    }
    my $body = $option{body} // '';
    if ($option{chunks}) {
        $head .= "Transfer-Encoding: chunked\r\n";
        $body = chunked(@{ $option{chunks} });
    } elsif (defined $option{body} && !$seen{'content-length'} && !$seen{'transfer-encoding'}) {
        $head .= 'Content-Length: ' . length($body) . "\r\n";
    }
    return "$head\r\n$body";
}

sub chunked (@parts) {
    return join('', map { sprintf("%x\r\n%s\r\n", length, $_) } grep { length } @parts) . "0\r\n\r\n";
}

sub send ($self, $what, @rest) {
    push @{ $self->{methods} }, $what =~ /\A(\S+)/;
    $self->write(request_bytes($what, @rest));
    return $self;
}

sub get ($self, $uri, @rest) { return $self->send("GET $uri", @rest)->response }

# One request and its response on this connection.
sub request ($self, $what, @rest) { return $self->send($what, @rest)->response }

# Writes all of it; false when the peer has closed (the reason is in write_error).
sub write ($self, $bytes) {
    my $deadline = time + patience();

    while (length $bytes) {
        my $n = syswrite $self->{sock}, $bytes;
        if (defined $n) {
            substr $bytes, 0, $n, '';
        } elsif ($! == EAGAIN || $! == EINTR) {
            croak 'timed out writing ' . length($bytes) . ' bytes' if time > $deadline;
            $self->ready(1, 0.1);
        } else {
            $self->{write_error} = "$!";
            return 0;
        }
    }
    return 1;
}

sub write_error ($self) { return $self->{write_error} }

# Writes what fits now and returns the count; undef when the peer has closed.
sub write_some ($self, $bytes) {
    my $n = syswrite $self->{sock}, $bytes;
    return $n if defined $n;
    return $! == EAGAIN || $! == EINTR ? 0 : undef;
}

sub ready ($self, $to_write, $seconds) {
    my $bits = '';
    vec($bits, fileno $self->{sock}, 1) = 1;
    my ($r, $w) = $to_write ? (undef, $bits) : ($bits, undef);
    return select($r, $w, undef, $seconds) > 0;
}

# Some bytes; undef at the end of the stream, '' when SECONDS passed without any.
sub read_some ($self, $seconds = patience(), $limit = 65536) {
    my $deadline = time + $seconds;

    return if $self->{end};
    while (1) {
        my $bytes;
        my $left = $deadline - time;        # asked first: what came before the end is read
        my $n = sysread $self->{sock}, $bytes, $limit;
        return $bytes if $n;
        if (defined $n) {
            $self->{end} = 'eof';
            return;
        }
        if ($! == ECONNRESET || $! == EPIPE) {
            $self->{end} = 'reset';
            return;
        }
        croak "read: $!" unless $! == EAGAIN || $! == EINTR;
        return '' if $left <= 0;
        $self->ready(0, $left);
    }
}

# Bytes or undef at the end; dies when nothing comes.
sub more ($self) {
    my $bytes = $self->read_some;
    croak "timed out reading; so far: '" . substr($self->{in}, 0, 300) . "'"
        if defined $bytes && $bytes eq '';
    return $bytes;
}

# The next response on this connection; undef when the server closed instead.
sub read_response ($self, %option) {
    my $method = $option{method} // shift @{ $self->{methods} } // 'GET';
    return Reply->parse(\$self->{in}, sub { $self->more }, $method);
}

sub response ($self, %option) { return $self->read_response(%option) }

# Everything up to and including what PATTERN matches; undef when the stream ends before.
sub read_until ($self, $pattern) {
    while (1) {
        return substr $self->{in}, 0, $+[0], '' if $self->{in} =~ /\A.*?$pattern/s;
        my $bytes = $self->more // return;
        $self->{in} .= $bytes;
    }
}

# Exactly N bytes (fewer only when the stream ends).
sub read_bytes ($self, $n) {
    while (length $self->{in} < $n) {
        my $bytes = $self->more // last;
        $self->{in} .= $bytes;
    }
    return substr $self->{in}, 0, ($n < length $self->{in} ? $n : length $self->{in}), '';
}

# All that comes until the server closes.
sub read_all ($self) {
    while (defined(my $bytes = $self->more)) { $self->{in} .= $bytes }
    return substr $self->{in}, 0, length $self->{in}, '';
}

# Waits for the server to close: 'eof' or 'reset'; '' if it does not, or sent bytes nobody read.
sub closed ($self, $seconds = patience()) {
    return '' if length $self->{in};
    my $bytes = $self->read_some($seconds);
    return $self->{end} unless defined $bytes;
    $self->{in} .= $bytes;
    return '';
}

# Is the connection open at this moment, with nothing to read?
sub is_open ($self) {
    my $bytes = $self->read_some(0) // return 0;
    $self->{in} .= $bytes;
    return 1;
}

# What came so far and was not read; does not wait.
sub pending ($self) {
    while (1) {
        my $bytes = $self->read_some(0) // last;
        last if $bytes eq '';
        $self->{in} .= $bytes;
    }
    return $self->{in};
}

sub shutdown ($self) { return CORE::shutdown $self->{sock}, 1 }
sub close    ($self) { return CORE::close $self->{sock} }

# Closes with a reset instead of a FIN.
sub reset ($self) {
    setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    return CORE::close $self->{sock};
}

1;
