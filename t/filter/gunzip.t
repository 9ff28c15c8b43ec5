# t/filter/gunzip.t - compressed responses for clients that take none, the same as nginx makes them
use Site;
use Differential;
use Compress::Zlib ();

my $text = join '', map { "line $_ of a text that can be compressed, more or less; " . ($_ * 7919 % 1000) . "\n" } 1 .. 3000;
my $gz = Compress::Zlib::memGzip($text);
my $zeros = Compress::Zlib::memGzip("\0" x 5_000_000);
my %body = (
    plain     => $gz,
    empty     => Compress::Zlib::memGzip(''),
    tiny      => Compress::Zlib::memGzip('x'),
    two       => $gz . Compress::Zlib::memGzip("and a second one\n"),
    many      => join('', map { Compress::Zlib::memGzip("$_\n") } 1 .. 500),
    hollow    => Compress::Zlib::memGzip('') x 20 . $gz,
    large     => $zeros,
    nothing   => '',
);
my %broken = (
    cut       => substr($gz, 0, length($gz) / 2),
    cutend    => substr($gz, 0, -4),
    flipped   => do { my $copy = $gz; substr($copy, 500, 20) = 'x' x 20; $copy },
    crc       => do { my $copy = $gz; substr($copy, -6, 1) =~ tr/\0-\xff/\1-\xff\0/; $copy },
    garbage   => 'this is not compressed at all',
    trailing  => $gz . 'garbage',
);
my $conf = <<'CONF';
    gunzip on; gunzip_buffers 8 8k; gzip_types text/css;
    server {
        listen %PORT%;
        root %DIR%/html;
        default_type text/plain;
        location /static/ { gzip_static always; }
        location /on/ { gzip_static on; }
        location /off/ { gunzip off; gzip_static always; }
        location /vary/ { gzip_vary on; gzip_static always; }
        location /disable/ { gzip_disable bot; gzip_static always; }
        location /http10/ { gzip_http_version 1.0; gzip_static always; }
        location /again/ { gzip on; gzip_types *; gzip_static always; }
        location / { proxy_pass http://%ORIGIN%; }
        location /vary-proxied/ { gzip_vary on; proxy_pass http://%ORIGIN%/; }
        location /unbuffered/ { proxy_buffering off; proxy_pass http://%ORIGIN%/; }
    }
CONF
my %files = map { my $dir = $_; ("html/$dir/a" => $text, "html/$dir/a.gz" => $gz, "html/$dir/only.gz" => $gz) } qw(static on off vary disable http10 again);
my @clients = ([], ['Accept-Encoding' => 'gzip'], ['Accept-Encoding' => 'deflate, gzip;q=0'], ['Accept-Encoding' => 'br, gzip;q=0.5']);
my @requests = map { my $dir = $_; map { my $file = $_; map { ["GET /$dir/$file", @$_] } @clients } qw(a only) } qw(static on off vary disable http10 again);
push @requests, ['GET /disable/a', 'Accept-Encoding' => 'gzip', 'User-Agent' => 'a bot'], 'HEAD /static/a', ['HEAD /static/a', 'Accept-Encoding' => 'gzip'],
    ['GET /static/a', Range => 'bytes=0-10'], ['GET /static/a', Range => 'bytes=0-10', 'Accept-Encoding' => 'gzip'], 'GET /static/missing',
    { what => 'GET /static/a', version => '1.0', fields => ['Accept-Encoding' => 'gzip'] }, { what => 'GET /http10/a', version => '1.0', fields => ['Accept-Encoding' => 'gzip'] },
    ['GET /static/a', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'], ['GET /static/a', 'If-None-Match' => '*'];
push @requests, map { my $name = $_; map { ["GET /$name", @$_] } @clients } sort keys %body;
push @requests, map { ("HEAD /$_", "GET /vary-proxied/$_", "GET /unbuffered/$_") } sort keys %body;
push @requests, map { "GET /$_" } qw(caps other identity tagged weak odd ranges chunked error missing partial both), ['GET /caps', 'Accept-Encoding' => 'gzip'];
# A body of no bytes is an answer of no bytes here.
my %better = map { $_ => 'nginx gives it up' } 'GET /nothing', 'GET /nothing Accept-Encoding deflate, gzip;q=0', 'GET /vary-proxied/nothing',
    'GET /unbuffered/nothing';
my @type = ('Content-Type' => 'text/plain', 'Content-Encoding');
differential_ok($conf, \@requests, files => \%files, allow => \%better, allow_log => [qr/open\(\)/], origin => sub ($origin) {
    $origin->answer("/$_", headers => [@type, 'gzip'], body => $body{$_}) for keys %body;
    $origin->answer('/caps', headers => [@type, 'GZip'], body => $gz);
    $origin->answer('/other', headers => [@type, 'x-gzip'], body => $gz);
    $origin->answer('/identity', headers => ['Content-Type' => 'text/plain'], body => $gz);
    $origin->answer('/tagged', headers => [@type, 'gzip', ETag => '"x"', 'Last-Modified' => 'Sun, 13 Sep 2020 12:26:40 GMT'], body => $gz);
    $origin->answer('/weak', headers => [@type, 'gzip', ETag => 'W/"x"'], body => $gz);
    $origin->answer('/odd', headers => [@type, 'gzip', ETag => 'x', Vary => 'Accept-Encoding'], body => $gz);
    $origin->answer('/ranges', headers => [@type, 'gzip', 'Accept-Ranges' => 'bytes'], body => $gz);
    $origin->answer('/chunked', headers => [@type, 'gzip'], chunks => [substr($gz, 0, 10), map { substr($gz, 10 + $_, 1) } 0 .. length($gz) - 11]);
    $origin->answer('/error', status => 500, headers => [@type, 'gzip'], body => $gz);
    $origin->answer('/missing', status => 404, headers => [@type, 'gzip'], body => $gz);
    $origin->answer('/partial', status => 206, headers => [@type, 'gzip', 'Content-Range' => 'bytes 0-9/100'], body => $gz);
    $origin->answer('/both', headers => [@type, 'gzip, br'], body => $gz);
});

# What is broken never looks whole; a small client does not make a large answer grow.
my $site = Site->start(<<'CONF');
    gunzip on;
    server { listen %PORT%; location / { proxy_pass http://%ORIGIN%; } }
CONF
for my $name (sort keys %broken) {
    $site->origin->answer("/$name", headers => [@type, 'gzip'], body => $broken{$name});
    my $reply = $site->get("/$name");
    ok !$reply->complete, "$name: the answer does not look whole";
    ok index($text, $reply->body) == 0 || $name eq 'flipped' || $name eq 'trailing', 'and what came is right';
}
like $site->error_log, qr/inflate\(\) failed: -3, incorrect header check/, 'why, is in the log';
like $site->error_log, qr/ended too early/, 'also where it was cut';
$site->origin->answer('/bomb', headers => [@type, 'gzip'], body => $zeros);
my @slow = map { $site->send('GET /bomb', { rcvbuf => 4096 }) } 1 .. 4;
is length($_->response->body), 5_000_000, 'a slow client gets all of it' for @slow;
$site->origin->script('/slow', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n" . substr($gz, 0, 2000)],
                      [wait => 'more'], [write => substr($gz, 2000)], 'close');
my $client = $site->send('GET /slow');
$client->read_until(qr/line 10 of a text/);
ok 1, 'the beginning of a slow answer comes at once';
$site->origin->go('more');
$client->read_until(qr/\r\n0\r\n\r\n/);
$site->stop;

done_testing;
