# t/http/browser.t - browsers of today and of old, the same as nginx tells them apart
use Site;
use Differential;

my $conf = <<'CONF';
    map $uri $unused { default 1; }
    server {
        listen %PORT%;
        location / { return 200 "[$modern_browser] [$ancient_browser] [$msie]\n"; }
        location /list/ { modern_browser msie 5.5; modern_browser opera 9.0; modern_browser gecko 1.0.1; modern_browser safari 533.1; modern_browser konqueror 3.4;
                          return 200 "[$modern_browser] [$ancient_browser]\n"; }
        location /unlisted/ { modern_browser msie 7; modern_browser unlisted; ancient_browser Links Lynx netscape4; modern_browser_value yes; ancient_browser_value no;
                              return 200 "[$modern_browser] [$ancient_browser]\n"; }
        location /ancient/ { ancient_browser Mozilla; modern_browser gecko 1.5; return 200 "[$modern_browser] [$ancient_browser]\n"; }
        location /n4/ { ancient_browser netscape4; modern_browser unlisted; return 200 "[$modern_browser] [$ancient_browser]\n"; }
        location /twice/ { modern_browser MSIE 6.0; modern_browser msie 5.0; return 200 "[$modern_browser] [$ancient_browser]\n"; }
        location /fine/ { modern_browser msie 6.1.2.3; return 200 "[$modern_browser] [$ancient_browser]\n"; }
        location /values/ { modern_browser unlisted; modern_browser_value ""; ancient_browser ""; return 200 "[$modern_browser] [$ancient_browser]\n"; }
        location /inner/ { modern_browser unlisted; ancient_browser Opera;
            location /inner/own/ { ancient_browser MSIE; return 200 "[$modern_browser] [$ancient_browser]\n"; }
            location /inner/modern/ { modern_browser opera 9; return 200 "[$modern_browser] [$ancient_browser]\n"; }
            return 200 "[$modern_browser] [$ancient_browser]\n"; }
    }
CONF
my @agents = (
    undef, '', 'x', 'Links (2.1; Linux)', 'Lynx/2.8', 'Mozilla/4.72 [en] (X11)', 'Mozilla/4.72 ', 'Mozilla/4.72 x', 'Mozilla/5.0 (X11; U; Linux)', 'Mozilla/0.9 (old and long)',
    'Mozilla/4.0 (compatible; MSIE 5.5; Windows NT)', 'Mozilla/4.0 (compatible; MSIE 5.49; Windows NT)', 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)', 'Mozilla/4.0 (compatible; MSIE 6.1.2.3)',
    'Mozilla/4.0 (compatible; MSIE 6.1.2.2)', 'Mozilla/4.0 (compatible; MSIE 6.1.2.4)', 'Mozilla/4.0 (compatible; MSIE 7.0b; Windows NT 6.0)', 'Mozilla/4.0 (compatible; MSIE 7', 'Mozilla/4.0 (compatible; MSIE 10',
    'Mozilla/4.0 (compatible; MSIE 5', 'Mozilla/4.0 (compatible; MSIE ', 'Mozilla/4.0 (compatible; MSIE x', 'MSIE 6.0', 'Mozilla/4.0 (x; MSIE 6.0)', 'Mozilla/4.0 (compatible; MSIE 6.0) Opera 7.50 [en]',
    'Opera/9.01 (X11; FreeBSD 6 i386; U; en)', 'Opera/8.99', 'Opera/9', 'Opera 9.0', 'Opera', 'Opera/', 'Mozilla/4.0 (compatible; MSIE 8.0; Opera 9.5', 'Opera/9.80 (X11; Linux x86_64) Presto/2.2',
    'Mozilla/5.0 (X11; U; FreeBSD i386; en-US; rv:1.0.0) Gecko/20020610', 'Mozilla/5.0 (X11; rv:1.0.1) Gecko', 'Mozilla/5.0 (rv:1.5)', 'rv:1.5', 'Mozilla/5.0 (X11; rv:109.0) Gecko/20100101 Firefox/115.0',
    'Mozilla/5.0 (Macintosh; U; PPC Mac OS X; ru-ru) AppleWebKit/125.2 (KHTML, like Gecko) Safari/125.7', 'Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36', 'Safari/600.1',
    'Mozilla/5.0 (compatible; Konqueror/3.1; Linux)', 'Mozilla/5.0 (compatible; Konqueror/3.4; Linux)', 'Konqueror/4.0', 'Mozilla/4.0 (compatible; MSIE 99999999999999999999.1)', 'Mozilla/4.0 (compatible; MSIE 6..1',
    'Mozilla/4.0 (compatible; MSIE .6', 'Mozilla/4.0 (compatible; MSIE 5.5.', 'a MSIE 6', 'a MSIE 6.0 Opera', 'a MSIE 6.0 SV1',
);
my @requests = map { my $path = $_; map { ["GET $path", defined ? ('User-Agent' => $_) : ()] } @agents }
    qw(/ /list/ /unlisted/ /ancient/ /n4/ /twice/ /fine/ /values/ /inner/ /inner/own/ /inner/modern/);
differential_ok($conf, \@requests);

my %faults = (
    'modern_browser foo 1;'  => qr/unknown browser name "foo"/, 'modern_browser msie 5x;' => qr/invalid browser version "5x"/,
    'modern_browser unlisted 5;' => qr/unknown browser name "unlisted"/, 'modern_browser msie;' => qr/needs a version/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    next if $fault eq 'modern_browser msie;' && !is_weir();
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
