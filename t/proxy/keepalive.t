# t/proxy/keepalive.t - connections to origins are kept and used again, and a stale one costs nobody a request
use Site;

# Said in full, so that it means the same to every nginx.
my $site = Site->start(<<'CONF');
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream pool { server %ORIGIN%; keepalive 4; }
    upstream few { server %ORIGIN2%; keepalive 1; keepalive_requests 3; }
    upstream brief { server %ORIGIN3%; keepalive 2; keepalive_timeout 200ms; }
    server {
        listen %PORT%;
        location / { proxy_pass http://pool; }
        location /few { proxy_pass http://few; }
        location /brief { proxy_pass http://brief; }
        location /off { proxy_buffering off; proxy_pass http://pool; }
    }
CONF
my $origin = $site->origin;

$site->get("/$_") for 1 .. 5;
is $origin->connections, 1, 'five requests, one connection';
is $origin->request->nth, 5, 'the fifth on it';
$site->head('/x');
$site->post('/x', 'body');
$site->request('POST /x', { chunks => [qw(a b)] });
$origin->answer('/chunked', chunks => ['abc', 'def']);
$origin->answer('/empty', body => '');
$origin->answer('/304', status => 304);
$origin->answer('/204', status => 204);
$origin->answer('/large', fill => 500_000);
$site->get($_) for qw(/chunked /empty /304 /204 /large /off/x /404);
is $origin->connections, 1, 'whatever the method and framing';

# At once: as many connections as requests, kept up to the limit.
my $held = $origin->hold('/held');
my @clients = map { $site->send('GET /held') } 1 .. 8;
$held->reached(8);
$held->release;
$_->response for @clients;
is $origin->connections, 8, 'eight at once need eight';
wait_until { $origin->open <= 4 } 'all but four to be closed';
is $origin->open, 4, 'four are kept';
$origin->forget;
$site->get('/again') for 1 .. 4;
is $origin->connections, 0, 'and used';

# What ends a connection
$origin->answer('/close', close => 1);
$site->get('/close');
$origin->answer('/toclose', no_length => 1, body => 'x');
is $site->get('/toclose')->body, 'x', 'a body until the end';
$origin->answer('/old', version => '1.0', body => 'x');
$site->get('/old');
is $site->get('/next')->status, 200, 'are followed by a new one';

# A kept connection that the origin has ended meanwhile: the client never learns.
for my $how (qw(close reset)) {
    my $lonely = Site->start(<<'CONF');
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream pool { server %ORIGIN%; keepalive 4; }
    server { listen %PORT%; location / { proxy_pass http://pool; } }
CONF
    $lonely->origin->scripts('/once', ['body', [answer => {}], [wait => 'end'], $how], ['body', [answer => {}]]);
    is $lonely->get('/once')->status, 200, "$how: first";
    $lonely->origin->go('end');
    wait_until { $lonely->origin->open == 0 } 'the origin to hang up';
    is $lonely->get('/once')->status, 200, "$how: a connection that ended while idle is not used";

    # It ends just as the request comes: tried again on a fresh one, for it cannot have been processed.
    $lonely->origin->scripts('/race', ['body', [answer => {}]], ['body', $how], ['body', [answer => { body => 'second try' }]]);
    $lonely->get('/race');
    is $lonely->get('/race')->body, 'second try', "$how: a request lost with a kept connection is sent again";
    $lonely->stop;
}

# keepalive_requests, keepalive_timeout
my $few = $site->origin(2);
$site->get('/few') for 1 .. 7;
is $few->connections, 3, 'keepalive_requests 3: seven requests take three connections';
my $brief = $site->origin(3);
$site->get('/brief');
wait_until { $brief->open == 0 } 'keepalive_timeout to end the idle connection';
pass 'keepalive_timeout ends an idle connection';

# Without any words about it
SKIP: {
    skip 'nginx before 1.29.7', 3 unless is_weir;
    my $plain = Site->start(<<'CONF');
    upstream named { server %ORIGIN2%; }
    server { listen %PORT%; location / { proxy_pass http://%ORIGIN%; } location /n { proxy_pass http://named; } }
CONF
    $plain->get("/$_") for 1 .. 5;
    is $plain->origin->connections, 1, 'keep-alive needs no directives';
    $plain->get("/n/$_") for 1 .. 5;
    is $plain->origin(2)->connections, 1, 'nor does a named upstream';
    $plain->reload;
    is $plain->get('/')->status, 200, 'a reload';
    wait_until { $plain->origin->open <= 1 } 'the old worker\'s idle connections to be closed';
    $plain->stop;
}

done_testing;
