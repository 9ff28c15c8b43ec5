# t/lib/Load.pm - steady load in the background that accounts for every request
#
#     my $load = Load->start($site, connections => 16, uris => ['/a', '/p']);
#     ... $site->reload ...
#     my $tally = $load->stop;      # { requests, failed => [reason, ...], closes, pause_ms }
#
# Each connection keeps one request in flight. A request has failed when no whole response with status
# 200 came: the connection ended, was refused or broke. A response that says `Connection: close` ends
# a connection rightly. It runs in a child process until stop(). A draining server waits for the next
# request of a connection for 2 s: one that we were later with, on a busy machine, is no failure.
package Load;
use v5.36;
use Carp qw(croak);
use Errno qw(EAGAIN EINTR EINPROGRESS);
use IO::Poll qw(POLLIN);
use Socket qw(PF_UNIX SOCK_STREAM);
use Storable qw(freeze thaw);
use Time::HiRes qw(time);
use Client;
use Origin::Server;
use Procs;
use Wait qw(patience);

use constant LATE_S => 1.5;

sub start ($class, $site, %option) {
    my $self = bless { %option, port => $site->port($option{port} // 1) }, $class;

    $self->{connections} //= 8;
    $self->{uris} //= ['/'];
    CORE::socketpair my $here, my $there, PF_UNIX, SOCK_STREAM, 0 or croak "socketpair: $!";
    $self->{pid} = fork // croak "fork: $!";
    if ($self->{pid} == 0) {
        Procs::die_with_parent();
        close $here;
        $SIG{PIPE} = 'IGNORE';
        my $tally = eval { $self->run($there) } // { requests => 0, failed => ["$@"] };
        my $frozen = freeze($tally);
        syswrite $there, pack('N', length $frozen) . $frozen;
        require POSIX;
        POSIX::_exit(0);
    }
    $self->{control} = $here;
    sysread $here, my $byte, 1;          # every connection has had an answer
    return $self;
}

sub stop ($self) {
    CORE::shutdown $self->{control}, 1;
    my $tally = Origin::Server::read_frame($self->{control}) // croak 'the load ended by itself';
    waitpid $self->{pid}, 0;
    return $tally;
}

sub run ($self, $control) {
    my %tally = (requests => 0, failed => [], closes => 0, pause_ms => 0);
    my @conns = map { { turn => $_ } } 1 .. $self->{connections};
    my ($poll, $stopping, $told) = (IO::Poll->new, 0, 0);

    $self->{tally} = \%tally;
    $poll->mask($control => POLLIN);
    $self->open_one($poll, $_) for @conns;
    while (grep { $_->{client} } @conns) {
        $poll->poll(0.05);
        if (!$stopping && $poll->events($control)) {
            $stopping = 1;
            $poll->remove($control);
        }
        for my $conn (grep { $_->{client} && $poll->events($_->{client}->socket) } @conns) {
            $self->take($poll, $conn, $stopping);
        }
        for my $conn (grep { $_->{client} && time - $_->{since} > patience() } @conns) {
            $self->fail($poll, $conn, 'no answer in time', $stopping);
        }
        if (!$told && !grep { !$_->{answers} } @conns) {
            syswrite $control, 'r';
            $told = 1;
        }
    }
    return \%tally;
}

sub open_one ($self, $poll, $conn) {
    for my $attempt (1 .. 50) {
        $conn->{client} = eval { Client->connect(port => $self->{port}) };
        last if $conn->{client};
        push @{ $self->{tally}{failed} }, 'connect: ' . ($@ =~ s/ at .*//sr);
        select undef, undef, undef, 0.01;
    }
    return unless $conn->{client};
    $conn->{since} = time;
    $poll->mask($conn->{client}->socket => POLLIN);
    $self->ask($conn);
}

sub ask ($self, $conn) {
    my $uris = $self->{uris};
    my $now  = time;
    $conn->{uri}   = $uris->[$conn->{turn}++ % @$uris];
    $conn->{late}  = $now - $conn->{since} > LATE_S;
    $conn->{since} = $now;
    $conn->{client}->write("GET $conn->{uri} HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

sub hang_up ($self, $poll, $conn) {
    $poll->remove($conn->{client}->socket);
    $conn->{client}->close;
    $conn->{client} = undef;
}

sub fail ($self, $poll, $conn, $reason, $stopping) {
    push @{ $self->{tally}{failed} },
        "$conn->{uri}: $reason (request " . (($conn->{answers} // 0) + 1) . ' of its connection)';
    $self->hang_up($poll, $conn);
    $conn->{answers} = 0;
    $self->open_one($poll, $conn) unless $stopping;
}

sub take ($self, $poll, $conn, $stopping) {
    my $client = $conn->{client};
    my $reply  = eval { $client->read_response };

    if (!$reply && $conn->{late} && $client->{end}) {
        $self->hang_up($poll, $conn);
        $self->open_one($poll, $conn) unless $stopping;
        return;
    }
    return $self->fail($poll, $conn, $@ =~ s/ at \S+ line.*//sr, $stopping) if $@;
    return $self->fail($poll, $conn, "closed ($client->{end}) without an answer", $stopping) if !$reply;
    return $self->fail($poll, $conn, 'half an answer', $stopping) unless $reply->complete;
    return $self->fail($poll, $conn, 'status ' . $reply->status, $stopping) if $reply->status != 200;
    $self->count_pause;
    $self->{tally}{requests}++;
    $conn->{answers}++;
    if ($stopping || !$reply->keeps_alive) {
        $self->{tally}{closes}++ unless $stopping;
        $self->hang_up($poll, $conn);
        $self->open_one($poll, $conn) unless $stopping;
        return;
    }
    $self->ask($conn);
}

sub count_pause ($self) {
    my $now  = time;
    my $gap  = $self->{last} ? ($now - $self->{last}) * 1000 : 0;
    $self->{tally}{pause_ms} = $gap if $gap > $self->{tally}{pause_ms};
    $self->{last} = $now;
}

1;
