# t/tls/handshake.t - handshakes that fail: one line in the log each, and nobody else is disturbed
use Site;
use Certs;

my $conf = <<'CONF';
    keepalive_timeout 1h;
    server {
        listen %PORT% ssl;
        ssl_certificate %DIR%/a.crt;
        ssl_certificate_key %DIR%/a.key;
        return 200 "fine\n";
    }
    server {
        listen 127.0.0.1:%PORT2% ssl proxy_protocol;
        ssl_certificate %DIR%/a.crt;
        ssl_certificate_key %DIR%/a.key;
        return 200 "$remote_addr\n";
    }
    server {
        client_header_timeout 1s;
        listen %PORT3% ssl;
        ssl_certificate %DIR%/a.crt;
        ssl_certificate_key %DIR%/a.key;
    }
CONF
my $site = Site->prepare($conf);
Certs::make($site, 'a');
$site->up;
my $held = $site->connect({ tls => {} });
is $held->get('/')->body, "fine\n", 'a client that behaves';

# A ClientHello as a client writes it, to be cut and damaged.
my $hello = do {
    my $server = IO::Socket::IP->new(Listen => 1, LocalHost => '127.0.0.1') or die $@;
    my $pid = fork // die;
    if (!$pid) { exec 'openssl', 's_client', '-connect', '127.0.0.1:' . $server->sockport, '-quiet' or POSIX::_exit(1) }
    my $bytes;
    sysread $server->accept, $bytes, 65536;
    kill KILL => $pid;
    waitpid $pid, 0;
    $bytes;
};
ok length $hello > 100, 'a hello to play with';

sub refused ($name, $bytes, $pattern, %option) {
    my $mark = $site->log_mark;
    my $client = $site->connect;
    $client->write($bytes);
    $client->shutdown if $option{cut};
    $client->read_some while !$client->{end};
    like $site->wait_for_log($pattern, since => $mark), qr/\[info\].* while SSL handshaking, client: 127\.0\.0\.1, server: /,
        "$name: the log says why";
    my @lines = grep { /\[(?!notice|debug)/ } split /\n/, $site->log_since($mark);
    is @lines, 1, "$name: once" or diag @lines;
}
my $failed = qr/SSL_do_handshake\(\) failed \(SSL: error:/;
my $closed = qr/peer closed connection in SSL handshake/;
refused('nothing at all', '', $closed, cut => 1);
refused("cut after $_ bytes", substr($hello, 0, $_), $closed, cut => 1) for 1, 4, 5, 6, 60, length($hello) - 1;
refused('no answer to our flight', $hello, $closed, cut => 1);
refused('a record of the wrong type', "\x16\x03\x01\x00\x05garba", $failed);
refused('an old version', "\x16\x03\x00" . substr($hello, 3, 6) . "\x03\x00" . substr($hello, 11), $failed);
refused('a record that is too long', "\x16\x03\x01\xff\xff" . 'x' x 66000, $failed);
refused('an empty hello', "\x16\x03\x01\x00\x04\x01\x00\x00\x00", $failed);
refused('bytes of SSL 2', "\x80\x2e\x01\x00\x02" . 'x' x 43, $failed);
my $twisted = $hello;
substr $twisted, 43, 1, "\xff";
refused('a session id that is too long', $twisted, $failed);
srand 1;
for my $n (1 .. 200) { # whatever comes of them, the server lives
    my $bytes = $hello;
    substr $bytes, 5 + int rand(length($bytes) - 5), 1, chr int rand 256 for 1 .. 1 + int rand 8;
    my $client = $site->connect;
    $client->write($bytes);
    $client->shutdown;
    $client->read_some(0.2);
}

# Slowly, byte by byte: fine while it keeps moving; a client that stops is cut off.
my $mark = $site->log_mark;
my $stalled = $site->connect({ port => 3 });
$stalled->write(substr $hello, 0, 50);
ok $stalled->closed, 'a handshake that stalls ends';
like $site->wait_for_log(qr/client timed out \(110: Connection timed out\)/, since => $mark), qr/SSL handshaking/,
    'and the log says so';

# Clients and servers without a version in common.
$mark = $site->log_mark;
ok !eval { $site->connect({ tls => { SSL_version => 'TLSv1_1', SSL_cipher_list => 'DEFAULT@SECLEVEL=0' } }) },
    'TLS 1.1 is off';
$site->wait_for_log(qr/unsupported protocol|version/, since => $mark);

# Plain HTTP.
my $plain = $site->get('/');
is $plain->status, 400, 'plain HTTP on a TLS port';
like $plain->body, qr/The plain HTTP request was sent to HTTPS port/, 'is told so';
is $plain->header('Connection'), 'close', 'and the connection ends';

# A PROXY header comes before the handshake, in one segment with it.
my $sock = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $site->port(2)) or die $@;
print $sock "PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n";
$sock->flush;
my $behind = Client::start_tls($sock);
print $behind "GET / HTTP/1.0\r\n\r\n";
like join('', <$behind>), qr/\r\n\r\n127\.0\.0\.1\n\z/, 'TLS behind a PROXY header';
my $proxied = $site->connect({ port => 2 });
$proxied->write("PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n$hello");
like $proxied->read_bytes(5), qr/\A\x16\x03\x03/, 'both in one write';

is $held->get('/')->body, "fine\n", 'the first client is still served';

done_testing;
