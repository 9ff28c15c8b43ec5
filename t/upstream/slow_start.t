# t/upstream/slow_start.t - a server that is well again gets its requests back little by little
use Site;

needs_weir('nginx 1.22 has no slow_start');

my $site = Site->start(<<'CONF', main => 'worker_processes 2;');
    upstream turns { server %ORIGIN1% slow_start=2s fail_timeout=1s; server %ORIGIN2%; }
    upstream least { least_conn; server %ORIGIN3% slow_start=2s fail_timeout=1s; server %ORIGIN4%; }
    upstream turns_slowly { server %ORIGIN5% slow_start=100s fail_timeout=1s; server %ORIGIN6%; }
    upstream least_slowly { least_conn; server %ORIGIN7% slow_start=100s fail_timeout=1s; server %ORIGIN8%; }
    upstream single { server %ORIGIN1% slow_start=1h; }
    server {
        listen %PORT%;
        location ~ ^/(turns|least|turns_slowly|least_slowly)$ { proxy_pass http://$1; }
        location /single { proxy_pass http://single; }
    }
CONF
$site->allow_log(qr/Connection refused|temporarily disabled/);

sub share ($way, $n, $requests) {
    my $origin = $site->origin($n);

    $origin->forget;
    $site->get("/$way")->status == 200 or die 'a request failed' for 1 .. $requests;
    return $origin->count;
}

my %of = (turns => 1, least => 3, turns_slowly => 5, least_slowly => 7);
for my $way (sort keys %of) {
    is share($way, $of{$way}, 20), 10, "$way: half of the requests";
    $site->origin($of{$way})->refuse;
    is $site->get("/$way")->status, 200, "$way: the other one answers" for 1 .. 4;
    $site->origin($of{$way})->accept;
}
for my $way (sort keys %of) {
    wait_until { share($way, $of{$way}, 1) } "$way: the first request after fail_timeout";
    cmp_ok share($way, $of{$way}, 20), '<', 6, "$way: few at first" if $way =~ /slowly/;
}
for my $way ('least', 'turns') {
    wait_until { share($way, $of{$way}, 10) >= 5 } "$way: as many as ever";
    pass "$way: as many as ever";
}
$site->origin(1)->refuse;
is $site->get('/single')->status, 502, 'a single server that refuses';
$site->origin(1)->accept;
is $site->get('/single')->status, 200, 'gets all when it does not';
$site->stop;

for my $method ('ip_hash', 'hash $uri', 'random') {
    my $result = Site->test_config("upstream g { $method; server 127.0.0.1 slow_start=1s; }");
    isnt $result->{exit}, 0, "$method: refused";
    like $result->{stderr}, qr/balancing method does not support parameter "slow_start"/, 'and why';
}
my $bad = Site->test_config('upstream g { server 127.0.0.1 slow_start=soon; }');
like $bad->{stderr}, qr/invalid parameter "slow_start=soon"/, 'no time';

done_testing;
