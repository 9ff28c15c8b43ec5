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

# Extensions of version 2
if (Site->supports('server { return 200 $proxy_protocol_tlv_alpn; }') && is_weir) {
    my @names = qw(alpn authority unique_id netns 0x02 ssl_version ssl_cn ssl_cipher ssl_sig_alg ssl_key_alg ssl_verify
                   ssl_0x21 aws_vpce_id azure_pel_id gcp_conn_id 0xef);
    my $show = join '|', map { "\$proxy_protocol_tlv_$_" } @names;
    my $tlvs = Site->start(qq[server { listen %PORT% proxy_protocol; return 200 "$show\\n"; }]);
    my $tlv = sub ($type, $value) { return pack('Cn/a', $type, $value) };
    my $ssl = "\1" . pack('N', 20) . join '', map { $tlv->(0x21 + $_, (qw(TLSv1.3 alice AES256 RSA-SHA256 RSA2048))[$_]) } 0 .. 4;
    my $all = $tlv->(1, 'h2') . $tlv->(2, 'a.example') . $tlv->(5, 'id') . $tlv->(0x30, 'ns') . $tlv->(0x20, $ssl)
        . $tlv->(0xea, "\1vpce-1") . $tlv->(0xee, "\1" . pack('V', 77)) . $tlv->(0xe0, pack('Q>', 88)) . $tlv->(0xef, '');
    my $ask = sub ($extensions) {
        my $client = $tlvs->connect;
        $client->write($sign . "\x21\x11" . pack('n', 12 + length $extensions)
            . pack('C4 C4 n n', 192, 0, 2, 1, 192, 0, 2, 2, 1234, 80) . $extensions . "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        return $client->read_response->body;
    };
    is $ask->($all), "h2|a.example|id|ns|a.example|TLSv1.3|alice|AES256|RSA-SHA256|RSA2048|20|TLSv1.3|vpce-1|77|88|\n", 'each of them';
    is $ask->(''), '|' x 15 . "\n", 'none of them';
    is $ask->("\1\0\x63h2"), '|' x 15 . "\n", 'one that is cut';
    is $ask->("\xea\0\0\x20\0\1x"), '|' x 15 . "\n", 'some that are too short';
}

done_testing;
