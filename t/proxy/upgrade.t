# t/proxy/upgrade.t - a WebSocket handshake reaches its origin without configuration, other switches when asked for
use Site;

needs_weir 'nginx passes no Upgrade by itself';

my $site = Site->start(<<'CONF');
    map $http_upgrade $upgrading { default upgrade; '' ''; }
    upstream pool { server %ORIGIN%; keepalive 4; }
    upstream both { server %ORIGIN%; server %ORIGIN2% backup; }
    log_format said '$uri $status $fail_reason $upstream_status';
    server {
        listen %PORT%;
        access_log %DIR%/said.log said;
        location / { proxy_pass http://pool; }
        location /quiet { proxy_pass http://pool; proxy_set_header Connection ""; proxy_set_header X-Own $http_upgrade; }
        location /asking { proxy_pass http://pool; proxy_set_header Connection ""; proxy_set_header X-Own $http_upgrade; proxy_upgrade websocket; }
        location /closing { proxy_pass http://pool; proxy_set_header Connection close; proxy_upgrade websocket; }
        location /off { proxy_pass http://pool; proxy_upgrade off; }
        location /old { proxy_pass http://pool; proxy_http_version 1.0; }
        location /any { proxy_pass http://pool; proxy_upgrade any; }
        location /none { proxy_pass http://pool; proxy_set_header Upgrade ""; }
        location /set { proxy_pass http://pool; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrading; }
        location /fixed { proxy_pass http://pool; proxy_set_header Upgrade h2c; proxy_set_header Connection upgrade; }
        location /method { proxy_pass http://pool; proxy_method POST; }
        location /bare { proxy_pass http://pool; proxy_pass_request_headers off; }
        location /asked { auth_request /auth; proxy_pass http://pool; }
        location /auth { internal; proxy_pass http://pool/auth; }
        location /next { proxy_pass http://both; proxy_next_upstream error http_503; }
        location /unbuffered { proxy_pass http://pool; proxy_request_buffering off; proxy_set_header Upgrade $http_upgrade; }
    }
CONF
my $origin = $site->origin;
my @key = ('Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version' => 13);
my @ask = (Upgrade => 'websocket', Connection => 'keep-alive, Upgrade', @key);
my $switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\n";
my @echo = ([write => $switch], [read => 4], [write => 'pong'], 'close');

# The genuine one
sub tunnels ($what, $why, @fields) {
    my ($uri) = $what =~ /(\S+)\z/;
    $origin->forget;
    $origin->script($uri, @echo);
    my $client = $site->send($what, @fields);
    my $head = $client->read_until(qr/\r\n\r\n/);
    like $head, qr{\AHTTP/1\.1 101 }, $why;
    $client->write('ping');
    is $client->read_bytes(4), 'pong', "$why: both ways";
    is $client->closed, 'eof', "$why: to the end";
    return $origin->request;
}
sub plain ($what, $why, @fields) {
    my ($uri) = $what =~ /(\S+)\z/;
    $origin->forget;
    $origin->answer($uri, body => 'plain');
    is $site->request($what, @fields)->status, 200, $why;
    return $origin->request;
}
my $got = tunnels('GET /chat', 'a handshake', @ask);
is $got->header('Upgrade'), 'websocket', 'the origin sees what is asked';
is $got->header('Connection'), 'upgrade', 'and how';
is $got->header('Sec-WebSocket-Key'), $key[1], 'with its key';
is $got->header('Sec-WebSocket-Version'), 13, 'and version';
is tunnels('GET /asking', 'beside other fields', @ask)->header('X-Own'), 'websocket', 'which are sent too';
is tunnels('GET /closing', 'whatever is said of the connection', @ask)->header('Connection'), 'upgrade', 'once';
tunnels('GET /asked', 'behind auth_request', @ask);
is((grep { $_->uri eq '/auth' } $origin->requests)[0]->header('Upgrade'), undef, 'whose request is an ordinary one');
is tunnels('GET /list', 'among others', Upgrade => 'h2c, websocket', @ask[2 .. 7])->header('Upgrade'), 'websocket', 'only that is passed';
tunnels('GET /set', 'as configured', @ask);
tunnels('GET /set', 'as configured, whatever the key', Upgrade => 'websocket', Connection => 'Upgrade');

# Over a connection that others used, and which is gone; and with the next server.
$site->get('/') for 1 .. 2;
tunnels('GET /kept', 'over a connection that was kept', @ask);
$site->get('/');
$origin->forget;
$origin->script('/', 'close');
$origin->scripts('/stale', ['close'], [@echo]);
my $client = $site->send('GET /stale', @ask);
like $client->read_until(qr/\r\n\r\n/), qr/ 101 /, 'over a new one where that was dead';
$client->close;
$origin->answer('/next', status => 503);
$site->origin(2)->script('/next', @echo);
$client = $site->send('GET /next', @ask);
like $client->read_until(qr/\r\n\r\n/), qr/ 101 /, 'the next server switches';
$client->close;
wait_until { ($site->slurp('said.log') // '') =~ m{^/next }m } 'the log';
like $site->slurp('said.log'), qr{^/next 101 - 503, 101$}m, 'both are in the log';

# What is none
my %without = (
    'a POST'                => ['POST /p', @ask],
    'a request with a body' => ['GET /b', { body => 'x' }, @ask],
    'another version'       => ['GET /v', @ask[0 .. 5], 'Sec-WebSocket-Version' => 8],
    'two versions'          => ['GET /vv', @ask, 'Sec-WebSocket-Version' => 13],
    'a short key'           => ['GET /k', @ask[0 .. 3], 'Sec-WebSocket-Key' => 'dGhl', @ask[6, 7]],
    'a key that is none'    => ['GET /kk', @ask[0 .. 3], 'Sec-WebSocket-Key' => '!' x 24, @ask[6, 7]],
    'no key'                => ['GET /n', @ask[0 .. 3, 6, 7]],
    'no Connection'         => ['GET /c', @ask[0, 1], @key],
    'h2c'                   => ['GET /h', Upgrade => 'h2c', Connection => 'Upgrade, HTTP2-Settings', 'HTTP2-Settings' => 'AAMAAABkAAQAAP__'],
    'an unknown one'        => ['GET /u', Upgrade => 'foo/2', Connection => 'Upgrade'],
    'proxy_upgrade off'     => ['GET /off', @ask],
    'a Connection of its own' => ['GET /quiet', @ask],
    'HTTP/1.0 to origins'   => ['GET /old', @ask],
    'an empty Upgrade'      => ['GET /none', @ask],
    'another method'        => ['GET /method', @ask],
    'no fields passed'      => ['GET /bare', @ask],
    'only h2c to any'       => ['GET /any', Upgrade => 'h2c', Connection => 'Upgrade'],
    'what looks like it'    => ['GET /any', Upgrade => '"h2c", foo h2c, foo;h2c, foo//h2c, foo/', Connection => 'Upgrade'],
    'that by a variable'    => ['GET /set', Upgrade => 'foo h2c', Connection => 'Upgrade'],
    'h2c by a variable'     => ['GET /set', Upgrade => 'H2C', Connection => 'Upgrade'],
);
for my $why (sort keys %without) {
    $got = plain($without{$why}[0], $why, @{ $without{$why} }[1 .. $#{ $without{$why} }]);
    is $got->header('Upgrade'), undef, "$why: is not passed";
    unlike $got->header('Connection') // '', qr/upgrade/i, "$why: nor in Connection" unless $why =~ /variable/;
}

# Any protocol but HTTP
is tunnels('GET /set', 'one by configuration', Upgrade => 'h2c, WebSocket', Connection => 'Upgrade')->header('Upgrade'), 'WebSocket', 'without h2c';
$switch =~ s/WebSocket/foo\/2/;
@echo = ([write => $switch], [read => 4], [write => 'pong'], 'close');
is tunnels('GET /any', 'another protocol', Upgrade => 'foo/2, h2c', Upgrade => 'bar', Connection => 'Upgrade')->header('Upgrade'), 'foo/2, bar', 'without h2c';

{
    $origin->forget;
    $origin->answer('/any', body => 'plain');
    my $client = $site->connect;
    $client->write("GET /any HTTP/1.0\r\nUpgrade: foo/2\r\nConnection: Upgrade\r\n\r\n");
    is $client->response->status, 200, 'HTTP/1.0 knows of no switch';
    is $origin->request->header('Upgrade'), undef, 'so none is asked for';
}

# An origin that switches unasked, to something else, or too soon
sub refused ($what, $why, @fields) {
    my ($uri) = $what =~ /(\S+)\z/;
    $origin->script($uri, [write => $switch], 'close');
    is $site->request($what, @fields)->status, 502, $why;
}
refused('GET /un', 'unasked');
refused('GET /un', 'to another protocol', @ask);
refused('GET /any/x', 'to one of two that was not asked for', Upgrade => 'a, b', Connection => 'Upgrade');
refused('GET /off/x', 'though switching is off', @ask);
$switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n";
refused('GET /un', 'to nothing', @ask);
@echo = ([write => $switch], [read => 4], [write => 'pong'], 'close');
is tunnels('GET /set', 'which is taken where configured', @ask)->uri, '/set', 'as nginx does';
$origin->script('/unbuffered', [write => $switch], 'close');
$client = $site->connect;
$client->write("POST /unbuffered HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 10\r\n\r\n12345");
like $client->read_until(qr/\r\n\r\n/), qr/ 502 /, 'before the body was sent';
wait_until { 6 == (() = $site->slurp('said.log') =~ / 502 upstream\.switched/g) } 'each with its cause';

done_testing;
