# t/h1/mutants.t - thousands of damaged requests and responses: each gets an answer or an end, nobody dies
use Site;

my $site = Site->start(<<'CONF');
    lingering_timeout 100ms;
    client_body_timeout 2s;
    server {
        listen %PORT%;
        root %DIR%/html;
        proxy_http_version 1.1;
        proxy_read_timeout 2s;
        location /p { proxy_pass http://%ORIGIN%; }
        location /off { proxy_buffering off; proxy_pass http://%ORIGIN%; }
        location /r { return 200 "$uri $args $http_x_a $cookie_a $host\n"; }
    }
CONF
$site->file('html/a', 'abcdefgh' x 1000);
my ($worker) = $site->workers;
my $seed = $ENV{WEIR_SEED} // 20260;
srand $seed;

my @requests = (
    "GET /a HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,5-9,-3\r\nIf-None-Match: \"x\", W/\"y\"\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: v\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "GET http://user\@h:80/r/../r/%41?a=b&c HTTP/1.1\r\nHost: a:80\r\nCookie: a=1; b=2\r\nX-A: v\r\nConnection: close\r\n\r\n",
    "GET /r HTTP/1.0\r\nConnection: keep-alive\r\nX-A: a\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nIf-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT\r\n\r\n",
);
my @responses = (
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\nSet-Cookie: a=b\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: v\r\n\r\n",
    "HTTP/1.0 302 Found\r\nLocation: http://h/x\r\nRefresh: 5; url=/x\r\nConnection: close\r\n\r\nbody",
    "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX-Accel-Limit-Rate: 1k\r\n\r\n",
);
my @spice = ("\0", "\r", "\n", "\r\n", ' ', "\t", ':', ';', ',', '%', '%00', '%ff', '..', '/', '//', '?', '#', '"', "\xff", "\x80",
             'chunked', '0', '-1', 'ffffffffffffffff', '99999999999999999999', 'a' x 300, 'a' x 5000, "\r\n\r\n",
             'Transfer-Encoding: chunked', 'Content-Length: 3', 'HTTP/1.1', 'bytes=', '=');

sub mutate ($bytes) {
    for (1 .. 1 + int rand 3) {
        my $at = int rand length $bytes;
        my $kind = int rand 6;
        if    ($kind == 0) { substr $bytes, $at, 1, chr int rand 256 }
        elsif ($kind == 1) { substr $bytes, $at, 1 + int rand 8, '' }
        elsif ($kind == 2) { substr $bytes, $at, 0, $spice[rand @spice] }
        elsif ($kind == 3) { substr $bytes, $at, 0, substr $bytes, int rand length $bytes, 1 + int rand 40 }
        elsif ($kind == 4) { $bytes = substr $bytes, 0, $at + 1 }
        else               { substr $bytes, $at, 4, $spice[rand @spice] }
        last if $bytes eq '';
    }
    return $bytes eq '' ? "\n" : $bytes;
}

my $odd = 0;
for my $n (1 .. 1500) {
    my $bytes  = mutate($requests[rand @requests]);
    my $client = $site->connect;
    $client->write($bytes);
    $client->shutdown;
    my $answer = eval { $client->read_all };
    next if defined $answer && $answer =~ m{\A(?:HTTP/1\.[01] \d\d\d |\z)};
    next if defined $answer && $bytes =~ /\A\s*[A-Z]+ \S+ *\r?\n/;          # HTTP/0.9
    diag "request $n of seed $seed: " . ($bytes =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger) . ' got ' . substr $answer // 'no end', 0, 80;
    last if ++$odd > 5;
}
is $odd, 0, '1500 damaged requests get an answer or an end';
is $site->get('/a')->status, 200, 'service goes on';

$odd = 0;
for my $n (1 .. 500) {
    my $bytes = mutate($responses[rand @responses]);
    my $at    = $n % 2 ? '/p' : '/off';
    $site->origin->script("$at/x", 'body', [write => $bytes], 'close');
    my $client = $site->send("GET $at/x", Connection => 'close');
    my $answer = eval { $client->read_all };
    next if defined $answer;
    diag "response $n of seed $seed: " . ($bytes =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger) . " got no end";
    last if ++$odd > 5;
}
is $odd, 0, '500 damaged responses are passed on or refused in time';
is $site->get('/p/y')->body, "GET /p/y\n", 'service goes on';
is join(' ', $site->workers), $worker, 'by the same worker';

done_testing;
