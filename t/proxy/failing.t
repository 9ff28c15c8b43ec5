# t/proxy/failing.t - origins that refuse, stall, break off, lie or talk garbage: the right error, never
# half an answer that looks whole, and nobody else suffers
use Site;

my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        proxy_http_version 1.1;
        location / { proxy_pass http://%ORIGIN%; }
        location ~ ^/(stall|halfhead|broken) { proxy_read_timeout 300ms; proxy_pass http://%ORIGIN%; }
        location /off/broken { proxy_buffering off; proxy_read_timeout 300ms; proxy_pass http://%ORIGIN%; }
        location /deaf { proxy_send_timeout 300ms; proxy_read_timeout 300ms; proxy_pass http://%ORIGIN%; }
        location /off/ { proxy_buffering off; proxy_pass http://%ORIGIN%; }
        location /refused { proxy_pass http://127.0.0.1:%PORT2%; }
        location /nowhere { proxy_pass http://unix:%DIR%/nothing.sock; }
        location /blackhole { proxy_connect_timeout 500ms; proxy_pass http://192.0.2.1:9; proxy_bind 127.0.0.1; }
        location /page { error_page 502 504 =200 /sorry; proxy_pass http://127.0.0.1:%PORT2%; }
        location /sorry { return 200 "sorry\n"; }
        location /here { return 200 "here\n"; }
    }
CONF
my $origin = $site->origin;
# No connection
is $site->get('/refused')->status, 502, 'a port where nobody listens';
like $site->wait_for_log(qr/connect\(\) failed \(111/),
    qr{\[error\].*connect\(\) failed \(111: Connection refused\) while connecting to upstream, client: 127\.0\.0\.1, server: .*, request: "GET /refused HTTP/1\.1", upstream: "http://127\.0\.0\.1:\d+/refused", host: "localhost"},
    'is logged with everything about it';
is $site->get('/nowhere')->status, 502, 'a socket that does not exist';
is $site->get('/page')->body, "sorry\n", 'error_page covers it';
is $site->get('/blackhole')->status =~ /50[024]/, 1, 'an address that cannot be reached';
$site->allow_log(qr/nothing\.sock/, qr/192\.0\.2\.1|bind\(/);

# No answer
$origin->script('/stall', 'body', 'stall');
is $site->get('/stall')->status, 504, 'an origin that never answers';
like $site->wait_for_log(qr{timed out.*/stall }), qr/upstream timed out \(110: Connection timed out\) while reading response header from upstream/,
    'is logged as nginx logs it';
$origin->script('/halfhead', 'body', [write => "HTTP/1.1 200 OK\r\nX-A: b\r\n"], 'stall');
is $site->get('/halfhead')->status, 504, 'one that stops in its head';
$origin->script('/closed', 'body', 'close');
is $site->get('/closed')->status, 502, 'one that closes without a word';
like $site->wait_for_log(qr/prematurely closed/),
    qr/upstream prematurely closed connection while reading response header from upstream/, 'and its line';
$origin->script('/closedhead', 'body', [write => "HTTP/1.1 200 OK\r\nX-A: b\r\n"], 'close');
is $site->get('/closedhead')->status, 502, 'one that closes in its head';
$origin->script('/reset', 'body', 'reset');
is $site->get('/reset')->status, 502, 'one that resets';
$origin->on_accept('close');
is $site->get('/x')->status, 502, 'one that closes before it has read';
$origin->on_accept('reset');
is $site->get('/x')->status, 502, 'one that resets before';
$origin->on_accept;
is $site->get('/x')->status, 200, 'it recovers' for 1 .. 3;

# Garbage for a head
my %garbage = (
    'no HTTP at all'       => "220 mail.example ESMTP\r\n\r\n", 'binary' => "\x00\x01\x02\xff" x 50 . "\r\n\r\n",
    'an old status line'   => "HTTP/0.9 200 OK\r\n\r\n",         'no status' => "HTTP/1.1\r\n\r\n",
    'a status of letters'  => "HTTP/1.1 abc OK\r\n\r\n",         'a status too long' => "HTTP/1.1 2000 OK\r\n\r\n",
    'NUL in a field'       => "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n",
    'a field with no name' => "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
    'a length of letters'  => "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nabc",
    'a negative length'    => "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
    'two lengths'          => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    'length and chunks'    => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    'an unknown coding'    => "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    'a switch not asked for' => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nabc",
    'a huge head'          => "HTTP/1.1 200 OK\r\nX-A: " . 'a' x 100_000 . "\r\n\r\n",
);
for my $what (sort keys %garbage) {
    SKIP: {
        skip "nginx is lenient about some of these", 2 unless is_weir;
        $origin->script('/garbage', 'body', [write => $garbage{$what}], 'close');
        my $reply = $site->get('/garbage');
        is $reply->status, 502, "garbage: $what";
        unlike $reply->body, qr/abc/, "$what: none of it is passed on";
    }
}

# Broken bodies: the client must be able to tell.
sub broken ($name, @steps) {
    for my $at ('', '/off') {
        $origin->script("$at/broken", 'body', @steps);
        my $client = $site->send("GET $at/broken");
        my $reply = eval { $client->read_response };
        my $bad   = $@ || !$reply || !$reply->complete || $reply->status =~ /50[24]/;
        ok $bad, "$name$at: does not look whole";
        is $client->closed, 'eof', "$name$at: the connection ends" if $bad && !$reply;
        my $again = eval { $client->get('/here') };
        ok !$again || $reply->complete, "$name$at: and is not used again";
    }
}
my $head = "HTTP/1.1 200 OK\r\n";
broken('a body shorter than promised', [write => "${head}Content-Length: 100\r\n\r\nshort"], 'close');
broken('a stall in the body', [write => "${head}Content-Length: 100\r\n\r\nshort"], 'stall');
broken('chunks without an end', [write => "${head}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"], 'close');
broken('a chunk cut short', [write => "${head}Transfer-Encoding: chunked\r\n\r\nff\r\nshort"], 'close');
broken('a chunk of garbage', [write => "${head}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nxyz\r\n"], 'close');
broken('a stall in the chunks', [write => "${head}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"], 'stall');
$origin->script('/bigreset', 'body', [write => "${head}Content-Length: 1000000\r\n\r\n"], [fill => 200_000], 'reset');
my $client = $site->send('GET /bigreset');
my $reply  = eval { $client->read_response };
ok !$reply || !$reply->complete, 'a reset in the middle of a large body';

# A body longer than promised: the surplus goes nowhere.
$origin->script('/longer', 'body', [write => "${head}Content-Length: 5\r\n\r\nshortSMUGGLED"]);
$client = $site->send('GET /longer');
is $client->read_response->body, 'short', 'a body longer than promised is cut to its length';
is $client->get('/here')->body, "here\n", 'and the surplus is not the next answer';
is $site->get('/x')->body, "GET /x\n", 'nor that of another client';
$origin->script('/head', 'body', [write => "${head}Content-Length: 5\r\n\r\nSMUGG"]);
$client = $site->connect;
is $client->request('HEAD /head')->status, 200, 'a body in answer to HEAD';
is $client->get('/here')->body, "here\n", 'is thrown away';
$origin->script('/nobody', 'body', [write => "HTTP/1.1 204 No Content\r\n\r\nSMUGG"]);
$client = $site->connect;
is $client->get('/nobody')->status, 204, 'a body with 204';
is $client->get('/here')->body, "here\n", 'is thrown away';
is $site->get('/x')->body, "GET /x\n", 'the next request to the origin is answered by its own answer' for 1 .. 2;

# An origin that does not take the upload
$origin->script('/deaf', 'deaf', 'stall');
is $site->post('/deaf', 'x' x 900_000)->status =~ /50[24]/, 1, 'an upload nobody takes: 504';
$origin->script('/resetup', [read => 1000], 'reset');
is $site->post('/resetup', 'x' x 900_000)->status, 502, 'a reset during the upload';
$origin->script('/closeup', [read => 1000], [answer => { status => 413, body => 'too much', close => 1 }]);
like $site->post('/closeup', 'x' x 900_000)->status, qr/\A(?:413|502)\z/, 'an early refusal';

# And all the while
is $site->get('/here')->body, "here\n", 'service goes on';
is $site->get('/x')->status, 200, 'to the origin too';

done_testing;
