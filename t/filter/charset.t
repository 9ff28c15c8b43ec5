# t/filter/charset.t - the charset that Content-Type names, the same as in nginx
use Site;
use Differential;

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

done_testing;
