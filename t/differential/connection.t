# t/differential/connection.t - how long a connection lives, pipelines, bodies nobody reads: as in nginx
use Site;
use Differential;

sub all ($name, @parts) { return { raw => join('', @parts), all => 1, name => $name } }
sub get ($uri, @fields) { return join '', "GET $uri HTTP/1.1\r\nHost: a\r\n", map({ "$_\r\n" } @fields), "\r\n" }
sub post ($uri, $body, @fields) {
    return join '', "POST $uri HTTP/1.1\r\nHost: a\r\nContent-Length: ", length $body, "\r\n", map({ "$_\r\n" } @fields), "\r\n", $body;
}
sub chunked ($uri, $body) { return "POST $uri HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n$body" }

my $places = <<'CONF';
        root %DIR%/html;
        location /r { return 200 "$request_method $uri $connection_requests\n"; }
        location /n { return 204; }
        location /e { return 500; }
        location /a { deny all; }
        location /p { proxy_pass http://%ORIGIN%; }
        location /small/ { client_max_body_size 4; alias %DIR%/html/; }
        location /smallr/ { client_max_body_size 4; return 200 x; }
        location /smallp/ { client_max_body_size 4; proxy_pass http://%ORIGIN%; }
        location /close { keepalive_timeout 0; return 200 c; }
        location /disable { keepalive_disable msie6 safari; return 200 "d\n"; }
        location /never { keepalive_disable none; return 200 "d\n"; }
        location /two { keepalive_requests 2; return 200 "$connection_requests\n"; }
        location /timeout { keepalive_timeout 75s 12s; return 200 t; }
        location /nochunk { chunked_transfer_encoding off; proxy_pass http://%ORIGIN%/p; proxy_buffering off; }
        location /lmsie { lingering_close always; return 200 "l\n"; }
CONF
my $conf = "server { listen %PORT%; $places }";
my %files = ('html/f' => "file\n", 'html/big' => 'b' x 20000, 'html/empty' => '', 'html/f.txt' => "text\n");
my $origin = sub ($origin) {
    $origin->answer('/p', body => "origin\n");
    $origin->answer('/p/chunked', chunks => ["one\n", "two\n"]);
    $origin->answer('/p/none', status => 204);
};

my @versions = map { my $v = $_; map { { raw => "GET $_ HTTP/$v\r\nHost: a\r\n\r\n" } } '/r', '/f', '/none', '/e', '/n', '/p', '/empty' } '1.0', '1.1';
my @connection;
for my $version ('1.0', '1.1') {
    for my $value ('close', 'keep-alive', 'Close', 'Keep-Alive', 'KEEP-ALIVE', 'close, keep-alive', 'keep-alive, close', 'upgrade', 'keep-alive, Upgrade',
                   '', 'x', 'closed', 'xclose', 'x-close', ' close ', 'te', 'TE, close', 'keep-alive-x', 'notkeep-alive') {
        push @connection, { raw => "GET $_ HTTP/$version\r\nHost: a\r\nConnection: $value\r\n\r\n" } for '/r', '/f';
    }
}
push @connection, map { { raw => "GET /r HTTP/1.1\r\nHost: a\r\nConnection: $_\r\n\r\n" } } "close\r\nConnection: keep-alive", "keep-alive\r\nConnection: close";

my @agents = map { my $agent = $_; map { ["GET $_", 'User-Agent' => $agent] } '/r', '/disable', '/never' }
    'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)', 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)', 'Mozilla/4.0 (compatible; MSIE 7.0)',
    'Mozilla/4.0 (compatible; MSIE 5.5; Windows 98)', 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; en) Opera 8.0', 'Mozilla/5.0 Safari/412',
    'Mozilla/5.0 (Macintosh; U; PPC Mac OS X; de-de) AppleWebKit/85.7 (KHTML, like Gecko) Safari/85.5', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/537 Chrome/99 Safari/537', 'MSIE', 'Opera/9.0', '';
push @agents, map { { what => "POST $_->{what}", body => 'x', fields => ['User-Agent' => $_->{agent}] } }
    map { my $place = $_; map { { what => $place, agent => $_ } } 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)', 'Mozilla/4.0 (compatible; MSIE 7.0)', 'Mozilla/5.0 Safari/412' } '/disable', '/never', '/r';

my @settings = ('GET /close', 'GET /timeout', ['GET /timeout', Connection => 'keep-alive'], { what => 'GET /timeout', version => '1.0', fields => [Connection => 'keep-alive'] },
    { what => 'GET /nochunk/chunked', version => '1.1' }, { what => 'GET /nochunk', version => '1.1' }, { what => 'GET /p/chunked', version => '1.0' },
    { what => 'GET /p/chunked' }, { what => 'GET /p/chunked', version => '1.0', fields => [Connection => 'keep-alive'] }, 'HEAD /p/chunked', 'HEAD /nochunk/chunked',
    { what => 'HEAD /p/chunked', version => '1.0' }, 'GET /p/none', { what => 'GET /p/none', version => '1.0' }, 'GET /lmsie');

# Bodies that the answer does not need, and limits on them
my @bodies;
for my $place ('/r', '/n', '/e', '/a', '/f', '/none', '/p', '/close', '/small/f', '/smallr/', '/smallp/') {
    push @bodies, map { { raw => $_ } } post($place, 'body'), post($place, 'longer body'), post($place, ''), chunked($place, "4\r\nbody\r\n0\r\n\r\n"),
        chunked($place, "0\r\n\r\n"), chunked($place, "3\r\nabc\r\n8\r\nlongbody\r\n0\r\n\r\n"), "POST $place HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT $place HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody", "GET $place HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
        "POST $place HTTP/1.0\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody", "POST $place HTTP/1.0\r\nHost: a\r\n\r\n",
        "POST $place HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
}
my @framing = map { { raw => "POST /p HTTP/1.1\r\nHost: a\r\n$_" } }
    "Content-Length: +4\r\n\r\nbody", "Content-Length: -4\r\n\r\nbody", "Content-Length: 4x\r\n\r\nbody", "Content-Length: 0x4\r\n\r\nbody", "Content-Length: \r\n\r\n",
    "Content-Length: 04\r\n\r\nbody", "Content-Length: 4 \r\n\r\nbody", "Content-Length: 4, 4\r\n\r\nbody", "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
    "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody", "Content-Length: 99999999999999999999\r\n\r\nbody", "Content-Length: 4.0\r\n\r\nbody", "Content-Length: 1e1\r\n\r\nbody",
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: identity\r\n\r\n", "Transfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: CHUNKED\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "Transfer-Encoding:\r\n\r\n",
    map { "Transfer-Encoding: chunked\r\n\r\n$_" } "4\r\nbody\r\n0\r\n\r\n", "4\nbody\n0\n\n", "04\r\nbody\r\n0\r\n\r\n", "4;a=b\r\nbody\r\n0\r\n\r\n", "4 ;a=b\r\nbody\r\n0;x\r\n\r\n", "4 \r\nbody\r\n0\r\n\r\n",
    "4;a=\"b;\"\r\nbody\r\n0\r\n\r\n", "A\r\n0123456789\r\n0\r\n\r\n", "a\r\n0123456789\r\n0\r\n\r\n", "4\r\nbody\r\n0\r\nX: trailer\r\n\r\n", "4\r\nbody\r\n00\r\n\r\n", "x\r\nbody\r\n0\r\n\r\n", "-1\r\nbody\r\n0\r\n\r\n",
    " 4\r\nbody\r\n0\r\n\r\n", "0x4\r\nbody\r\n0\r\n\r\n", "4\r\nbodyx\r\n0\r\n\r\n", "4\r\nbody0\r\n\r\n", "\r\n4\r\nbody\r\n0\r\n\r\n", "ffffffffffffffff\r\nbody", "fffffffffffffffff\r\nbody", "4\r\nbody\r\n0\r\nX\r\n\r\n", "4\rbody\r\n0\r\n\r\n";
my @versions10 = map { { raw => "POST /p HTTP/1.0\r\nHost: a\r\n$_" } } "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length: 4\r\n\r\nbody", "Connection: keep-alive\r\nContent-Length: 4\r\n\r\nbody";

# Expect
my @expect;
for my $place ('/p', '/r', '/f', '/small/f', '/smallp/', '/a') {
    push @expect, map { { raw => "POST $place HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: $_\r\n\r\n", later => 'body' } }
        '100-continue', '100-Continue', '100-continue, x';
    push @expect, map { { raw => "POST $place HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: $_\r\n\r\nbody" } } 'x', '', '200-ok';
    push @expect, { raw => "POST $place HTTP/1.0\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody" },
        { raw => "POST $place HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n", later => 'longer body' },
        { raw => "POST $place HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", later => "4\r\nbody\r\n0\r\n\r\n" },
        strict('RFC 9110, 10.1.1: nothing to wait for, no 100', { raw => "GET $place HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n" },
            { raw => "POST $place HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody" });
}

for my $request (@expect) {
    $request->{why} //= 'RFC 9110, 10.1.1: the final answer at once where no body is read' if $request->{raw} =~ m{^POST /r };
}

# Pipelines
my @pipes = (
    all('two', get('/r/1'), get('/r/2')), all('many', map { get("/r/$_") } 1 .. 60), all('files', map { get($_) } '/f', '/big', '/empty', '/none', '/f'),
    all('bodies', post('/r/1', 'abc'), post('/r/2', 'x' x 5000), get('/f')), all('to an origin', get('/p'), post('/p', 'abc'), get('/p/chunked'), get('/p/none'), get('/p')),
    all('chunked bodies', chunked('/r', "3\r\nabc\r\n0\r\n\r\n"), chunked('/p', "3\r\nabc\r\n0\r\n\r\n"), get('/f')), all('close in the middle', get('/r/1'), get('/r/2', 'Connection: close'), get('/r/3')),
    all('a bad one in the middle', get('/r/1'), "BAD\r\n\r\n", get('/r/3')), all('an error in the middle', get('/r/1'), get('/e'), get('/a'), get('/none'), get('/r/3')),
    all('blank lines between', get('/r/1'), "\r\n\r\n", get('/r/2'), "\n", get('/r/3')), all('HEAD between', get('/f'), "HEAD /f HTTP/1.1\r\nHost: a\r\n\r\n", get('/f')),
    all('1.0 in the middle', get('/r/1'), "GET /r/2 HTTP/1.0\r\n\r\n", get('/r/3')), all('1.0 with keep-alive', get('/r/1'), "GET /r/2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", get('/r/3')),
    all('0.9 in the middle', get('/r/1'), "GET /r/2\r\n", get('/r/3')), all('too large bodies', post('/small/f', 'longer body'), get('/r/1')), all('too large for return', post('/smallr/', 'longer body'), get('/r/1')),
    all('a refused body', post('/a', 'body'), get('/r/1')), all('keepalive_requests', map { get('/two') } 1 .. 4),
    all('no host in the middle', get('/r/1'), "GET /r/2 HTTP/1.1\r\n\r\n", get('/r/3')), strict('the answer needs no body: what is wrong with it ends the connection', all('chunks that end wrong', chunked('/r', "3\r\nabcX\r\n0\r\n\r\n"), get('/r/3'))),
    all('ranges', get('/big', 'Range: bytes=0-3'), get('/big', 'Range: bytes=-3'), get('/big', 'Range: bytes=0-1,4-5'), get('/f')),
    all('conditions', get('/f', 'If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT'), get('/f', 'If-None-Match: *'), get('/f')),
    all('methods', map({ "$_ /f HTTP/1.1\r\nHost: a\r\n\r\n" } qw(PUT DELETE OPTIONS TRACE PATCH)), get('/f')),
    all('cut in a head', get('/r/1'), "GET /r/2 HTTP/1.1\r\nHo"), all('GET with a body', "GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", get('/r/1')),
    all('a host each', map { "GET /r HTTP/1.1\r\nHost: $_\r\n\r\n" } qw(a b A.B [::1])),
);

# What the list of a field may not be taken for, and where Weir reads to the letter
sub strict ($why, @requests) { return map { { %$_, why => $why } } @requests }
my @tokens = 'RFC 9110, 7.6.1: Connection is a list of whole tokens';
for my $request (@connection) {
    $request->{why} = $tokens[0] if $request->{raw} =~ /Connection: (?:keep-alive-x|notkeep-alive|closed|xclose|x-close|close\r\nConnection: keep-alive)\r/;
}
for my $request (@framing) {
    @$request{qw(why weir)} = ('RFC 9112, 7.1: a chunk line is a size, extensions and CR LF, and no more', 400) if $request->{raw} =~ /\r\n\r\n(?:4\nbody|4 \r)/;
}

my %option = (files => \%files, origin => $origin);
differential_ok($conf, [@versions, @connection, @settings], %option);
differential_ok($conf, [@agents], %option);
differential_ok($conf, [@bodies], %option);
differential_ok($conf, [@framing, @versions10], %option);
differential_ok($conf, [@expect], %option);
differential_ok($conf, \@pipes, %option);
differential_ok("keepalive_requests 3; $conf", [all('three', map { get("/r/$_") } 1 .. 5), 'GET /r/1'], %option);
differential_ok("keepalive_timeout 0; $conf", [all('one', map { get("/r/$_") } 1 .. 3), 'GET /r/1', 'GET /timeout', ['GET /r', Connection => 'keep-alive']], %option);
differential_ok("keepalive_timeout 60 20; $conf", [@connection[0 .. 12], 'GET /r/1'], %option);
differential_ok("chunked_transfer_encoding off; proxy_buffering off; $conf", [@settings], %option);
differential_ok("client_max_body_size 8; $conf", [@bodies], %option);
differential_ok("client_max_body_size 0; $conf", [@bodies[0 .. 20], { raw => post('/p', 'x' x 3000) }], %option);
differential_ok("lingering_close off; reset_timedout_connection on; tcp_nodelay off; tcp_nopush on; sendfile on; $conf", [@bodies[0 .. 20], @pipes], %option);
differential_ok("client_header_buffer_size 32; $conf", [@pipes, @framing], %option);

done_testing;
