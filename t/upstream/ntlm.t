# t/upstream/ntlm.t - clients that log in to a connection have it for themselves
use Site;

my $site = Site->start(<<'CONF', main => 'worker_processes 1;');
    upstream plain { server %ORIGIN1%; server %ORIGIN2%; }
    upstream ntlm  { ntlm; server %ORIGIN1%; server %ORIGIN2%; }
    upstream one   { ntlm; keepalive 2; server %ORIGIN3%; }
    server {
        listen %PORT%;
        location /plain { proxy_pass http://plain; }
        location /ntlm { proxy_pass http://ntlm; add_header X-Peer $upstream_addr; }
        location /one { proxy_pass http://one; }
    }
CONF
my $origin = $site->origin(3);
sub connection () { return $origin->request->connection }

for my $scheme ('NTLM', 'Negotiate', 'negotiate') {
    my @client = map { $site->connect } 1 .. 2;
    my %own;
    for my $n (0, 1) {
        is $client[$n]->get('/one', Authorization => "$scheme abc")->status, 200, "$scheme: client $n logs in";
        $own{$n} = connection();
    }
    isnt $own{0}, $own{1}, 'each to a connection of its own';
    for my $round (1 .. 3) {
        for my $n (0, 1) {
            $client[$n]->get('/one');
            is connection(), $own{$n}, 'and goes on with that';
        }
    }
    $site->get('/one');
    isnt connection(), $own{$_}, 'nobody else uses it' for 0, 1;
    $client[0]->get('/one');
    $_->close for @client;
    wait_until { $origin->open <= 2 } 'connections go with their clients';
    $site->get('/one');
    isnt connection(), $own{$_}, 'and are not used again' for 0, 1;
}

# The peer is the one where it is logged in.
my $client = $site->connect;
my $peer   = $client->get('/ntlm', Authorization => 'NTLM abc')->header('X-Peer');
is $client->get('/ntlm')->header('X-Peer'), $peer, 'always the same server' for 1 .. 4;
$site->get('/ntlm') for 1 .. 3;
is $client->get('/ntlm')->header('X-Peer'), $peer, 'whoever else comes';
my %seen = map { $site->get('/ntlm')->header('X-Peer') => 1 } 1 .. 4;
is keys %seen, 2, 'others go round';

# Without a login connections are anybody's.
my $before = $origin->connections;
$site->get('/one', Authorization => 'Basic abc') for 1 .. 3;
cmp_ok $origin->connections - $before, '<=', 1, 'others share them';

# An origin that closes it: a new one, to which the client logs in again.
$origin->answer('/one/bye', close => 1);
$client->get('/one', Authorization => 'NTLM abc');
my $own = connection();
$client->get('/one/bye');
is connection(), $own, 'closed by the origin';
is $client->get('/one')->status, 200, 'the next request has another';
isnt connection(), $own, 'of course';

my $result = Site->test_config('upstream g { server 127.0.0.1; ntlm on; }');
isnt $result->{exit}, 0, 'it has no parameters';

done_testing;
