# t/filter/compress.t - Brotli and Zstandard, and which of the codings a client gets
use Site;
use Procs;

plan(skip_all => 'built without Brotli or Zstandard') if Site::run_binary(Site::binary(), '-V')->{stderr} !~ /built with .*brotli.*zstd/;
needs_weir('nginx has them as modules of others');

my $text = join '', map { "line $_ of a text that can be compressed, more or less; " . ($_ * 7919 % 1000) . "\n" } 1 .. 3000;
my $random = join '', map { chr($_ * $_ * 31 + $_ * 7 & 255) } 1 .. 70000;
my %level = (brotli => [0 .. 11], zstd => [1 .. 22]);
my $levels = join '', map { my $coding = $_; map { "        location /$coding/$_/ { ${coding} on; ${coding}_comp_level $_; alias %DIR%/html/; }\n" } @{ $level{$coding} } } sort keys %level;
my $windows = join '', map { "        location /window/$_/ { brotli on; brotli_window $_; alias %DIR%/html/; }\n" } qw(1k 64k 1m 16m);
my $site = Site->start(<<'CONF' . $levels . $windows . "    }\n", files => { 'html/a.txt' => $text, 'html/r.txt' => $random, 'html/s.txt' => 'tiny', 'html/big.txt' => $text x 60, 'html/e.txt' => '' });
    log_format ratio '$uri $brotli_ratio $zstd_ratio $gzip_ratio $body_bytes_sent';
    access_log %DIR%/ratio.log ratio;
    gzip_types text/plain; brotli_types text/plain; zstd_types text/plain;
    brotli_buffers 4 8k; zstd_buffers 4 8k;
    server {
        listen %PORT%;
        root %DIR%/html;
        types { text/plain txt; }
        location /all/ { gzip on; brotli on; zstd on; gzip_vary on; alias %DIR%/html/; }
        location /older/ { gzip on; brotli on; alias %DIR%/html/; }
        location /br/ { brotli on; gzip_vary on; alias %DIR%/html/; }
        location /zst/ { zstd on; alias %DIR%/html/; }
        location /any/ { brotli on; brotli_min_length 0; brotli_types *; zstd on; zstd_types *; zstd_min_length 0; alias %DIR%/html/; }
        location /off/ { alias %DIR%/html/; }
        location /types/ { gzip on; zstd on; zstd_types text/css; alias %DIR%/html/; }
        location /disabled/ { brotli on; gzip_disable bot; alias %DIR%/html/; }
        location /proxied/ { brotli on; zstd on; gzip on; gzip_vary on; proxy_pass http://%ORIGIN%; }
CONF
my $origin = $site->origin;

# What a client that knows the coding makes of the bytes.
sub decoded ($coding, $bytes) {
    $origin->answer('/decode', headers => ['Content-Type' => 'text/plain', 'Content-Encoding' => $coding], body => $bytes);
    my $result = Site::run_binary('/usr/bin/curl', '-s', '--compressed', 'http://127.0.0.1:' . $origin->port . '/decode');
    return $result->{stdout};
}
sub coding ($reply) { return $reply->header('Content-Encoding') // 'identity' }
sub asked ($uri, $accept) { return $site->get($uri, defined $accept ? ('Accept-Encoding' => $accept) : ()) }

subtest 'negotiation' => sub {
    my @cases = (
        ['/all/a.txt', 'gzip, deflate, br, zstd', 'zstd'], ['/all/a.txt', 'gzip, br', 'br'], ['/all/a.txt', 'gzip', 'gzip'],
        ['/all/a.txt', 'zstd;q=0.1, br;q=0.9, gzip;q=0.5', 'br'], ['/all/a.txt', 'zstd;q=0, br;q=0, gzip', 'gzip'],
        ['/all/a.txt', 'gzip;q=1, br;q=0.999', 'gzip'], ['/all/a.txt', 'ZSTD;Q=1', 'zstd'], ['/all/a.txt', 'br ; q=0.5 , zstd ; q=0.4', 'br'],
        ['/all/a.txt', undef, 'identity'], ['/all/a.txt', '', 'identity'], ['/all/a.txt', 'brr, zst', 'identity'], ['/all/a.txt', 'br;q=2', 'identity'],
        ['/all/a.txt', 'br;q=x, gzip', 'gzip'], ['/all/a.txt', 'br;q=0.0001', 'identity'], ['/all/a.txt', 'br;q=0.001', 'br'],
        ['/all/s.txt', 'zstd', 'identity'], ['/any/s.txt', 'zstd', 'zstd'], ['/any/s.txt', 'br', 'br'],
        ['/older/a.txt', 'gzip, deflate, br, zstd', 'br'], ['/types/a.txt', 'gzip, zstd', 'gzip'], ['/off/a.txt', 'gzip, br, zstd', 'identity'],
        ['/br/a.txt', 'gzip', 'identity'], ['/br/missing', 'br', 'br'], ['/zst/a.txt', 'br, zstd', 'zstd'],
    );
    is coding(asked($_->[0], $_->[1])), $_->[2], "$_->[0] for " . ($_->[1] // 'nothing') for @cases;
    is asked('/all/a.txt', 'br')->header('Vary'), 'Accept-Encoding', 'Vary, once';
    is asked('/all/a.txt', undef)->header('Vary'), 'Accept-Encoding', 'also for who takes none';
    is asked('/zst/a.txt', 'zstd')->header('Vary'), undef, 'not without gzip_vary';
    like asked('/br/a.txt', 'br')->header('ETag'), qr{^W/"}, 'a weak tag';
    is asked('/br/a.txt', 'br')->header('Accept-Ranges'), undef, 'no ranges';
    is coding($site->get('/br/a.txt', 'Accept-Encoding' => 'br', Range => 'bytes=0-9')), 'br', 'asked for or not';
    is coding($site->get('/br/a.txt', 'Accept-Encoding' => 'br', Via => '1.0 x')), 'identity', 'gzip_proxied counts';
    is coding($site->get('/disabled/a.txt', 'Accept-Encoding' => 'br', 'User-Agent' => 'bot')), 'identity', 'and so does gzip_disable';
    is coding($site->request('GET /br/a.txt', { version => '1.0' }, 'Accept-Encoding' => 'br')), 'identity', 'and gzip_http_version';
    my $head = $site->head('/br/a.txt', 'Accept-Encoding' => 'br');
    is coding($head) . length $head->body, 'br0', 'HEAD tells the same';
    $origin->answer('/proxied/gz', headers => ['Content-Type' => 'text/plain', 'Content-Encoding' => 'gzip'], body => 'x' x 100);
    is coding(asked('/proxied/gz', 'br')), 'gzip', 'what is compressed is left alone';
};

for my $coding (qw(brotli zstd)) {
    my $token = $coding eq 'brotli' ? 'br' : $coding;
    for my $level (@{ $level{$coding} }) {
        my $reply = asked("/$coding/$level/a.txt", $token);
        is coding($reply), $token, "$coding, level $level";
        ok decoded($token, $reply->body) eq $text, 'what is compressed is the file';
    }
    for my $file (['big.txt', $text x 60], ['r.txt', $random], ['s.txt', 'tiny'], ['e.txt', '']) {
        my $reply = asked("/any/$file->[0]", $token);
        ok decoded($token, $reply->body) eq $file->[1], "$coding of $file->[0]";
    }
    my @clients = map { $site->send("GET /$coding/" . ($coding eq 'zstd' ? 1 : 4) . '/big.txt', { rcvbuf => 4096 }, 'Accept-Encoding' => $token) } 1 .. 6;
    my %seen = map { $_->response->body => 1 } @clients;
    is scalar(keys %seen), 1, 'several at once, each with a small window, get the same';
    ok decoded($token, (keys %seen)[0]) eq $text x 60, 'and it is the file';
    my @leaving = map { $site->send("GET /$coding/3/big.txt", { rcvbuf => 4096 }, 'Accept-Encoding' => $token) } 1 .. 4;
    $_->read_bytes(100) for @leaving;
    $_->close for @leaving;
    ok decoded($token, asked("/$coding/3/a.txt", $token)->body) eq $text, 'clients that leave half-way do no harm';

    $origin->script("/proxied/slow$coding", [write => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nthe beginning of it\n"],
                    [wait => "more$coding"], [write => 'and its end'], 'close');
    my $client = $site->send("GET /proxied/slow$coding", 'Accept-Encoding' => $token);
    $client->read_until(qr/\r\n\r\n/);
    my $size = hex $client->read_until(qr/\r\n/) =~ s/\s+//r;
    my $bytes = $client->read_bytes($size);
    is decoded($token, $bytes), "the beginning of it\n", 'the beginning of a slow answer comes at once';
    $client->read_bytes(2);
    $origin->go("more$coding");
    while ((my $more = hex $client->read_until(qr/\r\n/) =~ s/\s+//r) > 0) {
        $bytes .= $client->read_bytes($more);
        $client->read_bytes(2);
    }
    is decoded($token, $bytes), "the beginning of it\nand its end", 'and the end follows';
}
ok decoded('br', asked("/window/$_/big.txt", 'br')->body) eq $text x 60, "brotli_window $_" for qw(1k 64k 1m 16m);
wait_until { ($site->slurp('ratio.log') // '') =~ m{^/brotli/6/a.txt (\d+\.\d\d) - - \d+$}m } 'the ratio is logged';
like $site->slurp('ratio.log'), qr{^/zstd/1/a.txt - \d+\.\d\d - \d+$}m, 'each in its own variable';
$site->stop;

my %faults = (
    'brotli_comp_level 12;' => qr/"brotli_comp_level" takes 0 to 11/,
    'zstd_comp_level 0;'    => qr/"zstd_comp_level" takes 1 to 22/,
    'brotli_window 3k;'     => qr/must be 1k, 2k/,
    'gzip_window 64k;'      => qr/must be 512, 1k/,
    'gzip_hash 256k;'       => qr/must be 512, 1k/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
