# t/upstream/health_load.t - one of three origins is killed, or hangs, under load: no request fails
use Site;
use Load;

needs_weir('nginx 1.22 has no health_check');

my @ports = map { Ports::take() } 1 .. 3;
my $servers = join ' ', map { "server 127.0.0.1:$_ fail_timeout=1s slow_start=500ms;" } @ports;
my @origins = map { Origin->start(port => $_) } @ports;
my $site = Site->start(<<"CONF", main => 'worker_processes 2;');
    upstream u { $servers keepalive 16; health_check interval=100ms timeout=2s uri=/health; }
    server {
        listen %PORT%;
        location / { proxy_pass http://u; proxy_read_timeout 3s; proxy_connect_timeout 3s; }
    }
CONF
$site->allow_log(qr/no live upstreams/);
my $load = Load->start($site, connections => 6, uris => ['/a', '/b']);

sub works_again ($n) {
    my $before = $origins[$n]->forget;
    wait_until { (grep { $_->uri ne '/health' } $origins[$n]->requests) > 5 } "origin $n serves again";
}

for my $n (0 .. 2) {
    my $mark = $site->log_mark;

    kill KILL => $origins[$n]->pid;
    $origins[$n]->stop;
    $site->wait_for_log(qr/peer is unhealthy while .* of peer 127\.0\.0\.1:$ports[$n]/, since => $mark);
    pass "origin $n is dead, and known to be";
    $origins[$n] = Origin->start(port => $ports[$n]);
    $site->wait_for_log(qr/peer is healthy, .* of peer 127\.0\.0\.1:$ports[$n]/, since => $mark);
    works_again($n);
    pass "origin $n is back, and serves";
}
my $mark = $site->log_mark;
kill STOP => $origins[1]->pid;
$site->wait_for_log(qr/peer is unhealthy while .* of peer 127\.0\.0\.1:$ports[1]/, since => $mark);
pass 'one that hangs is unhealthy';
kill CONT => $origins[1]->pid;
$site->wait_for_log(qr/peer is healthy, .* of peer 127\.0\.0\.1:$ports[1]/, since => $mark);
works_again(1);
pass 'and serves when it goes on';

my $tally = $load->stop;
is scalar @{ $tally->{failed} }, 0, 'no request failed' or diag join "\n", @{ $tally->{failed} }[0 .. 4];
cmp_ok $tally->{requests}, '>', 50, 'of many';
diag "$tally->{requests} requests" if $ENV{VERBOSE};
$site->stop;

done_testing;
