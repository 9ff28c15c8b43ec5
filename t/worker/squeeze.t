# t/worker/squeeze.t - when places or descriptors run out, idle connections are given up for new ones
use Site;

needs_weir('connections to origins that idle are given up before those of clients');

# So many connections to the origin become idle.
sub idle_at_origin ($site, $n) {
    my $held = $site->origin->hold('/held');
    my @clients = map { $site->send('GET /held') } 1 .. $n;
    $held->reached($n);
    $held->release;
    $_->response for @clients;
    $_->close for @clients;
    return;
}

my $servers = <<'CONF';
    upstream back { server %ORIGIN%; keepalive 32; }
    server {
        listen %PORT%;
        location / { return 200 "ok\n"; }
        location /held { proxy_pass http://back; }
        location /new { proxy_pass http://back; }
    }
CONF

subtest 'places' => sub {
    my $site = Site->start($servers, events => 'worker_connections 16;', main => 'worker_processes 1;');

    $site->allow_log(qr/16 worker_connections are not enough/);
    idle_at_origin($site, 6);
    my @clients = map { $site->connect } 1 .. 14;
    is $_->get('/')->status, 200, 'a client' for @clients;
    is scalar(grep { $_->is_open } @clients), 14, 'and all of them may stay';

    my @more = map { $site->connect } 1 .. 8;
    is $_->get('/')->status, 200, 'one more client' for @more;
    is $clients[0]->closed, 'eof', 'for which the oldest idle one had to go';
    is scalar(grep { $_->is_open } @more), 8, 'not the newest';
};

subtest 'only idle ones' => sub {
    my $site = Site->start($servers, events => 'worker_connections 8;', main => 'worker_processes 1;');
    my $idle = $site->connect;

    $site->allow_log(qr/8 worker_connections are not enough/);
    is $idle->get('/')->status, 200, 'one is idle';
    my @busy;
    for (1 .. 7) {
        push @busy, $site->connect;
        $busy[-1]->write("GET / HTTP/1.1\r\nHost: a\r\n");
    }
    is $site->get('/')->status, 200, 'a new client is served';
    is $idle->closed, 'eof', 'in place of the idle one';
    $_->write("\r\n") for @busy;
    is $_->response->status, 200, 'a request on its way is not lost' for @busy;
};

subtest 'descriptors' => sub {
    my $probe = Site->start($servers, main => 'worker_processes 1;');
    my $used = () = glob '/proc/' . ($probe->workers)[0] . '/fd/*';
    $probe->stop;

    my $limit = $used + 10;
    my $site = Site->start($servers, main => "worker_processes 1; worker_rlimit_nofile $limit;");
    $site->allow_log(qr/\(24: Too many open files\)/);
    idle_at_origin($site, 5);
    my @clients = map { $site->connect } 1 .. 9;
    is $_->get('/')->status, 200, 'a client' for @clients;
    is $clients[8]->get('/new')->status, 200, 'one that needs a connection to the origin';
    is $site->get('/')->status, 200, 'and one more';
};

subtest 'no descriptor for an origin' => sub {
    my $site = Site->start($servers, main => 'worker_processes 1; worker_rlimit_nofile 24;');
    $site->allow_log(qr/\(24: Too many open files\)/);
    my @busy;
    for (1 .. 24) { # their requests are on their way, so none of them is idle
        push @busy, $site->connect;
        $busy[-1]->write("GET /new HTTP/1.1\r\nHost: a\r\n");
    }
    $site->wait_for_log(qr/accept4\(\) failed \(24: Too many open files\)/);
    my $began = time;
    $busy[0]->write("\r\n");
    is $busy[0]->response->status, 500, 'no socket: an error, after which there is one';
    $_->write("\r\n") for @busy[1 .. 3];
    $_->response for @busy[1 .. 3];
    like $site->error_log, qr{socket\(\) failed}, q(which the log is told);
    cmp_ok scalar(() = $site->error_log =~ /socket\(\) failed/g), '<=', 1 + time - $began, 'once a second at most';
};

done_testing;
