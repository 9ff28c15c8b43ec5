# t/upstream/queue.t - requests wait in line until a server may be asked again
use Site;

my $site = Site->start(<<'CONF', main => 'worker_processes 1;');
    log_format fate '$request_uri $status $upstream_queue_time $fail_reason';
    upstream one   { queue 3 timeout=60s; server %ORIGIN1% max_conns=1; }
    upstream short { queue 3 timeout=50ms; server %ORIGIN1% max_conns=1; }
    upstream none  { queue 3; server %ORIGIN1% down; }
    upstream sick  { queue 3; server %ORIGIN2% fail_timeout=1s; server %ORIGIN2% down; server %ORIGIN2% drain; }
    upstream ways  { queue 9; sticky route $arg_r;
                     server %ORIGIN1% route=a max_conns=1; server %ORIGIN2% route=b max_conns=1; }
    access_log %DIR%/access.log fate;
    server {
        listen %PORT%;
        location /one { proxy_pass http://one; }
        location /short { proxy_pass http://short; }
        location /none { proxy_pass http://none; }
        location /sick { proxy_pass http://sick; proxy_next_upstream off; }
        location /ways { proxy_pass http://ways; }
        location /keep { proxy_pass http://one; proxy_ignore_client_abort on; }
    }
CONF
$site->allow_log(qr/no live upstreams|queue is full|became free|refused|disabled/);
my $origin = $site->origin(1);

# In order.
{
    my $held    = $origin->hold('/one/0');
    my @clients = $site->send('GET /one/0');
    $held->reached;
    for my $n (1 .. 3) {
        push @clients, $site->send("GET /one/$n");
        $site->get('/none');     # the one worker has seen what came before
    }
    my $full = $site->get('/one/4');
    is $full->status, 502, 'the queue is full';
    is $origin->count, 1, 'nobody goes while the only place is taken';
    $held->release;
    is $_->response->status, 200, 'all are answered' for @clients;
    is join(' ', map { $_->uri } $origin->requests), join(' ', map { "/one/$_" } 0 .. 3), 'in their order';
    my @log = $site->wait_for_access(8);
    like((grep { m{^/one/4} } @log)[0], qr{502 - upstream\.queue_full}, 'the log says why one was not');
    like((grep { m{^/one/0} } @log)[0], qr{200 - }, 'one that did not wait');
    like((grep { m{^/one/3} } @log)[0], qr{200 \d+\.\d{3} }, 'one that did');
}

# Not for ever.
{
    my $held  = $origin->hold('/short/0');
    my $first = $site->send('GET /short/0');
    $held->reached;
    my $late = $site->get('/short/1');
    is $late->status, 502, 'its time is over';
    $held->release;
    is $first->response->status, 200, 'the first does not mind';
    like +(grep { m{^/short/1} } $site->wait_for_access(10))[0], qr/502 (?:\d+\.\d+|-) upstream\.queue_timeout/, 'and the log says so';
    is $site->get('/none')->status, 502, 'where no server can come free nobody waits';
}

# Clients that leave give up their place.
{
    my $held  = $origin->hold('/one/a');
    my $first = $site->send('GET /one/a');
    $held->reached;
    my @gone = map { $site->send("GET /one/gone$_") } 1 .. 3;
    wait_until { $site->get('/one/b')->status == 502 } 'the queue is full';
    $_->close for @gone;
    my $next;
    wait_until {
        $next = $site->send('GET /one/c');
        $site->get('/none');     # the one worker has seen it
        !$next->ready(0, 0) || do { $next->response; 0 };
    } 'there is room again';
    $held->release;
    is $first->response->status, 200, 'the first is answered';
    is $next->response->status, 200, 'and who came after those who left';
    is scalar(grep { $_->uri =~ /gone/ } $origin->requests), 0, 'they were never passed on';
}

# A server that failed comes back.
{
    $site->origin(2)->refuse;
    is $site->get('/sick/1')->status, 502, 'it fails';
    $site->origin(2)->accept;
    is $site->get('/sick/2')->status, 200, 'the next waits until it may be tried';
}

# Sessions wait for theirs, or whoever comes first: none keeps another from going.
{
    my %held = map { $_ => $site->origin($_)->hold('/ways/0') } 1, 2;
    my @busy = map { $site->send("GET /ways/0?r=$_") } qw(a b);
    $held{$_}->reached for 1, 2;
    my @clients = map { $site->send("GET /ways/1?r=$_") } 'a', '', 'b', 'a';
    $held{2}->release;
    is $clients[$_]->response->status, 200, 'answered by the server that is free' for 0 .. 3;
    $held{1}->release;
    is $_->response->status, 200, 'the busy ones too' for @busy;
}

# Two workers: a place that comes free in one is for those who wait in the other.
{
    my $two = Site->start(<<'CONF', main => 'worker_processes 2;');
        upstream g { queue 100; zone z 1m; server %ORIGIN1% max_conns=2; }
        server { listen %PORT% reuseport; location / { proxy_pass http://g; } }
CONF
    my $held    = $two->origin(1)->hold('/0');
    my @clients = map { $two->send('GET /0') } 1, 2;
    $held->reached(2);
    push @clients, map { $two->send('GET /1') } 1 .. 40;
    $held->release;
    is scalar(grep { $_->response->status == 200 } @clients), 42, 'all of both workers are answered';

    # And with a worker that dies while it waits and holds.
    $two->allow_log(qr/exited on signal 9/);
    $held    = $two->origin(1)->hold('/2');
    @clients = map { $two->send('GET /2') } 1 .. 20;
    $held->reached(2);
    my ($victim) = $two->workers;
    kill KILL => $victim;
    $held->release;
    eval { $_->response } for @clients;
    wait_until { 2 == $two->idle_workers } 'the worker has an heir';
    is $two->get('/3')->status, 200, 'places of the dead are free again' for 1 .. 4;

    # The old worker's connections end: those who wait in the new one go.
    $held = $two->origin(1)->hold('/4');
    my @old = map { $two->send('GET /4') } 1, 2;
    $held->reached(2);
    $two->reload;
    my @new = map { $two->send('GET /5') } 1 .. 4;
    $held->release;
    is $_->response->status, 200, 'answered over a reload' for @old, @new;
}

my %faults = (
    'queue 0;'            => qr/invalid value "0"/,
    'queue x;'            => qr/invalid value "x"/,
    'queue 1 timeout=x;'  => qr/invalid parameter "timeout=x"/,
    'queue 1 time=1;'     => qr/invalid parameter "time=1"/,
    'queue;'              => qr/invalid number of arguments/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config("upstream g { server 127.0.0.1; $fault }");
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
