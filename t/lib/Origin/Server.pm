# t/lib/Origin/Server.pm - the child process behind Origin: one select loop over scripted connections
#
# Every connection walks a list of steps. At rest the list is empty and the head of a request is
# awaited; a head puts the steps of its rule there; a step that must wait stays first in the list
# and is tried again after each event.
package Origin::Server;
use v5.36;
use Errno qw(EAGAIN EINTR);
use IO::Select;
use Socket qw(SOL_SOCKET SO_LINGER);
use Storable qw(freeze thaw);
use Origin::Gateway;

use constant { READ_AHEAD => 65536, KEEP_OUT => 262144 };

sub new ($class, $listener, $control, $listen_again, $protocol = 'http') {
    $listener->blocking(0);
    return bless { protocol => $protocol, listener => $listener, control => $control, listen_again => $listen_again,
                   rules => {}, held => {}, go => {}, on_accept => [], requests => [],
                   conns => {}, ends => {}, accepted => 0 }, $class;
}

sub run ($self) {
    $SIG{PIPE} = 'IGNORE';
    $SIG{$_} = 'DEFAULT' for qw(TERM INT);
    while ($self->{control}) {
        my ($readers, $writers) = (IO::Select->new($self->{control}), IO::Select->new);
        $readers->add($self->{listener}) if $self->{listener};
        for my $conn (values %{ $self->{conns} }) {
            $readers->add($conn->{sock}) if wants_read($conn);
            $writers->add($conn->{sock}) if length $conn->{out} || $conn->{fill};
        }
        my ($r, $w) = IO::Select->select($readers, $writers, undef, undef);
        for my $sock (@{ $r // [] }) {
            last unless $self->{control};
            if    ($sock == $self->{control})           { $self->obey }
            elsif ($self->{listener} && $sock == $self->{listener}) { $self->accept_one }
            else                                        { $self->readable(fileno $sock) }
        }
        $self->writable(fileno $_) for grep { defined fileno $_ } @{ $w // [] };
    }
}

# Control ------------------------------------------------------------------------------------------

sub read_exactly ($sock, $n) {
    my $bytes = '';
    while (length $bytes < $n) {
        my $got = sysread $sock, $bytes, $n - length $bytes, length $bytes;
        next if !defined $got && $! == EINTR;
        return unless $got;
    }
    return $bytes;
}

sub read_frame ($sock) {
    my $length = read_exactly($sock, 4) // return;
    my $frozen = read_exactly($sock, unpack 'N', $length) // return;
    return thaw($frozen);
}

sub obey ($self) {
    my $question = read_frame($self->{control});

    if (!$question) {
        $self->{control} = undef;
        return;
    }
    my ($verb, @args) = @$question;
    my $do     = $self->can("do_$verb");
    my @value  = $do ? eval { $do->($self, @args) } : ();
    my $answer = { value => \@value, error => $do ? ($@ || undef) : "origin cannot $verb" };
    my $frozen = freeze($answer);
    $self->{control}->blocking(1) if $self->{control}->can('blocking');
    my $bytes = pack('N', length $frozen) . $frozen;
    while (length $bytes) {
        my $n = syswrite($self->{control}, $bytes) // last;
        substr $bytes, 0, $n, '';
    }
}

sub pump_all ($self) { $self->pump($_) for values %{ $self->{conns} } }

sub do_rules ($self, $path, @scripts) { $self->{rules}{$path} = \@scripts; return }
sub do_on_accept ($self, $steps) { $self->{on_accept} = $steps; return }
sub do_hold ($self, $path) { $self->{held}{$path} = 1; return }

sub do_release ($self, $path) {
    delete $self->{held}{$path};
    $self->pump_all;
    return;
}

sub do_held ($self, $path) {
    return scalar grep { @{ $_->{steps} } && $_->{steps}[0][0] eq 'hold' && ($_->{holding} // '') eq $path }
        values %{ $self->{conns} };
}

sub do_go ($self, $name, $times) {
    $self->{go}{$name} += $times;
    $self->pump_all;
    return;
}

sub do_refuse ($self) {
    close $self->{listener} if $self->{listener};
    $self->{listener} = undef;
    $self->drop($_) for values %{ $self->{conns} };
    return;
}

sub do_accept ($self) {
    $self->{listener} //= $self->{listen_again}->();
    $self->{listener}->blocking(0);
    return;
}

sub do_requests    ($self) { return @{ $self->{requests} } }
sub do_count       ($self) { return scalar @{ $self->{requests} } }
sub do_connections ($self) { return $self->{accepted} }
sub do_open        ($self) { return scalar keys %{ $self->{conns} } }

sub do_forget ($self) {
    $self->{requests} = [];
    $self->{accepted} = 0;
    $self->{ends}     = {};
    return;
}

sub traffic_of ($conn) { return { map { $_ => $conn->{$_} } qw(read written nth end) } }

sub do_traffic ($self) {
    return (%{ $self->{ends} }, map { $_->{id} => traffic_of($_) } values %{ $self->{conns} });
}

# Connections ----------------------------------------------------------------------------------------

sub accept_one ($self) {
    my $sock = $self->{listener}->accept or return;
    $sock->blocking(0);
    my $conn = { sock => $sock, id => ++$self->{accepted}, in => '', out => '', fill => 0, filled => 0,
                 steps => [@{ $self->{on_accept} }], nth => 0, read => 0, written => 0, end => '',
                 deaf => 0, holding => '', request => undef };
    $self->{conns}{ fileno $sock } = $conn;
    $self->pump($conn);
}

sub wants_read ($conn) {
    return 0 if $conn->{deaf} || $conn->{end};
    return 1 if !@{ $conn->{steps} } || $conn->{steps}[0][0] =~ /\A(?:body|read)\z/;
    return length $conn->{in} < READ_AHEAD;
}

sub readable ($self, $fd) {
    my $conn = $self->{conns}{ $fd // -1 } or return;
    my $n    = sysread $conn->{sock}, $conn->{in}, 262144, length $conn->{in};

    return if !defined $n && ($! == EAGAIN || $! == EINTR);
    if ($n) { $conn->{read} += $n }
    else    { $conn->{end} = defined $n ? 'eof' : 'reset' }
    $self->pump($conn);
}

sub writable ($self, $fd) {
    my $conn = $self->{conns}{ $fd // -1 } or return;
    $self->pump($conn) if flush($self, $conn);
}

# Writes what fits; false when the connection is gone.
sub flush ($self, $conn) {
    while (1) {
        if ($conn->{fill} && length $conn->{out} < KEEP_OUT) {
            refill($conn);
        }
        return 1 unless length $conn->{out};
        my $n = syswrite $conn->{sock}, $conn->{out};
        if (!defined $n) {
            return 1 if $! == EAGAIN || $! == EINTR;
            $conn->{end} = 'reset';
            $self->drop($conn);
            return 0;
        }
        $conn->{written} += $n;
        substr $conn->{out}, 0, $n, '';
    }
}

# The same bytes as Origin::pattern, made a piece at a time.
sub refill ($conn) {
    my $from = int($conn->{filled} / 16);
    my $text = join '', map { sprintf "%014d.\n", $_ } $from .. $from + 4096;
    substr $text, 0, $conn->{filled} % 16, '';
    my $n = length $text < $conn->{fill} ? length $text : $conn->{fill};
    $conn->{out} .= $conn->{wrap} ? Origin::Gateway::records(6, substr $text, 0, $n)
                                  : substr $text, 0, $n;
    $conn->{filled} += $n;
    $conn->{fill}   -= $n;
}

sub drop ($self, $conn) {
    my $fd = fileno($conn->{sock}) // return;
    $conn->{end} ||= 'closed';
    $conn->{request}{aborted} = 1 if $conn->{request} && !$conn->{request}{complete};
    $self->{ends}{ $conn->{id} } = traffic_of($conn);
    delete $self->{conns}{$fd};
    close $conn->{sock};
}

# Takes steps until one has to wait. A step returns true when it is done. What a step wrote goes out
# at the end; if that was all there is, a step that waited for it has its turn.
sub pump ($self, $conn) {
    while (take_steps($self, $conn)) {
        my $waited = length $conn->{out} || $conn->{fill};
        flush($self, $conn) or return;
        last if !$waited || length $conn->{out} || $conn->{fill};
    }
    return unless defined fileno $conn->{sock};
    $self->drop($conn) if $conn->{end}
        && (!@{ $conn->{steps} } || $conn->{steps}[0][0] =~ /\A(?:body|read|hold|wait|stall)\z/);
}

# False when the connection is gone.
sub take_steps ($self, $conn) {
    while (defined fileno $conn->{sock}) {
        if (!@{ $conn->{steps} }) {
            return 1 unless $self->next_head($conn);
            next;
        }
        my ($verb, @args) = @{ $conn->{steps}[0] };
        my $step = __PACKAGE__->can("step_$verb");
        if (!$step) {
            print STDERR "# origin: no step $verb\n";
            $self->drop($conn);
            return 0;
        }
        if (!$step->($self, $conn, @args)) {
            return defined fileno $conn->{sock};
        }
        shift @{ $conn->{steps} };
    }
    return 0;
}

sub next_head ($self, $conn) {
    return next_gateway_head($self, $conn) if $self->{protocol} ne 'http';
    $conn->{in} =~ s/\A(.*?\r\n)\r\n//s or return 0;
    my $head = $1;
    my ($line, @lines) = split /\r\n/, $head;
    my ($method, $uri, $version) = ($line // '') =~ /\A(\S+) (.*) HTTP\/(1\.[01])\z/;
    my @fields = map { [split /:[ \t]*/, $_, 2] } @lines;
    my $request = { method => $method // '', uri => $uri // '', version => $version // '',
                    raw => "$head\r\n", fields => \@fields, body => '', trailers => [],
                    complete => 0, aborted => 0, connection => $conn->{id}, nth => ++$conn->{nth} };
    my %of = map { lc $_->[0] => $_->[1] } @fields;
    $request->{chunked} = lc($of{'transfer-encoding'} // '') eq 'chunked' ? 1 : 0;
    $conn->{left}  = $request->{chunked} ? undef : ($of{'content-length'} || 0);
    $conn->{stays} = ($version // '') eq '1.1' ? 1 : 0;
    $conn->{stays} = 0 if lc($of{connection} // '') eq 'close';
    $conn->{stays} = 1 if lc($of{connection} // '') eq 'keep-alive';
    $conn->{request}  = $request;
    $request->{complete} = 1 if defined $conn->{left} && $conn->{left} == 0;
    push @{ $self->{requests} }, $request;
    $conn->{steps} = [$self->steps_for($request->{uri})];
    return 1;
}

sub next_gateway_head ($self, $conn) {
    my $request = Origin::Gateway::head($self->{protocol}, $conn) or return 0;

    @$request{qw(connection nth)} = ($conn->{id}, ++$conn->{nth});
    $conn->{request} = $request;
    push @{ $self->{requests} }, $request;
    $conn->{steps} = [$self->steps_for($request->{uri})];
    return 1;
}

sub steps_for ($self, $uri) {
    my ($path) = $uri =~ /\A([^?]*)/;
    for my $key ($uri, $path, '*') {
        my $scripts = $self->{rules}{$key} or next;
        return @{ @$scripts > 1 ? shift @$scripts : $scripts->[0] };
    }
    my $key = $self->{held}{$uri} ? $uri : $path;
    return (['body'], [hold => $key], [answer => {}]);
}

# Steps --------------------------------------------------------------------------------------------

sub step_body ($self, $conn) {
    my $request = $conn->{request};

    return 1 if !$request || $request->{complete};
    return Origin::Gateway::fastcgi_body($conn, $request) if $self->{protocol} eq 'fastcgi';
    return read_chunks($conn, $request) unless defined $conn->{left};
    my $piece = substr $conn->{in}, 0, $conn->{left}, '';
    $request->{body} .= $piece;
    $conn->{left} -= length $piece;
    $request->{complete} = 1 if $conn->{left} == 0;
    return $request->{complete};
}

sub read_chunks ($conn, $request) {
    while (1) {
        if ($request->{in_trailers}) {
            $conn->{in} =~ s/\A([^\r\n]*)\r\n// or return 0;
            my $line = $1;
            return $request->{complete} = 1 if $line eq '';
            push @{ $request->{trailers} }, [split /:[ \t]*/, $line, 2];
            next;
        }
        my ($size) = $conn->{in} =~ /\A([0-9a-fA-F]+)[^\r\n]*\r\n/ or return 0;
        my $head = $+[0];
        if (hex $size == 0) {
            substr $conn->{in}, 0, $head, '';
            $request->{in_trailers} = 1;
            next;
        }
        return 0 if length $conn->{in} < $head + hex($size) + 2;
        $request->{body} .= substr $conn->{in}, $head, hex $size;
        push @{ $request->{chunks} }, hex $size;
        substr $conn->{in}, 0, $head + hex($size) + 2, '';
    }
}

# Raw bytes of the body (of a chunked one: with its framing).
sub step_read ($self, $conn, $n) {
    return 0 if length $conn->{in} < $n;
    my $piece = substr $conn->{in}, 0, $n, '';
    $conn->{request}{body} .= $piece;
    if (defined $conn->{left}) {
        $conn->{left} -= $n;
        $conn->{request}{complete} = 1 if $conn->{left} <= 0;
    }
    return 1;
}

sub step_write ($self, $conn, $bytes) {
    return 0 if $conn->{fill};
    $conn->{out} .= $bytes;
    return 1;
}

# As the protocol frames them: bytes of the answer, of standard error, its end.
sub step_out ($self, $conn, $bytes, %option) {
    return step_write($self, $conn, Origin::Gateway::out($self->{protocol}, $bytes, %option));
}

sub step_err ($self, $conn, $bytes) {
    return step_write($self, $conn, Origin::Gateway::records(7, $bytes));
}

sub step_end ($self, $conn, @status) {
    drained($self, $conn) or return 0;
    $conn->{out} .= Origin::Gateway::end_record(@status);
    splice @{ $conn->{steps} }, 1, 0, ['close'] unless $conn->{stays};
    return 1;
}

sub step_fill ($self, $conn, $n) {
    return 0 if $conn->{fill};
    $conn->{wrap} = $self->{protocol} eq 'fastcgi';
    @$conn{qw(fill filled)} = ($n, 0);
    return 1;
}

sub step_answer ($self, $conn, $answer) {
    return 0 if $conn->{fill};
    my $request = $conn->{request};
    return gateway_answer($self, $conn, $answer) if $self->{protocol} ne 'http';
    $conn->{out} .= render($answer, $request, $conn->{stays});
    @$conn{qw(fill filled)} = ($answer->{fill}, 0) if $answer->{fill} && $request->{method} ne 'HEAD';
    my $ends = $answer->{close} || $answer->{no_length} || !$conn->{stays};
    splice @{ $conn->{steps} }, 1, 0, ['close'] if $ends;
    return 1;
}

sub gateway_answer ($self, $conn, $answer) {
    my $fastcgi = $self->{protocol} eq 'fastcgi';

    $conn->{out} .= Origin::Gateway::render($self->{protocol}, $answer, $conn->{request});
    $conn->{wrap} = $fastcgi;
    @$conn{qw(fill filled)} = ($answer->{fill}, 0) if $answer->{fill};
    splice @{ $conn->{steps} }, 1, 0, ['end'] if $fastcgi && $answer->{fill};
    splice @{ $conn->{steps} }, 1, 0, ['close']
        if $answer->{close} || (!$conn->{stays} && !($fastcgi && $answer->{fill}));
    return 1;
}

my %REASON = (200 => 'OK', 204 => 'No Content', 206 => 'Partial Content', 301 => 'Moved Permanently',
              302 => 'Found', 304 => 'Not Modified', 404 => 'Not Found', 403 => 'Forbidden',
              500 => 'Internal Server Error', 502 => 'Bad Gateway', 503 => 'Service Unavailable');

sub render ($answer, $request, $stays) {
    my $status  = $answer->{status} // 200;
    my $body    = $answer->{body} // ($answer->{fill} || $answer->{chunks} ? ''
                                      : "$request->{method} $request->{uri}\n");
    my $version = $answer->{version} // '1.1';
    my $reason  = $answer->{reason} // $REASON{$status} // 'Whatever';
    my $bodyless = $status == 204 || $status == 304;
    my $head    = ($answer->{interim} // '') . "HTTP/$version $status $reason\r\n";
    my @fields  = @{ $answer->{headers} // [] };
    my $chunked = $answer->{chunked} || $answer->{chunks} || $answer->{trailers};

    unshift @fields, 'Content-Type' => 'text/plain'
        unless $bodyless || grep { lc $_ eq 'content-type' } @fields;
    push @fields, 'Transfer-Encoding' => 'chunked' if $chunked;
    push @fields, 'Content-Length' => $answer->{length} // $answer->{fill} // length $body
        unless $chunked || $answer->{no_length} || $bodyless;
    push @fields, 'Connection' => 'close' if $answer->{close} || ($version eq '1.1' && !$stays);
    push @fields, 'Connection' => 'keep-alive' if $version eq '1.0' && $stays && !$answer->{close};
    while (my ($name, $value) = splice @fields, 0, 2) { $head .= "$name: $value\r\n" }
    return "$head\r\n" if $request->{method} eq 'HEAD' || $bodyless;
    return "$head\r\n$body" unless $chunked;
    my @parts    = $answer->{chunks} ? @{ $answer->{chunks} } : length $body ? ($body) : ();
    my $trailers = '';
    my @pairs    = @{ $answer->{trailers} // [] };
    while (my ($name, $value) = splice @pairs, 0, 2) { $trailers .= "$name: $value\r\n" }
    return "$head\r\n" . join('', map { sprintf("%x\r\n%s\r\n", length, $_) } @parts)
        . "0\r\n$trailers\r\n";
}

sub step_hold ($self, $conn, $path) {
    my $uri = $conn->{request} ? $conn->{request}{uri} : $path;
    ($conn->{holding}) = grep { $self->{held}{$_} } $path, $uri, $uri =~ /\A([^?]*)/;
    return 1 unless defined $conn->{holding};
    return 0;
}

sub step_wait ($self, $conn, $name) {
    return 0 unless $self->{go}{$name};
    $self->{go}{$name}--;
    return 1;
}

sub step_stall ($self, $conn) { return 0 }
sub step_deaf  ($self, $conn) { $conn->{deaf} = 1; return 1 }
sub step_hear  ($self, $conn) { $conn->{deaf} = 0; return 1 }

# Everything must be on its way before the end of the connection.
sub drained ($self, $conn) {
    return 0 unless flush($self, $conn);
    return !length $conn->{out} && !$conn->{fill};
}

sub step_close ($self, $conn) {
    drained($self, $conn) or return 0;
    $self->drop($conn);
    return 0;
}

sub step_reset ($self, $conn) {
    drained($self, $conn) or return 0;
    setsockopt $conn->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    $self->drop($conn);
    return 0;
}

sub step_shutdown ($self, $conn) {
    drained($self, $conn) or return 0;
    shutdown $conn->{sock}, 1;
    return 1;
}

1;
