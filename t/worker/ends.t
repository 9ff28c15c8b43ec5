# t/worker/ends.t - how a worker ends: at once, after its last request, or when its time is up
use Site;

needs_weir('log lines and states of our workers');

my $conf = <<'CONF';
    server {
        listen %PORT%;
        location / { return 200 "ok\n"; }
    }
CONF

# Half a head keeps a connection busy without an origin.
sub half_a_request ($site) {
    my $client = $site->connect;

    $client->write("GET / HTTP/1.1\r\nHost: a\r\n");
    is $site->get('/')->status, 200, 'another client is served meanwhile';
    return $client;
}

subtest 'a draining worker finishes what it has' => sub {
    my $site   = Site->start($conf);
    my $client = half_a_request($site);

    kill QUIT => $site->master_pid;
    $site->wait_for_log(qr/gracefully shutting down/);
    $client->write("\r\n");
    my $reply = $client->response;
    is $reply->status, 200, 'the request that had begun is answered';
    is lc($reply->header('Connection') // ''), 'close', 'and told that it was the last';
    $site->wait_for_log(qr/exit$/m);
    $site->stop;
};

subtest 'a shutdown timeout bounds it' => sub {
    my $site   = Site->start($conf, main => 'worker_shutdown_timeout 300ms;');
    my $client = half_a_request($site);

    kill QUIT => $site->master_pid;
    $site->wait_for_log(qr/worker_shutdown_timeout: closing 1 connections/);
    ok $client->closed, 'the connection is cut';
    $site->stop;
};

subtest 'a terminated worker asks nobody' => sub {
    my $site   = Site->start($conf);
    my $client = half_a_request($site);

    kill TERM => $site->master_pid;
    ok $client->closed, 'gone at once';
    $site->stop;
};

subtest 'a worker told directly obeys, and is replaced' => sub {
    my $site = Site->start($conf, main => 'worker_processes 1;');
    my ($worker) = $site->workers;

    kill QUIT => $worker;
    wait_until { my @now = $site->workers; @now == 1 && $now[0] != $worker } 'another worker';
    is $site->get('/')->status, 200, 'which serves';
    $site->stop;
};

subtest 'without a master signals go to the worker' => sub {
    my $site = Site->start($conf, main => 'master_process off;');

    is $site->get('/')->status, 200, 'it serves';
    rename $site->path('error.log'), $site->path('moved.log');
    kill USR1 => $site->master_pid;
    wait_until { -e $site->path('error.log') } 'the log is opened anew';
    kill QUIT => $site->master_pid;
    $site->wait_for_log(qr/exit$/m);
    $site->stop;
};

done_testing;
