# t/worker/heir.t - what a dead worker had taken in shared memory is given back by its heir
use Site;
needs_weir('nginx forgets nothing here only by luck');

my $site = Site->start(<<'CONF');
    upstream app { zone app 64k; server %ORIGIN% max_conns=1; }
    server { listen %PORT%; location / { proxy_pass http://app; } }
CONF
$site->allow_log(qr/exited on signal 9/);
my $held = $site->origin->hold('/slow');
my $busy = $site->send('GET /slow');
$held->reached;
is $site->get('/')->status, 502, 'the only place at the peer is taken';
my ($worker) = $site->workers;
$site->signal('KILL', $worker);
wait_until { my ($now) = $site->workers; $now && $now != $worker } 'the heir';
$held->release;
is $site->get('/')->status, 200, 'it gave the place back';

done_testing;
