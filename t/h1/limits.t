# t/h1/limits.t - sizes and times a client may take
use Site;

my $site = Site->start(<<'CONF');
    client_header_buffer_size 256;
    large_client_header_buffers 2 1k;
    lingering_timeout 300ms;
    lingering_time 1s;
    server {
        listen %PORT%;
        client_max_body_size 1k;
        root %DIR%/html;
        location /p { proxy_pass http://%ORIGIN%; }
        location /any { client_max_body_size 0; proxy_pass http://%ORIGIN%; }
        location /hi { return 200 "hi\n"; }
    }
    server {
        listen %PORT2%;
        client_header_timeout 2s;
        client_body_timeout 2s;
        location / { return 200 "hi\n"; }
        location /p { proxy_pass http://%ORIGIN%; }
    }
    server {
        listen %PORT3% sndbuf=16k;
        send_timeout 300ms;
        root %DIR%/html;
        output_buffers 1 8k;
        location / { }
    }
    server {
        listen %PORT4% sndbuf=16k;
        send_timeout 300ms;
        reset_timedout_connection on;
        root %DIR%/html;
    }
CONF
$site->file('html/big', 'x' x 20_000_000);

# Heads --------------------------------------------------------------------------------------------------

is $site->get('/hi?' . 'a' x 200)->status, 200, 'a line that fits the first buffer';
is $site->get('/hi?' . 'a' x 900)->status, 200, 'one that needs a large buffer';
my $reply = $site->get('/hi?' . 'a' x 1100);
is $reply->status, 414, 'one that fits no buffer';
ok !$reply->keeps_alive, 'ends the connection';
is $site->get('/hi', 'X-A' => 'b' x 900)->status, 200, 'a field that fits a large buffer';
$reply = $site->get('/hi', 'X-A' => 'b' x 1100);
is $reply->status, 400, 'a field that fits none';
like $reply->body, qr/Request Header Or Cookie Too Large/, 'and the page says so';
is $site->get('/hi', map { ("X-$_" => 'b' x 500) } 1 .. 3)->status, 200, 'three halves of a buffer';
is $site->get('/hi', map { ("X-$_" => 'b' x 600) } 1 .. 4)->status, 400, 'more than all buffers';

SKIP: {
    my $limited = "max_headers 5; server { listen %PORT%; location / { return 200; } }";
    skip 'max_headers is not known here', 1 unless Site->supports($limited);
    my $few = Site->start($limited);
    is $few->get('/', map { ("X-$_" => 1) } 1 .. 3)->status, 200, 'fewer fields than max_headers';
    is $few->get('/', map { ("X-$_" => 1) } 1 .. 9)->status, 400, 'more fields than max_headers';
    $few->stop;
}

# Bodies -------------------------------------------------------------------------------------------------

is $site->post('/p', 'x' x 1024)->status, 200, 'a body of just the allowed size';
$site->origin->forget;
is $site->post('/p', 'x' x 1025)->status, 413, 'one byte more';
is $site->post('/hi', 'x' x 1025)->status, 413, 'also where nobody reads it';
is $site->request('POST /p', { chunks => ['x' x 600, 'x' x 600] })->status, 413, 'counted over chunks';
is $site->origin->count, 0, 'none of it is forwarded';
my $client = $site->connect;
$client->write("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\nabc");
is $client->read_response->status, 413, 'a length is refused before the body comes';
is $site->post('/any', 'x' x 3_000_000)->status, 200, 'client_max_body_size 0 has no limit';
is length $site->origin->request->body, 3_000_000, 'all of it arrives';

# Times --------------------------------------------------------------------------------------------------

$site->origin->forget;
my ($silent, $head, $body, $drips) = map { $site->connect({ port => 2 }) } 1 .. 4;
$head->write("GET / HTTP/1.1\r\nHost: a\r\n");
$body->write("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
my @drops = split //, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: " . '1' x 400;
wait_until { !$drips->write(shift @drops // 'x') || $drips->pending =~ / 408 / || $drips->{end} }
    'the end of a head that drips in: the time counts for all of it';
cmp_ok scalar(@drops), '>', 0, 'a dripping head is cut off';
is $silent->closed, 'eof', 'no request at all: closed without a word';
$reply = $head->read_response;
like $reply ? $reply->status : 'closed', qr/408|closed/, 'half a head: closed, with 408 or none';
is $head->closed, 'eof', 'in time';
$reply = $body->read_response;
like $reply ? $reply->status : 'closed', qr/408|closed/, 'half a body: the same';
is $site->origin->count, 0, 'and the origin never heard of it';
wait_until { (grep { / 408 / } $site->access_log) == 3 } 'three lines with 408 in the access log';

my $mark = $site->log_mark;
$client = $site->connect({ port => 3, rcvbuf => 8192 })->send('GET /big');
$site->wait_for_log(qr/timed out/, since => $mark);
my $end = '';
wait_until {
    my $bytes = $client->read_some(1, 1 << 20);
    $end = $client->{end} unless defined $bytes;
    $end;
} 'its connection to end';
is $end, 'eof', 'send_timeout closes';
$mark = $site->log_mark;
$client = $site->connect({ port => 4, rcvbuf => 8192 })->send('GET /big');
$site->wait_for_log(qr/timed out/, since => $mark);
$end = '';
wait_until {
    my $bytes = eval { $client->read_some(0.2, 1024) };
    $end = $client->{end} || 'slow' unless defined $bytes;
    $end;
} 'the reset';
is $end, 'reset', 'reset_timedout_connection resets';

is $site->get('/hi')->status, 200, 'service goes on';

done_testing;
