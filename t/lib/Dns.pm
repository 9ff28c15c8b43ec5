# t/lib/Dns.pm - a name server that does what the test says
#
#     my $dns = Dns->start;                                  # or Site's: $site->dns, %DNS% in a config
#     $dns->set('app.test', A => '127.0.0.1', AAAA => ['::1'], ttl => 5);
#     $dns->set('_http._tcp.app.test', SRV => [[1, 10, 8080, 'app.test'], ...]);
#     $dns->set('www.test', CNAME => 'app.test');            # with the records of app.test, if known
#     $dns->remove('app.test');                              # no such name (as all that are not set)
#     $dns->behave('app.test', 'silent');                    # for '*' too; several: one per question,
#     $dns->behave('app.test', 'silent', 'well');            # the last repeats
#     my $held = $dns->hold('app.test'); ... $held->reached; ... $held->release;
#     $dns->queries;                                         # "app.test A udp", ...; one that is
#                                                            # repeated for want of an answer is one
#
# Ways to behave: well, silent, servfail, refused, formerr, notimp, truncated (over TCP it answers),
# wrong_id (then it is silent), wrong_name, garbage, short, cut (in a record), lazy (aliases alone),
# tcp_cut (truncated, and the answer over TCP ends early), loop (a name that points to itself).
# It runs in a child process, on one port for UDP and TCP.
package Dns;
use v5.36;
use Carp qw(croak);
use IO::Select;
use IO::Socket::IP;
use Socket qw(PF_UNIX SOCK_STREAM SOCK_DGRAM inet_aton inet_pton AF_INET6);
use Storable qw(freeze);
use Origin::Server;
use Ports;
use Procs;
use Wait qw(wait_until);

my %TYPE = (A => 1, CNAME => 5, AAAA => 28, SRV => 33);
my %NAME = reverse %TYPE;
my %RCODE = (formerr => 1, servfail => 2, notimp => 4, refused => 5);

sub start ($class, %option) {
    my $self = bless { owner => $$, host => '127.0.0.1', %option }, $class;

    $self->{port} //= Ports::take();
    CORE::socketpair my $here, my $there, PF_UNIX, SOCK_STREAM, 0 or croak "socketpair: $!";
    my @sockets = listen_on($self);
    my $pid = fork // croak "fork: $!";
    if ($pid == 0) {
        Procs::die_with_parent();
        close $here;
        $SIG{PIPE} = 'IGNORE';
        $SIG{$_} = 'DEFAULT' for qw(TERM INT);
        @$self{qw(control udp tcp)} = ($there, @sockets);
        %$self = (%$self, zone => {}, ways => {}, held => {}, waiting => [], queries => [], conns => {});
        eval { serve($self); 1 } or print STDERR "# dns: $@";
        require POSIX;
        POSIX::_exit(0);
    }
    @$self{qw(control pid)} = ($here, $pid);
    return $self;
}

sub listen_on ($self) {
    my %local = (LocalHost => $self->{host}, LocalPort => $self->{port}, ReuseAddr => 1);
    my $udp = IO::Socket::IP->new(%local, Type => SOCK_DGRAM, Proto => 'udp') or croak "udp: $!";
    my $tcp = IO::Socket::IP->new(%local, Type => SOCK_STREAM, Listen => 64) or croak "tcp: $!";
    return ($udp, $tcp);
}

# What a config writes after `resolver`
sub address ($self) {
    return $self->{host} =~ /:/ ? "[$self->{host}]:$self->{port}" : "$self->{host}:$self->{port}";
}

sub ask ($self, @question) {
    my $frozen = freeze(\@question);
    my $bytes  = pack('N', length $frozen) . $frozen;

    syswrite($self->{control}, $bytes) == length $bytes or croak "the name server is gone: $!";
    my $answer = Origin::Server::read_frame($self->{control}) // croak 'the name server is gone';
    croak $answer->{error} if defined $answer->{error};
    return @{ $answer->{value} };
}

sub set    ($self, $name, %records) { $self->ask(set => lc $name, \%records); return $self }
sub remove ($self, $name)       { $self->ask(set => lc $name, undef); return $self }
sub behave ($self, $name, @way) { $self->ask(behave => lc $name, @way); return $self }
sub refuse ($self)              { $self->ask('refuse'); return $self }    # the port is closed
sub accept ($self)              { $self->ask('accept'); return $self }    # and open again
sub forget ($self)              { $self->ask('forget'); return $self }
sub queries ($self)             { return $self->ask('queries') }

# How many questions about NAME (and of TYPE) arrived.
sub count ($self, $name, $type = '\w+') {
    return scalar grep { /\A\Q$name\E $type / } $self->queries;
}

sub wait_for ($self, $name, $n = 1) {
    wait_until { $self->count($name) >= $n } "$n questions about $name";
    return $self;
}

sub hold ($self, $name) {
    $self->ask(hold => lc $name);
    return bless { dns => $self, name => lc $name }, 'Dns::Held';
}

sub stop ($self) {
    return unless $self->{pid} && $self->{owner} == $$;
    close $self->{control};
    kill TERM => $self->{pid};
    waitpid delete $self->{pid}, 0;
}

sub DESTROY ($self) {
    local ($?, $!, $@);
    $self->stop;
}

package Dns::Held {
    use v5.36;
    use Wait qw(wait_until);

    sub reached ($self, $n = 1) {
        wait_until { ($self->{dns}->ask(held => $self->{name}))[0] >= $n } "$n questions held";
        return $self;
    }
    sub release ($self) { $self->{dns}->ask(release => $self->{name}); return $self }
}

# The child ----------------------------------------------------------------------------------------

sub serve ($self) {
    while ($self->{control}) {
        my $select = IO::Select->new(grep { defined } @$self{qw(control udp tcp)},
                                     map { $_->{sock} } values %{ $self->{conns} });
        for my $sock ($select->can_read) {
            last unless $self->{control};
            if ($sock == $self->{control})                      { obey($self) }
            elsif ($self->{udp} && $sock == $self->{udp})       { take_datagram($self) }
            elsif ($self->{tcp} && $sock == $self->{tcp})       { take_connection($self) }
            elsif ($self->{conns}{$sock})                       { take_bytes($self, $sock) }
        }
    }
}

sub obey ($self) {
    my $question = Origin::Server::read_frame($self->{control});

    if (!$question) {
        $self->{control} = undef;
        return;
    }
    my ($verb, @args) = @$question;
    my @value  = eval { __PACKAGE__->can("do_$verb")->($self, @args) };
    my $frozen = freeze({ value => \@value, error => $@ || undef });
    syswrite $self->{control}, pack('N', length $frozen) . $frozen;
}

sub do_set ($self, $name, $records) {
    if ($records) { $self->{zone}{$name} = $records }
    else          { delete $self->{zone}{$name} }
    return;
}
sub do_behave  ($self, $name, @way) { $self->{ways}{$name} = \@way; return }
sub do_hold    ($self, $name)       { $self->{held}{$name} = 1; return }
sub do_held    ($self, $name)       { return scalar grep { $_->{name} eq $name } @{ $self->{waiting} } }
sub do_queries ($self)              { return @{ $self->{queries} } }
sub do_forget  ($self)              { $self->{queries} = []; return }
sub do_release ($self, $name) {
    delete $self->{held}{$name};
    my @waiting = @{ $self->{waiting} };
    $self->{waiting} = [grep { $_->{name} ne $name } @waiting];
    reply($self, $_) for grep { $_->{name} eq $name } @waiting;
    return;
}
sub do_refuse ($self) {
    close $_ for grep { defined } delete @$self{qw(udp tcp)};
    close $_->{sock} for values %{ $self->{conns} };
    $self->{conns} = {};
    return;
}
sub do_accept ($self) {
    @$self{qw(udp tcp)} = listen_on($self);
    return;
}

sub take_datagram ($self) {
    my $from = $self->{udp}->recv(my $message, 4096) // return;
    take_question($self, $message, { over => 'udp', to => $from });
}

sub take_connection ($self) {
    my $sock = $self->{tcp}->accept or return;
    $self->{conns}{$sock} = { sock => $sock, in => '' };
}

sub take_bytes ($self, $sock) {
    my $conn = $self->{conns}{$sock};

    if (!sysread $sock, $conn->{in}, 65536, length $conn->{in}) {
        delete $self->{conns}{$sock};
        close $sock;
        return;
    }
    while (length $conn->{in} >= 2 && length $conn->{in} >= 2 + unpack 'n', $conn->{in}) {
        my $message = substr $conn->{in}, 2, unpack 'n', $conn->{in};
        substr $conn->{in}, 0, 2 + length $message, '';
        take_question($self, $message, { over => 'tcp', sock => $sock });
    }
}

sub take_question ($self, $message, $asker) {
    my ($id, undef, $count) = unpack 'nnn', $message;
    my ($at, @labels) = (12);

    return unless length $message > 16 && $count == 1;
    while (my $n = ord substr $message, $at, 1) {
        push @labels, substr $message, $at + 1, $n;
        $at += $n + 1;
    }
    my $type = $NAME{ unpack 'n', substr $message, $at + 1, 2 } // 'other';
    my $question = { %$asker, id => $id, name => lc join('.', @labels), type => $type,
                     section => substr $message, 12, $at + 5 - 12 };
    my $again = $self->{seen}{ join ' ', $id, @$question{qw(name type)}, $asker->{to} // $asker->{sock} }++;
    push @{ $self->{queries} }, "$question->{name} $type $question->{over}" if !$again;
    if ($self->{held}{ $question->{name} }) { push @{ $self->{waiting} }, $question if !$again }
    else                                    { reply($self, $question) }
}

sub way_of ($self, $name) {
    my $ways = $self->{ways}{$name} // $self->{ways}{'*'} // ['well'];
    return @$ways > 1 ? shift @$ways : $ways->[0] // 'well';
}

sub send_reply ($self, $q, $message) {
    if ($q->{over} eq 'udp') { $self->{udp}->send($message, 0, $q->{to}) if $self->{udp} }
    else                     { syswrite $q->{sock}, pack('n', length $message) . $message }
}

sub encode_name ($name) { return join('', map { pack 'C/a', $_ } split /\./, $name) . "\0" }

sub record ($name, $type, $ttl, $data) {
    return encode_name($name) . pack('nnNn/a', $TYPE{$type}, 1, $ttl, $data);
}

sub list ($value) { return !defined $value ? () : ref $value eq 'ARRAY' ? @$value : ($value) }

sub data_of ($type, $value) {
    return inet_aton($value)            if $type eq 'A';
    return inet_pton(AF_INET6, $value)  if $type eq 'AAAA';
    return pack('nnn', @$value[0 .. 2]) . encode_name($value->[3]);
}

# The records of the answer section, through aliases.
sub records_of ($self, $name, $type, $lazy) {
    my @records;

    for (1 .. 20) {
        my $known = $self->{zone}{$name} // last;
        my $ttl = $known->{ttl} // 60;
        push @records, map { record($name, $type, $ttl, data_of($type, $_)) } list($known->{$type})
            if $type ne 'other';
        my $alias = $known->{CNAME} // last;
        push @records, record($name, 'CNAME', $ttl, encode_name($alias));
        last if $lazy;
        $name = $alias;
    }
    return @records;
}

sub reply ($self, $q) {
    my $way = way_of($self, $q->{name});
    my @records = records_of($self, $q->{name}, $q->{type}, $way eq 'lazy');
    my $rcode = $RCODE{$way} // ($self->{zone}{ $q->{name} } ? 0 : 3);
    my ($id, $section) = @$q{qw(id section)};

    return if $way eq 'silent';
    if ($way =~ /\A(?:truncated|tcp_cut)\z/ && $q->{over} eq 'udp') {
        send_reply($self, $q, pack('n6', $id, 0x8780, 1, 0, 0, 0) . $section);
        return;
    }
    if ($way eq 'tcp_cut') {
        syswrite $q->{sock}, pack('n', 500) . 'short';
        close $q->{sock};
        delete $self->{conns}{ $q->{sock} };
        return;
    }
    @records = () if $rcode;
    $id ^= 0x5555 if $way eq 'wrong_id';
    $section = encode_name('other.test') . substr $section, -4 if $way eq 'wrong_name';
    my $body = join '', @records;
    substr $body, -3, 3, '' if $way eq 'cut' && length $body;
    $body = "\xc0" . chr(12 + length $section) . pack('nnNn/a', 1, 1, 60, "\x7f\0\0\1") if $way eq 'loop';
    my $message = pack('n6', $id, 0x8580 | $rcode, 1, $way eq 'loop' ? 1 : scalar @records, 0, 0)
        . $section . $body;
    $message = pack('n', $id) . join '', map { chr(($_ * 37 + 11) % 256) } 1 .. 80 if $way eq 'garbage';
    $message = substr $message, 0, 5 if $way eq 'short';
    send_reply($self, $q, $message);
}

1;
