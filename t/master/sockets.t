# t/master/sockets.t - sockets from systemd, and what systemd is told
use Site;
use Fcntl qw(F_SETFD);
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Wait qw(patience);
needs_weir('nginx takes no part in this');

my $conf = "daemon off; pid %DIR%/weir.pid; error_log %DIR%/error.log info;\n"
    . ($> == 0 ? "user nobody nogroup;\n" : '') . <<'CONF';
    events {}
    http { server { listen 127.0.0.1:%PORT%; location / { return 200 here; } } }
CONF

my $site = Site->prepare($conf, raw => 1);
my $notify = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $site->path('notify')) or die;
chmod 0777, $site->path('notify');
sub told () {
    my $text;
    local $SIG{ALRM} = sub { die "nothing was said\n" };
    alarm patience();
    $notify->recv($text, 1000);
    alarm 0;
    return $text;
}

# As systemd would: the socket is descriptor 3, made before the server exists
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $site->port, Listen => 5, ReuseAddr => 1) or die;
my $early = $site->connect;
$early->write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
my $pid = fork // die;
if ($pid == 0) {
    Procs::die_with_parent();
    open STDERR, '>>', $site->path('stderr');
    POSIX::dup2(fileno $socket, 3) if fileno $socket != 3;
    open my $three, '<&=', 3 or POSIX::_exit(126);
    fcntl $three, F_SETFD, 0;
    my %env = $site->environment;
    @ENV{ keys %env } = values %env;
    @ENV{qw(LISTEN_PID LISTEN_FDS NOTIFY_SOCKET)} = ($$, 1, $site->path('notify'));
    exec $site->command or POSIX::_exit(127);
}
close $socket;
wait_until { $site->pid_in_file } 'the server';
$site->{pid} = $pid;
is $early->response->body, 'here', 'whoever came before the server is served';
is told(), "READY=1\nMAINPID=$pid", 'systemd hears that it is ready';
is $site->get('/')->body, 'here', 'the socket is in use';

$site->signal('HUP');
like told(), qr/\ARELOADING=1\nMONOTONIC_USEC=\d+\z/, 'it hears of a reload';
is told(), "READY=1\nMAINPID=$pid", 'and of its end';
is $site->get('/')->body, 'here', 'the socket outlives it';
$site->signal('QUIT');
is told(), 'STOPPING=1', 'and that it stops';
is $site->wait_exit, 0, 'it stops';
Test::More::is(join('', $site->faults_in_log), '', 'and logged no alert');
$site->sweep;

done_testing;
