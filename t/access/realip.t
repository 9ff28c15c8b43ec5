# t/access/realip.t - the client's address as trusted proxies tell it, the same as in nginx
use Site;
use Differential;

my $show = '"$remote_addr:$port $realip_remote_addr"';
my $conf = <<"CONF";
    map \$remote_addr \$port { 127.0.0.1 own; default \$remote_port; } # its own differs from run to run
    server {
        listen %PORT%;
        location /real/ { set_real_ip_from 127.0.0.1; proxy_pass http://%ORIGIN%; proxy_set_header X-Seen $show;
                          proxy_set_header X-Chain \$proxy_add_x_forwarded_for; }
        location /list/ { set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;
                          proxy_pass http://%ORIGIN%; proxy_set_header X-Seen $show;
                          proxy_set_header X-Chain \$proxy_add_x_forwarded_for; }
        location /far/ { set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;
                         set_real_ip_from fd00::/8; set_real_ip_from localhost;
                         real_ip_recursive on; proxy_pass http://%ORIGIN%; proxy_set_header X-Seen $show; }
        location /own/ { set_real_ip_from 127.0.0.1; real_ip_header X-Client; proxy_pass http://%ORIGIN%;
                         proxy_set_header X-Seen $show; }
        location /untrusted/ { set_real_ip_from 192.0.2.0/24; proxy_pass http://%ORIGIN%; proxy_set_header X-Seen $show; }
        location /none/ { proxy_pass http://%ORIGIN%; proxy_set_header X-Seen \$remote_addr; }
    }
CONF
my @values = ('192.0.2.1', '192.0.2.1:8080', '2001:db8::7', '[2001:db8::7]:99', 'unknown', '', '192.0.2.1, 10.0.0.1',
    '192.0.2.9, 192.0.2.1,10.0.0.2, 10.0.0.1', '10.0.0.3, 10.0.0.2', 'bad, 10.0.0.2', '192.0.2.1,', ' , ', '192.0.2.1 10.0.0.1',
    'fd00::5', '2001:db8::1, fd00::5', '999.1.1.1', '192.0.2.1:99999');
my @requests;
for my $value (@values) {
    push @requests, ['GET /real/', 'X-Real-IP' => $value], ['GET /list/', 'X-Forwarded-For' => $value],
        ['GET /far/', 'X-Forwarded-For' => $value], ['GET /own/', 'X-Client' => $value];
}
push @requests, ['GET /untrusted/', 'X-Real-IP' => '192.0.2.1'], ['GET /none/', 'X-Real-IP' => '192.0.2.1'], 'GET /real/',
    'GET /list/', 'GET /own/', ['GET /list/', 'X-Forwarded-For' => '192.0.2.1', 'X-Forwarded-For' => '10.0.0.1'],
    ['GET /far/', 'X-Forwarded-For' => '192.0.2.1', 'X-Forwarded-For' => '10.0.0.1'],
    ['GET /own/', 'X-Client' => '192.0.2.1', 'X-Client' => '192.0.2.2'];
differential_ok($conf, \@requests);

# PROXY protocol
my $proxied = <<'CONF';
    server {
        listen %PORT% proxy_protocol;
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        return 200 "$remote_addr:$remote_port $proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port\n";
    }
CONF
my $get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
my $v2 = "\r\n\r\n\0\r\nQUIT\n";
differential_ok($proxied, [map { { raw => $_ } }
    "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n$get",
    "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n$get",
    "$v2\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\x12\x67\x01\xbb$get",
    "$v2\x21\x21\0\x24" . ("\x20\x01\x0d\xb8" . "\0" x 11 . "\7") . ("\x20\x01\x0d\xb8" . "\0" x 11 . "\1") . "\x12\x67\x01\xbb$get",
    "PROXY NONSENSE\r\n$get"], allow_log => [qr/broken header/]);

my $site = Site->start(<<'CONF', files => { 'html/guarded/f' => "in\n" });
    log_format who '$remote_addr $realip_remote_addr';
    access_log %DIR%/who.log who;
    server { listen %PORT%; set_real_ip_from 127.0.0.1; set_real_ip_from unix:; listen unix:%DIR%/real.sock;
             root %DIR%/html; location /guarded/ { deny 192.0.2.0/24; allow 198.51.100.1; deny all; }
             location = / { return 200 "$remote_addr $realip_remote_addr $realip_remote_port|\n"; } }
    server { listen %PORT2% proxy_protocol; return 200 "$proxy_protocol_addr|$proxy_protocol_tlv_alpn|$proxy_protocol_tlv_0xee\n"; }
CONF
like $site->get('/', 'X-Real-IP' => '192.0.2.1')->body, qr/\A192\.0\.2\.1 127\.0\.0\.1 \d+\|\n\z/, 'both addresses';
is $site->get('/guarded/f', 'X-Real-IP' => '192.0.2.1')->status, 403, 'rules of access are about that address';
is $site->get('/guarded/f', 'X-Real-IP' => '198.51.100.1')->status, 200, 'whatever they say';
is $site->get('/guarded/f')->status, 403, 'not about the proxy';
my $client = $site->connect;
like $client->get('/', 'X-Real-IP' => '192.0.2.1')->body, qr/\A192\.0\.2\.1 /, 'the first request of a connection';
like $client->get('/', 'X-Real-IP' => '192.0.2.2')->body, qr/\A192\.0\.2\.2 /, 'each of its requests has its own';
like $client->get('/')->body, qr/\A127\.0\.0\.1 /, 'and the connection keeps its peer';
is $site->request('GET /', { unix => 'real.sock' }, 'X-Real-IP' => '192.0.2.9')->body, "192.0.2.9 unix: |\n", 'a unix socket';
wait_until { ($site->slurp('who.log') // '') =~ /^192\.0\.2\.9 unix:$/m } 'the log names both';
$site->get('/', 'X-Real-IP' => "192.0.2.77");
my $tlv = "\1\0\2h2\xee\0\3xyz";
$client = $site->connect({ port => 2 });
$client->write("$v2\x21\x11\0" . chr(12 + length $tlv) . "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\x01\xbb$tlv$get");
is $client->response->body, "192.0.2.7|h2|xyz\n", 'extensions of a PROXY header';
$client->write($get);
is $client->response->body, "192.0.2.7|h2|xyz\n", 'hold for the whole connection';
$client = $site->connect({ port => 2 });
$client->write("PROXY UNKNOWN\r\n$get");
is $client->response->body, "||\n", 'a header that names no address';
$site->stop;

my $bad = Site->test_config('server { listen %PORT%; set_real_ip_from 1.2.3.4/77; }');
isnt $bad->{exit}, 0, 'a bad network is refused';
like $bad->{stderr}, qr/invalid network "1\.2\.3\.4\/77"/, 'and named';

done_testing;
