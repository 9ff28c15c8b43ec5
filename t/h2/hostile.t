# t/h2/hostile.t - clients that break the rules of HTTP/2: the right error, and nobody else is disturbed
use Site;
use H2;

needs_weir 'codes where nginx only closes';

use constant { NO_ERROR => 0, PROTOCOL_ERROR => 1, FLOW_CONTROL => 3, STREAM_CLOSED => 5, FRAME_SIZE => 6,
               REFUSED_STREAM => 7, CANCEL => 8, COMPRESSION => 9, CALM => 11 };

my $site = Site->start(<<'CONF');
    http2 on;
    send_timeout 2s;
    client_body_timeout 2s;
    client_header_timeout 5s;
    large_client_header_buffers 4 8k;
    http2_max_concurrent_streams 10;
    log_format line '$request_uri $status';
    access_log %DIR%/access.log line;
    server {
        listen %PORT%;
        server_name a.example;
        root %DIR%/html;
        location /say { return 200 "$request_method $args $http_x"; }
        location /origin { proxy_pass http://%ORIGIN%; }
        location /body { proxy_pass http://%ORIGIN%; client_max_body_size 100k; }
    }
    server { listen %PORT2%; keepalive_requests 3; server_name b.example; return 200 b; }
CONF
$site->file('html/big', 'x' x 300_000);

my $steady = H2->open($site);
is $steady->get(1, '/say?1')->answer(1)->{body}, 'GET 1 ', 'a client that behaves';

# What ends the connection (RFC 9113, 5.4.1).
my %fatal = (
    'DATA on stream 0'              => [PROTOCOL_ERROR, [DATA, 0, 0, 'x']],
    'HEADERS on stream 0'           => [PROTOCOL_ERROR, [HEADERS, 4, 0, H2::block(H2::request())]],
    'HEADERS on an even stream'     => [PROTOCOL_ERROR, [HEADERS, 5, 2, H2::block(H2::request())]],
    'RST_STREAM on an idle stream'  => [PROTOCOL_ERROR, [RST_STREAM, 0, 7, pack 'N', CANCEL]],
    'RST_STREAM of a wrong size'    => [FRAME_SIZE, [RST_STREAM, 0, 1, 'xx']],
    'SETTINGS on a stream'          => [PROTOCOL_ERROR, [SETTINGS, 0, 1, '']],
    'SETTINGS of a wrong size'      => [FRAME_SIZE, [SETTINGS, 0, 0, 'xxxxx']],
    'SETTINGS with too large a window' => [FLOW_CONTROL, [SETTINGS, 0, 0, pack 'nN', 4, 0x80000000]],
    'SETTINGS with too small a frame'  => [PROTOCOL_ERROR, [SETTINGS, 0, 0, pack 'nN', 5, 100]],
    'SETTINGS acknowledged with bytes' => [FRAME_SIZE, [SETTINGS, 1, 0, 'xxxxxx']],
    'PING on a stream'              => [PROTOCOL_ERROR, [PING, 0, 1, 'x' x 8]],
    'PING of a wrong size'          => [FRAME_SIZE, [PING, 0, 0, 'x']],
    'GOAWAY on a stream'            => [PROTOCOL_ERROR, [GOAWAY, 0, 1, "\0" x 8]],
    'PUSH_PROMISE from a client'    => [PROTOCOL_ERROR, [PUSH_PROMISE, 4, 1, pack('N', 2) . H2::block(H2::request())]],
    'WINDOW_UPDATE of a wrong size' => [FRAME_SIZE, [WINDOW_UPDATE, 0, 0, 'x']],
    'WINDOW_UPDATE of nothing'      => [PROTOCOL_ERROR, [WINDOW_UPDATE, 0, 0, pack 'N', 0]],
    'WINDOW_UPDATE beyond all'      => [FLOW_CONTROL, ([WINDOW_UPDATE, 0, 0, pack 'N', 0x7fffffff]) x 2],
    'CONTINUATION of nothing'       => [PROTOCOL_ERROR, [CONTINUATION, 4, 1, 'x']],
    'HEADERS and then another frame' => [PROTOCOL_ERROR, [HEADERS, 1, 1, H2::block(H2::request())], [PING, 0, 0, 'x' x 8]],
    'a field block that is garbage' => [COMPRESSION, [HEADERS, 5, 1, "\xff\xff\xff\xff\xff\xff\xff"]],
    'padding longer than the frame' => [PROTOCOL_ERROR, [HEADERS, 5 | 8, 1, "\xff" . H2::block(H2::request())]],
    'a frame that is too large'     => [FRAME_SIZE, [DATA, 0, 1, 'x' x 20_000]],
);
for my $what (sort keys %fatal) {
    my ($code, @frames) = @{ $fatal{$what} };
    my $h2 = H2->open($site);
    $h2->frame(@$_) for @frames;
    my $got = $h2->goodbye;
    is $got, $code, "$what: $code";
}
{
    my $h2 = H2->open($site, preface => "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", silent => 1);
    is scalar(grep { $_->{type} == HEADERS } $h2->until(sub ($) { 0 })), 0, 'half a preface: no answer';
}

# What ends a stream (5.4.2), or is answered.
my @long = (fields => ['x-long' => 'x' x 9000]);
my @many = (fields => [map { ("x-$_" => 'x' x 4000) } 1 .. 9]);
my %wrong = (
    'no path'               => [undef, PROTOCOL_ERROR, ':path' => undef],
    'an empty path'         => [undef, PROTOCOL_ERROR, ':path' => ''],
    'no method'             => [undef, PROTOCOL_ERROR, ':method' => undef],
    'no scheme'             => [undef, PROTOCOL_ERROR, ':scheme' => undef],
    'a capital in a name'   => [undef, PROTOCOL_ERROR, fields => ['X' => 1]],
    'Connection'            => [undef, PROTOCOL_ERROR, fields => [connection => 'close']],
    'Transfer-Encoding'     => [undef, PROTOCOL_ERROR, fields => ['transfer-encoding' => 'chunked']],
    'TE other than trailers' => [undef, PROTOCOL_ERROR, fields => [te => 'gzip']],
    'a pseudo field at the end' => [undef, PROTOCOL_ERROR, fields => [x => 1, ':path' => '/']],
    'a pseudo field of answers' => [undef, PROTOCOL_ERROR, fields => [':status' => 200]],
    'a length and no body'  => [undef, PROTOCOL_ERROR, fields => ['content-length' => 5]],
    'a line end in a value' => [undef, PROTOCOL_ERROR, fields => [x => "a\r\nb: c"]],
    'above the root'        => [400, undef, ':path' => '/../x'],
    'a bad code'            => [400, undef, ':path' => '/%zz'],
    'two hosts'             => [400, undef, fields => [host => 'other.example']],
    'TRACE'                 => [405, undef, ':method' => 'TRACE'],
    'a long field'          => [400, undef, @long],
    'many fields'           => [400, undef, @many],
    'cookies'               => [200, undef, ':path' => '/say', fields => [cookie => 'a=1', cookie => 'b=2']],
);
for my $what (sort keys %wrong) {
    my ($status, $reset, %request) = @{ $wrong{$what} };
    my $h2 = H2->open($site);
    my $answer = $h2->headers(1, [H2::request(%request)])->answer(1);
    is $answer->{status}, $status, "$what: " . ($status // 'not answered');
    is $answer->{reset}, $reset, "$what: reset" if defined $reset;
    is $h2->get(3, '/say?after')->answer(3)->{body}, 'GET after ', "$what: the next request is served" unless $answer->{goaway};
}
{
    my $h2 = H2->open($site);
    $h2->headers(1, [H2::request(':method' => 'POST', ':path' => '/origin', fields => ['content-length' => 3])], END_HEADERS);
    $h2->frame(DATA, END_STREAM, 1, 'four');
    is $h2->answer(1)->{reset}, PROTOCOL_ERROR, 'a body longer than its Content-Length';
}

# More streams than allowed: refused, and may be tried again. (A client that has acknowledged the limit
# and breaks it loses its connection: the library's judgement.)
{
    my $held = $site->origin->hold('/origin/held');
    my $h2 = H2->open($site);
    $h2->get($_ * 2 - 1, '/origin/held') for 1 .. 11;
    is $h2->answer(21)->{reset}, REFUSED_STREAM, 'the eleventh of ten';
    $held->release;
    is $h2->answer(19)->{status}, 200, 'the tenth is answered';
}

# Floods of frames that ask for nothing (10.5).
my %flood = (
    PING          => H2::frame_bytes(PING, 0, 0, 'x' x 8),
    SETTINGS      => H2::frame_bytes(SETTINGS, 0, 0),
    PRIORITY      => H2::frame_bytes(PRIORITY, 0, 1, "\0\0\0\0\1"),
    WINDOW_UPDATE => H2::frame_bytes(WINDOW_UPDATE, 0, 0, pack 'N', 1),
);
for my $kind (sort keys %flood) {
    my $h2 = H2->open($site);
    $h2->raw($flood{$kind} x 3000);
    is $h2->goodbye, CALM, "a flood of $kind";
}
{
    my $held = $site->origin->hold('/origin/reset');
    my $h2 = H2->open($site);
    my $bytes = join '', map {
        H2::frame_bytes(HEADERS, 5, $_ * 2 - 1, H2::block(H2::request(':path' => '/origin/reset'))) .
            H2::frame_bytes(RST_STREAM, 0, $_ * 2 - 1, pack 'N', CANCEL)
    } 1 .. 1500;
    $h2->raw($bytes);
    is $h2->goodbye, CALM, 'requests that are reset at once, over and over';
    $held->release;
}
{
    my $h2 = H2->open($site);
    $h2->headers(1, [H2::request(':method' => 'POST', ':path' => '/origin')], END_HEADERS);
    $h2->raw(H2::frame_bytes(DATA, 0, 1) x 3000);
    is $h2->goodbye, CALM, 'a flood of empty DATA';
}
{
    my $h2 = H2->open($site);
    my $block = H2::block(H2::request());
    $h2->frame(HEADERS, END_STREAM, 1, substr $block, 0, 1);
    $h2->frame(CONTINUATION, 0, 1, H2::block("x$_" => 'y' x 5000)) for 1 .. 60;
    ok !grep({ $_->{type} == HEADERS } $h2->until(sub ($f) { $f->{type} == GOAWAY })), 'CONTINUATION without end: no answer';
}

# A window that stays shut is bounded by send_timeout, a body that stops by client_body_timeout.
{
    my $h2 = H2->open($site, settings => pack 'nN', 4, 10);
    my $answer = $h2->get(1, '/big')->answer(1);
    is length $answer->{body}, 10, 'a window of ten bytes is kept';
    is $answer->{reset}, CANCEL, 'and a stream that does not move is reset';
    $h2->headers(3, [H2::request(':method' => 'POST', ':path' => '/body', fields => ['content-length' => 9])], END_HEADERS);
    ok defined $h2->answer(3)->{reset}, 'a body that does not come';
}

# The last request of a connection is followed by GOAWAY.
{
    my $h2 = H2->open($site, where => { port => 2 });
    $h2->get($_, '/') for 1, 3, 5;
    my @seen = $h2->until(sub ($) { 0 });
    is scalar(grep { $_->{type} == HEADERS } @seen), 3, 'keepalive_requests: three answers';
    is scalar(grep { $_->{type} == GOAWAY } @seen), 1, 'then goodbye';
}

# A reload: what runs is finished, and the client is told.
{
    my $held = $site->origin->hold('/origin/slow');
    my $h2 = H2->open($site);
    $h2->get(1, '/origin/slow');
    $held->reached;
    $site->reload;
    $held->release;
    my $answer = $h2->answer(1);
    is $answer->{status}, 200, 'a request that runs over a reload is answered';
    is $answer->{goaway} // $h2->goodbye, NO_ERROR, 'and the client is told to go';
}

done_testing;
