# t/filter/sub.t - texts in responses replaced by others, the same as nginx does it
use Site;
use Differential;

my $page = "<html><HEAD><title>A page</title></head><body>\n" . join('', map { "<p>Line $_ of Foo and foobar, FOO.</p>\n" } 1 .. 200) . "</body></html>\n";
my %text = (
    page => $page, big => $page x 30, empty => '', foo => 'foo', none => 'nothing of interest here', aaa => 'a' x 1000, aab => join('', ('a' x 50 . 'b') x 20),
    ends => "text that ends in fo", tail => ('x' x 70_000) . 'foo' . ('y' x 70_000) . 'fo', nul => "a\0b foo \0\0", caps => "FOO fOo foO Foo \xc0foo\xe0",
    border => join('', map { ('z' x ($_ * 8191 % 16384)) . 'foobar' } 1 .. 40), overlap => 'abcabcabcdabcabcdeabcabc', nested => 'onefoobartwofoothreebar',
);
my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        default_type text/html;
        types { text/html html; text/plain txt; text/css css; }
        location /once/ { sub_filter foo BAZ; alias %DIR%/html/; }
        location /all/ { sub_filter foo BAZ; sub_filter_once off; alias %DIR%/html/; }
        location /case/ { sub_filter FoO ''; sub_filter_once off; alias %DIR%/html/; }
        location /head/ { sub_filter '</head>' '<script src="/x.js"></script></head>'; alias %DIR%/html/; }
        location /two/ { sub_filter foobar X; sub_filter foo Y; sub_filter_once off; alias %DIR%/html/; }
        location /order/ { sub_filter foo Y; sub_filter foobar X; sub_filter_once off; alias %DIR%/html/; }
        location /twoonce/ { sub_filter foo Y; sub_filter line Z; sub_filter </p> '</P>'; alias %DIR%/html/; }
        location /same/ { sub_filter foo 1; sub_filter foo 2; alias %DIR%/html/; }
        location /byte/ { sub_filter o 0; sub_filter_once off; alias %DIR%/html/; }
        location /bytes/ { sub_filter o 0; sub_filter a '[a]'; sub_filter foo F; sub_filter_once off; alias %DIR%/html/; }
        location /aa/ { sub_filter aa b; sub_filter_once off; alias %DIR%/html/; }
        location /aab/ { sub_filter aaab '<>'; sub_filter aab '()'; sub_filter_once off; alias %DIR%/html/; }
        location /abc/ { sub_filter abcabcd 1; sub_filter abcabce 2; sub_filter bcab 3; sub_filter_once off; alias %DIR%/html/; }
        location /grow/ { sub_filter foo 'foo foo foo foo foo foo foo foo foo foo foo foo foo foo foo foo'; sub_filter_once off; alias %DIR%/html/; }
        location /vars/ { sub_filter $arg_a '[$arg_b$uri]'; sub_filter_once off; alias %DIR%/html/; }
        location /varstwo/ { sub_filter $arg_a 1; sub_filter "x$arg_b" 2; sub_filter foo $arg_c; alias %DIR%/html/; }
        location /keep/ { sub_filter foo BAZ; sub_filter_last_modified on; alias %DIR%/html/; }
        location /types/ { sub_filter foo BAZ; sub_filter_types text/css text/plain; alias %DIR%/html/; }
        location /any/ { sub_filter foo BAZ; sub_filter_types *; alias %DIR%/html/; }
        location /gzip/ { gzip on; sub_filter foo BAZ; sub_filter_once off; alias %DIR%/html/; }
        location /charset/ { charset utf-8; sub_filter foo BAZ; alias %DIR%/html/; }
        location /page/ { sub_filter nginx weir; sub_filter 404 '4 0 4'; sub_filter moved gone; return 404; }
        location /moved/ { sub_filter moved gone; return 301 /foo; }
        location /text/ { default_type text/html; sub_filter foo BAZ; return 200 "a foo"; }
        location /inner/ { sub_filter foo outer; location /inner/own/ { sub_filter bar inner; alias %DIR%/html/; } location /inner/once/ { sub_filter_once off; alias %DIR%/html/; } alias %DIR%/html/; }
        location /proxied/ { sub_filter foo BAZ; sub_filter_once off; proxy_pass http://%ORIGIN%; }
        location /keepproxied/ { sub_filter foo BAZ; sub_filter_last_modified on; proxy_pass http://%ORIGIN%/proxied/; }
        location /anyproxied/ { sub_filter foo BAZ; sub_filter_types *; proxy_pass http://%ORIGIN%/proxied/; }
        location /unbuffered/ { sub_filter foo BAZ; sub_filter_once off; proxy_buffering off; proxy_pass http://%ORIGIN%/proxied/; }
        location /gunzip/ { gunzip on; gzip_static always; sub_filter foo BAZ; alias %DIR%/html/; }
    }
CONF
my %files = map { ("html/$_" => $text{$_}) } keys %text;
$files{"html/foo.$_"} = 'foo and foo' for qw(txt css bin html);
$files{'html/zipped.gz'} = do { require Compress::Zlib; Compress::Zlib::memGzip('foo is packed') };
my @dirs = qw(once all case head two order twoonce same byte bytes aa aab abc grow keep gzip charset inner inner/own inner/once);
my @requests = map { my $dir = $_; map { "GET /$dir/$_" } sort keys %text } @dirs;
push @requests, map { my $dir = $_; ("HEAD /$dir/page", ["GET /$dir/page", Range => 'bytes=0-10'], ["GET /$dir/page", 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'],
    ["GET /$dir/page", 'If-None-Match' => '*'], "GET /$dir/missing", { what => "GET /$dir/page", version => '1.0' }) } qw(all keep two);
push @requests, map { my $dir = $_; map { "GET /$dir/foo.$_" } qw(txt css bin html) } qw(types any once);
push @requests, map { "GET /vars/page?$_" } 'a=foo&b=x', 'a=FOO&b=x', 'a=', '', 'a=nope&b=x', 'a=l&b=', 'a=line%201&b=x';
push @requests, map { "GET /varstwo/page?$_" } 'a=line&b=&c=3', 'a=&b=&c=', 'a=foo&b=y', 'b=x', '';
push @requests, 'GET /page/', 'GET /moved/', 'GET /text/', 'HEAD /text/', 'GET /gunzip/zipped', ['GET /gzip/big', 'Accept-Encoding' => 'gzip'], ['GET /gzip/page', 'Accept-Encoding' => 'gzip'];
my %sent = (
    whole    => { body => $page },
    tagged   => { body => $page, headers => [ETag => '"x"', 'Last-Modified' => 'Sun, 13 Sep 2020 12:26:40 GMT', 'Accept-Ranges' => 'bytes'] },
    weak     => { body => $page, headers => [ETag => 'W/"x"'] },
    odd      => { body => $page, headers => [ETag => 'x'] },
    chunked  => { chunks => [map { substr $page, $_ * 97, 97 } 0 .. length($page) / 97] },
    bytes    => { chunks => [split //, 'many foo pieces, foofoo fofo foo f'] },
    css      => { body => 'foo', type => 'text/css' },
    none     => { body => 'foo', type => undef },
    empty    => { body => '' },
    status   => { body => 'foo', status => 404 },
    partial  => { body => 'foo', status => 206, headers => ['Content-Range' => 'bytes 0-2/100'] },
    encoded  => { body => 'foo', headers => ['Content-Encoding' => 'br'] },
    params   => { body => 'foo', type => 'text/html; charset=koi8-r' },
    caps     => { body => 'foo', type => 'Text/HTML' },
    moved    => { body => 'foo', status => 302, headers => [Location => '/foo'] },
    nothing  => { status => 204, body => '' },
);
push @requests, map { my $name = $_; map { "GET /$_/$name" } qw(proxied keepproxied anyproxied unbuffered) } sort keys %sent;
push @requests, map { "HEAD /proxied/$_" } sort keys %sent;
# A short text at the very end, where a longer one might have begun: nginx lets it go.
my %better = map { ("GET /$_: body" => 'nginx does not look at the end again') } 'two/foo', 'bytes/ends', 'bytes/tail', 'abc/overlap';
differential_ok($conf, \@requests, files => \%files, allow => \%better, allow_log => [qr/open\(\)/], origin => sub ($origin) {
    for my $name (keys %sent) {
        my %one = %{ $sent{$name} };
        my $type = exists $one{type} ? delete $one{type} : 'text/html';
        my @more = @{ delete $one{headers} // [] };
        $origin->answer("/proxied/$name", %one, headers => [defined $type ? ('Content-Type' => $type) : (), @more]);
    }
});

# A body that comes in pieces is the same however it is cut; and what cannot begin a text is not held back.
my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        location / { sub_filter foobar 1; sub_filter bard 2; sub_filter foo 3; sub_filter oof 4; sub_filter_once off; proxy_buffering off; proxy_pass http://%ORIGIN%; }
        location /once/ { sub_filter foobar 1; sub_filter bard 2; proxy_buffering off; proxy_pass http://%ORIGIN%/; }
    }
CONF
my $origin = $site->origin;
my $seed = 99;
sub draw ($below) { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return ($seed >> 8) % $below }
my @words = ('foo', 'bar', 'foobard', 'o', 'f', 'fo', 'foob', 'FOOBA', 'oo', 'd', ' ');
sub model ($text, $once, @pairs) {
    my ($out, $at, %done) = ('', 0);
    BYTE: while ($at < length $text) {
        for my $pair (@pairs) {
            my ($old, $new) = @$pair;
            next if ($once && $done{$old}) || lc substr($text, $at, length $old) ne $old;
            $done{$old} = 1;
            $out .= $new;
            $at += length $old;
            next BYTE;
        }
        $out .= substr $text, $at++, 1;
    }
    return $out;
}
my $wrong = 0;
for my $round (1 .. 60) {
    my $whole = join '', map { $words[draw(scalar @words)] } 1 .. 40;
    my @pieces;
    for (my $at = 0; $at < length $whole;) {
        my $len = 1 + draw($round % 3 ? 4 : 12);
        push @pieces, substr $whole, $at, $len;
        $at += $len;
    }
    $origin->answer("/$round", headers => ['Content-Type' => 'text/html'], chunks => \@pieces);
    $wrong++ if $site->get("/$round")->body ne model($whole, 0, ['foobar', 1], ['bard', 2], ['foo', 3], ['oof', 4]);
    $wrong++ if $site->get("/once/$round")->body ne model($whole, 1, ['foobar', 1], ['bard', 2]);
}
is $wrong, 0, '60 bodies in pieces of any size, once and always';
$origin->script('/slow', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nfirst line\nfoo"], [wait => 'more'], [write => 'bar, end of fo'], 'close');
my $client = $site->send('GET /slow');
$client->read_until(qr/\r\n\r\nb\r\nfirst line\n\r\n/);
ok 1, 'what is decided comes at once, and no more';
$origin->go('more');
$client->read_until(qr/1, end of /);
$client->read_until(qr/fo\r\n0\r\n\r\n/);
ok 1, 'the rest follows';
$origin->script('/torn', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\nfoo and fo"], 'close');
ok !$site->get('/torn')->complete, 'a body that was cut short does not look whole';
$site->stop;

# A small file that becomes a large answer, for clients that take it slowly.
my $long = 'y' x 4000;
my $large = Site->start(<<"CONF", files => { 'html/a' => 'x' x 10_000 });
    server { listen %PORT%; default_type text/html; root %DIR%/html; location / { sub_filter_once off; sub_filter x "$long"; } }
CONF
my @slow = map { $large->send('GET /a', { rcvbuf => 4096 }) } 1 .. 4;
my ($worker) = $large->workers;
$_->read_bytes(1000) for @slow;
my ($kb) = Procs::slurp("/proc/$worker/status") =~ /^VmRSS:\s+(\d+)/m;
cmp_ok $kb, '<', 40_000, "a worker has no more than it can send: $kb KB";
is length($large->get('/a')->body), 40_000_000, 'and all of it can be had';
$_->close for @slow;
$large->stop;

like +Site->test_config('sub_filter "" x;')->{stderr}, qr/empty search pattern/, 'an empty text is refused';

done_testing;
