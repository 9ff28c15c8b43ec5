# t/proxy/client_gone.t - clients that vanish at every stage of a proxied request: what they had is given back,
# the origin is not kept busy for nobody, and others are served
use Site;
use H2;

my $site = Site->start(<<'CONF', log_level => 'info');
    log_format gone '$request_uri $status $upstream_status';
    access_log %DIR%/gone.log gone;
    server {
        listen %PORT% sndbuf=16k;
        client_max_body_size 0;
        client_body_buffer_size 16k;
        proxy_connect_timeout 30s;
        location / { proxy_pass http://%ORIGIN%; }
        location /off/ { proxy_buffering off; proxy_pass http://%ORIGIN%; }
        location /up/ { proxy_request_buffering off; proxy_pass http://%ORIGIN%; }
        location /stay/ { proxy_ignore_client_abort on; proxy_pass http://%ORIGIN%; }
        location /full/ { proxy_pass http://127.0.0.1:%PORT8%; }
        location /nofile/ { proxy_max_temp_file_size 0; proxy_pass http://%ORIGIN%; }
    }
    server { listen %PORT2%; location / { stub_status; } }
    server { listen %PORT3% http2; location / { proxy_pass http://%ORIGIN%; } location /up/ { proxy_request_buffering off; proxy_pass http://%ORIGIN%; } }
CONF
my $origin = $site->origin;

# The client leaves by one way or the other, and all is as before.
my %leave = (FIN => sub ($client) { $client->close }, RST => sub ($client) { $client->reset });
sub active () { return $site->get('/', { port => 2 })->body =~ /Active connections: (\d+)/ ? $1 : -1 }
sub is_over ($name, $idle = 0) {
    wait_until { $origin->open <= $idle } "no connection to the origin: $name" if defined $idle;
    wait_until { active() == 1 } "no connection but the one that asks: $name";
    pass $name;
}
sub logged ($uri, $line) {
    wait_until { ($site->slurp('gone.log') // '') =~ /^\Q$uri\E \Q$line\E$/m } "$uri $line";
    pass "$uri is logged as $line";
}
my $n = 0;
sub uri ($at) { $n++; return "$at$n" }

for my $way (sort keys %leave) {
    my $leave = $leave{$way};

    # In its own head and body
    $origin->forget;
    my $client = $site->connect;
    $client->write("GET /half HTTP/1.1\r\nHo");
    $leave->($client);
    is_over("$way in a head");
    $client = $site->connect;
    $client->write("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" . 'x' x 100_000);
    $leave->($client);
    is_over("$way in a body that is collected");
    is $origin->count, 0, 'the origin never heard of it';

    # In a body that flows
    my $uri = uri('/up/');
    $origin->script($uri, 'body', 'stall');
    $client = $site->connect;
    $client->write("POST $uri HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" . 'x' x 1000);
    wait_until { $origin->count == 1 } 'the request at the origin';
    $leave->($client);
    is_over("$way in a body that flows");
    ok !$origin->request->complete, 'the origin never has it whole';
    $client = $site->connect;
    $uri = uri('/up/');
    $origin->script($uri, 'body', 'stall');
    $client->write("POST $uri HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    wait_until { $origin->count == 2 } 'the request at the origin';
    $leave->($client);
    is_over("$way in chunks that flow");
    ok !$origin->request->complete, 'the last chunk is not invented';

    # While the answer is awaited
    for my $at ('/', '/off/', '/up/') {
        $uri = uri($at);
        my $held = $origin->hold($uri);
        $client = $site->send("GET $uri");
        $held->reached;
        $leave->($client);
        is_over("$way before the answer, $at");
        logged($uri, '499 -');
        $held->release;
    }
    $uri = uri('/');
    my $held = $origin->hold($uri);
    $client = $site->send("POST $uri", { body => 'x' x 50_000 });
    $held->reached;
    $leave->($client);
    is_over("$way before the answer to a body");
    $held->release;

    # In half a head of the origin's
    $uri = uri('/');
    $origin->script($uri, [write => "HTTP/1.1 200 OK\r\nX-"], 'stall');
    $origin->forget;
    $client = $site->send("GET $uri");
    wait_until { $origin->count } 'the request at the origin';
    $leave->($client);
    is_over("$way in the origin's head");

    # The origin's answer is wanted all the same
    $uri = uri('/stay/');
    $origin->forget;
    $held = $origin->hold($uri);
    $client = $site->send("GET $uri");
    $held->reached;
    $leave->($client);
    is $origin->open, 1, "$way with proxy_ignore_client_abort: the origin may go on";
    $held->release;
    wait_until { ($site->slurp('gone.log') // '') =~ /^\Q$uri\E \d+ 200$/m } 'its answer in the log';
    pass 'and its answer is logged';
    is_over('and that is over, too', 1);

    # In the answer: what the client does not take bounds what is read, or goes to a file
    for my $at ('/', '/off/', '/nofile/') {
        $uri = uri($at);
        $origin->answer($uri, fill => 30_000_000);
        $client = $site->send("GET $uri", { rcvbuf => 4096 });
        $client->read_until(qr/\r\n\r\n/);
        $leave->($client);
        is_over("$way in the answer, $at", 1);
        ok !-s $site->path('gone.log') || $site->slurp('gone.log') !~ /^\Q$uri\E 5/m, 'no error of ours';
    }
    $uri = uri('/');
    $origin->script($uri, [write => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n"], 'stall');
    $client = $site->send("GET $uri");
    $client->read_until(qr/some/);
    $leave->($client);
    is_over("$way in an answer that pauses", 1);

    # As soon as it has asked. What the origin then had to say may have left more than one idle connection.
    $leave->($site->send("GET /hasty$_")) for 1 .. 3;
    is_over("$way at once", undef);
    $origin->refuse->accept;

    # One of several requests that wait in a row
    $uri = uri('/');
    $held = $origin->hold($uri);
    $client = $site->connect;
    $client->write(join '', map { "GET $_ HTTP/1.1\r\nHost: a\r\n\r\n" } $uri, '/x', '/y');
    $held->reached;
    $leave->($client);
    is_over("$way with a pipeline", 1);
    $held->release;
    is $site->get('/alive')->body, "GET /alive\n", 'others are served';
    $origin->refuse->accept;                    # its idle connections end
}

# On the way to a peer that does not take the connection
use IO::Socket::INET;
my $queue = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $site->port(8), Listen => 1, ReuseAddr => 1) or die $!;
my @fill = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->port(8), Blocking => 0) } 1 .. 6;
for my $way (sort keys %leave) {
    my $client = $site->send("GET /full/$way");
    wait_until { active() == 2 } 'the client counted';
    $leave{$way}->($client);
    is_over("$way while a connection is made", undef);
    logged("/full/$way", '499 -');
}

# Streams of one HTTP/2 connection
my $h2 = H2->open($site, where => { port => 3 });
my $held = $origin->hold('/stream');
$h2->get(1, '/stream');
$h2->get(3, '/other');
$held->reached;
$h2->frame(RST_STREAM, 0, 1, pack 'N', 8);
wait_until { ($site->slurp('gone.log') // '') =~ m{^/stream 499 }m } 'the stream to be given up';
pass 'a stream that is reset is logged as 499';
$held->release;
$h2->get(5, '/after');
is $h2->answer(5)->{body}, "GET /after\n", 'the connection serves on';
$held = $origin->hold('/connection');
$h2->get(7, '/connection');
$held->reached;
$h2->{client}->reset;
wait_until { ($site->slurp('gone.log') // '') =~ m{^/connection 499 }m } 'its requests to be given up';
pass 'a connection that is reset takes its requests with it';
$held->release;

is $site->get('/alive')->body, "GET /alive\n", 'others are served';
done_testing;
