# t/net/proxy_protocol.t - PROXY headers before requests: both versions, damaged ones, byte by byte
use Site;

my $conf = <<'CONF';
    server {
        listen 127.0.0.1:%PORT% proxy_protocol;
        return 200 "$remote_addr $proxy_protocol_addr $proxy_protocol_port\n";
    }
CONF
Test::More::plan(skip_all => '$proxy_protocol_addr is not built in') unless Site->supports($conf);
my $site = Site->start($conf);

sub proxied ($bytes) {
    my $client = $site->connect;
    $client->write($bytes . "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    my $reply = eval { $client->read_response };
    return $reply ? $reply->body : 'closed';
}
is proxied("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"), "127.0.0.1 192.0.2.1 1234\n", 'version 1, TCP4';
is proxied("PROXY TCP6 2001:db8::1 2001:db8::2 1234 80\r\n"), "127.0.0.1 2001:db8::1 1234\n", 'version 1, TCP6';
is proxied("PROXY UNKNOWN\r\n"), "127.0.0.1  \n", 'version 1, UNKNOWN';
my $sign = "\r\n\r\n\0\r\nQUIT\n";
is proxied($sign . "\x21\x11\0\x0c" . pack('C4 C4 n n', 192, 0, 2, 1, 192, 0, 2, 2, 1234, 80)),
    "127.0.0.1 192.0.2.1 1234\n", 'version 2, TCP4';
is proxied($sign . "\x20\0\0\0"), "127.0.0.1  \n", 'version 2, LOCAL';
for my $bad ('', "PROXY\r\n", "PROXY TCP4 x y 1 2\r\n", "PROXY TCP4 192.0.2.1\r\n", 'PROXY ' . 'x' x 200 . "\r\n",
             $sign . "\x31\x11\0\x0c" . "\0" x 12, $sign . "\x21\x11\0\x02ab") {
    unlike proxied($bad), qr/192\.0\.2/, 'a header that is none: ' . ($bad =~ s/[^ -~]/./gr);
}
my $slow = $site->connect;
if (is_weir) {
    $slow->write($_) for split //, "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    is $slow->read_response->body, "127.0.0.1 192.0.2.1 1234\n", 'byte by byte';
}

done_testing;
