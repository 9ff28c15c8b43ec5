# t/h2/connect.t - WebSocket over HTTP/2: extended CONNECT (RFC 8441)
use Site;
use H2;

needs_weir 'extended CONNECT';

use constant { PROTOCOL_ERROR => 1, CANCEL => 8 };

my $site = Site->start(<<'CONF');
    http2 on;
    http2_extended_connect on;
    lingering_timeout 200ms;
    log_format line '$request_uri $status $upstream_status $body_bytes_sent $fail_reason';
    access_log %DIR%/access.log line;
    server {
        listen %PORT%;
        server_name a.example;
        location / { proxy_pass http://%ORIGIN%; }
        location /no { return 403 no; }
        location /old { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://%ORIGIN%; }
        location /short { proxy_read_timeout 3s; proxy_pass http://%ORIGIN%; }
    }
    server { listen %PORT2%; http2_extended_connect off; location / { proxy_pass http://%ORIGIN%; } }
CONF
my $origin = $site->origin;
my $switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n";

sub connect_to ($h2, $stream, $path, %change) {
    my @more = ('sec-websocket-version' => 13, @{ delete $change{fields} // [] });
    my $protocol = delete $change{protocol} // 'websocket';
    return $h2->headers($stream, [H2::request(':method' => 'CONNECT', ':path' => $path, %change), ':protocol' => $protocol, @more], END_HEADERS);
}

# Frames of a stream until there are $n bytes of DATA, or it ends.
sub head ($h2, $stream) {
    my @seen = $h2->until(sub ($f) { $f->{stream} == $stream && ($f->{type} == HEADERS || $f->{type} == RST_STREAM) });
    return H2::status($seen[-1]{payload}) if @seen && $seen[-1]{type} == HEADERS;
    return undef;
}

sub bytes ($h2, $stream, $n) {
    my $got = '';
    my @seen = $h2->until(sub ($f) {
        return 0 if $f->{stream} != $stream;
        $got .= $f->{payload} if $f->{type} == DATA;
        return length $got >= $n || $f->{type} == RST_STREAM || $f->{flags} & END_STREAM;
    });
    return ($got, @seen ? $seen[-1] : undef);
}

{
    my $h2 = H2->open($site, silent => 1);
    my $settings = $h2->next_frame;
    my %said = unpack '(nN)*', $settings->{payload};
    is $said{8}, 1, 'the client is told that it may';
    my %not = unpack '(nN)*', H2->open($site, silent => 1, where => { port => 2 })->next_frame->{payload};
    is $not{8}, undef, 'or nothing';
}

# One that will be silent for longer than it may.
my $silent = H2->open($site);
$origin->script('/short', [write => $switch], [write => 'x'], [wait => 'never']);
connect_to($silent, 1, '/short');
is head($silent, 1), 200, 'an origin that says little';

my $h2 = H2->open($site);
$origin->script('/echo', [write => $switch], [read => 5], [write => 'hello'], [wait => 'more'], [write => ' again'], [read => 3], 'close');
connect_to($h2, 1, '/echo', fields => [cookie => 'a=1', 'sec-websocket-protocol' => 'chat']);
is head($h2, 1), 200, 'the origin switches';
my $asked = $origin->request;
is $asked->method, 'GET', 'it was asked as HTTP/1.1 asks';
is lc $asked->header('Upgrade'), 'websocket', 'for WebSocket';
like $asked->header('Connection'), qr/upgrade/i, 'as a switch';
like $asked->header('Sec-WebSocket-Key'), qr{\A[A-Za-z0-9+/]{22}==\z}, 'with a key';
is $asked->header('Sec-WebSocket-Version'), 13, 'the version is the client\'s';
is $asked->header('Sec-WebSocket-Protocol'), 'chat', 'and so is the protocol';
is $asked->header('Cookie'), 'a=1', 'and what else it says';
ok !$asked->chunked, 'without a body';
$h2->frame(DATA, 0, 1, '12')->frame(DATA, 0, 1, '345');
is +(bytes($h2, 1, 5))[0], 'hello', 'there and back';
$origin->go('more');
is +(bytes($h2, 1, 6))[0], ' again', 'the origin speaks when it likes';
is $h2->get(3, '/plain')->answer(3)->{status}, 200, 'and other streams are served meanwhile';
$h2->frame(DATA, 0, 1, 'bye');
my ($rest, $last) = bytes($h2, 1, 1);
ok $last->{type} == DATA && $last->{flags} & END_STREAM && $rest eq '', 'the end of the origin ends the stream';
wait_until { ($site->slurp('access.log') // '') =~ m{^/echo }m } 'a line in the log';
like $site->slurp('access.log'), qr{^/echo 200 101 11 -?$}m, 'counted in the log';

# A lot both ways, each at the pace of its reader.
{
    my $size = 1_000_000;
    my $h2 = H2->open($site, settings => pack 'nN', 4, 20_000);
    $origin->script('/large', [write => $switch], [fill => $size], [read => $size], [write => 'done'], 'close');
    connect_to($h2, 1, '/large');
    is head($h2, 1), 200, 'open';
    my ($got, $sent, $ended) = ('', 0, 0);
    my ($window, $stream_window) = (16 << 20, 256 << 10); # what was said before, and with the head
    while (length $got < $size + 4 && !$ended) {
        while ($sent < $size && $window >= 8000 && $stream_window >= 8000) {
            my $n = $size - $sent < 8000 ? $size - $sent : 8000;
            $h2->frame(DATA, 0, 1, 'u' x $n);
            $_ -= $n for $window, $stream_window;
            $sent += $n;
        }
        my $f = $h2->next_frame // last;
        if ($f->{type} == WINDOW_UPDATE) {
            my $n = unpack 'N', $f->{payload};
            $f->{stream} ? ($stream_window += $n) : ($window += $n);
        } elsif ($f->{type} == DATA) {
            $got .= $f->{payload};
            $h2->frame(WINDOW_UPDATE, 0, $_, pack 'N', length $f->{payload}) for length $f->{payload} ? (0, 1) : ();
            $ended = 1 if $f->{flags} & END_STREAM;
        } elsif ($f->{type} == RST_STREAM) {
            last;
        }
    }
    is $sent, $size, 'a lot went';
    ok substr($got, 0, $size) eq Origin::pattern($size), 'a lot came';
    is substr($got, $size), 'done', 'and the origin had it all';
}

# Ends of all kinds.
$origin->script('/left', [write => $switch], [read => 5], 'close');
connect_to($h2, 5, '/left');
is head($h2, 5), 200, 'open';
$h2->frame(DATA, END_STREAM, 5, 'ciao!');
($rest, $last) = bytes($h2, 5, 1);
ok $last->{flags} & END_STREAM, 'a client that ends its side';

$origin->script('/reset', [write => $switch], [write => 'x'], [read => 100], 'close');
connect_to($h2, 7, '/reset');
head($h2, 7);
bytes($h2, 7, 1);
$h2->frame(RST_STREAM, 0, 7, pack 'N', CANCEL);
wait_until { ($site->slurp('access.log') // '') =~ m{^/reset }m } 'the tunnel ends with its stream';
ok 1, 'a client that resets its stream';

$origin->script('/gone', [write => $switch], [write => 'x'], [read => 100], 'close');
{
    my $h2 = H2->open($site);
    connect_to($h2, 1, '/gone');
    head($h2, 1);
    bytes($h2, 1, 1);
    $h2->{client}->close;
    wait_until { ($site->slurp('access.log') // '') =~ m{^/gone }m } 'the tunnel ends with its connection';
    ok 1, 'a client that leaves';
}

$origin->script('/broken', [write => $switch], [write => 'x'], 'reset');
connect_to($h2, 9, '/broken');
head($h2, 9);
(undef, $last) = bytes($h2, 9, 2);
is $last->{type}, RST_STREAM, 'an origin that breaks off';
is unpack('N', $last->{payload}), CANCEL, 'as 8441 says';

(undef, $last) = bytes($silent, 1, 2);
is $last->{type}, RST_STREAM, 'proxy_read_timeout';
$origin->go('never');
$site->allow_log(qr/upstream timed out|Connection reset by peer|upstream prematurely/);

# What is no tunnel.
connect_to($h2, 13, '/no');
is head($h2, 13), 403, 'a location that says no';
connect_to($h2, 15, '/plain');
is head($h2, 15), 200, 'an origin that answers like any other';
connect_to($h2, 17, '/old', );
$origin->script('/old', [write => $switch], [write => 'x'], 'close');
connect_to($h2, 19, '/old');
is head($h2, 19), 200, 'fields that the configuration sets';
connect_to($h2, 21, '/echo', protocol => 'connect-udp');
is head($h2, 21), 501, 'another protocol';
$h2->headers(23, [H2::request(':method' => 'CONNECT', ':path' => undef, ':scheme' => undef)], END_HEADERS);
is head($h2, 23), 405, 'a plain CONNECT';
{
    my $h2 = H2->open($site, where => { port => 2 });
    connect_to($h2, 1, '/echo');
    is $h2->answer(1)->{reset}, PROTOCOL_ERROR, 'where it is not offered';
}
is $h2->get(25, '/plain')->answer(25)->{status}, 200, 'the connection serves on';

$site->stop;
done_testing;
