# t/proxy/shared.t - what one worker learns of an origin all workers know, also after a reload
use Site;
needs_weir('nginx shares nothing without zone');

my $text = <<'CONF';
    proxy_http_version 1.0;
    upstream u { server %ORIGIN% fail_timeout=1h; server %ORIGIN2%; }
    upstream own { zone own 64k; server %ORIGIN% fail_timeout=1h; server %ORIGIN2%; }
    upstream few { server %ORIGIN2% max_conns=1; }
    server {
        listen %PORT%;
        location / { proxy_pass http://u; }
        location /own/ { proxy_pass http://own; }
        location /few/ { proxy_pass http://few; }
        location /pid { return 200 $pid; }
    }
CONF
my $site = Site->start($text, main => 'worker_processes 3;');
my ($bad, $good) = map { $site->origin($_) } 1, 2;
$bad->script('*', 'body', 'close');
$good->answer('*', body => 'good');

for my $at ('/', '/own/') {
    my $before = $bad->count;
    my %workers;
    for (1 .. 40) {
        $workers{ $site->get('/pid')->body }++;
        is $site->get($at)->body, 'good', 'answered' if $_ == 1;
        $site->get($at);
    }
    is $bad->count - $before, 1, "$at: one failure was enough for all workers";
    note 'workers: ' . keys %workers;
    $site->reload;
    $site->get($at) for 1 .. 20;
    is $bad->count - $before, 1, "$at: and the next generation knows it too";
}

# max_conns counts the connections of all workers; a worker that dies gives back what it held.
my $held = $good->hold('/few/held');
my $first = $site->send('GET /few/held');
$held->reached;
is $site->get('/few/x')->status, 502, 'max_conns: the only place is taken' for 1 .. 6;
like $site->error_log, qr/no live upstreams while connecting to upstream/, 'the log says so';
$site->allow_log(qr/exited on signal 9/);
my @workers = $site->workers;
kill KILL => @workers;
wait_until { my %old = map { $_ => 1 } @workers; my @now = grep { !$old{$_} } $site->idle_workers; @now == 3 }
    'new workers';
$held->release;
# Another worker may be asked before the one that has answered gives its place back: it must have nothing to do.
sub few () { wait_until { $site->idle_workers == 3 } 'all is done'; return $site->get('/few/x')->status }
wait_until { few() == 200 } 'the dead give back their places';
pass 'the dead give back their places';
is few(), 200, 'for good' for 1 .. 3;

done_testing;
