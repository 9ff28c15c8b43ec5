# t/filter/gzip.t - compressed responses, the same as nginx makes them
use Site;
use Differential;
use Compress::Zlib ();

my $text = join '', map { "line $_ of a text that can be compressed, more or less; " . ($_ * 7919 % 1000) . "\n" } 1 .. 3000;
my $random = join '', map { chr($_ * $_ * 31 + $_ * 7 & 255) } 1 .. 70000;
my $conf = <<'CONF';
    gzip on;
    gzip_types text/plain application/json Text/CSS;
    map $uri $type { ~\.html text/html; ~\.txt text/plain; ~\.json "application/json; charset=utf-8"; default image/png; }
    server {
        listen %PORT%;
        root %DIR%/html;
        types { text/html html; text/plain txt; text/css css; image/png png; application/json json; }
        location /off/ { gzip off; }
        location /level/ { gzip_comp_level 9; }
        location /window/ { gzip_window 512; gzip_hash 512; }
        location /hash/ { gzip_window 32k; gzip_hash 128k; postpone_gzipping 4k; }
        location /min/ { gzip_min_length 1000; }
        location /any/ { gzip_types *; default_type ""; }
        location /vary/ { gzip_vary on; }
        location /http10/ { gzip_http_version 1.0; }
        location /disable/ { gzip_disable msie6 "bad.*bot" Other; }
        location /if/ { gzip off; if ($arg_gzip) { gzip on; } }
        location /page/ { error_page 404 /errors/404.html; gzip_min_length 0; }
        location /return/ { default_type text/plain; return 200 "a short text that is longer than twenty bytes"; }
        location /status/ { default_type text/plain; return 403 "a short text that is longer than twenty bytes"; }
        location /created/ { default_type text/plain; return 201 "a short text that is longer than twenty bytes"; }
        location /proxied/ { proxy_pass http://%ORIGIN%; gzip_vary on; }
        location /via/off/ { proxy_pass http://%ORIGIN%/proxied/; }
        location /via/any/ { gzip_proxied any; proxy_pass http://%ORIGIN%/proxied/; }
        location /via/expired/ { gzip_proxied expired; proxy_pass http://%ORIGIN%/proxied/; }
        location /via/private/ { gzip_proxied private no-store no-cache; proxy_pass http://%ORIGIN%/proxied/; }
        location /via/auth/ { gzip_proxied auth; proxy_pass http://%ORIGIN%/proxied/; }
        location /via/etag/ { gzip_proxied no_etag no_last_modified; proxy_pass http://%ORIGIN%/proxied/; }
    }
CONF
my %files = map { my $dir = $_; ("html/$dir/a.html" => $text, "html/$dir/s.txt" => 'tiny', "html/$dir/m.txt" => 'x' x 500,
    "html/$dir/p.png" => $random, "html/$dir/c.css" => substr($text, 0, 20_000), "html/$dir/r.txt" => $random) }
    qw(plain off level window hash min any vary http10 disable if errors);
$files{'html/errors/404.html'} = "<p>not found, which is a pity indeed</p>\n" x 10;
$files{'html/plain/empty.html'} = '';
$files{'html/any/unknown'} = $text;

my @accept = ('Accept-Encoding' => 'gzip');
my @requests;
for my $dir (qw(plain off level window hash min any vary http10 disable if)) {
    push @requests, map { ["GET /$dir/$_", @accept] } qw(a.html s.txt m.txt p.png c.css r.txt);
    push @requests, "GET /$dir/a.html", ["HEAD /$dir/a.html", @accept], ["GET /$dir/none", @accept];
}
push @requests, ['GET /plain/empty.html', @accept], ['GET /any/unknown', @accept], ['GET /if/a.html?gzip=1', @accept];
push @requests, map { ["GET /plain/a.html", 'Accept-Encoding' => $_] } 'gzip, deflate', 'deflate, gzip;q=1.0', 'deflate,gzip', 'gzip;q=0',
    'gzip;q=0.0', 'gzip; q=0.001', 'gzip;q=0.5, br', 'br', '', 'x-gzip', 'GZIP', 'identity', 'gzip;q=1', 'br;q=1.0, gzip;q=0.8, *;q=0.1';
push @requests, { what => "GET /$_/a.html", version => '1.0', fields => [@accept], name => "HTTP/1.0 $_" } for qw(plain http10 vary);
push @requests, ['GET /plain/a.html', @accept, Range => 'bytes=0-99'], ['GET /plain/p.png', @accept, Range => 'bytes=0-99'],
    ['GET /plain/a.html', @accept, 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'], ['GET /vary/p.png', @accept],
    ['GET /vary/s.txt', @accept], ['GET /vary/s.txt'], ['GET /vary/a.html', 'If-None-Match' => '*'];
push @requests, map { ['GET /disable/a.html', @accept, 'User-Agent' => $_] } 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)',
    'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)', 'Mozilla/4.0 (compatible; MSIE 5.5)', 'a BAD little bot', 'other', 'Good';
push @requests, map { ["GET /$_/x", @accept] } qw(return status created page);
my %answers = (
    plain    => [headers => ['Content-Type' => 'text/plain', ETag => '"abc"', 'Accept-Ranges' => 'bytes'], body => $text],
    weak     => [headers => ['Content-Type' => 'text/plain; charset=utf-8', ETag => 'W/"abc"'], body => $text],
    odd      => [headers => ['Content-Type' => 'text/plain', ETag => 'abc', Vary => 'Cookie'], body => $text],
    chunked  => [headers => ['Content-Type' => 'text/plain'], chunks => [substr($text, 0, 5000), substr($text, 5000, 5000)]],
    encoded  => [headers => ['Content-Type' => 'text/plain', 'Content-Encoding' => 'br'], body => $text],
    image    => [headers => ['Content-Type' => 'image/png'], body => $text],
    untyped  => [headers => [], body => $text],
    short    => [headers => ['Content-Type' => 'text/plain'], body => 'short'],
    expired  => [headers => ['Content-Type' => 'text/plain', Expires => 'Thu, 01 Jan 1970 00:00:01 GMT'], body => $text],
    later    => [headers => ['Content-Type' => 'text/plain', Expires => 'Thu, 01 Jan 2099 00:00:01 GMT'], body => $text],
    private  => [headers => ['Content-Type' => 'text/plain', 'Cache-Control' => 'max-age=3, private'], body => $text],
    public   => [headers => ['Content-Type' => 'text/plain', 'Cache-Control' => 'public'], body => $text],
    modified => [headers => ['Content-Type' => 'text/plain', 'Last-Modified' => 'Thu, 01 Jan 1970 00:00:01 GMT'], body => $text],
    missing  => [status => 404, headers => ['Content-Type' => 'text/plain'], body => $text],
    error    => [status => 500, headers => ['Content-Type' => 'text/plain'], body => $text],
);
push @requests, map { (["GET /proxied/$_", @accept], "GET /proxied/$_") } sort keys %answers;
for my $via (qw(off any expired private auth etag)) {
    push @requests, map { ["GET /via/$via/$_", @accept, Via => '1.1 x'] } qw(plain expired later private public modified short);
    push @requests, ["GET /via/$via/image", @accept, Via => '1.1 x', Authorization => 'x'], ["GET /via/$via/chunked", @accept];
}
push @requests, ['GET /via/auth/public', @accept, Via => '1.1 x', Authorization => 'x'];
differential_ok($conf, \@requests, files => \%files, allow_log => [qr/open\(\)/],
    origin => sub ($origin) { $origin->answer("/proxied/$_", @{ $answers{$_} }) for sort keys %answers });

# What only shows over time
my $site = Site->start(<<'CONF', files => { 'html/a.txt' => $text, 'html/big.txt' => $text x 60 });
    log_format ratio '$uri $gzip_ratio $body_bytes_sent';
    access_log %DIR%/ratio.log ratio;
    gzip on; gzip_types text/plain; gzip_comp_level 6; gzip_buffers 4 8k;
    server { listen %PORT%; root %DIR%/html; location /slow { proxy_pass http://%ORIGIN%; } }
CONF
sub unpacked ($reply) { return Compress::Zlib::memGunzip($reply->body) }
is unpacked($site->get('/a.txt', @accept)), $text, 'what is compressed is the file';
is unpacked($site->get('/big.txt', @accept)), $text x 60, 'also a large one';
my @clients = map { $site->send('GET /big.txt', { rcvbuf => 4096 }, @accept) } 1 .. 8;
is unpacked($_->response), $text x 60, 'several at once, each with a small window' for @clients;
my @leaving = map { $site->send('GET /big.txt', { rcvbuf => 4096 }, @accept) } 1 .. 4;
$_->read_bytes(100) for @leaving;
$_->close for @leaving;
is unpacked($site->get('/a.txt', @accept)), $text, 'clients that leave half-way do no harm';
wait_until { ($site->slurp('ratio.log') // '') =~ /^\/a\.txt (\d+\.\d\d) (\d+)$/m } 'the ratio is logged';
my ($ratio, $bytes) = $site->slurp('ratio.log') =~ /^\/a\.txt (\d+\.\d\d) (\d+)$/m;
cmp_ok abs(length($text) / $ratio - $bytes), '<', $bytes * 0.05, 'and right';

subtest 'a slow origin' => sub {
    needs_weir('nginx sends a compressed beginning only when its buffers are full');
    $site->origin->script('/slow', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nthe beginning of it\n"],
                          [wait => 'more'], [write => 'and its end'], 'close');
    my $client = $site->send('GET /slow', @accept);
    $client->read_until(qr/\r\n\r\n/);
    my ($inflate) = Compress::Zlib::inflateInit(-WindowBits => 31);
    my $seen = '';
    while ($seen !~ /beginning of it\n/) {
        my $size = hex $client->read_until(qr/\r\n/) =~ s/\s+//r;
        my ($plain) = $inflate->inflate(my $piece = $client->read_bytes($size));
        $seen .= $plain;
        $client->read_bytes(2);
    }
    is $seen, "the beginning of it\n", 'its beginning comes at once';
    $site->origin->go('more');
    $client->read_until(qr/\r\n0\r\n\r\n/);
    ok 1, 'and the end follows';
};
$site->stop;

my %faults = (
    'gzip_comp_level 10;'  => qr/"gzip_comp_level" .*1 to 9|value must be between/,
    'gzip_comp_level 0;'   => qr/gzip_comp_level/,
    'gzip_proxied maybe;'  => qr/invalid value "maybe"/,
    'gzip_http_version 2;' => qr/invalid value "2"/,
    'gzip_disable "(";'    => qr/pcre2?_compile\(\) failed/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}
like +Site->test_config('gzip_types text/plain text/html;')->{stderr}, qr/duplicate MIME type "text\/html"/, 'text/html is always there';

done_testing;
