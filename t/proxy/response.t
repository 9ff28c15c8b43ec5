# t/proxy/response.t - what of an origin's response reaches the client, and how it flows
use Site;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT%;
        proxy_http_version 1.1;
        location / { proxy_pass http://%ORIGIN%; }
        location /off/ { proxy_buffering off; proxy_pass http://%ORIGIN%; }
        location /sub/ { proxy_pass http://%ORIGIN%/; }
        location /noredir/ { proxy_redirect off; proxy_pass http://%ORIGIN%/; }
        location /redir/ { proxy_pass http://%ORIGIN%/; proxy_redirect http://elsewhere/ /here/; proxy_redirect ~^/re(\d+)/(.*) /n$1/$2;
                           proxy_redirect default; }
        location /hide/ { proxy_hide_header X-Secret; proxy_pass_header Server; proxy_pass_header X-Accel-Limit;
                          proxy_pass http://%ORIGIN%; }
        location /ignore/ { proxy_ignore_headers X-Accel-Redirect Cache-Control; proxy_pass http://%ORIGIN%; }
        location /nochunks/ { chunked_transfer_encoding off; proxy_pass http://%ORIGIN%; }
        location /smallhead/ { proxy_buffer_size 512; proxy_buffers 4 1k; proxy_busy_buffers_size 1k;
                               proxy_pass http://%ORIGIN%; }
        location /intercept/ { proxy_intercept_errors on; proxy_pass http://%ORIGIN%; }
        location /internal/ { internal; return 200 "accelerated $uri\n"; }
    }
CONF
sub answers ($origin) {
    my %of = (
        headers => { headers => [ETag => '"o"', 'Last-Modified' => 'Sun, 13 Sep 2020 12:26:40 GMT', 'X-A' => 'b',
                     'x-lower' => 'c', Server => 'origin', Date => 'Mon, 01 Jan 2001 00:00:00 GMT',
                     'Set-Cookie' => 'a=1', 'Set-Cookie' => 'b=2', 'X-Twice' => '1', 'X-Twice' => '2',
                     'Cache-Control' => 'private', Expires => '0', Vary => 'x', 'X-Secret' => 's',
                     'X-Accel-Limit' => 'x', 'X-Pad' => 'p', Via => 'o', 'Accept-Ranges' => 'none',
                     'Keep-Alive' => 'timeout=3', 'Proxy-Authenticate' => 'x', 'Content-Language' => 'de',
                     'X-Empty' => '', Status => '999', 'Content-Encoding' => 'identity',
                     Link => '</x>; rel=preload', 'WWW-Authenticate' => 'Basic'] },
        chunked => { chunks => ['abc', 'defgh', 'x' x 5000] }, empty => { body => '' },
        chunkedempty => { chunks => [] }, toclose => { no_length => 1, body => 'until the end' },
        toclose10 => { version => '1.0', no_length => 1, body => 'until the end' },
        length10 => { version => '1.0', body => 'abc' }, s204 => { status => 204 }, s304 => { status => 304 },
        s201 => { status => 201, headers => [Location => '/made'] }, s206 => { status => 206, headers => ['Content-Range' => 'bytes 0-1/5'], body => 'ab' },
        s404 => { status => 404, body => 'not here' }, s500 => { status => 500, body => 'oh' },
        s503 => { status => 503, headers => ['Retry-After' => 5], body => 'later' },
        s418 => { status => 418, reason => 'Short And Stout' }, s299 => { status => 299, reason => '' },
        s999 => { status => 599, reason => 'Odd' }, large => { fill => 1_000_000 },
        type => { headers => ['Content-Type' => 'text/html; charset=latin1'] },
        s401 => { status => 401, headers => ['WWW-Authenticate' => 'Basic realm="x"'] },
        interim => { interim => "HTTP/1.1 100 Continue\r\n\r\n", body => 'final' },
        hints => { interim => "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", body => 'final' },
        bighead => { headers => ['X-Big' => 'x' x 3000] }, hugehead => { headers => ['X-Big' => 'x' x 20_000] },
        accel => { headers => ['X-Accel-Redirect' => '/internal/x', 'X-A' => 'kept', 'Content-Type' => 'a/b'] },
        accelarg => { headers => ['X-Accel-Redirect' => '/internal/x?y=z'] },
        nocontent => { headers => ['Content-Type' => ''], body => 'x' },
        bodyhead => { headers => ['Content-Length' => 5], no_length => 1, body => 'abcde' },
    );
    for my $prefix ('', qw(off sub noredir redir hide ignore nochunks smallhead intercept)) {
        my $at = $prefix eq '' ? '' : "/$prefix";
        $origin->answer("$at/$_", %{ $of{$_} }) for keys %of;
    }
    my $own = $origin->address;
    my @locations = ("http://$own/a", '/abs', 'rel', "http://$own/", 'http://elsewhere/x', '/re12/y',
                     "http://$own", 'http://localhost/x', '//other/x');
    for my $i (0 .. $#locations) {
        $origin->answer("$_$i", status => 302, headers => [Location => $locations[$i]])
            for '/loc', '/sub/loc', '/noredir/loc', '/redir/loc';
        $origin->answer("/refresh$i", headers => [Refresh => "5; url=$locations[$i]"]);
    }
}
my @names = qw(headers chunked empty chunkedempty toclose toclose10 length10 s204 s304 s201 s206 s404 s500 s503
               s418 s299 s999 large type s401 bighead accel accelarg bodyhead);
my @requests = map { ("GET /$_", "HEAD /$_") } @names;
push @requests, map { "GET /off/$_" } @names;
push @requests, map { { what => "GET /$_", version => '1.0' } } @names;
push @requests, map { "GET /$_" } qw(sub/s404 hide/headers ignore/headers ignore/accel nochunks/chunked
    nochunks/toclose smallhead/headers smallhead/large smallhead/bighead intercept/s404 intercept/s401
    intercept/s500 intercept/s503 hugehead);
push @requests, map { my $i = $_; map { "GET /$_$i" } 'loc', 'sub/loc', 'noredir/loc', 'redir/loc', 'refresh' } 0 .. 8;
push @requests, { what => 'GET /chunked', version => '1.0', fields => [Connection => 'keep-alive'],
                  name => 'chunked for 1.0, kept alive' },
    { what => 'GET /length10', version => '1.0', fields => [Connection => 'keep-alive'], name => 'length, 1.0' },
    ['GET /large', Range => 'bytes=0-9'], ['GET /headers', 'If-None-Match' => '"o"'];
differential_ok($conf, \@requests, origin => \&answers);

# How bytes flow ------------------------------------------------------------------------------------------

my $site = Site->start(<<'CONF');
    server {
        listen %PORT% sndbuf=32k;
        proxy_http_version 1.1;
        proxy_max_temp_file_size 0;
        location / { proxy_pass http://%ORIGIN%; }
        location /off/ { proxy_buffering off; proxy_pass http://%ORIGIN%; }
        location /up/ { proxy_request_buffering off; client_max_body_size 0; proxy_pass http://%ORIGIN%; }
    }
    server {
        listen %PORT2%;
        location /temp/ { proxy_max_temp_file_size 100m; proxy_pass http://%ORIGIN%; }
    }
CONF
my $origin = $site->origin;

# Unbuffered: each piece arrives when it was sent.
$origin->script('/off/pieces', 'body', [write => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
                map({ ([wait => 'piece'], [write => "5\r\npart$_\r\n"]) } 1 .. 3), [write => "0\r\n\r\n"]);
my $client = $site->send('GET /off/pieces');
like $client->read_until(qr/\r\n\r\n/), qr/ 200 /, 'the head comes before the body';
for my $n (1 .. 3) {
    $origin->go('piece');
    like $client->read_until(qr/part$n\r\n/), qr/part$n/, "piece $n comes when it was sent";
}
is $client->read_until(qr/0\r\n\r\n/), "0\r\n\r\n", 'and the end';
is $client->get('/off/x')->status, 200, 'the connection is good for more';

# Buffered and X-Accel-Buffering: no
$origin->script('/accel', 'body', [write => "HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Length: 6\r\n\r\nabc"],
                [wait => 'rest'], [write => 'def']);
$client = $site->send('GET /accel');
like $client->read_until(qr/abc/), qr/ 200 /, 'X-Accel-Buffering: no';
$origin->go('rest');
is $client->read_bytes(3), 'def', 'and the rest';

# Bytes written since the connections of before were ended.
sub anew ($origin) { return $origin->refuse->accept->forget }
sub written ($origin) {
    my $sum = 0;
    $sum += $_->{written} for values %{ $origin->traffic };
    return $sum;
}

# A slow reader stops a fast origin; nothing is lost.
my $size = 24_000_000;
for my $at ('', '/off') {
    anew($origin)->answer("$at/fill", fill => $size);
    $client = $site->send("GET $at/fill", { rcvbuf => 16384 });
    like $client->read_until(qr/\r\n\r\n/), qr/ 200 /, "$at/fill: the head";
    my ($was, $same) = (-1, 0);
    wait_until {
        my $now = written($origin);
        $same = $now == $was ? $same + 1 : 0;
        $was  = $now;
        $same > 10;
    } 'the origin to be stopped';
    cmp_ok $was, '<', $size / 2, "$at/fill: the origin is held back";
    setsockopt $client->socket, SOL_SOCKET, SO_RCVBUF, 1_000_000;
    ok $client->read_bytes($size) eq Origin::pattern($size), "$at/fill: and everything arrives";
}

# With a temp file allowed the origin is freed although the client does not read.
anew($origin)->answer('/temp/fill', fill => $size);
$client = $site->send('GET /temp/fill', { port => 2, rcvbuf => 16384 });
like $client->read_until(qr/\r\n\r\n/), qr/ 200 /, 'a temp file';
wait_until { written($origin) > $size } 'the origin to be through';
setsockopt $client->socket, SOL_SOCKET, SO_RCVBUF, 1_000_000;
ok $client->read_bytes($size) eq Origin::pattern($size), 'then the client reads at leisure';

# Uploads: a slow origin stops a fast client.
$origin->script('/up/deaf', 'deaf', [wait => 'hear'], 'hear', 'body', [answer => { body => 'got it' }]);
$client = $site->connect;
$client->write("POST /up/deaf HTTP/1.1\r\nHost: a\r\nContent-Length: $size\r\n\r\n");
my $sent = 0;
my $stuck = 0;
wait_until {
    my $n = $client->write_some('u' x 65536);
    $sent += $n;
    $stuck = $n ? 0 : $stuck + 1;
    $stuck > 20;
} 'the upload to back up';
cmp_ok $sent, '<', $size / 2, 'an unbuffered upload is held back';
$origin->go('hear');
$client->write('u' x ($size - $sent));
is $client->read_response->body, 'got it', 'and completes';
is length $origin->request->body, $size, 'whole';

# Unbuffered uploads arrive piece by piece.
$origin->script('/up/pieces', [read => 3], [wait => 'seen'], [read => 3], [answer => { body => 'done' }]);
$origin->forget;
$client = $site->connect;
$client->write("POST /up/pieces HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
wait_until { $origin->count && $origin->request->body eq 'abc' } 'the first half at the origin';
$origin->go('seen');
$client->write('def');
is $client->read_response->body, 'done', 'an upload in two pieces';

# An early answer: the client may stop sending, and is told.
$origin->script('/up/early', [answer => { status => 403, body => 'no', close => 1 }]);
$client = $site->connect;
$client->write("POST /up/early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" . 'e' x 1000);
is $client->read_response->status, 403, 'an answer before the end of the body';

# What Debian's nginx does not know
SKIP: {
    skip 'nginx leaves the client waiting', 3 unless is_weir;
    my $headed = Site->start('server { listen %PORT%; location / { proxy_method HEAD; proxy_pass http://%ORIGIN%; } }');
    my $client = $headed->connect;
    is $client->get('/x')->header('Content-Length'), 0, 'GET made a HEAD: no body is announced';
    is $client->request('HEAD /x')->header('Content-Length'), 8, 'to HEAD it is';
    is $client->get('/x')->status, 200, 'and the connection goes on';
}
SKIP: {
    skip 'nginx before 1.27.2', 3 unless is_weir;
    for my $code ('100 Continue', '103 Early Hints') {
        $origin->answer('/interim', interim => "HTTP/1.1 $code\r\nLink: </a>\r\n\r\n", body => 'final');
        is $site->get('/interim')->body, 'final', "the answer after a $code";
    }
    my $trailing = Site->start(<<'CONF');
    server { listen %PORT%; location / { proxy_pass_trailers on; proxy_pass http://%ORIGIN%; } }
CONF
    $trailing->origin->answer('/x', chunks => ['abc'], trailers => ['X-Sum' => '123']);
    my $reply = $trailing->get('/x', TE => 'trailers');
    is $reply->trailer('X-Sum'), '123', 'proxy_pass_trailers';
}

done_testing;
