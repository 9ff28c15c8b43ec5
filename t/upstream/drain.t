# t/upstream/drain.t - a draining server gets no new requests
use Site;

my $site = Site->start(<<'CONF');
    upstream pair { server %ORIGIN1% drain; server %ORIGIN2%; }
    upstream one  { server %ORIGIN1% drain route=a; }
    upstream last { server %ORIGIN1% drain; server %ORIGIN2% backup; }
    server {
        listen %PORT%;
        location /pair { proxy_pass http://pair; }
        location /one { proxy_pass http://one; }
        location /last { proxy_pass http://last; }
    }
CONF
$site->allow_log(qr/no live upstreams/);
my $before = $site->origin(1)->count;
is $site->get('/pair')->status, 200, 'the other one answers' for 1 .. 4;
is $site->get('/one')->status, 502, 'alone it is as if there were none';
is $site->get('/last')->status, 200, 'a backup takes its place';
is $site->origin(1)->count, $before, 'the draining one was not asked';

# At run time: sessions that a server has it keeps, new ones go elsewhere.
{
    my $live = Site->start(<<'CONF', main => 'worker_processes 2;');
        upstream cookies { zone c 256k; sticky cookie srv; server %ORIGIN1% route=a; server %ORIGIN2% route=b; }
        upstream learns { zone l 256k; sticky learn create=$upstream_http_x_sid lookup=$arg_s zone=s:64k;
                          server %ORIGIN1%; server %ORIGIN2%; }
        upstream crowd { zone q 256k; queue 10; server %ORIGIN1% max_conns=1; }
        server {
            listen %PORT%;
            add_header X-Peer $upstream_addr;
            location /cookies { proxy_pass http://cookies; }
            location /learns { proxy_pass http://learns; }
            location /crowd { proxy_pass http://crowd; }
        }
CONF
    my @address = map { $live->origin($_)->address } 1, 2;
    my $to = sub ($place, @fields) { $live->get($place, @fields)->header('X-Peer') };
    $live->origin($_)->answer('/learns/new', headers => ['X-Sid' => "s$_"]) for 1, 2;
    $to->('/learns/new') for 1 .. 4;
    $live->ctl('upstream', 'set', $_, $address[0], 'drain') for qw(cookies learns);
    for (1 .. 4) {
        is $to->('/cookies'), $address[1], 'no new session';
        is $to->('/cookies', Cookie => 'srv=a'), $address[0], 'sessions go on';
        is $to->('/learns?s=s1'), $address[0], 'those that were learned too';
        is $to->('/learns'), $address[1], 'and no others';
    }
    $live->ctl('upstream', 'set', 'cookies', $address[0], 'down');
    is $to->('/cookies', Cookie => 'srv=a'), $address[1], 'down it has none at all';
    $live->ctl('upstream', 'set', 'cookies', $address[0], 'up');
    is $to->('/cookies', Cookie => 'srv=a'), $address[0], 'up again they are back';

    # Those who wait in a queue see a server that comes.
    my $held    = $live->origin(1)->hold('/crowd/0');
    my @clients = $live->send('GET /crowd/0');
    $held->reached;
    push @clients, map { $live->send('GET /crowd/1') } 1 .. 4;
    $live->ctl('upstream', 'add', 'crowd', $address[1]);
    is $_->response->header('X-Peer'), $address[1], 'those who wait go to a server that is added' for @clients[1 .. 4];
    $held->release;
    is $clients[0]->response->status, 200, 'and the first comes home';
}

my $result = Site->test_config('upstream g { server 127.0.0.1 route=; }');
isnt $result->{exit}, 0, 'an empty route is refused';
like $result->{stderr}, qr/invalid parameter "route="/, 'and why';

done_testing;
