# t/limit/limit_conn.t - a client over its limit is turned away, and let in again later
use Site;

my $conf = <<'CONF';
    limit_conn_zone $arg_k zone=one:1m;
    limit_conn_zone $server_name zone=server:1m;
    limit_conn_log_level warn;
    log_format how '$uri $status $limit_conn_status';
    access_log %DIR%/how.log how;
    server {
        listen %PORT%;
        server_name a;
        location / { proxy_pass http://%ORIGIN%; limit_conn one 1; limit_conn_status 429; }
        location /two { proxy_pass http://%ORIGIN%; limit_conn one 2; limit_conn server 10; }
        location /few { proxy_pass http://%ORIGIN%; limit_conn one 100; limit_conn server 3; }
        location /dry { proxy_pass http://%ORIGIN%; limit_conn one 1; limit_conn_dry_run on; }
    }
CONF
my $site = Site->start($conf, main => 'worker_processes 2;');
my $held  = $site->origin->hold('/');
my $first = $site->send('GET /?k=a');
$held->reached;
is $site->get('/?k=a')->status, 429, 'a second request at once is refused' for 1 .. 5;
like $site->wait_for_log(qr/limiting connections by zone "one", client: 127\.0\.0\.1, server: a/), qr/\[warn\]/, 'and logged';
is $site->get('/dry?k=a')->status, 200, 'not in a dry run';
like $site->wait_for_log(qr/limiting connections, dry run, by zone "one"/), qr/./, 'which is logged all the same';
is $site->get('/two?k=b')->status, 200, 'another key is not concerned';
$held->release;
is $first->response->status, 200, 'the first still completes';
wait_until { $site->get('/?k=a')->status == 200 } 'its place is free again';
wait_until { ($site->slurp('how.log') // '') =~ /^\/dry 200 REJECTED_DRY_RUN$/m } 'the log says so';
like $site->slurp('how.log'), qr/^\/ 429 REJECTED$/m, 'of refusals';
like $site->slurp('how.log'), qr/^\/two 200 PASSED$/m, 'and of those let in';

# Several at once, over all workers
my $hold = $site->origin->hold('/few');
my @clients = map { $site->send("GET /few?k=$_") } 1 .. 3;
$hold->reached(3);
wait_until { $site->get('/few?k=9')->status == 503 } 'three of the server are the most';
$_->close for @clients[0, 1];
wait_until {
    my $more = $site->send('GET /few?k=8');
    $more->close;
    $site->get('/two?k=c')->status == 200;
} 'those who leave give their places back';
$hold->release;
$clients[2]->response;

# A worker that dies
subtest 'the places of a worker that is killed are given back' => sub {
    my $lone = Site->start($conf);
    my $stuck = $lone->origin->hold('/');
    my $client = $lone->send('GET /?k=a');
    $stuck->reached;
    is $lone->get('/?k=a')->status, 429, 'taken';
    my ($worker) = $lone->workers;
    $lone->allow_log(qr/exited on signal 9/);
    $lone->signal(KILL => $worker);
    wait_until { my ($now) = $lone->workers; defined $now && $now != $worker } 'another worker';
    $stuck->release;
    wait_until { $lone->get('/?k=a')->status == 200 } 'and free';
    $lone->stop;
};

subtest 'places move on over a reload' => sub {
    my $other = Site->start($conf);
    my $slow = $other->origin->hold('/');
    my $client = $other->send('GET /?k=r');
    $slow->reached;
    $other->reload;
    is $other->get('/?k=r')->status, 429, 'taken under the former configuration';
    $slow->release;
    is $client->response->status, 200, 'its request completes';
    wait_until { $other->get('/?k=r')->status == 200 } 'and the place is free';
    $other->stop;
};
$site->stop;

subtest 'without a master' => sub {
    my $single = Site->start($conf, main => 'master_process off;');
    is $single->get('/two?k=a')->status, 200, 'places are taken and given back' for 1 .. 3;
    $single->stop;
};

my $zone = 'limit_conn_zone $uri zone=z:1m;';
my %faults = (
    'limit_conn_zone $uri size=z:1m;'   => qr/invalid parameter "size=z:1m"/,
    'limit_conn_zone $uri zone=z:1k;'   => qr/zone "zone=z:1k" is too small/,
    'limit_conn nobody 1;'              => qr/zero size shared memory zone "nobody"/,
    "$zone limit_conn z 0;"             => qr/invalid number of connections "0"/,
    "$zone limit_conn z 65536;"         => qr/connection limit must be less 65536/,
    "$zone limit_conn z 1; limit_conn z 2;" => qr/duplicate/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
