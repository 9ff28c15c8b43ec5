# t/h1/keepalive.t - how long a connection lives, pipelining, HEAD, HTTP/1.0
use Site;

my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        root %DIR%/html;
        location = /hi { return 200 "hi\n"; }
        location /p { add_header X-Length $request_length always; proxy_pass http://%ORIGIN%; }
    }
    server { listen %PORT2%; keepalive_requests 3; location / { return 200 ok; } }
    server { listen %PORT3%; keepalive_timeout 300ms; location / { return 200 ok; } }
    server { listen %PORT4%; keepalive_timeout 0; location / { return 200 ok; } }
    server { listen %PORT5%; keepalive_timeout 20s 15s; location / { return 200 ok; } }
    server { listen %PORT6%; keepalive_time 300ms; location / { return 200 ok; } }
CONF
$site->file('html/a', 'file');

sub statuses ($client, $n) {
    return join ' ', map { my $r = $client->response; $r ? $r->status : 'none' } 1 .. $n;
}

my $client = $site->connect;
$client->send('GET /hi')->send('GET /a')->send('HEAD /a')->send('POST /p', { body => 'x' x 3000 })
    ->send('GET /missing')->send('POST /p', { chunks => [qw(a b)] })->send('GET /hi');
is statuses($client, 7), '200 200 200 200 404 200 200', 'seven pipelined requests of all kinds';
ok $client->is_open, 'and the connection stays open';

# Answers keep the order of the requests whatever they wait for.
my $held = $site->origin->hold('/p/slow');
$client->send('GET /p/slow')->send('GET /hi');
$held->reached;
is $client->pending, '', 'nothing overtakes';
$held->release;
is $client->response->body, "GET /p/slow\n", 'first the slow one';
is $client->response->body, "hi\n", 'then the quick one';

# Reads go a little past the end of a body: what they bring is the next request's alone.
for my $body (1, 2000, 40_000) {
    my $head = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: $body\r\n\r\n";
    for my $more (0, 480, 512, 900, 3000) {
        $client->write($head . 'x' x $body . "GET /hi HTTP/1.1\r\nHost: a\r\nX: " . 'y' x $more . "\r\n\r\n");
        my $posted = $client->response;
        is $posted->header('X-Length'), length($head) + $body, "a body of $body, $more behind it: its own length";
        is $client->response->body, "hi\n", 'and the next request';
    }
}

my $many = 500;
$client->write(join '', ("GET /hi HTTP/1.1\r\nHost: a\r\n\r\n") x $many);
is statuses($client, $many), join(' ', (200) x $many), "$many requests in one write";

is $client->request('GET /hi', Connection => 'close')->header('Connection'), 'close', 'close is agreed';
is $client->closed, 'eof', 'and done';
$client->close;

# HTTP/1.0
$client = $site->connect;
my $reply = $client->request('GET /hi', { version => '1.0' });
is $reply->header('Connection'), 'close', 'HTTP/1.0 closes';
is $client->closed, 'eof', 'by itself';
$client = $site->connect;
$reply = $client->request('GET /hi', { version => '1.0' }, Connection => 'keep-alive');
is $reply->header('Connection'), 'keep-alive', 'unless asked to keep alive';
is $client->request('GET /hi', { version => '1.0' })->status, 200, 'which it does';
$site->origin->answer('/p/chunked', chunks => ['abc', 'def']);
$client = $site->connect;
$reply = $client->request('GET /p/chunked', { version => '1.0' }, Connection => 'keep-alive');
is $reply->framing, 'close', 'no chunks for HTTP/1.0';
is $reply->body, 'abcdef', 'but the body';
is $reply->header('Transfer-Encoding'), undef, 'and no word of coding';

# The configured ends
$client = $site->connect({ port => 2 });
is join(' ', map { $client->get('/')->header('Connection') } 1 .. 3), 'keep-alive keep-alive close',
    'keepalive_requests 3';
is $client->closed, 'eof', 'after the third it closes';
$client = $site->connect({ port => 3 });
is $client->get('/')->status, 200, 'keepalive_timeout 300ms';
is $client->closed, 'eof', 'an idle connection ends in time';
$client = $site->connect({ port => 4 });
is $client->get('/')->header('Connection'), 'close', 'keepalive_timeout 0';
is $client->closed, 'eof', 'closes at once';
$reply = $site->get('/', { port => 5 });
is $reply->header('Keep-Alive'), 'timeout=15', 'the second time of keepalive_timeout is told';
wait_until {
    $client = $site->connect({ port => 6 });
    $client->get('/')->header('Connection') eq 'keep-alive';
} 'keepalive_time: young';
wait_until { ($client->get('/')->header('Connection') // '') eq 'close' } 'keepalive_time to pass';
is $client->closed, 'eof', 'keepalive_time: old';

# A client that ends while its response is on the way, and one that only ends its own half
$client = $site->connect;
$client->send('GET /hi')->shutdown;
is $client->response->body, "hi\n", 'a client that ended its half is answered';
$held = $site->origin->hold('/p/gone');
$client = $site->connect->send('GET /p/gone');
$held->reached;
$client->reset;
wait_until { $held->count == 0 } 'the origin to be told that the client has gone';
$held->release;
is $site->get('/hi')->status, 200, 'service goes on';
like +(grep { /gone/ } $site->wait_for_access(1))[0], qr/ 499 0 /, 'and 499 is logged';

# A client that posts small bodies has them read with their heads.
{
    require Strace;
    my $poster = $site->connect;
    my @post = ('POST /p', { body => 'b' x 6000 });
    $poster->request(@post);
    my $trace = Strace->attach($site->workers, 'recvfrom,read');
    SKIP: {
        skip 'strace cannot be used', 1 unless $trace && is_weir;
        $poster->request(@post);
        $poster->request(@post);
        is $trace->stop->count('recvfrom'), 4, 'two posts: a read each from client and origin';
    }
    cmp_ok $poster->request('POST /p', { body => 'c' x 100_000 })->header('X-Length'), '>', 100_000, 'a larger one is read as ever';
    ok $site->origin->request->body eq 'c' x 100_000, 'and whole';
    is $poster->get('/hi')->body, "hi\n", 'as is what has none';
}

done_testing;
