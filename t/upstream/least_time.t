# t/upstream/least_time.t - requests go to the server that answers soonest
use Site;
use Time::HiRes qw(time);

my $site = Site->start(<<'CONF', main => 'worker_processes 2;');
    upstream head { zone z 1m; least_time header;    server %ORIGIN1%; server %ORIGIN2%; }
    upstream last { zone z 1m; least_time last_byte; server %ORIGIN1%; server %ORIGIN2%; }
    upstream wait { zone z 1m; least_time header inflight; server %ORIGIN1%; server %ORIGIN2%; }
    upstream whole { zone z 1m; least_time last_byte inflight; server %ORIGIN1%; server %ORIGIN2%; }
    upstream two  { zone z 1m; random two least_time=header; server %ORIGIN1%; server %ORIGIN2%; }
    upstream two_last { random two least_time=last_byte; server %ORIGIN1%; server %ORIGIN2%; }
    upstream weighted { least_time header; server %ORIGIN1% weight=3; server %ORIGIN2%; }
    upstream reserve { least_time header; server %ORIGIN1% down; server %ORIGIN2% backup; }
    server {
        listen %PORT%;
        add_header X-Peer $upstream_addr;
        location ~ ^/(head|last|wait|whole|two|two_last|weighted|reserve)/ { proxy_pass http://$1; proxy_buffering off; }
    }
CONF
my %name = map { $site->origin($_)->address => $_ } 1, 2;
sub peer ($reply) { return $name{ $reply->header('X-Peer') } }

# The first server is slow: to its head, or to its end.
sub slow_head ($place) {
    my $held    = $site->origin(1)->hold("/$place/slow");
    my $other   = $site->origin(2)->hold("/$place/slow");
    my @clients;
    wait_until {
        push @clients, $site->send("GET /$place/slow") if $held->count + $other->count == @clients;
        $held->count > 0 && $other->count > 0;
    } 'each has one at least';
    $other->release;
    wait_until { grep { $_->ready(0, 0) } @clients } 'the quick one answered';
    return ($held, @clients);
}

# An answer that took this long at least is slow compared with those to what was asked since then.
sub let_time_pass ($since) {
    my $so_far = time - $since;
    select undef, undef, undef, $so_far > 0.25 ? 2 * $so_far : 0.5;
}

for my $place (qw(head two)) {
    my $since = time;
    my ($held, @clients) = slow_head($place);
    let_time_pass($since);
    $held->release;
    $_->response for @clients;
    my %count = (1 => 0, 2 => 0);
    $count{ peer($site->get("/$place/x")) }++ for 1 .. 10;
    is $count{2}, 10, "$place: all go to the quick one, whichever worker they meet";
}

for my $place (qw(last two_last)) {
    $site->origin($_)->script("/$place/slow", 'body',
        [write => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"], [wait => "end$place"],
        [write => 'y']) for 1, 2;
    my $since = time;
    my @clients = map { $site->send("GET /$place/slow") } 1, 2;
    $_->read_until(qr/\r\n\r\nx/) for @clients;
    $site->origin(2)->go("end$place");
    wait_until { $clients[0]->ready(0, 0) || $clients[1]->ready(0, 0) } 'the quick one is done';
    let_time_pass($since);
    $site->origin(1)->go("end$place");
    $_->read_until(qr/y/) for @clients;
    my %count = (1 => 0, 2 => 0);
    $count{ peer($site->get("/$place/x")) }++ for 1 .. 10;
    is $count{2}, 10, "$place: by the end of answers";
}

# One that does not answer at all is noticed while it does not.
for my $place (qw(wait whole)) {
    $site->get("/$place/x") for 1 .. 8;
    my $since = time;
    my ($held, @clients) = slow_head($place);
    let_time_pass($since);
    my %count = (1 => 0, 2 => 0);
    $count{ peer($site->get("/$place/x")) }++ for 1 .. 10;
    is $count{2}, 10, "$place: all go to the one that answers";
    $held->release;
    is $_->response->status, 200, 'and the slow answer comes' for @clients;
}

# A worker that dies gives back what it awaited.
{
    $site->allow_log(qr/exited on signal 9/);
    my @held   = map { $site->origin($_)->hold('/wait/die') } 1, 2;
    my @lost   = map { $site->send('GET /wait/die') } 1 .. 6;
    wait_until { $held[0]->count + $held[1]->count == 6 } 'six are awaited';
    kill KILL => $_ for $site->workers;
    eval { $_->response } for @lost;
    $_->release for @held;
    wait_until { 2 == $site->idle_workers } 'new workers';
    is $site->get('/wait/x')->status, 200, 'all is well' for 1 .. 4;
}

# Weights and connections count: of four at once the heavier one gets three.
{
    my %hold = map { $_ => $site->origin($_)->hold('/weighted/x') } 1, 2;
    my @clients;
    for my $n (1 .. 4) {
        push @clients, $site->send('GET /weighted/x');
        wait_until { $hold{1}->count + $hold{2}->count == $n } "request $n is there";
    }
    is $hold{1}->count, 3, 'by weight where nothing is known';
    $_->release for values %hold;
    is $_->response->status, 200, 'answered' for @clients;
}
is peer($site->get('/reserve/x')), 2, 'a backup when there is nobody else';

my %faults = (
    'least_time;'                     => qr/invalid number of arguments/,
    'least_time body;'                => qr/invalid parameter "body"/,
    'least_time header outside;'      => qr/invalid parameter "outside"/,
    'random two least_time;'          => qr/invalid parameter "least_time"/,
    'random two least_time=connect;'  => qr/invalid parameter "least_time=connect"/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config("upstream g { $fault server 127.0.0.1; }");
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
