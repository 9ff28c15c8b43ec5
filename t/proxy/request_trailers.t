# t/proxy/request_trailers.t - fields behind a client's body reach origins that can have them, and only those that may
use Site;
use H2;
use H2Origin;

needs_weir 'nginx passes no trailers of requests';

my $h2_origin = H2Origin->listen;
my $site = Site->start(<<"CONF");
    upstream two { server ${\$h2_origin->address} max_fails=0; keepalive 4; }
    proxy_set_header X-User "given";
    log_format reason '\$uri \$status \$fail_reason';
    server {
        listen %PORT%; listen %PORT2% http2;
        access_log %DIR%/reason.log reason;
        proxy_http_version 1.1;
        location / { proxy_pass http://%ORIGIN%; proxy_request_buffering off; proxy_pass_request_trailers on; }
        location /off { proxy_pass http://%ORIGIN%; proxy_request_buffering off; }
        location /whole { proxy_pass http://%ORIGIN%; proxy_pass_request_trailers on; }
        location /one { proxy_pass http://%ORIGIN%; proxy_http_version 1.0; proxy_request_buffering off; proxy_pass_request_trailers on; }
        location /bare { proxy_pass http://%ORIGIN%; proxy_request_buffering off; proxy_pass_request_trailers on; proxy_pass_request_headers off; }
        location /set { proxy_pass http://%ORIGIN%; proxy_request_buffering off; proxy_pass_request_trailers on; proxy_set_body mine; }
        location /odd { proxy_pass http://%ORIGIN%; proxy_request_buffering off; proxy_pass_request_trailers on; }
        location /again { proxy_pass http://%ORIGIN%; proxy_request_buffering off; proxy_pass_request_trailers on; proxy_next_upstream error timeout non_idempotent same; }
        location /h2 { proxy_pass http://two; proxy_http_version 2; proxy_pass_request_trailers on; }
        location /h2/stream { proxy_pass http://two; proxy_http_version 2; proxy_pass_request_trailers on; proxy_request_buffering off; }
        location /h2/off { proxy_pass http://two; proxy_http_version 2; }
        location /grpc { grpc_pass two; }
        location /static { return 200 "here\\n"; }
    }
    server {
        listen %PORT3%; listen %PORT4% http2; large_client_header_buffers 2 1k; client_header_buffer_size 512; max_headers 20;
        access_log %DIR%/reason.log reason;
        location / { proxy_pass http://%ORIGIN%; proxy_request_buffering off; proxy_pass_request_trailers on; }
        location /whole { proxy_pass http://%ORIGIN%; }
    }
CONF
my $origin = $site->origin;
my $allowed = qr/client sent (?:too (?:large|many)|invalid)/;
my $chunked = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n";

sub trailers ($request) { return join '|', map { "$_->[0]: $_->[1]" } $request->trailers }

# HTTP/1.1 to HTTP/1.1 ------------------------------------------------------------------------------------------

sub post ($uri, $trailers, %option) {
    my $client = $site->connect({ port => $option{port} // 1 });
    my $body = "3\r\nabc\r\n0\r\n$trailers\r\n";
    if ($option{late}) {
        $client->write("POST $uri HTTP/1.1\r\n$chunked");
        $client->write($_) for split //, $body;
    } else {
        $client->write("POST $uri HTTP/1.1\r\n$chunked$body");
    }
    return $client->read_response(method => 'POST');
}
for my $late (0, 1) {
    is post('/a', "X-Sum: 1\r\nx-more:  two \r\n", late => $late)->status, 200, 'a request with trailers';
    is trailers($origin->request), 'X-Sum: 1|x-more: two', $late ? 'byte for byte' : 'at once: they arrive';
    is $origin->request->body, 'abc', 'behind the body';
}
post('/a', '');
is trailers($origin->request), '', 'none: none';
for my $name (qw(Host Content-Length Transfer-Encoding Connection TE Trailer Upgrade Keep-Alive Content-Type Content-Encoding Content-Range
        Authorization Proxy-Authorization Cookie Set-Cookie Expect Range If-Match If-None-Match Cache-Control Max-Forwards Via
        X-Forwarded-For X-Forwarded-User Forwarded X-Real-IP X-Original-URL X-HTTP-Method-Override X-Accel-Redirect Proxy
        Sec-Fetch-Site User-Agent Accept Origin X-User x-USER under_score per%cent)) {
    post('/a', "$name: x\r\nX-Good: 1\r\n");
    is trailers($origin->request), 'X-Good: 1', "$name does not pass";
}
post('/a', "X-Good: 1\r\nno field\r\n: x\r\nX-Two : 2\r\n folded: 3\r\n");
is trailers($origin->request), 'X-Good: 1', 'nor does what is no field';
for my $uri (qw(/off /whole /one /bare /set)) {
    is post($uri, "X-Sum: 1\r\n")->status, 200, "$uri: the request is served";
    is trailers($origin->request), '', "$uri: no trailer goes on";
}
is post('/static', "X-Sum: 1\r\n")->status, 200, 'nobody reads it';

# What follows is the next request.
my $client = $site->connect;
$client->write("POST /a HTTP/1.1\r\n${chunked}0\r\nX-Sum: 1\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
$client->read_response(method => 'POST');
is $client->read_response(method => 'GET')->body, "GET /next\n", 'a request behind trailers';
is((grep { $_->uri eq '/a' } $origin->requests)[-1]->body, '', 'one without a body may have them too');

# A second try has them again.
$origin->script('/again', 'body', 'reset');
my $tries = () = grep { $_->uri eq '/again' } $origin->requests;
post('/again', "X-Sum: 1\r\n");
my @again = grep { $_->uri eq '/again' } $origin->requests;
cmp_ok scalar @again, '>', 1, 'tried again';
is join(',', map { trailers($_) } @again), join(',', ('X-Sum: 1') x @again), 'with the trailers each time';

# Limits.
$site->allow_log($allowed);
is post('/a', "X-Big: " . ('x' x 3000) . "\r\n", port => 3)->status, 400, 'larger than a head may be';
is post('/a', join('', map { "X-$_: 1\r\n" } 1 .. 30), port => 3)->status, 400, 'more than a head may have';
is post('/whole', "X-Big: " . ('x' x 3000) . "\r\n", port => 3)->status, 400, 'also where they go nowhere';
is post('/a', "X-Big: " . ('x' x 1500) . "\r\n", port => 3)->status, 200, 'not larger';
is length((($origin->request->trailers)[0] // ['', ''])->[1]), 1500, 'passes';
is post('/a', "X-Bad: \x01\r\n")->status, 400, 'a control character';

# Cut off, nothing counts; and trailers may come when the answer is long there.
my $cut = "3\r\nabc\r\n0\r\nX-Cut: 1\r\n\r\n";
for my $uri (qw(/cut /whole/cut)) {
    for my $length (1 .. length($cut) - 1) {
        my $client = $site->connect;
        $client->write("POST $uri HTTP/1.1\r\n$chunked" . substr $cut, 0, $length);
        $length % 2 ? $client->reset : $client->close;
    }
}
post('/cut/not', "X-Cut: 1\r\n");
is join(',', map { $_->uri } grep { trailers($_) =~ /X-Cut/ } $origin->requests), '/cut/not', 'of those that were cut none came';
$client = $site->connect;
$client->write("POST /static HTTP/1.1\r\n${chunked}3\r\nabc\r\n0\r\nX-Sum: 1\r\n");
is $client->read_response(method => 'POST')->status, 200, 'answered before the end';
$client->write("X-B: 2\r\n\r\nGET /static HTTP/1.1\r\nHost: a\r\n\r\n");
is $client->read_response(method => 'GET')->status, 200, 'and the next request is found';

# From HTTP/2 ---------------------------------------------------------------------------------------------------

sub h2_post ($uri, $trailers, %option) {
    my $h2 = H2->open($site, where => { port => $option{port} // 2 });
    my @length = defined $option{length} ? ('content-length' => $option{length}) : ();
    $h2->headers(1, [H2::request(':method' => 'POST', ':path' => $uri, fields => [@length, @{ $option{fields} // [] }])], END_HEADERS);
    $h2->frame(DATA, 0, 1, $option{body} // 'abc') unless $option{empty};
    $h2->headers(1, $trailers);
    return $h2 if $option{open};
    return $h2->answer(1);
}
is h2_post('/a', ['x-sum' => 1, 'x-more' => 'two'])->{status}, 200, 'from HTTP/2';
is trailers($origin->request), 'x-sum: 1|x-more: two', 'they arrive';
is $origin->request->body, 'abc', 'behind the body';
is h2_post('/a', ['x-sum' => 1], empty => 1)->{status}, 200, 'without a body';
is trailers($origin->request), 'x-sum: 1', 'they arrive';
h2_post('/a', ['x-sum' => 1], length => 3);
is trailers($origin->request), '', 'not where the body has a length';
h2_post('/a', [cookie => 'a', host => 'b', authorization => 'c', 'x-user' => 'root', 'x-forwarded-for' => '1', under_score => 1, 'x-good' => 1]);
is trailers($origin->request), 'x-good: 1', 'those that may';
is h2_post('/a', ['x-big' => 'x' x 3000], port => 4)->{status}, 400, 'larger than a head may be';
is h2_post('/whole', ['x-big' => 'x' x 3000], port => 4, empty => 1)->{status}, 400, 'without a body too';
is h2_post('/a', [map { ("x-$_" => 1) } 1 .. 30], port => 4)->{status}, 400, 'more than a head may have';
isnt h2_post('/a', [':path' => '/evil', 'x-a' => 1])->{status} // 0, 200, 'a pseudo field';
isnt h2_post('/a', ['x-a' => "1\r\nX-Evil: 1"])->{status} // 0, 200, 'a line end';
is h2_post('/static', ['x-sum' => 1])->{status}, 200, 'nobody reads it';
my $late = H2->open($site, where => { port => 2 });
$late->headers(1, [H2::request(':method' => 'POST', ':path' => '/static')], END_HEADERS);
$late->until(sub ($f) { $f->{type} == HEADERS && $f->{stream} == 1 });
$late->headers(1, ['x-sum' => 1]);
$late->get(3, '/static');
is $late->answer(3)->{status}, 200, 'when the answer is long there';

# To HTTP/2 -----------------------------------------------------------------------------------------------------

# What the origin sees of the next request, which it answers: head, body, trailers.
sub seen () {
    my ($c, $r) = $h2_origin->serve;
    return { %$r, body => '', list => [] } if $r->{ended};
    my $body = '';
    while (my $f = $c->wait_for(sub ($f) { $f->{stream} == $r->{stream} && ($f->{type} == DATA || $f->{type} == HEADERS) })) {
        if ($f->{type} == HEADERS) {
            $c->answer($r->{stream}, 'fine');
            return { %$r, body => $body, ends => !!($f->{flags} & END_STREAM), trailers => join '|', @{ $f->{list} } };
        }
        $body .= $f->{payload};
        next unless $f->{flags} & END_STREAM;
        $c->answer($r->{stream}, 'fine');
        return { %$r, body => $body, trailers => '' };
    }
    return { body => 'cut' };
}
for my $uri (qw(/h2 /h2/stream /grpc)) {
    my $waiting = $site->connect;
    $waiting->write("POST $uri HTTP/1.1\r\nTrailer: X-Sum\r\n${chunked}3\r\nabc\r\n0\r\nX-Sum: 1\r\nCookie: no\r\n\r\n");
    my $seen = seen();
    is "$seen->{body} $seen->{trailers} $seen->{ends}", 'abc x-sum|1 1', "$uri: from HTTP/1.1, at the end of the stream";
    is $seen->{fields}{trailer}, 'X-Sum', "$uri: announced";
    is $waiting->read_response(method => 'POST')->body, 'fine', "$uri: answered";
    my $h2 = h2_post($uri, ['x-sum' => 1, 'x-user' => 'root'], open => 1, length => 3);
    $seen = seen();
    is "$seen->{body} $seen->{trailers}", $uri eq '/grpc' ? 'abc x-sum|1|x-user|root' : 'abc x-sum|1', "$uri: from HTTP/2";
    is $h2->answer(1)->{body}, 'fine', "$uri: answered";
    $h2 = h2_post($uri, ['x-sum' => 1], open => 1, empty => 1);
    $seen = seen();
    is "$seen->{body} $seen->{trailers}", ' x-sum|1', "$uri: no body, but trailers";
    is $h2->answer(1)->{body}, 'fine', "$uri: answered";
    my $big = 'x' x 200_000;
    $waiting = $site->connect;
    $waiting->write("POST $uri HTTP/1.1\r\n${chunked}" . sprintf("%x\r\n%s\r\n0\r\nX-Sum: 2\r\n\r\n", length $big, $big));
    $seen = seen();
    is length($seen->{body}) . " $seen->{trailers}", '200000 x-sum|2', "$uri: behind a large body";
    is $waiting->read_response(method => 'POST')->body, 'fine', "$uri: answered";
}
my $waiting = $site->connect;
$waiting->write("POST /h2/off HTTP/1.1\r\nTrailer: X-Sum\r\n${chunked}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
my $seen = seen();
is "$seen->{body} $seen->{trailers}" . ($seen->{fields}{trailer} // ''), 'abc ', 'off: none';
$waiting->read_response(method => 'POST');

done_testing;
