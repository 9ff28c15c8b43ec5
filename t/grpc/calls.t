# t/grpc/calls.t - calls of all four shapes through grpc_pass, frame by frame
use Site;
use H2;
use H2Origin;

needs_weir 'several calls on one connection to the origin';

my $origin = H2Origin->listen;
my $site = Site->start(<<"CONF");
    http2 on;
    lingering_timeout 1h;
    upstream app { server ${\$origin->address}; keepalive 8; }
    server {
        listen %PORT%;
        location / { grpc_pass grpc://app; grpc_set_header X-Given "\$arg_x"; grpc_set_header X-None ""; }
        location /page/late { grpc_pass app; error_page 504 = /down; }
        location /page/short { grpc_read_timeout 500ms; grpc_pass app; error_page 504 = /down; }
        location /small { client_max_body_size 10; grpc_pass app; }
        location /plain { grpc_pass ${\$origin->address}; grpc_set_header Host h.example; grpc_hide_header x-secret; }
        location /page { grpc_pass app; error_page 502 504 = /down; grpc_intercept_errors on; error_page 404 = /lost; }
        location = /down { internal; default_type application/grpc; add_header grpc-status 14; return 204; }
        location = /lost { internal; default_type application/grpc; add_header grpc-status 12; return 204; }
    }
CONF

sub call ($h2, $stream, $path, $flags, @fields) {
    return $h2->headers($stream, [H2::request(':method' => 'POST', ':path' => $path,
        fields => ['content-type' => 'application/grpc', te => 'trailers', @fields])], $flags);
}
sub message ($text) { return H2Origin::message($text) }
sub frames_until ($h2, $type, $stream) { return $h2->until(sub ($f) { $f->{type} == $type && $f->{stream} == $stream }) }
# The payload of the next DATA.
sub next_data ($h2, $stream) { my @f = frames_until($h2, DATA, $stream); $h2->heads(@f); return $f[-1]{payload} }

my $h2 = H2->open($site);

# Unary -----------------------------------------------------------------------------------------------------

call($h2, 1, '/pkg.Service/Do?x=1', END_HEADERS, 'x-none' => 'sent', 'grpc-timeout' => '5S', cookie => 'a=1', cookie => 'b=2');
$h2->frame(DATA, END_STREAM, 1, message('ask'));
my ($c) = @{ $origin->{conns} } = $origin->take;
my $r = $c->request;
my %seen = %{ $r->{fields} };
is "@seen{qw(:method :path :scheme :authority)}", 'POST /pkg.Service/Do?x=1 http app', 'what is asked for';
is "@seen{qw(te content-type grpc-timeout cookie x-given)}", 'trailers application/grpc 5S a=1; b=2 1', 'and its fields';
ok !exists $seen{'x-none'} && !exists $seen{host} && !exists $seen{connection}, 'and no others';
like join(' ', @{ $r->{list} }), qr{^:method \S+ (:\w+ \S+ ){3}[^:]*$}, 'pseudo fields come first'
    if join(' ', map { $r->{list}[2 * $_] } 0 .. $#{ $r->{list} } / 2) !~ /^(:\w+ ){4}[^:]+$/;
is $c->body($r->{stream}), message('ask'), 'the message';
$c->grpc($r->{stream}, ['answer'], 0, date => 'never', 'x-a' => 'b');
my $answer = $h2->answer(1);
my ($head, $trailers) = $h2->heads(@{ $answer->{frames} });
is "@$head{qw(:status content-type x-a)}", '200 application/grpc b', 'the head of the answer';
isnt $head->{date}, 'never', 'Date is ours';
ok !exists $head->{'content-length'}, 'no length';
is $answer->{body}, message('answer'), 'the message';
is_deeply $trailers, { 'grpc-status' => 0 }, 'and the status behind it';

# Trailers only ---------------------------------------------------------------------------------------------

call($h2, 3, '/pkg.Service/None', END_HEADERS);
$h2->frame(DATA, END_STREAM, 3, message('ask'));
$r = $c->request;
$c->trailers($r->{stream}, ':status' => 200, 'content-type' => 'application/grpc', 'grpc-status' => 12);
$answer = $h2->answer(3);
($head, my @more) = $h2->heads(@{ $answer->{frames} });
is $head->{'grpc-status'}, 12, 'an answer without messages';
ok !@more && $answer->{body} eq '', 'is one frame';

# Server streaming: each message leaves as it comes ------------------------------------------------------------

call($h2, 5, '/pkg.Service/List', END_HEADERS);
$h2->frame(DATA, END_STREAM, 5, message('ask'));
$r = $c->request;
$c->head($r->{stream}, 'content-type' => 'application/grpc');
for my $n (1 .. 3) {
    $c->frame(DATA, 0, $r->{stream}, message("part $n"));
    is next_data($h2, 5), message("part $n"), "message $n while the stream is open";
}
$c->trailers($r->{stream}, 'grpc-status' => 0, 'grpc-message' => 'done');
(undef, $trailers) = (0, $h2->heads(@{ $h2->answer(5)->{frames} }));
is $trailers->{'grpc-message'}, 'done', 'its end';

# Client streaming ---------------------------------------------------------------------------------------------

call($h2, 7, '/pkg.Service/Sum', END_HEADERS);
$r = $c->request;
ok !$r->{ended}, 'a call without a message yet';
for my $n (1 .. 3) {
    $h2->frame(DATA, 0, 7, message("part $n"));
    is $c->data($r->{stream})->{payload}, message("part $n"), "message $n as it comes";
}
$h2->frame(DATA, END_STREAM, 7);
is $c->body($r->{stream}), '', 'the end';
$c->grpc($r->{stream}, ['sum']);
$answer = $h2->answer(7);
$h2->heads(@{ $answer->{frames} });
is $answer->{body}, message('sum'), 'the answer';

# Both at once, on two calls at once -----------------------------------------------------------------------------

call($h2, $_, "/pkg.Service/Chat$_", END_HEADERS) for 9, 11;
my %at = map { my $q = $c->request; $q->{fields}{':path'} =~ /(\d+)$/; $1 => $q->{stream} } 1, 2;
for my $n (1 .. 3) {
    for my $stream (9, 11) {
        $h2->frame(DATA, 0, $stream, message("$stream says $n"));
        is $c->data($at{$stream})->{payload}, message("$stream says $n"), "$stream says $n";
        $c->head($at{$stream}, 'content-type' => 'application/grpc') if $n == 1;
        $c->frame(DATA, 0, $at{$stream}, message("$stream hears $n"));
        is next_data($h2, $stream), message("$stream hears $n"), "$stream hears $n";
    }
}
for my $stream (9, 11) {
    $h2->frame(DATA, END_STREAM, $stream);
    is $c->body($at{$stream}), '', "$stream is done";
    $c->trailers($at{$stream}, 'grpc-status' => 0);
    is +($h2->heads(@{ $h2->answer($stream)->{frames} }))[0]{'grpc-status'}, 0, "and so is the answer";
}
ok !$origin->knocked, 'all of that over one connection';

# An answer before the end of the request: the rest is not wanted ------------------------------------------------

call($h2, 13, '/pkg.Service/Early', END_HEADERS);
$r = $c->request;
$c->trailers($r->{stream}, ':status' => 200, 'grpc-status' => 8);
$answer = $h2->answer(13);
is +($h2->heads(@{ $answer->{frames} }))[0]{'grpc-status'}, 8, 'an early answer';
is $c->reset_of($r->{stream}), 8, 'the origin is told that no more comes';

# The client gives up ---------------------------------------------------------------------------------------------

call($h2, 15, '/pkg.Service/Long', END_HEADERS);
$r = $c->request;
$c->head($r->{stream}, 'content-type' => 'application/grpc');
$h2->frame(RST_STREAM, 0, 15, pack 'N', 8);
is $c->reset_of($r->{stream}), 8, 'a call that its client cancels is cancelled at the origin';

# A deadline in the middle of an answer: it begins here, and is looked at below -------------------------------------

my $late = H2->open($site);
call($late, 1, '/page/late', END_HEADERS, 'grpc-timeout' => '3S');
$late->frame(DATA, END_STREAM, 1, message('x'));
my $late_stream = $c->request->{stream};
$c->head($late_stream, 'content-type' => 'application/grpc');
$c->frame(DATA, 0, $late_stream, message('first'));
is next_data($late, 1), message('first'), 'an answer begins';

# Other ways to say it, and errors as pages ---------------------------------------------------------------------------

my $client = $site->send('GET /plain');
my $d = $origin->take;
$r = $d->request;
is "@{ $r->{fields} }{qw(:method :authority)}", 'GET h.example', 'Host given is the authority';
ok $r->{ended}, 'no body, no DATA';
$d->head($r->{stream}, 'x-secret' => 1, 'x-open' => 2, 'content-length' => 4);
$d->frame(DATA, END_STREAM, $r->{stream}, 'body');
my $reply = $client->response;
is $reply->body, 'body', 'a client of HTTP/1.1 is served, too';
ok !defined $reply->header('x-secret') && $reply->header('x-open') == 2, 'grpc_hide_header';

sub page ($what, $do, $path = '/page') {
    my $h = H2->open($site);
    call($h, 1, $path, END_HEADERS);
    $h->frame(DATA, END_STREAM, 1, message('x'));
    $r = $c->request;
    $do->($r->{stream});
    my ($got) = $h->heads(@{ $h->answer(1)->{frames} });
    return "$got->{':status'} " . ($got->{'grpc-status'} // '-') . ' ' . ($got->{'content-type'} // '-');
}
is page('reset', sub ($s) { $c->rst($s, 2) }), '204 14 -', 'a reset is 502, for which there is a page';
is page('404', sub ($s) { $c->answer($s, 'x', ':status' => 404) }), '204 12 -', 'grpc_intercept_errors';
is page('deadline', sub ($s) { 1 }, '/page/short'), '204 14 -', 'so is an answer that does not come';

# Deadlines --------------------------------------------------------------------------------------------------------------

$h2 = H2->open($site);
call($h2, 1, '/page/late', END_HEADERS, 'grpc-timeout' => '50m');
$h2->frame(DATA, END_STREAM, 1, message('x'));
my $late_conn = $c;
($c, $r) = $origin->serve;                      # a connection that has been silent for long is left alone
($head) = $h2->heads(@{ $h2->answer(1)->{frames} });
is $head->{'grpc-status'}, 14, 'the time that a client has is over: 504';
is $c->reset_of($r->{stream}), 8, 'and the origin knows';
ok defined $late->answer(1)->{reset}, 'in the middle of an answer: it breaks off';
is $late_conn->reset_of($late_stream), 8, 'and the origin knows';

# An answer that does not wait for the call's end: clients take the reset behind it for the end ----------------

$site->allow_log(qr/too large chunked body/);
$h2 = H2->open($site);
call($h2, 1, '/small', END_HEADERS);
$h2->frame(DATA, 0, 1, message('more than it may send'));
my @seen = $h2->until(sub ($f) { $f->{type} == RST_STREAM && $f->{stream} == 1 });
is unpack('N', $seen[-1]{payload}), 0, 'a call that is refused while its client sends is reset without an error';

done_testing;
