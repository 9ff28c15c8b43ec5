# t/master/exhaustion.t - out of descriptors, out of connections, thousands of slow clients: service survives
use Site;

# Out of descriptors
my $site = Site->start(<<'CONF', main => 'worker_rlimit_nofile 40;', events => 'worker_connections 100;');
    server { listen %PORT%; root %DIR%/html; location /hi { return 200 hi; } location /p { proxy_pass http://%ORIGIN%; } }
CONF
$site->allow_log(qr/Too many open files|worker_connections exceed|24:/);
$site->file('html/a', 'file');
my @clients = map { $site->connect } 1 .. 60;
$site->wait_for_log(qr/Too many open files|24:/);
my ($worker) = $site->workers;
is $clients[0]->get('/hi')->body, 'hi', 'out of descriptors: those that are connected are served';
is $clients[1]->get('/a')->status =~ /200|500|503|403|404/, 1, 'a file gets an answer';
$_->close for splice @clients, 0, 45;
is $clients[-1]->get('/hi')->body, 'hi', 'the last in the queue is served when others leave';
is $site->get('/a')->body, 'file', 'and new ones';
is join(' ', $site->workers), $worker, 'by the same worker';
cmp_ok scalar(grep { /Too many open files/ } $site->error_log_lines), '<', 200, 'without flooding the log';
$_->close for @clients;
$site->stop;

# Out of worker_connections
$site = Site->start(<<'CONF', events => 'worker_connections 20;');
    server { listen %PORT%; location / { return 200 hi; } }
CONF
$site->allow_log(qr/worker_connections are not enough/);
@clients = map { $site->connect } 1 .. 40;
wait_until { $site->error_log =~ /worker_connections are not enough/ } 'the limit to be met';
$_->close for @clients;
wait_until { my $r = eval { $site->get('/') }; $r && $r->status == 200 } 'service to be back';
pass 'worker_connections exceeded, and over';
$site->stop;

# Very many slow clients
my $count = 3000;
$site = Site->start(<<'CONF', main => 'worker_rlimit_nofile 8000;', events => 'worker_connections 7000;');
    client_header_timeout 1h;
    server { listen %PORT% backlog=4096; location / { return 200 "$connection_requests"; } }
CONF
@clients = ();
for my $n (1 .. $count) {
    my $client = eval { $site->connect } // last;
    $client->write("GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: ");
    push @clients, $client;
}
is scalar @clients, $count, "$count clients that stop in their heads";
is $site->get('/')->status, 200, 'another is served at once';
$_->write('1') for @clients;
is $site->get('/')->status, 200, 'and while they drip';
$_->write("\r\n\r\n") for @clients;
my $good = grep { my $r = eval { $_->response }; $r && $r->status == 200 } @clients;
is $good, $count, 'all of them are answered in the end';
$_->close for @clients;
$site->stop;

# Files may not grow any more
$site = Site->start('server { listen %PORT%; location / { return 200 one; } }');
$site->file('weir.conf', $site->slurp('weir.conf') =~ s/200 one/200 two/r);
my $master = $site->master_pid;
system('prlimit', '--fsize=1:', '--pid', $master) == 0 or die 'prlimit';
$site->signal('HUP');
wait_until { $site->get('/')->body eq 'two' } 'the new configuration';
is $site->master_pid, $master, 'a log that may not grow ends no master';
system('prlimit', '--fsize=unlimited:', '--pid', $master);
$site->stop;

done_testing;
