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

my $result = Site->test_config('upstream g { server 127.0.0.1 route=; }');
isnt $result->{exit}, 0, 'an empty route is refused';
like $result->{stderr}, qr/invalid parameter "route="/, 'and why';

done_testing;
