# t/proxy/tunnel_ends.t - origins and clients that vanish before, within and after a switch of protocols; reload and quit
use Site;

needs_weir 'nginx passes no Upgrade by itself';

my $conf = <<'CONF';
    log_format ends '$uri $status $body_bytes_sent $fail_reason $upstream_status $upstream_response_length $http_x_mark $sent_http_x_answer $upstream_http_x_answer $host $proxy_host $request_uri $upstream_bytes_sent';
    access_log %DIR%/ends.log ends;
    client_header_buffer_size 512;
    server {
        listen %PORT%;
        location / { proxy_pass http://%ORIGIN%; }
        location /t/fill { proxy_pass http://%ORIGIN%; send_timeout 300ms; }
        location /t/deaf { proxy_pass http://%ORIGIN%; proxy_send_timeout 300ms; }
        location /idle { proxy_pass http://%ORIGIN%; proxy_read_timeout 4s; }
        location /short { proxy_pass http://%ORIGIN%; proxy_read_timeout 1s; }
    }
CONF
my $site   = Site->start($conf, main => 'worker_shutdown_timeout 1h; worker_processes 1;');
my $origin = $site->origin;
my @ask = (Upgrade => 'websocket', Connection => 'upgrade', 'Sec-WebSocket-Version' => 13,
           'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==', 'X-Mark' => 'mine');
my $switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX-Answer: theirs\r\n\r\n";

sub logged ($uri) {
    my $line;
    wait_until { ($line) = ($site->slurp('ends.log') // '') =~ m{^\Q$uri\E (.*)$}m } "$uri in the log";
    return $line;
}
sub open_tunnel ($uri, @steps) {
    $origin->script($uri, [write => $switch], @steps);
    my $client = $site->send("GET $uri", @ask);
    $client->read_until(qr/\r\n\r\n/);
    return $client;
}

my $idle = open_tunnel('/idle', 'stall');       # which lasts, and is looked at below

# Before the switch
$origin->script('/e/close', 'close');
$origin->script('/e/reset', 'reset');
$origin->script('/e/half', [write => substr $switch, 0, 30], 'close');
$origin->script('/short/silent', 'stall');
is $site->get($_->[0], @ask)->status, $_->[1], "$_->[2]: $_->[1]"
    for ['/e/close', 502, 'an origin that closes'], ['/e/reset', 502, 'that resets'], ['/e/half', 502, 'within its head'],
        ['/short/silent', 504, 'that says nothing'];
my $held = $origin->hold('/e/left');
my $client = $site->send('GET /e/left', @ask);
$held->reached;
$client->close;
like logged('/e/left'), qr/\A499 0 client\.gone/, 'a client that leaves';
$held->release;

# What the line in the log says, long after the heads
$client = open_tunnel('/l/log', [read => 4], [write => 'hello'], 'close');
$client->write('ping');
is $client->read_bytes(5), 'hello', 'a word';
is $client->closed, 'eof', 'and the end';
is logged('/l/log'), '101 5 - 101 5 mine theirs theirs localhost 127.0.0.1:' . $origin->port . ' /l/log ' . (length($origin->request(-1)->raw) + 4),
    'the log knows both heads';

# The end of either side, with the last bytes of that side
$client = open_tunnel('/t/half', [read => 3], 'shutdown', 'stall');
$client->write('bye');
is $client->closed, 'eof', 'an origin that ends its half ends the tunnel';
$client = open_tunnel('/t/last', [write => 'x' x 300_000], 'close');
is length $client->read_bytes(300_000), 300_000, 'its last bytes arrive';
is $client->closed, 'eof', 'and then the end';
$client = open_tunnel('/t/client', [read => 300_000], 'stall');
$client->write('y' x 300_000);
$client->shutdown;
is $client->closed, 'eof', 'a client that ends its half ends it';
wait_until { grep { $_->{read} >= 300_000 } values %{ $origin->traffic } } 'its last bytes';
$client = open_tunnel('/t/busy', [read => 1], [write => 'last words'], 'close');
$client->write('a' . 'z' x 100_000);
is $client->read_bytes(10), 'last words', 'what nobody reads any more does not cost the last words';
$client->close;

# Broken
$client = open_tunnel('/t/reset', [read => 1], 'reset');
$client->write('x');
like $client->closed, qr/eof|reset/, 'an origin that resets';
like logged('/t/reset'), qr/\A101 0 tunnel\.upstream /, 'named';
$client = open_tunnel('/t/gone', [read => 1], 'stall');
$client->write('x');
$client->reset;
like logged('/t/gone'), qr/\A101 0 tunnel\.client /, 'a client that resets';

# Who takes nothing is not waited for, whatever the other side has to say
$client = open_tunnel('/t/fill', [fill => 20_000_000], 'close');
like logged('/t/fill'), qr/\A101 \d+ tunnel\.client /, 'a client that reads nothing';
$client->close;
$client = open_tunnel('/t/deaf', 'deaf', 'stall');
wait_until {
    for (1 .. 16) { $client->write_some('d' x 65536) || last }
    ($site->slurp('ends.log') // '') =~ m{^/t/deaf }m
} 'the end of a tunnel that takes no more';
like logged('/t/deaf'), qr/\A101 0 tunnel\.timeout /, 'an origin that reads nothing';
$client->close;
is $idle->closed, 'eof', 'silence';
like logged('/idle'), qr/\A101 0 tunnel\.timeout /, 'named';

# Reload: tunnels live on with the old worker, up to worker_shutdown_timeout
$client = open_tunnel('/r/reload', [read => 3], [write => 'yes'], 'stall');
my ($old) = $site->workers;
$site->{main} = 'worker_shutdown_timeout 300ms; worker_processes 1;';
$site->reload($conf);
$client->write('ok?');
is $client->read_bytes(3), 'yes', 'a tunnel goes through a reload';
is $site->get('/')->status, 200, 'beside the new worker';
$client->close;
wait_until { !Procs::alive($old) } 'the old worker to end with it';
$client = open_tunnel('/r/over', 'stall');
($old) = $site->workers;
$site->{main} = 'worker_shutdown_timeout 1h; worker_processes 1;';
$site->reload($conf);
is $client->closed, 'eof', 'until worker_shutdown_timeout';
like logged('/r/over'), qr/\A101 0 tunnel\.shutdown /, 'named';
wait_until { !Procs::alive($old) } 'the old worker to end';

# Quit
$client = open_tunnel('/r/quit', [read => 3], [write => 'yes'], [read => 1], 'close');
$site->signal('QUIT');
wait_until { $site->draining } 'the worker to drain';
$client->write('ok?');
is $client->read_bytes(3), 'yes', 'a tunnel outlives QUIT';
$client->close;
is $site->wait_exit, 0, 'but is not waited for when it ends';

done_testing;
