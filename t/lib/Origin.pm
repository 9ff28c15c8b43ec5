# t/lib/Origin.pm - an origin server that does what the test says
#
#     my $origin = Origin->start;                       # or Site's: $site->origin
#     $origin->answer('/a', status => 404, body => 'no', headers => ['X-A' => 'b']);
#     $origin->answer('/b', { body => 'first' }, { body => 'later' });   # by request, the last repeats
#     $origin->script('/c', 'body', [write => "HTTP/1.1 200 OK\r\n"], [wait => 'more'], 'reset');
#     my $held = $origin->hold('/d'); ... $held->reached; ... $held->release;
#     my ($request) = $origin->requests;                # ->method ->uri ->header('Host') ->body ->raw
#
# It runs in a child process (Origin::Server), so the test may block while it serves. Every call here
# is one question to that child and returns when it is obeyed. Rules are found by whole URI, then by
# path, then '*'; without one the answer is 200 with "METHOD URI\n" as its body.
#
# A script runs once a request's head is in. Its steps:
#     'body'          read the request body to its end        'close', 'reset'   when all is written
#     [read => N]     read N bytes of it                      'shutdown'         end our half
#     [write => B]    send bytes                              'stall'            nothing, for ever
#     [fill => N]     send N bytes of Origin::pattern         [wait => NAME]     until ->go(NAME)
#     [answer => {}]  send a canned answer                    'deaf', 'hear'     stop, resume reading
#     [out => B]      as `write`, in the protocol's frames    ['end']            FastCGI's last record
#     [err => B]      to FastCGI's standard error
# After the last step the connection waits for its next request.
package Origin;
use v5.36;
use Carp qw(croak);
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(PF_UNIX SOCK_STREAM SOMAXCONN SOL_SOCKET SO_RCVBUF);
use Storable qw(freeze thaw);
use Origin::Server;
use Ports;
use Procs;
use Wait qw(wait_until);

# OPTIONS: port => N, or unix => PATH; rcvbuf => BYTES to make uploads back up soon; protocol =>
# 'fastcgi', 'scgi', 'uwsgi' or 'memcached' (the parameters are the request's fields).
sub start ($class, %option) {
    my $self = bless { owner => $$, %option }, $class;

    $self->{port} //= Ports::take() unless $option{unix};
    my $listener = listen_on($self);
    CORE::socketpair my $here, my $there, PF_UNIX, SOCK_STREAM, 0 or croak "socketpair: $!";
    my $pid = fork // croak "fork: $!";
    if ($pid == 0) {
        Procs::die_with_parent();
        close $here;
        eval { Origin::Server->new($listener, $there, sub { listen_on($self) },
                                  $self->{protocol} // 'http')->run; 1 }
            or print STDERR "# origin: $@";
        require POSIX;
        POSIX::_exit(0);
    }
    @$self{qw(control pid)} = ($here, $pid);
    return $self;
}

sub listen_on ($self) {
    my $listener;

    if ($self->{unix}) {
        unlink $self->{unix};
        $listener = IO::Socket::UNIX->new(Local => $self->{unix}, Listen => 1024)
            or croak "listen on $self->{unix}: $!";
        chmod 0666, $self->{unix};
    } else {
        my @buffer = $self->{rcvbuf} ? ([SOL_SOCKET, SO_RCVBUF, $self->{rcvbuf}]) : ();
        $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $self->{port},
                                        Listen => 1024, ReuseAddr => 1, Sockopts => [@buffer])
            or croak "listen on port $self->{port}: $!";
    }
    return $listener;
}

# What a config writes after http://
sub address ($self) { return $self->{unix} ? "unix:$self->{unix}" : "127.0.0.1:$self->{port}" }
sub port    ($self) { return $self->{port} }
sub pid     ($self) { return $self->{pid} }

# N bytes that are easy to recognise: every line holds its own number.
sub pattern ($n) {
    my $lines = int($n / 16) + 1;
    return substr join('', map { sprintf "%014d.\n", $_ } 0 .. $lines - 1), 0, $n;
}

sub ask ($self, @question) {
    my $frozen = freeze(\@question);
    my $bytes  = pack('N', length $frozen) . $frozen;

    while (length $bytes) {
        my $n = syswrite($self->{control}, $bytes) // croak "the origin is gone: $!";
        substr $bytes, 0, $n, '';
    }
    my $answer = Origin::Server::read_frame($self->{control}) // croak 'the origin is gone';
    croak $answer->{error} if defined $answer->{error};
    return @{ $answer->{value} };
}

# One canned answer (pairs) or several (hashes). Keys: status reason headers body fill chunked chunks
# trailers length (as claimed) no_length close version interim.
sub answer ($self, $path, @what) {
    my @answers = ref $what[0] ? @what : {@what};
    $self->ask(rules => $path, map { [['body'], [hold => $path], [answer => $_]] } @answers);
    return $self;
}

sub script ($self, $path, @steps) {
    $self->ask(rules => $path, [map { ref $_ ? $_ : [$_] } @steps]);
    return $self;
}

# Several scripts for one path: array references, used in turn; the last one repeats.
sub scripts ($self, $path, @scripts) {
    $self->ask(rules => $path, map { [map { ref $_ ? $_ : [$_] } @$_] } @scripts);
    return $self;
}

# Steps for each new connection, before anything is read; none: the ordinary way again.
sub on_accept ($self, @steps) {
    $self->ask(on_accept => [map { ref $_ ? $_ : [$_] } @steps]);
    return $self;
}

# Requests for PATH are answered only after release.
sub hold ($self, $path) {
    $self->ask(hold => $path);
    return bless { origin => $self, path => $path }, 'Origin::Held';
}

sub go     ($self, $name, $times = 1) { $self->ask(go => $name, $times); return $self }

# The origin is gone: its connections end and new ones are refused; accept() brings it back.
sub refuse ($self) { $self->ask('refuse'); return $self }
sub accept ($self) { $self->ask('accept'); return $self }

# All requests whose head arrived, in order; forget() empties the list and the counts.
sub requests    ($self) { return map { bless $_, 'Origin::Request' } $self->ask('requests') }
sub request     ($self, $n = -1) { return ($self->requests)[$n] }
sub count       ($self) { return ($self->ask('count'))[0] }
sub connections ($self) { return ($self->ask('connections'))[0] }   # accepted so far
sub open        ($self) { return ($self->ask('open'))[0] }          # open now
sub forget      ($self) { $self->ask('forget'); return $self }

# Bytes written to and read from each connection so far: { id => { in, out, requests, end } }
sub traffic ($self) { return { $self->ask('traffic') } }

# Waits until N requests have arrived with their bodies.
sub wait_for ($self, $n) {
    wait_until { (grep { $_->{complete} } $self->requests) >= $n } "$n requests at the origin";
    return $self;
}

sub stop ($self) {
    return unless $self->{pid} && $self->{owner} == $$;
    close $self->{control};
    kill TERM => $self->{pid};            # another origin's process may hold a copy of our end
    waitpid delete $self->{pid}, 0;
    unlink $self->{unix} if $self->{unix};
}

sub DESTROY ($self) {
    local ($?, $!, $@);
    $self->stop;
}

package Origin::Held;
use v5.36;
use Wait qw(wait_until);

sub count ($self) { return ($self->{origin}->ask(held => $self->{path}))[0] }

# Waits until a request (or N of them) stands before the door.
sub reached ($self, $n = 1) {
    wait_until { $self->count >= $n } "$n held at $self->{path}";
    return $self;
}

sub release ($self) { $self->{origin}->ask(release => $self->{path}); return $self }

package Origin::Request;
use v5.36;

sub method     ($self) { return $self->{method} }
sub uri        ($self) { return $self->{uri} }
sub version    ($self) { return $self->{version} }
sub raw        ($self) { return $self->{raw} }           # the head as received
sub body       ($self) { return $self->{body} }
sub complete   ($self) { return $self->{complete} }      # the body has ended
sub chunked    ($self) { return $self->{chunked} }
sub connection ($self) { return $self->{connection} }    # number of the connection, from 1
sub nth        ($self) { return $self->{nth} }           # number on that connection, from 1
sub fields     ($self) { return @{ $self->{fields} } }
sub trailers   ($self) { return @{ $self->{trailers} } }

sub headers ($self, $name) {
    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{fields} };
}

sub header ($self, $name) {
    my @values = $self->headers($name);
    return @values ? join(', ', @values) : undef;
}

1;
