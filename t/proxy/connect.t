# t/proxy/connect.t - CONNECT becomes a tunnel to where the client asks, as far as the configuration allows
use Site;
use IO::Socket::INET;

needs_weir 'tunnel_pass is newer than the nginx compared with';

my $conf = <<'CONF';
    log_format tunnel '$request_method $request_uri $uri $status $body_bytes_sent $upstream_addr $upstream_status $upstream_bytes_received $upstream_bytes_sent $fail_reason';
    access_log %DIR%/tunnel.log tunnel;
    geo $upstream_last_addr $allowed { volatile; default 1; 127.0.0.2 0; 127.0.0.3 0; }
    map $host:$request_port $known { default ''; ~^127\.0\.0\.1:\d+$ 127.0.0.1:$request_port; }
    upstream two { server 127.0.0.2:%PORT8%; server %ORIGIN%; }
    upstream dead { server 127.0.0.1:%PORT9%; server %ORIGIN%; }
    resolver %DNS%;
    server { listen %PORT%; tunnel_pass; location /other { return 200 other; } }
    server { listen %PORT2%; location / { root %DIR%/html; } }
    server { listen %PORT3%; tunnel_pass $known; tunnel_connect_timeout 2s; add_header X-Said yes; }
    server { listen %PORT4%; tunnel_allow_upstream $allowed; tunnel_pass; }
    server { listen %PORT5%; tunnel_allow_upstream $allowed; tunnel_next_upstream denied error; tunnel_pass two; allow 127.0.0.1; deny all; }
    server { listen %PORT6%; tunnel_pass dead; tunnel_read_timeout 300ms; }
    server { listen %PORT12%; location / { tunnel_pass dead; if ($http_x_unix) { tunnel_pass %ORIGIN_UNIX%; } if ($http_x_no) { return 403; } } }
    server { listen %PORT7%; deny all; tunnel_pass; }
    server {
        listen 127.0.0.1:%PORT10%; auth_basic x; auth_basic_user_file %DIR%/users; tunnel_buffer_size 1k; tunnel_pass;
        tunnel_bind 127.0.0.5; tunnel_socket_keepalive on; tunnel_socket_rcvbuf 64k; tunnel_socket_sndbuf 64k; tunnel_next_upstream_tries 1; tunnel_next_upstream_timeout 1s; tunnel_send_timeout 5s;
    }
    server { listen %PORT11%; proxy_allow_upstream $allowed; location / { proxy_pass http://127.0.0.2:%PORT8%; } location /two { proxy_pass http://two; proxy_next_upstream error denied; } }
CONF
my $site   = Site->start($conf, files => { users => "u:{PLAIN}p\n", 'html/x' => 'x' });
my $origin = $site->origin;
my $port   = $origin->port;

sub connect_to ($where, $to, $more = '', $after = '') {
    my $client = $site->connect({ port => $where });
    $client->write("CONNECT $to HTTP/1.1\r\nHost: $to\r\n$more\r\n$after");
    return ($client, $client->read_until(qr/\r\n\r\n/) // '');
}
sub status ($where, $to, @more) {
    my ($client, $head) = connect_to($where, $to, @more);
    return $head =~ m{\AHTTP/1\.1 (\d+) } ? $1 : $head;
}
sub logged ($to) {
    my $line;
    wait_until { ($line) = reverse(grep { / \Q$to\E / } split /\n/, $site->slurp('tunnel.log') // '') } "$to in the log";
    return $line;
}

# There and back
my ($client, $head) = connect_to(1, "127.0.0.1:$port");
like $head, qr{\AHTTP/1\.1 200 Connection established\r\n}, 'a tunnel';
unlike $head, qr/^(?:Content-|Transfer-|Connection)/mi, 'which has neither length nor coding';
$client->write("GET /in HTTP/1.1\r\nHost: inner\r\n\r\n");
is $client->read_response->body, "GET /in\n", 'to the origin';
is $origin->request->header('Host'), 'inner', 'with what the client says';
is $origin->request->raw, "GET /in HTTP/1.1\r\nHost: inner\r\n\r\n", 'and nothing else';
$client->write("GET /again HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n\r\n");
my $again = $client->read_response;
is $again->body, "GET /again\n", 'again';
is $client->closed, 'eof', 'the end of the origin is the end';
like logged("127.0.0.1:$port"), qr{\ACONNECT 127\.0\.0\.1:$port / 200 \d+ 127\.0\.0\.1:$port - (\d+) \d+ -\z}, 'in the log';
($client, $head) = connect_to(1, "127.0.0.1:$port", '', "GET /early HTTP/1.1\r\nHost: a\r\n\r\n");
is $client->read_response->body, "GET /early\n", 'what came with the head is not lost';
$client->close;
($client, $head) = connect_to(1, "localhost:$port");
like $head, qr/ 502 /, 'a name that is not known';

# Where it is not allowed
is status(2, "127.0.0.1:$port"), 405, 'not without tunnel_pass';
is status(7, "127.0.0.1:$port"), 403, 'not where access is denied';
is status(10, "127.0.0.1:$port"), 401, 'nor without a password';
is status(12, 'a:1', "X-No: 1\r\n"), 403, 'nor where `return` forbids it';
is status(4, "127.0.0.2:$port"), 403, 'nor to an address that tunnel_allow_upstream denies';
like logged("127.0.0.2:$port"), qr/ 403 \d+ 127\.0\.0\.2:$port 403 0 0 upstream\.denied\z/, 'with its cause';
like $site->error_log, qr/\[error\] .* access to upstream server is denied .* upstream: "127\.0\.0\.2:$port"/, 'in the error log';
is status(4, "127.0.0.1:$port"), 200, 'but to others';
is status(3, '10.0.0.1:80'), 500, 'nor to what a map does not know';
is status(3, "127.0.0.1:$port"), 200, 'but to what it does';
is $site->send('GET /other')->response->body, 'other', 'other methods are served as ever';
is $site->request('GET /x', { port => 2 })->status, 200, 'anywhere';
is $site->connect({ port => 1 })->request('POST /other', { body => 'x' })->status, 200, 'with bodies';

# Bad requests
is $site->raw("CONNECT 127.0.0.1:$port HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345")->status, 400, 'no body';
is $site->raw("CONNECT 127.0.0.1:$port HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")->status, 400, 'in no form';
is $site->raw("CONNECT 127.0.0.1 HTTP/1.1\r\nHost: a\r\n\r\n")->status, 400, 'a port is needed';
is $site->raw("CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n")->status, 400, 'a path is no place';
is $site->raw("CONNECT unix:/x:1 HTTP/1.1\r\nHost: a\r\n\r\n")->status, 400, 'nor is a file';
is $site->raw("CONNECT \@a:1 HTTP/1.1\r\nHost: a\r\n\r\n")->status, 400, 'nor a user';

# Others
is status(5, 'anything:1'), 200, 'one that is denied is passed by';
like logged('anything:1'), qr/ 200 \d+ 127\.0\.0\.2:\d+, 127\.0\.0\.1:$port 403, - /, 'as both tries say';
($client, $head) = connect_to(6, 'anything:2');
like $head, qr/ 200 /, 'and one that refuses';
is $client->closed, 'eof', 'silence ends a tunnel';
like logged('anything:2'), qr/ 127\.0\.0\.1:$port 502, - .*tunnel\.timeout\z/, 'with its cause';
($client, $head) = connect_to(12, 'anything:3', "X-Unix: 1\r\n");
$client->write("GET /unix HTTP/1.1\r\nHost: a\r\n\r\n");
is $client->read_response->body, "GET /unix\n", 'a unix socket, of an `if`';
$client->close;
like +(connect_to(3, "127.0.0.1:$port"))[1], qr/^X-Said: yes\r$/m, 'fields are added';
is status(1, '127.0.0.1:' . $site->port(9)), 502, 'nobody there';
like logged('127.0.0.1:' . $site->port(9)), qr/ 502 .* upstream\.connect\z/, 'with its cause';
is $site->request('GET /', { port => 11 })->status, 403, 'proxy_allow_upstream';
is $site->request('GET /two', { port => 11 })->status, 200, 'and the next one';

# Large, through small reads, from a bound address
my $auth = "Authorization: Basic dTpw\r\n";
$origin->answer('/large', fill => 3_000_000);
($client, $head) = connect_to(10, "127.0.0.1:$port", $auth);
$client->write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
is length $client->read_response->body, 3_000_000, 'much comes';
$client->write("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" . 'u' x 3_000_000);
is $client->read_response->body, "POST /up\n", 'and goes';
is length $origin->request->body, 3_000_000, 'whole';
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
($client, $head) = connect_to(10, '127.0.0.1:' . $listener->sockport, $auth);
is $listener->accept->peerhost, '127.0.0.5', 'tunnel_bind';

done_testing;
