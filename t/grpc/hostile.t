# t/grpc/hostile.t - origins that break the rules of HTTP/2, or just do not behave: the call fails, others do not
use Site;
use H2;
use H2Origin;

needs_weir 'its own words, and streams that are tried again';

my ($origin, $second) = (H2Origin->listen, H2Origin->listen);
my $site = Site->start(<<"CONF");
    http2 on;
    grpc_buffer_size 4k;
    upstream app { server ${\$origin->address} max_fails=0; keepalive 8; }
    upstream both { server ${\$origin->address} max_fails=0; server ${\$second->address} backup; keepalive 8; }
    server {
        listen %PORT%;
        client_max_body_size 10m;
        location / { grpc_pass app; }
        location /both { grpc_pass both; }
        location /later { grpc_read_timeout 4s; grpc_pass app; }
        location /quick { grpc_read_timeout 400ms; grpc_send_timeout 400ms; grpc_pass app; }
    }
CONF
my $h2;
my $stream = -1;
sub call ($path = '/x', $body = 'ask', %request) {
    $h2 //= H2->open($site);
    $stream += 2;
    $h2->headers($stream, [H2::request(':method' => 'POST', ':path' => $path, %request)], END_HEADERS);
    $h2->frame(DATA, END_STREAM, $stream, H2Origin::message($body));
    return $stream;
}
# What a client sees: "502", "200 0" (with the status of gRPC), "200 reset".
sub outcome ($id, $on = $h2) {
    my $answer = $on->answer($id);
    my @heads = $on->heads(@{ $answer->{frames} });
    my ($status) = grep { defined } map { $_->{'grpc-status'} } @heads;
    return join ' ', grep { defined } $heads[0]{':status'}, $status, defined $answer->{reset} ? 'reset' : undef;
}
sub works ($why) {
    my $id = call();
    my ($c, $r) = $origin->serve;
    $c->body($r->{stream});
    $c->grpc($r->{stream}, ['fine']);
    my $got = outcome($id);
    is $got, '200 0', $why;
}
sub head_bytes ($id, @fields) { return H2::frame_bytes(HEADERS, END_HEADERS, $id, H2::block(@fields)) }

works('an origin that behaves');

# Breaches for which the connection ends ------------------------------------------------------------------------------

my @ok = (':status' => 200, 'content-type' => 'application/grpc');
my %breach = (
    'an answer on a stream that is none' => sub ($c, $id) { head_bytes(99, @ok) },
    'an answer on stream 0'       => sub ($c, $id) { head_bytes(0, @ok) },
    'an answer on an even stream' => sub ($c, $id) { head_bytes(2, @ok) },
    'DATA before an answer'       => sub ($c, $id) { H2::frame_bytes(DATA, 0, $id, 'x') },
    'PUSH_PROMISE'                => sub ($c, $id) { H2::frame_bytes(PUSH_PROMISE, END_HEADERS, $id, pack('N', 2) . H2::block(H2::request())) },
    'a field block of garbage'    => sub ($c, $id) { H2::frame_bytes(HEADERS, END_HEADERS, $id, "\xff" x 20) },
    'a frame that is too large'   => sub ($c, $id) { H2::frame_bytes(DATA, 0, $id, 'x' x 20_000) },
    'SETTINGS of a wrong size'    => sub ($c, $id) { H2::frame_bytes(SETTINGS, 0, 0, 'xxxxx') },
    'SETTINGS that allow a push'  => sub ($c, $id) { H2::frame_bytes(SETTINGS, 0, 0, pack 'nN', 2, 1) },
    'a window beyond all'         => sub ($c, $id) { H2::frame_bytes(WINDOW_UPDATE, 0, 0, pack 'N', 0x7fffffff) },
    'a window of nothing'         => sub ($c, $id) { H2::frame_bytes(WINDOW_UPDATE, 0, 0, pack 'N', 0) },
    'CONTINUATION of nothing'     => sub ($c, $id) { H2::frame_bytes(CONTINUATION, END_HEADERS, $id, 'x') },
    'a PING within a field block' => sub ($c, $id) { H2::frame_bytes(HEADERS, 0, $id, H2::block(@ok)) . H2::frame_bytes(PING, 0, 0, 'x' x 8) },
    'a reset of an idle stream'   => sub ($c, $id) { H2::frame_bytes(RST_STREAM, 0, 77, pack 'N', 8) },
    'a flood of PING'             => sub ($c, $id) { H2::frame_bytes(PING, 0, 0, 'x' x 8) x 3000 },
    'a flood of SETTINGS'         => sub ($c, $id) { H2::frame_bytes(SETTINGS, 0, 0) x 3000 },
    'a flood of WINDOW_UPDATE'    => sub ($c, $id) { H2::frame_bytes(WINDOW_UPDATE, 0, $id, pack 'N', 1) x 3000 },
    'a flood of PRIORITY'         => sub ($c, $id) { H2::frame_bytes(PRIORITY, 0, $id, "\0\0\0\0\1") x 3000 },
    'a head without end'          => sub ($c, $id) { H2::frame_bytes(HEADERS, 0, $id, H2::block(@ok)) . H2::frame_bytes(CONTINUATION, 0, $id, H2::block('x-y' => 'z' x 1000)) x 2000 },
    'an answer of HTTP/1.1'       => sub ($c, $id) { "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" },
    'random bytes'                => sub ($c, $id) { srand 7; join '', map { chr int rand 256 } 1 .. 5000 },
);
for my $what (sort keys %breach) {
    my $id = call();
    my ($c, $r) = $origin->serve;
    $c->raw($breach{$what}->($c, $r->{stream}));
    my $got = outcome($id);
    like $got, qr/^50[24]$/, $what;
    ok $c->closed, "$what: the connection ends";
    $c->{gone} = 1;
}
works('and the next one works');

# Breaches for which the stream ends: others on the connection go on ----------------------------------------------------

my %wrong = (
    'no status'                => sub ($c, $id) { $c->headers($id, ['content-type' => 'x']) },
    'a status that is none'    => sub ($c, $id) { $c->headers($id, [':status' => 'abc']) },
    'two of them'              => sub ($c, $id) { $c->headers($id, [':status' => 200, ':status' => 200]) },
    'status 101'               => sub ($c, $id) { $c->headers($id, [':status' => 101], END_HEADERS) },
    'a pseudo field of requests' => sub ($c, $id) { $c->headers($id, [':status' => 200, ':path' => '/']) },
    'a pseudo field at the end' => sub ($c, $id) { $c->headers($id, ['x' => 1, ':status' => 200]) },
    'a capital in a name'      => sub ($c, $id) { $c->headers($id, [@ok, 'X' => 1]) },
    'Connection'               => sub ($c, $id) { $c->headers($id, [@ok, connection => 'close']) },
    'Transfer-Encoding'        => sub ($c, $id) { $c->headers($id, [@ok, 'transfer-encoding' => 'chunked']) },
    'a line end in a value'    => sub ($c, $id) { $c->headers($id, [@ok, x => "a\r\nb: c"]) },
    'an interim answer that ends' => sub ($c, $id) { $c->headers($id, [':status' => 103]) },
    'interim answers without end' => sub ($c, $id) { $c->headers($id, [':status' => 103, link => '</x>'], END_HEADERS) for 1 .. 100 },
    'a head of 5 KB'           => sub ($c, $id) { $c->headers($id, [@ok, map { ("x-$_" => 'v' x 500) } 1 .. 10]) },
    'a head of 60 KB'          => sub ($c, $id) { $c->headers($id, [@ok, map { ("x-$_" => 'v' x 6000) } 1 .. 10]) },
    'a large one in small text' => sub ($c, $id) { $c->frame(HEADERS, END_STREAM | END_HEADERS, $id, H2::block(@ok) . "\x40" . substr(H2::block(x => 'v' x 2000), 1) . "\xbe" x 5000) },
    'a reset'                  => sub ($c, $id) { $c->rst($id, 2) },
    'an unknown reset'         => sub ($c, $id) { $c->rst($id, 0xdeadbeef) },
    'an empty answer reset'    => sub ($c, $id) { $c->rst($id, 0) },
    'silence'                  => sub ($c, $id) { $c->frame(PING, 0, 0, 'x' x 8) },     # of that stream, not of all
);
my $steady = H2->open($site);
$steady->headers(1, [H2::request(':method' => 'POST', ':path' => '/x')], END_HEADERS);
my ($sc, $sr) = $origin->serve;
$sc->head($sr->{stream}, 'content-type' => 'application/grpc');
my $silent = H2->open($site);                   # silence lasts: it begins here and is looked at below
$silent->headers(1, [H2::request(':method' => 'POST', ':path' => '/later')]);
{
    my ($c, $r) = $origin->serve;
    $c->head($r->{stream}, 'content-type' => 'application/grpc');
    $c->frame(DATA, 0, $r->{stream}, H2Origin::message('part'));
}
for my $what (sort keys %wrong) {
    my $id = call($what eq 'silence' ? '/quick' : '/x');
    my ($c, $r) = $origin->serve;
    is $c, $sc, "$what: over the one connection" if $c != $sc;
    $wrong{$what}->($c, $r->{stream});
    my $got = outcome($id);
    like $got, $what eq 'silence' ? qr/^504$/ : qr/^502$/, $what;
}
# In the middle of an answer.
my %broken = (
    'a second head'            => sub ($c, $id) { $c->headers($id, [@ok], END_HEADERS) },
    'trailers that do not end' => sub ($c, $id) { $c->headers($id, ['grpc-status' => 0], END_HEADERS) },
    'trailers with a status'   => sub ($c, $id) { $c->trailers($id, ':status' => 200) },
    'trailers of 5 KB'         => sub ($c, $id) { $c->trailers($id, map { ("x-$_" => 'v' x 500) } 1 .. 10) },
    'a reset'                  => sub ($c, $id) { $c->rst($id, 2) },
    'a refusal'                => sub ($c, $id) { $c->rst($id, 7) },
);
for my $what (sort keys %broken) {
    my $id = call();
    my ($c, $r) = $origin->serve;
    $c->head($r->{stream}, 'content-type' => 'application/grpc');
    $c->frame(DATA, 0, $r->{stream}, H2Origin::message('part'));
    $h2->heads($h2->until(sub ($f) { $f->{type} == DATA && $f->{stream} == $id }));
    $broken{$what}->($c, $r->{stream});
    like outcome($id), qr/reset$/, "$what in the middle of an answer: it breaks off";
}
for my $length (3, 5) {
    my $id = call();
    my ($c, $r) = $origin->serve;
    $c->head($r->{stream}, 'content-length' => 4);
    $c->frame(DATA, END_STREAM, $r->{stream}, 'x' x $length);
    like outcome($id), qr/^(200 reset|502)$/, "a body of $length bytes that should have 4";
}
$sc->frame(DATA, 0, $sr->{stream}, 'still here');
my @frames = $steady->until(sub ($f) { $f->{type} == DATA });
is $frames[-1]{payload}, 'still here', 'another call on that connection has seen nothing of it';
$sc->trailers($sr->{stream}, 'grpc-status' => 0);
is outcome(1, $silent), '200 reset', 'silence in the middle of an answer: it breaks off';

# Whole answers, cut anywhere, and in single bytes --------------------------------------------------------------------------

my $whole = sub ($id) {
    return head_bytes($id, @ok) . H2::frame_bytes(DATA, 0, $id, H2Origin::message('abc')) . H2::frame_bytes(DATA, PADDED, $id, "\2de\0\0")
        . H2::frame_bytes(HEADERS, END_HEADERS | END_STREAM, $id, H2::block('grpc-status' => 0));
};
{
    my $id = call();
    my ($c, $r) = $origin->serve;
    $c->raw($_) for split //, $whole->($r->{stream});
    is outcome($id), '200 0', 'an answer in single bytes';
}
my $bytes = length $whole->(1);
my %seen;
for my $at (grep { $_ % 3 == 0 || $_ > $bytes - 4 } 0 .. $bytes - 1) {
    my $id = call();
    my ($c, $r) = $origin->serve;
    $c->raw(substr $whole->($r->{stream}), 0, $at);
    $c->shut;
    $c->{gone} = 1;
    $seen{ outcome($id) }++;
}
is_deeply [sort keys %seen], ['200 reset', '502'], 'cut anywhere it is never taken for whole';

# An origin without SETTINGS, or without anything --------------------------------------------------------------------------

for my $what ('a head', 'nothing') {
    for my $conn (grep { !$_->{gone} } @{ $origin->{conns} }) { $conn->shut; $conn->{gone} = 1 }
    my $id = call('/quick');
    my $c = $origin->take(silent => 1);
    $c->raw(head_bytes(1, @ok)) if $what eq 'a head';
    my $got = outcome($id);
    like $got, $what eq 'nothing' ? qr/^504$/ : qr/^50[24]$/, "$what in place of SETTINGS";
    $c->shut;
}

# Refused and gone: another connection, another server --------------------------------------------------------------------------

sub on_fresh ($do, $path = '/x') {
    my $id = call($path);
    my ($c, $r) = $origin->serve;
    $c->body($r->{stream});
    $do->($c, $r);
    return $id;
}
{
    my $id = on_fresh(sub ($c, $r) { $c->rst($r->{stream}, 7) });
    my ($c, $r) = $origin->serve;
    is $c->body($r->{stream}), H2Origin::message('ask'), 'a refused call comes again, with its body';
    $c->grpc($r->{stream}, ['x']);
    is outcome($id), '200 0', 'and is answered';
    $id = on_fresh(sub ($c, $r) { $c->rst($r->{stream}, 7) }, '/both');
    ($c, $r) = $origin->serve;
    $c->rst($r->{stream}, 7);
    ($c, $r) = $second->serve;
    $c->grpc($r->{stream}, ['x']);
    is outcome($id), '200 0', 'refused twice it goes to the next server';
    $id = on_fresh(sub ($c, $r) { $c->rst($r->{stream}, 7) });
    ($c, $r) = $origin->serve;
    $c->rst($r->{stream}, 7);
    is outcome($id), '502', 'or nowhere';
}
{
    my $id = on_fresh(sub ($c, $r) { $c->goaway($r->{stream} - 2) });
    my ($c, $r) = $origin->serve;
    $c->grpc($r->{stream}, ['x']);
    is outcome($id), '200 0', 'GOAWAY before it: over another connection';
    $id = call();
    for (1 .. 4) {
        ($c, $r) = $origin->serve;
        $c->goaway($r->{stream} > 1 ? $r->{stream} - 2 : 0);
    }
    ($c, $r) = $origin->serve;
    $c->grpc($r->{stream}, ['x']);
    is outcome($id), '200 0', 'even several times';
    my ($old) = $c;
    $id = on_fresh(sub ($c, $r) { $c->goaway($r->{stream}); $old = $c; $c->grpc($r->{stream}, ['x']) });
    is outcome($id), '200 0', 'GOAWAY behind it: answered';
    ok $old->closed, 'then the connection ends';
    $old->{gone} = 1;
    $id = on_fresh(sub ($c, $r) { $c->goaway($r->{stream}); $c->shut; $c->{gone} = 1 });
    is outcome($id), '502', 'GOAWAY behind it and no answer: not tried again';
    $id = on_fresh(sub ($c, $r) { $c->head($r->{stream}); $c->goaway($r->{stream}); $c->shut; $c->{gone} = 1 });
    like outcome($id), qr/^502$|reset$/, 'in the middle of an answer: it breaks off';
    works('after all of that');
}

# Windows -----------------------------------------------------------------------------------------------------------------------

for my $conn (grep { !$_->{gone} } @{ $origin->{conns} }) { $conn->shut; $conn->{gone} = 1 }
{
    $h2 = undef;
    $stream = -1;
    my $id = call('/quick', 'y' x 1000);
    my $c = $origin->take(settings => pack 'nN', 4, 0);
    my $r = $c->request;
    is outcome($id), '504', 'a window that is never opened';
    is $c->reset_of($r->{stream}), 8, 'and the origin is told that nobody waits';
    $id = call('/x', 'y' x 400);
    $r = $c->request;
    $c->frame(WINDOW_UPDATE, 0, $r->{stream}, pack 'N', 1) for 1 .. 405;
    is length $c->body($r->{stream}), 405, 'one that is opened by single bytes';
    $c->grpc($r->{stream}, ['x']);
    is outcome($id), '200 0', 'is enough';
    $c->shut;
}

done_testing;
