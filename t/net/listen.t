# t/net/listen.t - all the ways to listen: addresses, families, unix, reuseport, sockets handed over
use Site;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);

my $six = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1) ? 1 : 0;

my $site = Site->start(<<'CONF' . ($six ? <<'SIX' : ''));
    server { listen %PORT%; return 200 "any $server_addr:$server_port\n"; }
    server { listen 127.0.0.2:%PORT%; return 200 "two $server_addr:$server_port\n"; }
    server { listen localhost:%PORT2%; return 200 "localhost\n"; }
    server { listen unix:%DIR%/web.sock; return 200 "unix $remote_addr [$server_addr]\n"; }
    server { listen %PORT3% backlog=7 rcvbuf=32k sndbuf=32k so_keepalive=30m::10 deferred bind; return 200 "options\n"; }
    server { listen *:%PORT4% so_keepalive=on fastopen=5; return 200 "star\n"; }
CONF
    server { listen [::1]:%PORT5%; return 200 "six $remote_addr\n"; }
    server { listen [::]:%PORT6% ipv6only=off; return 200 "both $remote_addr\n"; }
    server { listen [::]:%PORT7% ipv6only=on; return 200 "only\n"; }
    server { listen %PORT7%; return 200 "four\n"; }
SIX
sub at ($host, $n) { return Client->connect(host => $host, port => $site->port($n))->get('/')->body }

my $port = $site->port;
is at('127.0.0.1', 1), "any 127.0.0.1:$port\n", 'any address';
is at('127.0.0.3', 1), "any 127.0.0.3:$port\n", 'another one of them';
is at('127.0.0.2', 1), "two 127.0.0.2:$port\n", 'a specific address on the same port';
is at('127.0.0.1', 2), "localhost\n", 'a name';
is $site->get('/', { unix => 'web.sock' })->body, "unix unix: [unix:" . $site->path('web.sock') . "]\n", 'a unix socket';
is at('127.0.0.1', 3), "options\n", 'socket options';
is at('127.0.0.1', 4), "star\n", 'a star';
SKIP: {
    skip 'no IPv6 here', 5 unless $six;
    is at('::1', 5), "six ::1\n", 'an IPv6 address';
    is at('::1', 6), "both ::1\n", 'both families: six';
    is at('127.0.0.1', 6), "both ::ffff:127.0.0.1\n", 'both families: four';
    is at('::1', 7), "only\n", 'ipv6only';
    is at('127.0.0.1', 7), "four\n", 'and four beside it';
}

$site->stop;

# reuseport: every worker has its own queue and none is lost when the number changes (those that say nothing are
# waited for, for as long as a busy machine may take)
my $conf = (is_weir ? 'keepalive_min_timeout 1m; ' : '') . 'server { listen %PORT% reuseport; return 200 "$pid\n"; }';
$site = Site->start($conf, main => 'worker_processes 2;');
wait_until { $site->idle_workers == 2 } 'two workers';
my %seen = map { $site->get('/')->body => 1 } 1 .. 60;
is scalar keys %seen, 2, 'reuseport: both workers are reached';
my @clients = map { $site->connect } 1 .. 20;
$site->reload($conf);
my $answered = grep { my $r = eval { $_->get('/') }; $r && $r->status == 200 } @clients;
is $answered, 20, 'connections from before a reload are answered' if is_weir;
is scalar(grep { my $r = eval { $site->get('/') }; $r } 1 .. 40), 40, 'and later ones';
$site->stop;

# Handed over by a service manager, and its questions answered
SKIP: {
    skip 'nginx takes no sockets from systemd', 6 unless is_weir;
    my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => Ports::take(), Listen => 8, ReuseAddr => 1);
    my $early = Client->connect(port => $listener->sockport)->send('GET /');
    my $notes;
    $site = Site->prepare('server { listen 127.0.0.1:' . $listener->sockport . '; return 200 handed; }', sockets => [$listener]);
    $notes = IO::Socket::UNIX->new(Local => $site->path('notify'), Type => SOCK_DGRAM) or die "notify: $!";
    $site->{env} = { NOTIFY_SOCKET => $site->path('notify') };
    $site->up;
    $listener->close;
    is $early->response->body, 'handed', 'a connection that came before the server is answered';
    my $heard = sub ($what) {
        my $all = '';
        wait_until {
            my $bits = '';
            vec($bits, fileno $notes, 1) = 1;
            if (select($bits, undef, undef, 0.1) > 0) {
                sysread $notes, my $text, 4096;
                $all .= "$text\n";
            }
            $all =~ $what;
        } "$what from the server";
        return $all;
    };
    like $heard->(qr/READY=1/), qr/^MAINPID=\d+|^READY=1/m, 'READY=1';
    $site->signal('HUP');
    like $heard->(qr/RELOADING=1[\s\S]*READY=1/), qr/MONOTONIC_USEC=\d+/, 'RELOADING=1, then READY=1';
    $site->signal('QUIT');
    like $heard->(qr/STOPPING=1/), qr/STOPPING=1/, 'STOPPING=1';
    is $site->wait_exit, 0, 'the end';
    $site->stop;
}

done_testing;
