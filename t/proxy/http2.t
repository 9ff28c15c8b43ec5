# t/proxy/http2.t - proxy_http_version 2: requests share connections to the origin, and do not disturb each other
use Site;
use Certs;
use H2;
use H2Origin;

needs_weir 'nginx does so since 1.29.4';

my ($origin, $other) = (H2Origin->listen, H2Origin->listen);
my $site = Site->prepare(<<"CONF");
    client_max_body_size 10m;
    proxy_http_version 2;
    upstream app { server ${\$origin->address} max_fails=0; keepalive 4; }
    upstream few { server ${\$other->address}; keepalive 4; }
    upstream none { server ${\$other->address}; keepalive 0; }
    log_format up '\$upstream_addr|\$upstream_status|\$upstream_bytes_received|\$upstream_http_x_a|\$upstream_trailer_x_t';
    server {
        listen %PORT%;
        access_log %DIR%/up.log up;
        location / { proxy_pass http://app; }
        location /few { proxy_pass http://few; }
        location /none { proxy_pass http://none; }
        location /path/ { proxy_pass http://app/other/; proxy_set_header X-Given yes; proxy_set_header Connection "upgrade"; proxy_method PUT; }
        location /stream { proxy_request_buffering off; proxy_buffering off; proxy_pass http://app; }
        location /buffer { proxy_buffering on; proxy_pass http://app; }
        location /trailers { proxy_pass_trailers on; proxy_pass http://app; }
        location /short { proxy_read_timeout 300ms; proxy_pass http://app; }
        location /hints { early_hints 1; proxy_pass http://app; }
        location /tls { proxy_pass https://127.0.0.1:%PORT2%; proxy_ssl_verify on; proxy_ssl_name origin.example; proxy_ssl_trusted_certificate %DIR%/ca.crt; }
        location /upgrade { proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://app; }
    }
    server {
        listen %PORT2% ssl;
        http2 on;
        server_name origin.example;
        ssl_certificate %DIR%/server.crt;
        ssl_certificate_key %DIR%/server.key;
        access_log %DIR%/tls.log;
        location / { return 200 "\$server_protocol \$ssl_alpn_protocol \$connection_requests \$host"; }
    }
CONF
Certs::make($site, 'ca', ca => 1);
Certs::make($site, 'server', by => 'ca', names => ['origin.example']);
$site->up;

# One request, then many at once --------------------------------------------------------------------------------

my $client = $site->send('GET /one?a=b', 'X-Client' => 1, 'Connection' => 'x-hop, keep-alive', 'X-Hop' => 1);
my ($c, $r) = $origin->serve;
is "@{ $r->{fields} }{qw(:method :path :scheme :authority x-client)}", 'GET /one?a=b http app 1', 'what is asked for';
ok !exists $r->{fields}{connection} && !exists $r->{fields}{host} && $r->{ended}, 'nothing of a connection, and no body';
$c->headers($r->{stream}, [':status' => 200, 'x-a' => 'b', 'content-length' => 4], END_HEADERS);
$c->frame(DATA, END_STREAM, $r->{stream}, 'body');
my $reply = $client->response;
is $reply->status . $reply->body . $reply->header('x-a') . $reply->header('Content-Length'), '200bodyb4', 'an answer';

my @clients = map { $site->send("GET /many/$_") } 1 .. 30;
my @requests = map { [$origin->serve] } 1 .. 30;
is scalar(@{ $origin->{conns} }), 1, 'thirty requests at once over one connection';
for my $q (reverse @requests) { $q->[0]->answer($q->[1]{stream}, $q->[1]{fields}{':path'}) }
is join(' ', map { $_->response->body } @clients), join(' ', map { "/many/$_" } 1 .. 30), 'and each gets its own answer';

$client = $site->send('POST /path/x', { body => 'ask' });
($c, $r) = $origin->serve;
is "@{ $r->{fields} }{qw(:method :path x-given content-length)}", 'PUT /other/x yes 3', 'path, method and fields as configured';
ok !exists $r->{fields}{connection}, 'but for Connection, which has no meaning';
is $c->body($r->{stream}), 'ask', 'a body';
$c->answer($r->{stream}, 'x', location => 'http://app/other/y');
like $client->response->header('Location'), qr{^http://localhost:\d+/path/y$}, 'Location is rewritten as ever';

# Who comes while the first connection is under way waits for it ---------------------------------------------------

@clients = map { $site->send("GET /few/$_") } 1 .. 20;
@requests = map { [$other->serve] } 1 .. 20;
is scalar(@{ $other->{conns} }), 1, 'twenty at once, before there was a connection: one is made';
$_->[0]->answer($_->[1]{stream}, 'x') for @requests;
is scalar(grep { $_->response->status == 200 } @clients), 20, 'and serves all';
($c) = @{ $other->{conns} };
$c->frame(SETTINGS, 0, 0, pack 'nN', 3, 2);
$c->wait_for(sub ($f) { $f->{type} == SETTINGS && $f->{flags} & ACK });
@clients = map { $site->send("GET /few/$_") } 1 .. 5;
@requests = map { [$other->serve] } 1 .. 2;
push @requests, [$other->serve(settings => pack 'nN', 3, 2)] for 1 .. 3;
ok @{ $other->{conns} } > 1, 'an origin that takes two at once gets more connections';
my %at;
$at{ $_->[0] }++ for @requests;
is $at{$c}, 2, 'two on the first';
$_->[0]->answer($_->[1]{stream}, 'x') for @requests;
is scalar(grep { $_->response->status == 200 } @clients), 5, 'all are served';
for (1, 2) {
    my $before = @{ $other->{conns} };
    $client = $site->send('GET /none');
    ($c, $r) = $other->serve;
    is scalar(@{ $other->{conns} }), $before + 1, 'keepalive 0: one of its own';
    $c->answer($r->{stream}, 'x');
    $client->response;
    ok $c->closed, 'which ends with it';
    $c->{gone} = 1;
}

# Bodies of both directions --------------------------------------------------------------------------------------------

$client = $site->send('POST /big', { body => Origin::pattern(1_000_000) });
($c, $r) = $origin->serve;
is $r->{fields}{'content-length'}, 1_000_000, 'a buffered upload has a length';
ok $c->body($r->{stream}) eq Origin::pattern(1_000_000), 'and arrives whole';
$c->headers($r->{stream}, [':status' => 200], END_HEADERS);
my $window = 256 * 1024;
my $sent = 0;
my $text = Origin::pattern(1_000_000);
# Sends as much as the windows that are told allow; the next one is waited for so many seconds.
sub pour ($c, $id, $text, $room, $seconds) {
    my $at = 0;
    while ($at < length $text) {
        my $n = $room < 16_000 ? $room : 16_000;
        $n = length($text) - $at if $n > length($text) - $at;
        if ($n == 0) {
            my $f = $c->wait_for(sub ($f) { $f->{type} == WINDOW_UPDATE && $f->{stream} == $id }, $seconds) or return $at;
            $room += unpack 'N', $f->{payload};
            next;
        }
        $c->frame(DATA, 0, $id, substr $text, $at, $n);
        $at += $n;
        $room -= $n;
    }
    $c->frame(DATA, END_STREAM, $id);
    return $at;
}
is pour($c, $r->{stream}, $text, $window, Wait::patience()), 1_000_000, 'a large answer as windows open';
ok $client->response->body eq $text, 'arrives whole';

my $slow = $site->connect({ rcvbuf => 4096 });
$slow->send('GET /stream/slow');
($c, $r) = $origin->serve;
$c->headers($r->{stream}, [':status' => 200], END_HEADERS);
my $long = Origin::pattern(8_000_000);
my $poured = pour($c, $r->{stream}, $long, $window, 0.5);
ok $poured < 7_000_000, 'a client that does not read stops its stream';
$client = $site->send('GET /beside');
my ($c2, $r2) = $origin->serve;
is $c2, $c, 'another request comes over the same connection';
$c2->answer($r2->{stream}, 'z' x 16_000);
is length $client->response->body, 16_000, 'and is answered';
$slow->close;
is $c->reset_of($r->{stream}), 8, 'a client that leaves ends its stream';

$client = $site->connect;
$client->write("POST /stream/up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
($c, $r) = $origin->serve;
ok !exists $r->{fields}{'content-length'} && !exists $r->{fields}{'transfer-encoding'}, 'an upload of unknown length';
for my $part (qw(one two)) {
    $client->write(sprintf "%x\r\n%s\r\n", length $part, $part);
    is $c->data($r->{stream})->{payload}, $part, "$part as it comes";
}
$client->write("0\r\n\r\n");
is $c->body($r->{stream}), '', 'and its end';
$c->answer($r->{stream}, 'x');
is $client->read_response->status, 200, 'is answered';

# Trailers, hints, and what cannot be ------------------------------------------------------------------------------------

$client = $site->send('GET /trailers', TE => 'trailers', Connection => 'TE');
($c, $r) = $origin->serve;
is $r->{fields}{te}, 'trailers', 'TE: trailers is passed on';
$c->headers($r->{stream}, [':status' => 200], END_HEADERS)->frame(DATA, 0, $r->{stream}, 'x');
$c->trailers($r->{stream}, 'x-t' => 'behind');
is $client->response->trailer('x-t'), 'behind', 'trailers reach the client';
$client = $site->send('GET /hints');
($c, $r) = $origin->serve;
$c->headers($r->{stream}, [':status' => 103, link => "</$_>"], END_HEADERS) for 1, 2;
$c->answer($r->{stream}, 'x');
$reply = $client->response;
is join(' ', map { $_->status . $_->header('link') } $reply->interim), '103</1> 103</2>', 'all hints reach the client, in order';
is $reply->body, 'x', 'then the answer';
$client = $site->send('GET /upgrade', Upgrade => 'websocket', Connection => 'upgrade');
($c, $r) = $origin->serve;
ok !exists $r->{fields}{upgrade}, 'nothing is upgraded';
$c->answer($r->{stream}, 'x');
$client->response;
for my $status (204, 304) {
    $client = $site->send('GET /none/of/it');
    ($c, $r) = $other->serve;
    $c->headers($r->{stream}, [':status' => $status]);
    is $client->response->status, $status, "status $status";
}
$client = $site->send('HEAD /head');
($c, $r) = $origin->serve;
$c->headers($r->{stream}, [':status' => 200, 'content-length' => 77]);
is $client->response->header('Content-Length'), 77, 'HEAD';

# Connections that end ----------------------------------------------------------------------------------------------------

($c) = grep { !$_->{gone} } @{ $origin->{conns} };
$c->shut;
$c->{gone} = 1;
$client = $site->send('GET /after');
($c, $r) = $origin->serve;
$c->answer($r->{stream}, 'x');
is $client->response->status, 200, 'an idle connection that ended is not used';
$client = $site->send('GET /lost');
($c, $r) = $origin->serve;
$c->shut;
$c->{gone} = 1;
($c, $r) = $origin->serve;
$c->answer($r->{stream}, 'again');
is $client->response->body, 'again', 'one that ends under an idempotent request: once more over another';
$client = $site->send('POST /lost', { body => 'x' });
($c, $r) = $origin->serve;
$c->shut;
$c->{gone} = 1;
is $client->response->status, 502, 'but not under another';

# A connection whose origin has died without a word: calls whose timeouts are short give it up together.
$client = $site->send('GET /speaks');
($c, $r) = $origin->serve;
$c->answer($r->{stream}, 'x');
is $client->response->status, 200, 'an origin that speaks';
my ($given_up, $deadline, $silent) = (0, time + Wait::patience(), $c);
while (!$origin->knocked && time < $deadline) {
    $given_up++ if $site->get('/short')->status == 504;
}
cmp_ok $given_up, '>', 1, 'then is silent: its calls time out';
$silent->{gone} = 1;
$client = $site->send('GET /after');
do { ($c, $r) = $origin->serve } until $r->{fields}{':path'} eq '/after';
isnt $c, $silent, 'and others have a new connection';
$c->answer($r->{stream}, 'alive');
is $client->response->body, 'alive', 'on which there is an answer';
$silent->{client}->close;

# TLS ---------------------------------------------------------------------------------------------------------------------------

is $site->get('/tls')->body, 'HTTP/2.0 h2 1 127.0.0.1', 'TLS with ALPN';
is $site->get('/tls')->body, 'HTTP/2.0 h2 2 127.0.0.1', 'the connection is used again';

# A reload while requests run -----------------------------------------------------------------------------------------------------

$client = $site->send('GET /over');
($c, $r) = $origin->serve;
$site->reload;
$c->answer($r->{stream}, 'late');
is $client->response->body, 'late', 'a request that runs over a reload is answered';
ok $c->closed, 'then the old connection ends';
$c->{gone} = 1;
$client = $site->send('GET /new');
($c, $r) = $origin->serve;
$c->answer($r->{stream}, 'x', 'x-a' => 7);
is $client->response->status, 200, 'new workers have their own';
wait_until { ($site->slurp('up.log') // '') =~ /\|7\|/ } 'the log';
like $site->slurp('up.log'), qr/^127\.0\.0\.1:\d+\|200\|\d+\|7\|-$/m, 'variables';
like $site->slurp('up.log'), qr/\|behind$/m, 'and trailers';

done_testing;
