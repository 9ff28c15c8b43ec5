# t/proxy/tunnel_tls.t - a tunnel with TLS on both sides
use Site;
use Certs;

needs_weir 'nginx passes no Upgrade by itself';

my $certs = File::Temp->newdir;
Certs::make("$certs", 's', names => ['localhost']);
my $site = Site->start(<<'CONF', files => { map { ("s.$_" => Procs::slurp("$certs/s.$_")) } qw(crt key) });
    ssl_certificate %DIR%/s.crt;
    ssl_certificate_key %DIR%/s.key;
    log_format said '$uri $status $body_bytes_sent $fail_reason';
    server { listen %PORT% ssl; access_log %DIR%/said.log said; location / { proxy_pass https://127.0.0.1:%PORT2%; } }
    server { listen %PORT2% ssl; location / { proxy_pass http://%ORIGIN%; } }
CONF
my $origin = $site->origin;
my @ask = (Upgrade => 'websocket', Connection => 'upgrade', 'Sec-WebSocket-Version' => 13,
           'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==');
my $switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
my $size = 1_000_000;

$origin->script('/t', [write => $switch], [read => $size], [write => 'got it'], [fill => $size], 'close');
my $client = $site->connect({ tls => {} });
$client->write("GET /t HTTP/1.1\r\nHost: a\r\n" . join('', map { "$ask[2 * $_]: $ask[2 * $_ + 1]\r\n" } 0 .. 3) . "\r\n");
like $client->read_until(qr/\r\n\r\n/), qr{\AHTTP/1\.1 101 }, 'through TLS twice';
$client->write('u' x $size);
is $client->read_bytes(6), 'got it', 'much goes';
ok $client->read_bytes($size) eq Origin::pattern($size), 'and comes';
is $client->closed, 'eof', 'to the end';
wait_until { ($site->slurp('said.log') // '') =~ m{^/t 101 (\d+) -$}m && $1 == $size + 6 } 'the log to count what was sent';

done_testing;
