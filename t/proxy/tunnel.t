# t/proxy/tunnel.t - after 101 bytes go both ways until either side ends
use Site;

my $site = Site->start(<<'CONF');
    map $http_upgrade $upgrading { default upgrade; '' ''; }
    log_format tunnel '$status $body_bytes_sent $upstream_status';
    server {
        listen %PORT%;
        access_log %DIR%/tunnel.log tunnel;
        proxy_http_version 1.1;
        location / {
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $upgrading;
            proxy_pass http://%ORIGIN%;
        }
        location /short/ {
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $upgrading;
            proxy_read_timeout 4s;
            proxy_pass http://%ORIGIN%;
        }
        location /plain/ { proxy_pass http://%ORIGIN%; }
    }
CONF
my $origin = $site->origin;
my $switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
my @ask = (Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => 'x');

# Silence lasts: this begins here and is looked at below.
$origin->script('/short/silent', [write => $switch], 'stall');
my $silent = $site->send('GET /short/silent', @ask);
like $silent->read_until(qr/\r\n\r\n/), qr/ 101 /, 'a tunnel in which nobody speaks';

$origin->script('/echo', [write => $switch], [read => 5], [write => 'hello'], [wait => 'more'],
                [write => ' again'], [read => 3], 'close');
my $client = $site->send('GET /echo', @ask);
my $head = $client->read_until(qr/\r\n\r\n/);
like $head, qr{\AHTTP/1\.1 101 Switching Protocols\r\n}, 'the origin switches';
like $head, qr/^Upgrade: websocket\r$/m, 'the client is told to what';
like $head, qr/^Connection: upgrade\r$/m, 'and that';
is $origin->request->header('Upgrade'), 'websocket', 'the origin was asked';
is $origin->request->header('Connection'), 'upgrade', 'in both fields';
$client->write('12345');
is $client->read_bytes(5), 'hello', 'there and back';
$origin->go('more');
is $client->read_bytes(6), ' again', 'the origin speaks when it likes';
$client->write('bye');
is $client->closed, 'eof', 'the end of the origin is the end';
wait_until { ($site->slurp('tunnel.log') // '') =~ /^101 11 /m } 'its line in the log';
like $site->slurp('tunnel.log'), qr/^101 11 101$/m, 'counted in the log';

# What comes together with the heads is not lost, in either direction.
$origin->script('/early', [write => $switch . 'first'], [read => 5], [write => 'second'], 'close');
$client = $site->connect;
$client->write("GET /early HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhurry");
like $client->read_until(qr/second/), qr/\r\n\r\nfirstsecond\z/, 'early bytes both ways';

# Large and at once in both directions; slow readers stop fast writers.
my $size = 3_000_000;
$origin->script('/large', [write => $switch], [fill => $size], [read => $size], [write => 'done'], 'close');
$client = $site->send('GET /large', @ask);
$client->read_until(qr/\r\n\r\n/);
my ($sent, $got) = (0, $client->{in});
$client->{in} = '';
while ($sent < $size || length $got < $size) {
    $sent += $client->write_some('u' x ($size - $sent > 65536 ? 65536 : $size - $sent)) // last if $sent < $size;
    $got .= $client->read_some(0.01, $size - length $got) // last if length $got < $size;
}
ok $got eq Origin::pattern($size), 'a lot comes';
is $client->read_bytes(4), 'done', 'a lot went';

# The client ends it.
$origin->script('/left', [write => $switch], [read => 100], 'close');
$client = $site->send('GET /left', @ask);
$client->read_until(qr/\r\n\r\n/);
$origin->forget;
close $client->socket;
wait_until { $origin->open == 0 || !grep { !$_->{end} } values %{ $origin->traffic } } 'the origin to be let go';
pass 'the end of the client is the end';

# Silence
is $silent->closed, 'eof', 'proxy_read_timeout ends a silent tunnel';
like $site->error_log, qr/upstream timed out \(110: [^)]+\) while proxying upgraded connection/, 'and says so';

# Other answers to the same question
$origin->answer('/no', status => 400, body => 'no');
is $site->get('/no', @ask)->status, 400, 'an origin that does not want to';
SKIP: {
    skip 'nginx takes it', 2 unless is_weir;
    $origin->script('/plain/x', [write => $switch], 'close');
    is $site->get('/plain/x')->status, 502, 'a 101 that nobody asked for is no answer';
    is $site->get('/plain/x', @ask)->status, 502, 'nor where the configuration does not pass Upgrade on';
}

done_testing;
