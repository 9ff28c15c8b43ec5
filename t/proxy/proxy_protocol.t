# t/proxy/proxy_protocol.t - origins are told who the client is in a PROXY header, before TLS and HTTP
use Site;
use Certs;
use Client;
use IO::Socket::INET;

needs_weir 'nginx sends it in stream only';

my $certs = File::Temp->newdir;
Certs::make("$certs", 's', names => ['localhost']);
my $site = Site->start(<<'CONF', files => { map { ("s.$_" => Procs::slurp("$certs/s.$_")) } qw(crt key) });
    log_format told '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port';
    upstream told { server 127.0.0.1:%PORT2%; keepalive 8; }
    upstream kept { server %ORIGIN%; keepalive 8; }
    upstream raw { server 127.0.0.1:%PORT9%; }
    proxy_protocol on;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    server {
        listen %PORT%;
        listen unix:%DIR%/front.sock;
        location / { proxy_pass http://told; }
        location /two { proxy_pass http://told; proxy_protocol v2; }
        location /off { proxy_pass http://told; proxy_protocol off; }
        location /tls { proxy_pass https://127.0.0.1:%PORT3%; }
        location /unix { proxy_pass http://unix:%DIR%/back.sock; proxy_protocol v1; }
        location /raw { proxy_pass http://raw; }
        location /raw2 { proxy_pass http://raw; proxy_protocol v2; }
        location /kept { proxy_pass http://kept; proxy_protocol off; }
        location /next { proxy_pass http://127.0.0.1:%PORT2%/; proxy_bind 127.0.0.7; }
    }
    server {
        listen %PORT2% proxy_protocol; listen %PORT3% ssl proxy_protocol; listen unix:%DIR%/back.sock proxy_protocol;
        ssl_certificate %DIR%/s.crt; ssl_certificate_key %DIR%/s.key;
        real_ip_header X-None;
        location / { return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $remote_addr"; }
    }
CONF

my $port = $site->port;
for my $uri ('/', '/two', '/tls', '/unix') {
    my $client = $site->connect;
    my $from   = $client->local_port;
    like $client->get($uri)->body, qr/\A127\.0\.0\.1 $from 127\.0\.0\.1 $port /, "$uri: both ends of the client's connection";
    like $client->get($uri)->body, qr/\A127\.0\.0\.1 $from 127\.0\.0\.1 $port /, "$uri: again";
    like $client->get($uri, 'X-Real-IP' => '192.0.2.9')->body, qr/\A192\.0\.2\.9 0 127\.0\.0\.1 $port /, "$uri: the address that realip found";
    is $client->get($uri, 'X-Real-IP' => '2001:db8::9')->body =~ s/ \S*\z//r, '   ', "$uri: none, where the families differ";
}
like $site->get('/next')->body, qr/ 127\.0\.0\.7\z/, 'beside proxy_bind';
is(Client->connect(unix => $site->path('front.sock'))->get($_)->body =~ s/ \S*\z//r, '   ', "$_: a client of a unix socket has no address") for '/', '/two';
is $site->get('/off')->status, 502, 'an origin that expects one and gets none';
like $site->error_log, qr/broken header/, 'says so';

# As it goes over the wire
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $site->port(9), Listen => 5, ReuseAddr => 1);
sub wire ($uri) {
    my $client = $site->send("GET $uri");
    my $from   = $client->local_port;
    my $conn   = $listener->accept;
    my $bytes  = '';
    $conn->sysread($bytes, 4096, length $bytes) until $bytes =~ /\r\n\r\n\z/ && $bytes =~ /GET/;
    print $conn "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    $client->read_response;
    my $over = !$conn->sysread(my $more, 1);
    return ($bytes, $from, $over);
}
my ($bytes, $from, $over) = wire('/raw');
like $bytes, qr{\APROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 $from $port\r\nGET /raw HTTP/1\.1\r\n}, 'version 1';
ok $over, 'the connection serves nobody else';
($bytes, $from, $over) = wire('/raw2');
is substr($bytes, 0, 28), "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1" . pack('nn', $from, $port), 'version 2';
is substr($bytes, 28, 9), 'GET /raw2', 'then the request';
ok $over, 'and no more';
$site->get('/kept') for 1 .. 3;
is $site->origin->connections, 1, 'without it connections are kept';

# Refused
like(Site->test_config('server { listen %PORT%; location / { proxy_pass http://127.0.0.1:1; proxy_http_version 2; proxy_protocol on; } }')->{stderr},
     qr/"proxy_protocol" has no meaning with "proxy_http_version 2"/, 'over HTTP/2 clients share a connection');
like(Site->test_config('server { listen %PORT%; proxy_protocol v3; }')->{stderr}, qr/\[emerg\]/, 'an unknown version');

done_testing;
