# t/worker/accept.t - who is accepted when connections run out, and whose address a client came to
use Site;

needs_weir('a full worker leaves clients in the queue instead of turning them away');

subtest 'a full worker lets clients wait' => sub {
    my $site = Site->start(<<'CONF', events => 'worker_connections 4;', main => 'worker_processes 1;');
    server {
        listen %PORT%;
        location / { return 200 "ok\n"; }
    }
CONF
    my @clients = map { $site->connect } 1 .. 4;

    $_->write("GET / HTTP/1.1\r\nHost: a\r\n") for @clients;
    $site->allow_log(qr/4 worker_connections are not enough/);
    my $late = $site->send('GET /');
    $site->wait_for_log(qr/4 worker_connections are not enough/);
    $clients[0]->close;
    is $late->response->status, 200, 'the one who waited is served when another leaves';
};

subtest 'descriptors run out' => sub {
    my $site = Site->start(<<'CONF', main => "worker_processes 1; worker_rlimit_nofile 24;");
    server {
        listen %PORT%;
        location / { return 200 "ok\n"; }
    }
CONF
    my @clients = map { $site->connect } 1 .. 24;

    $site->allow_log(qr/accept4\(\) failed \(24: Too many open files\)/);
    $_->write("GET / HTTP/1.1\r\nHost: a\r\n") for @clients;
    my $began = time;
    $site->wait_for_log(qr/accept4\(\) failed \(24: Too many open files\)/);
    $_->close for @clients;
    is $site->get('/')->status, 200, 'later all is well';
    cmp_ok scalar(() = $site->error_log =~ /accept4/g), '<=', 5 + time - $began, 'and the log is not flooded: a line a second at most';
};

subtest 'debug_connection logs everything about one client' => sub {
    my $site = Site->start(<<'CONF', events => 'debug_connection 127.0.0.1;', log_level => 'error');
    server {
        listen %PORT%;
        location / { return 200 "ok\n"; }
    }
CONF
    my $client = $site->connect;

    $client->write("GARBAGE\r\n\r\n");
    $client->response;
    $site->wait_for_log(qr/\[info\].*client sent/);
    pass 'a line below the level of the log';
};

done_testing;
