# t/proxy/bad_origin.t - answers cut at each byte, storms, heads that smuggle: no client takes half an answer
# for a whole one, whatever version it speaks, and $fail_reason says what happened
use Site;
use H2;

needs_weir 'nginx ends such answers as if they were whole';

my $site = Site->start(<<'CONF', log_level => 'crit');
    log_format reason '$request_uri $status $fail_reason';
    server {
        listen %PORT%;
        access_log %DIR%/reason.log reason;
        location / { proxy_pass http://%ORIGIN%; }
        location /stall { proxy_read_timeout 4s; proxy_pass http://%ORIGIN%; }
        location /off/stall { proxy_buffering off; proxy_read_timeout 4s; proxy_pass http://%ORIGIN%; }
        location /off/ { proxy_buffering off; proxy_pass http://%ORIGIN%; }
        location /nochunks/ { chunked_transfer_encoding off; proxy_pass http://%ORIGIN%; }
        listen %PORT2% http2;
        location /zip/ { gzip on; gzip_types *; gzip_min_length 1; proxy_pass http://%ORIGIN%; }
    }
CONF
$site->allow_log(qr/./);
my $origin = $site->origin;

# "502 whole", "200 cut", ...: what the client must believe of it.
sub outcome ($what, %option) {
    return believed($site->send($what, { %option }));
}
sub believed ($client) {
    my $reply  = eval { $client->read_response } // return 'nothing';
    my $whole  = $reply->complete && ($reply->framing ne 'close' || $client->closed eq 'eof');
    return $reply->status . ($whole ? ' whole' : ' cut');
}

my %logged;
sub reason ($uri) {
    my $line;
    my $n = $logged{$uri}++;
    wait_until { $line = (grep { /\A\Q$uri\E / } split /\n/, $site->slurp('reason.log') // '')[$n] } "$uri in the log";
    return $line =~ s/\A\S+ //r;
}

# Stalls, which last until a time has passed: they begin here and are looked at below.
my $chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
my @stalled;
sub stalls ($uri, $bytes, $version, $outcome, $reason, $why) {
    $origin->script($uri, 'body', [write => $bytes], 'stall');
    push @stalled, [$site->send("GET $uri", { version => $version }), $uri, $outcome, $reason, $why];
}
for my $way ('/stall', '/off/stall') {
    stalls("$way/chunks", "${chunked}4\r\nsome\r\n", '1.0', '200 cut', '200 upstream.body_timeout', "a stall can be told by HTTP/1.0$way");
    stalls("$way/end", "HTTP/1.1 200 OK\r\n\r\nsome", '1.0', '200 cut', '200 upstream.body_timeout', "so can one before an end$way");
}
stalls("/stall/trailers$_", "${chunked}4\r\nsome\r\n0\r\nX: y", $_, '200 cut', '200 upstream.body_timeout', "trailers that never end, HTTP/$_") for '1.1', '1.0';
stalls('/stall/storm', "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" x 60, '1.1', '504 whole', '504 upstream.timeout', 'hints, and then nothing');

# Cut at each byte -----------------------------------------------------------------------------------------

my %head = (
    'of a length'   => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    'in chunks'     => $chunked,
    'until the end' => "HTTP/1.1 200 OK\r\n\r\n",
);
my %body = ('of a length' => 'some text', 'in chunks' => "4\r\nsome\r\n5\r\n text\r\n0\r\n\r\n", 'until the end' => 'some text');
for my $kind (sort keys %head) {
    for my $version ('1.1', '1.0') {
        for my $way ($version eq '1.0' ? ('/cut', '/off/cut') : ('/cut', '/off/cut', '/nochunks/cut', '/zip/cut')) {
            my ($bytes, $from) = ($head{$kind} . $body{$kind}, length $head{$kind});
            my @cuts = $way eq '/cut' ? 0 .. length $bytes : ($from .. length $bytes);
            my @scripts;
            for my $end ('close', 'reset') {
                push @scripts, map { ['body', [write => substr $bytes, 0, $_], $end] } @cuts;
            }
            $origin->scripts($way, @scripts);
            my @wrong;
            for my $end ('close', 'reset') {
                for my $cut (@cuts) {
                    my $got  = outcome("POST $way", version => $version, fields => ['Accept-Encoding' => 'gzip']);
                    my $all  = $cut == length $bytes;
                    my $good = $cut < $from ? $got eq '502 whole'
                             : $kind eq 'until the end' && $end eq 'close' ? $got eq '200 whole'
                             : $kind eq 'until the end' ? $got =~ /\A(?:200 cut|502 whole|nothing)\z/
                             : $all ? $got eq '200 whole' || ($end eq 'reset' && $got =~ /\A(?:200 cut|502 whole|nothing)\z/)
                             : $got =~ /\A(?:200 cut|502 whole|nothing)\z/;
                    push @wrong, "$end at $cut: $got" unless $good;
                }
            }
            is "@wrong", '', "an answer $kind cut at each byte, HTTP/$version$way";
        }
    }
}

for my $case (@stalled) {
    my ($client, $uri, $outcome, $reason, $why) = @$case;
    is believed($client), $outcome, $why;
    is reason($uri), $reason, 'and has its reason';
}
$origin->script('/large', 'body', [write => "HTTP/1.1 200 OK\r\n\r\n"], [fill => 3_000_000], [wait => 'cut'], 'reset');
my $slow = $site->send('GET /large', { rcvbuf => 4096, version => '1.0' });
like $slow->read_until(qr/\r\n\r\n/), qr/ 200 /, 'a large answer to a slow client';
$origin->go('cut');
$slow->read_all;
is $slow->closed, 'reset', 'that is reset ends with a reset';

# Heads ----------------------------------------------------------------------------------------------------

my $hello = "Content-Length: 5\r\n\r\nHELLO";
my %bad = (
    'a blank in a name'       => "HTTP/1.1 200 OK\r\nX A: b\r\n$hello",
    'a blank before a colon'  => "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n$hello",
    'a line without a colon'  => "HTTP/1.1 200 OK\r\nnonsense\r\n$hello",
    'a folded line'           => "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n$hello",
    'a folded first line'     => "HTTP/1.1 200 OK\r\n X: a\r\n$hello",
    'CR in a value'           => "HTTP/1.1 200 OK\r\nX: a\rY: b\r\n$hello",
    'NUL in a name'           => "HTTP/1.1 200 OK\r\nX\0: a\r\n$hello",
    'two lengths'             => "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n$hello",
    'a list of lengths'       => "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nHELLO",
    'a length with a sign'    => "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nHELLO",
    'a hexadecimal length'    => "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nHELLO",
    'a length with a blank'   => "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\nHELLO",
    'an endless length'       => "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nHELLO",
    'an empty length'         => "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nHELLO",
    'length and coding'       => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n$hello",
    'coding and length'       => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n",
    'chunked twice'           => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n",
    'chunked in two lines'    => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n",
    'chunked, then gzip'      => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nHELLO",
    'an unknown coding'       => "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n",
    'a coding in quotes'      => "HTTP/1.1 200 OK\r\nTransfer-Encoding: \"chunked\"\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n",
    'HTTP/2.0'                => "HTTP/2.0 200 OK\r\n$hello",
    'ICY'                     => "ICY 200 OK\r\n$hello",
    'lower case'              => "http/1.1 200 OK\r\n$hello",
    'a status of two digits'  => "HTTP/1.1 20 OK\r\n$hello",
    'a status below 100'      => "HTTP/1.1 099 OK\r\n$hello",
    'no status'               => "HTTP/1.1  OK\r\n$hello",
    'an empty line first'     => "\r\n\r\nHTTP/1.1 200 OK\r\n$hello",
    'the body alone'          => 'HELLO' x 100 . "\r\n\r\n",
    'TLS'                     => "\x15\x03\x01\x00\x02\x02\x28",
    'an h2 preface'           => "\0\0\x12\x04\0\0\0\0\0" . "\0" x 18,
);
for my $what (sort keys %bad) {
    $origin->script('/bad', 'body', [write => $bad{$what}], 'close');
    my $reply = $site->get('/bad');
    is $reply->status, 502, "refused: $what";
    unlike $reply->body, qr/HELLO/, 'and none of it is passed on';
    my $reason = reason('/bad');
    like $reason, qr/\A502 upstream\.(?:head_invalid|closed)\z/, $reason;
}
$origin->script('/bad', 'body', [write => 'HTTP/1.1 200 OK' . "\r\nX: y" x 5000 . "\r\n$hello"], 'close');
is $site->get('/bad')->status, 502, 'very many fields';
is reason('/bad'), '502 upstream.head_too_big', 'are too many';
$origin->script('/bad', 'body', [write => 'HTTP/1.1 200 ' . 'x' x 100_000], 'close');
is $site->get('/bad')->status, 502, 'a status line without an end';
is reason('/bad'), '502 upstream.head_too_big', 'is too long';

my %once = (Location => '/first', ETag => '"first"', 'Last-Modified' => 'Sun, 13 Sep 2020 12:26:40 GMT', 'Accept-Ranges' => 'first', 'Content-Encoding' => 'first', Date => 'Mon, 01 Jan 2001 00:00:00 GMT', Server => 'first');
$origin->answer('/twice', status => 201, headers => [%once, (map { ($_ => 'second') } sort keys %once), (map { ("X-$_" => 1, "X-$_" => 2) } 1 .. 3)]);
my $twice = $site->get('/twice');
is scalar($twice->headers($_)), 1, "one line of $_ is passed on, not two" for sort keys %once;
is $twice->header('Location') =~ s{http://[^/]+}{}r, '/first', 'the first';
is join(',', $twice->headers('X-1')), '1,2', 'of others all';

# Chunks
for my $case (['no size', "\r\n"], ['a negative size', "-1\r\nx\r\n"], ['a huge size', "fffffffffffffffff\r\nx"], ['a size of blanks', "  \r\nx\r\n"], ['no CRLF behind', "1\r\nxy\r\n0\r\n\r\n"],
              ['a long extension', '1;' . 'x' x 100_000 . "\r\nx\r\n"], ['long trailers', "1\r\nx\r\n0\r\n" . "X: y\r\n" x 20_000 . "\r\n"], ['a broken trailer', "1\r\nx\r\n0\r\nnonsense\r\n\r\n"],
              ['LF alone and junk', "1\nx\n0\n\nX"]) {
    my ($what, $chunks) = @$case;
    for my $version ('1.1', '1.0') {
        $origin->script('/chunks', 'body', [write => "$head{'in chunks'}2\r\nok\r\n"], [wait => 'more'], [write => $chunks], 'close');
        my $client = $site->send('GET /chunks', { version => $version });
        $client->read_until(qr/ok/);
        $origin->go('more');
        my $rest  = $client->read_all;
        my $whole = $version eq '1.0' ? $client->closed eq 'eof' : $rest =~ /\b0\r\n\r\n\z/;
        ok !$whole, "chunks, $what: not whole for HTTP/$version";
        is reason('/chunks'), '200 upstream.body_invalid', 'the reason';
    }
}

# Storms
my $continue = "HTTP/1.1 100 Continue\r\n\r\n";
$origin->script('/storm', 'body', [write => $continue x 20 . "HTTP/1.1 200 OK\r\n$hello"]);
is $site->get('/storm')->body, 'HELLO', 'a few interim answers';
is reason('/storm'), '200 -', 'are none too many';
$origin->script('/storm', 'body', [write => $continue x 100_000], 'close');
is $site->get('/storm')->status, 502, 'a storm of them';
is reason('/storm'), '502 upstream.head_invalid', 'is no answer';

# More than was said, in every shape: the next request never sees it
for my $case (['of a length', "$head{'of a length'}some textHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"], ['in chunks', "$head{'in chunks'}1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"],
              ['none', "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"], ['304', "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"],
              ['length 0', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"]) {
    my ($what, $bytes) = @$case;
    $origin->script('/more', 'body', [write => $bytes]);
    my $client = $site->connect;
    unlike $client->get('/more')->body, qr/EVIL/, "more than an answer $what";
    is $client->get('/next')->body, "GET /next\n", 'the next answer is its own';
}

# A stream of HTTP/2 is reset, not ended
for my $kind (sort keys %head) {
    my $bytes = $head{$kind} . ($kind eq 'in chunks' ? "4\r\nsome\r\n" : 'some');
    $origin->script('/h2', 'body', [write => $bytes], 'reset');
    my $h2 = H2->open($site, where => { port => 2 });
    $h2->get(1, '/h2');
    my $answer = $h2->answer(1);
    ok defined $answer->{reset} || $answer->{status} == 502, "an answer $kind cut in HTTP/2";
}

is $site->get('/alive')->status, 200, 'and all the while';
done_testing;
