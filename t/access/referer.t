# t/access/referer.t - which pages may link here, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT%;
        server_name site.example *.wild.example ~^re\d+\.example$;
        location /all/ { valid_referers none blocked server_names *.example.com example.* www.example.org/galleries/ ~\.google\.
                         .both.test; return 200 "[$invalid_referer]\n"; }
        location /named/ { valid_referers server_names; return 200 "[$invalid_referer]\n"; }
        location /none/ { valid_referers none a.test; return 200 "[$invalid_referer]\n"; }
        location /blocked/ { valid_referers blocked a.test; return 200 "[$invalid_referer]\n"; }
        location /regex/ { valid_referers ~^www\.x\.test/p; if ($invalid_referer) { return 403; } return 200 "ok\n"; }
        location /unset/ { return 200 "[$invalid_referer]\n"; }
    }
CONF
my @referers = ('http://site.example/', 'https://site.example', 'HTTP://SITE.EXAMPLE/x', 'http://a.wild.example/', 'http://wild.example/',
    'http://re12.example/', 'http://rex.example/', 'http://a.example.com/', 'http://example.com/', 'http://example.net/', 'http://example.co.uk/',
    'http://www.example.org/galleries/1', 'http://www.example.org/other', 'http://www.example.org', 'http://www.google.de/search', 'http://google.de/',
    'http://both.test/', 'http://x.both.test:8080/', 'http://a.test/', 'http://a.test:80', 'http://b.test/', '', '-', 'XXXX', 'ftp://site.example/', 'http://',
    'http://a', 'http://www.x.test/page', 'http://www.X.test/page', 'http://www.x.test/other', 'http://' . 'a' x 300 . '/', 'site.example');
my @requests = map { my $place = $_; ("GET /$place/", map { ["GET /$place/", Referer => $_] } @referers) } qw(all named none blocked regex unset);
differential_ok($conf, \@requests);

my %faults = (
    'valid_referers none blocked;' => qr/the "none" or "blocked" referers are specified/,
    'valid_referers a*b;'          => qr/invalid hostname or wildcard "a\*b"/,
    'valid_referers a.test A.test;' => qr/conflicting parameter "A\.test"/i,
    'valid_referers "~(";'         => qr/pcre2?_compile\(\) failed/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config("server { listen %PORT%; $fault }");
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
