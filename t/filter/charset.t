# t/filter/charset.t - the charset of responses: named, and recoded, the same as in nginx
use Site;
use Differential;
use Encode qw(encode decode);

my $conf = <<'CONF';
    charset utf-8;
    map $arg_c $wanted { default off; "~." $arg_c; }
    server {
        listen %PORT%;
        root %DIR%/html;
        types { text/html html; text/plain txt; text/css css; application/javascript js; text/xml xml; image/png png;
                application/json json; }
        location /off/ { charset off; }
        location /types/ { charset_types text/css application/json; }
        location /any/ { charset_types *; }
        location /other/ { charset koi8-r; }
        location /var/ { charset $wanted; }
        location /if/ { charset off; if ($arg_c) { charset windows-1251; } }
        location /redirect/ { return 301 /x; }
        location /seeother/ { return 303 /x; }
        location /error/ { return 404; }
        location /text/ { default_type text/plain; return 200 "text\n"; }
        location /typed/ { default_type "text/html; charset=x"; return 200 "text\n"; }
        location /proxied/ { proxy_pass http://%ORIGIN%; }
    }
CONF
my @dirs = qw(plain off types any other var if);
my %files = map { my $dir = $_; map { ("html/$dir/f.$_" => "content\n") } qw(html txt css js xml png json none) } @dirs;
my @requests = map { my $dir = $_; map { "GET /$dir/f.$_" } qw(html txt css js xml png json none missing) } @dirs;
push @requests, 'GET /var/f.txt?c=latin1', 'GET /if/f.txt?c=1', 'HEAD /plain/f.html', 'GET /plain', ['GET /plain/f.html', Range => 'bytes=0-1'],
    ['GET /plain/f.html', Range => 'bytes=0-1,3-4'], ['GET /plain/f.html', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'],
    map { "GET /$_/" } qw(redirect seeother error text typed);
my %types = (plain => 'text/plain', html => 'text/html; charset=iso-8859-1', image => 'image/png', spaced => 'text/html ; Charset="x" ; a=b',
    image_named => 'image/png; charset=iso-8859-1', odd => 'text/html;', boundary => 'text/html; boundary=x');
push @requests, map { "GET /proxied/$_" } sort keys %types, 'untyped';
differential_ok($conf, \@requests, files => \%files, allow_log => [qr/open\(\)/], origin => sub ($origin) {
    $origin->answer("/proxied/$_", headers => ['Content-Type' => $types{$_}], body => 'x') for keys %types;
    $origin->answer('/proxied/untyped', headers => [], body => 'x');
});

# Recoding ------------------------------------------------------------------------------------------

sub map_lines ($from, $to) {
    my $check = Encode::FB_QUIET();
    return join '', map {
        my $byte = chr;
        my $char = decode($from, my $copy = $byte, $check);
        my $other = length $char ? encode($to, my $again = $char, $check) : '';
        length $other ? sprintf("        %02X %s;\n", $_, uc unpack 'H*', $other) : '';
    } 128 .. 255;
}
my $maps = "    charset_map koi8-r utf-8 {\n" . map_lines('koi8-r', 'utf-8') . "    }\n"
    . "    charset_map windows-1251 utf-8 {\n" . map_lines('cp1251', 'utf-8') . "    }\n"
    . "    charset_map koi8-r Windows-1251 {\n" . map_lines('koi8-r', 'cp1251') . "    }\n";
my $russian = "\x{421}\x{44a}\x{435}\x{448}\x{44c} \x{436}\x{435} \x{435}\x{449}\x{451} \x{44d}\x{442}\x{438}\x{445} "
    . "\x{43c}\x{44f}\x{433}\x{43a}\x{438}\x{445} \x{444}\x{440}\x{430}\x{43d}\x{446}\x{443}\x{437}\x{441}\x{43a}\x{438}\x{445} "
    . "\x{431}\x{443}\x{43b}\x{43e}\x{43a}, \x{434}\x{430} \x{432}\x{44b}\x{43f}\x{435}\x{439} \x{447}\x{430}\x{44e}. ";
my %text = (koi => encode('koi8-r', $russian), win => encode('cp1251', $russian), utf => encode('utf-8', $russian));
$text{long} = ($text{utf} . "plain English in between; ") x 3000;
$text{longkoi} = ($text{koi} . "plain English in between; ") x 3000;
$text{odd} = join '', "\xd1\x8e\xe2\x82\xac", encode('utf-8', "\x{20ac}\x{1f600}\x{10ffff}\x{e9}"), "\x80 \xd1A \xe2AB \xe2\x82A \xc0\xaf \xe0\x80\x80 ",
    "\xf4\x90\x80\x80 \xed\xa0\x80 ", $text{utf}, "\xd1\xd1 \xf0\x9f\x98";
$text{all} = join '', map(chr, 0 .. 247), encode('koi8-r', lc $russian); # older versions of nginx decode what begins with f8 to ff
$text{win} =~ tr/\xf8-\xff/\xe8-\xef/;
$text{plain} = "only ASCII here\n" x 100;
$text{late} = ('x' x 40_000) . $text{utf} . ('y' x 40_000);
$text{empty} = '';
my @pairs = map { my $from = $_; map { [$from, $_] } grep { $_ ne $from } qw(koi8-r windows-1251 utf-8) } qw(koi8-r windows-1251 utf-8);
my $recoding = $maps . <<'CONF' . join('', map { "        location /$$_[0]/$$_[1]/ { source_charset $$_[0]; charset $$_[1]; alias %DIR%/html/; }\n" } @pairs) . "    }\n";
    map $arg_c $wanted { "~." $arg_c; default ""; }
    map $arg_s $source { "~." $arg_s; default off; }
    server {
        listen %PORT%;
        root %DIR%/html;
        default_type text/html;
        types { text/plain txt; image/png png; text/xml xml; }
        location /var/ { charset $wanted; source_charset $source; alias %DIR%/html/; }
        location /only/source/ { source_charset koi8-r; alias %DIR%/html/; }
        location /same/ { source_charset UTF-8; charset utf-8; alias %DIR%/html/; }
        location /if/ { source_charset koi8-r; if ($arg_c) { charset utf-8; } alias %DIR%/html/; }
        location /gzip/ { gzip on; gzip_min_length 0; charset utf-8; source_charset koi8-r; alias %DIR%/html/; }
        location /static/ { gzip_static always; charset utf-8; source_charset koi8-r; alias %DIR%/html/; }
        location /moved/ { charset utf-8; source_charset koi8-r; return 301 /x; }
        location /text/ { charset utf-8; source_charset windows-1251; return 200 "plain text"; }
        location /page/ { charset utf-8; source_charset windows-1251; return 404; }
        location /proxied/ { charset utf-8; source_charset windows-1251; proxy_pass http://%ORIGIN%; }
        location /override/ { charset utf-8; override_charset on; proxy_pass http://%ORIGIN%/proxied/; }
        location /accel/ { proxy_pass http://%ORIGIN%; }
        location /accel/ignored/ { proxy_ignore_headers X-Accel-Charset; proxy_pass http://%ORIGIN%/accel/; }
        location /vary/ { charset $wanted; override_charset on; proxy_pass http://%ORIGIN%/proxied/; }
        location /types/ { charset utf-8; override_charset on; charset_types image/png; source_charset koi8-r; proxy_pass http://%ORIGIN%/proxied/; }
        location /any/ { charset utf-8; charset_types *; source_charset koi8-r; proxy_pass http://%ORIGIN%/proxied/; }
CONF
%files = map { ("html/$_" => $text{$_}, "html/$_.txt" => $text{$_}) } keys %text;
$files{"html/$_.png"} = $text{$_} for qw(koi utf);
$files{'html/koi.gz'} = do { require Compress::Zlib; Compress::Zlib::memGzip($text{koi}) };
@requests = map { my ($from, $to) = @$_; map { "GET /$from/$to/$_" } sort(keys %text), 'utf.txt', 'koi.png', 'missing' } @pairs;
push @requests, map { my ($from, $to) = @$_; (["GET /$from/$to/utf", Range => 'bytes=5-20'], ["GET /$from/$to/utf", Range => 'bytes=5-20,40-50'],
    ["GET /$from/$to/longkoi", Range => 'bytes=100000-100100,5-10,-7'], "HEAD /$from/$to/utf", ["GET /$from/$to/utf", 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT']) } @pairs;
push @requests, map { "GET /$_" } 'var/koi?s=koi8-r&c=utf-8', 'var/koi?s=KOI8-R&c=Windows-1251', 'var/utf?s=utf-8&c=koi8-r', 'var/koi?s=koi8-r&c=x',
    'var/koi?s=x&c=utf-8', 'var/koi?c=x', 'var/koi?s=x&c=X', 'var/koi?s=koi8-r', 'only/source/koi', 'same/utf', 'same/koi', 'if/koi', 'if/koi?c=1',
    'moved/', 'text/', 'page/', 'gzip/koi', 'gzip/long';
push @requests, ['GET /gzip/koi', 'Accept-Encoding' => 'gzip'], ['GET /gzip/long', 'Accept-Encoding' => 'gzip'], ['GET /static/koi', 'Accept-Encoding' => 'gzip'];
my %sent = (
    none    => [type => 'text/html', body => 'win'],
    koi     => [type => 'text/html; charset=koi8-r', body => 'koi'],
    caps    => [type => 'text/html; charset=KOI8-R', body => 'koi'],
    quoted  => [type => 'text/html; charset="koi8-r"', body => 'koi'],
    spaced  => [type => 'text/html;   Charset=koi8-r', body => 'koi'],
    more    => [type => 'text/html; charset=koi8-r; boundary=x', body => 'koi'],
    behind  => [type => 'text/html; boundary=x; charset=koi8-r', body => 'koi'],
    utf     => [type => 'text/plain; charset=UTF-8', body => 'utf'],
    unknown => [type => 'text/plain; charset=latin1', body => 'utf'],
    image   => [type => 'image/png; charset=koi8-r', body => 'koi'],
    plain   => [type => 'image/png', body => 'koi'],
    long    => [type => 'text/html; charset=koi8-r', body => 'longkoi'],
    odd     => [type => 'text/html; boundary=x', body => 'koi'],
    encoded => [type => 'text/html; charset=koi8-r', body => 'koi', 'Content-Encoding' => 'br'],
    tagged  => [type => 'text/html; charset=koi8-r', body => 'koi', ETag => '"x"', 'Accept-Ranges' => 'bytes'],
    untyped => [body => 'koi'],
    empty   => [type => 'text/html; charset=', body => 'koi'],
);
push @requests, map { my $name = $_; (map { "GET /$_/$name" } qw(proxied override types any)), "HEAD /override/$name", "GET /vary/$name?c=koi8-r",
    "GET /vary/$name?c=windows-1251", "GET /vary/$name?c=x" } sort keys %sent;
push @requests, "GET /accel/utf", "GET /accel/koi", "GET /accel/ignored/utf", "GET /accel/unknown", "GET /accel/none";
push @requests, map { "GET /$_/pieces" } qw(proxied override), 'vary/pieces?c=koi8-r';
# A page of our own may be signed by another name; the length does not show in what nginx sends here.
differential_ok($recoding, \@requests, files => \%files, allow_log => [qr/open\(\)/], origin => sub ($origin) {
    for my $name (keys %sent) {
        my %one = @{ $sent{$name} };
        my ($type, $body) = (delete $one{type}, delete $one{body});
        $origin->answer("/proxied/$name", headers => [defined $type ? ('Content-Type' => $type) : (), %one], body => $text{$body});
    }
    $origin->answer('/proxied/pieces', headers => ['Content-Type' => 'text/html; charset=utf-8'], chunks => [split //, $text{utf}]);
    my @accel = ('Content-Type' => 'text/html; charset=koi8-r', 'X-Accel-Charset');
    $origin->answer('/accel/utf', headers => [@accel, 'utf-8'], body => $text{koi});
    $origin->answer('/accel/koi', headers => [@accel, 'koi8-r'], body => $text{koi});
    $origin->answer('/accel/unknown', headers => [@accel, 'latin1'], body => $text{koi});
    $origin->answer('/accel/none', headers => ['Content-Type' => 'text/html', 'X-Accel-Charset' => 'utf-8'], body => $text{koi});
});

# Characters cut by the pieces in which a body comes.
my $site = Site->start($maps . <<'CONF');
    server { listen %PORT%; charset koi8-r; override_charset on; proxy_buffering off; location / { proxy_pass http://%ORIGIN%; } }
CONF
$site->origin->script('/cut', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\nA\xd1"], [wait => 'next'],
                      [write => "\x8e\xe2"], [wait => 'more'], [write => "\x82"], [wait => 'last'], [write => "\xac!"], 'close');
my $client = $site->send('GET /cut');
$client->read_until(qr/\r\n\r\n1\r\nA\r\n/);
$site->origin->go('next');
$client->read_until(qr/1\r\n\xc0\r\n/);
$site->origin->go('more');
$site->origin->go('last');
$client->read_until(qr/&#8364;/);
ok 1, 'a character comes as soon as all of it is there';
$client->read_until(qr/\r\n0\r\n\r\n/);
$site->origin->script('/torn', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 9\r\n\r\nA\xd1"], 'close');
my $torn = $site->send('GET /torn')->read_response;
ok !$torn->complete, 'a body that was cut short does not look whole';
$site->stop;

my %faults = (
    'charset_map a a { }'                => qr/"charset_map" between the same charsets "a" and "a"/,
    'charset_map a b { } charset_map B A { }' => qr/duplicate "charset_map" between "B" and "A"/,
    'charset_map a utf-8 { C0; }'        => qr/invalid parameters number/,
    'charset_map a utf-8 { C0 D1 8E; }'  => qr/invalid parameters number/,
    'charset_map a utf-8 { C0 41; }'     => qr/invalid value "41"/,
    'charset_map a utf-8 { 1C0 D18E; }'  => qr/invalid value "1C0"/,
    'charset_map utf-8 a { C0 D18E; }'   => qr/invalid value "D18E"/,
    'charset a; source_charset b; server { }'                         => qr/no "charset_map" between the charsets "b" and "a"/,
    'charset a; server { location / { if ($host) { source_charset b; } } }' => qr/no "charset_map" between the charsets "b" and "a"/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}
for my $fine ('charset a; source_charset b; server { charset off; }', 'charset a; source_charset A; server { }',
              'charset $host; source_charset b; server { }') {
    is +Site->test_config($fine)->{exit}, 0, "accepted: $fine";
}

done_testing;
