# t/http/location.t - which location a URI finds, the same as in nginx
use Site;
use Differential;

# Every location names itself, so a body tells where the request went.
my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        location = / { return 200 "= /\n"; }
        location / { return 200 "/ $uri\n"; }
        location /a { return 200 "/a $uri\n"; }
        location /a/ { return 200 "/a/ $uri\n"; }
        location /a/b { return 200 "/a/b $uri\n"; }
        location = /a/b/exact { return 200 "= /a/b/exact\n"; }
        location ^~ /static/ { return 200 "^~ /static/ $uri\n"; }
        location /images/ { return 200 "/images/ $uri\n"; }
        location ~ \.gif$ { return 200 "~ gif $uri\n"; }
        location ~* \.(jpe?g|png)$ { return 200 "~* $1 $uri\n"; }
        location ~ ^/re/(?<first>[^/]+)/(\d+) { return 200 "~ $first $2 $uri\n"; }
        location ~ \.(txt|gif)$ { return 200 "~ second $uri\n"; }
        location ~ "^/q{2}$" { return 200 "~ quoted\n"; }
        location /nest/ {
            location /nest/in/ { return 200 "/nest/in/ $uri\n"; }
            location = /nest/exact { return 200 "= /nest/exact\n"; }
            location ~ \.x$ { return 200 "/nest/ ~ x $uri\n"; }
            location ~ \.gif$ { return 200 "/nest/ ~ gif $uri\n"; }
            return 200 "/nest/ $uri\n";
        }
        location ~ ^/renest/ {
            location ~ \.y$ { return 200 "renest ~ y $uri\n"; }
            return 200 "renest $uri\n";
        }
        location ^~ /deep/ {
            location /deep/one/ { location ~ two { return 200 "deep two $uri\n"; }
                                  return 200 "deep one $uri\n"; }
            location ~ \.txt$ { return 200 "deep txt $uri\n"; }
            return 200 "deep $uri\n";
        }
        location /Case { return 200 "/Case $uri\n"; }
        location "/with space" { return 200 "space $uri\n"; }
        location /caf\xc3\xa9 { return 200 "cafe $uri\n"; }
        location /dir/ { proxy_pass http://%ORIGIN%; }
        location /files/ { root %DIR%; }
        location /Zoo { return 200 "/Zoo\n"; }
        location /zo { return 200 "/zo\n"; }
        location @named { return 200 "@named\n"; }
        location /to-named { error_page 418 = @named; return 418; }
    }
CONF

no warnings "qw";
my @uris = qw(
    / /index.html /a /ab /a/ /a/x /a/b /a/bc /a/b/ /a/b/exact /a/b/exact/ /a/b/exactly /A /A/b
    /static/x.gif /static/ /static /staticx.gif /images/x.gif /images/x.png /images/x.PNG /images/x.jpeg
    /x.gif /x.GIF /x.txt /x.jpg /x.JPG /re/abc/12 /re/abc/x /re/a%20b/7/more /qq /q{2}
    /nest/ /nest /nest/in/ /nest/in /nest/in/x.gif /nest/exact /nest/a.x /nest/a.gif /nest/a.png
    /renest/ /renest/a.y /renest/a.gif /deep/ /deep/one/ /deep/one/two /deep/one/three /deep/a.txt
    /deep/one/a.txt /Case /case /CASE/x /with%20space /with+space /caf%C3%A9 /caf%c3%a9/x
    /dir /dir/ /dir?x=y /files /zo /zoo /Zoo /Zoo/x /to-named /@named
    //a //a//b /a//b ///static///x.gif /a/./b /a/../a/b /./a /a/. /a/.. /a/../ /x/../static/a.gif
    /a/b/..%2f..%2fstatic/x /%61 /%61%2Fb /a%2fb /static%2fx.gif /a/%2e%2e/x.txt /%2e/a /a/b/%2e
    /.../x /.a/ /a/..b /a/b../c /a?x=/static/ /a?../b /x.gif?x.png /x.png?a.gif /a#frag /a/b#/static/
    /a%23b /a%3Fb /a%25 /a%2500 /a%c0%ae/ /a\b /~user/ /a;b=c /a:b /a,b /$uri /a|b /a^b /a'b /a"b
);
my @requests = map { "GET $_" } @uris;
push @requests, map { { raw => "GET $_ HTTP/1.1\r\nHost: localhost\r\n\r\n", name => "raw $_" } }
    '/caf' . "\xc3\xa9", '/..', '/../', '/a/../../b', '/%2e%2e/', '/a/%2e%2e/%2e%2e/', 'http://localhost/a/b',
    'http://localhost', 'http://localhost?x=y', 'http://localhost/?x', 'HTTP://LOCALHOST/a', 'https://other/a',
    'http://localhost:99/a', 'http://user@localhost/a', 'http://[::1]/a', '*', '/a/%2', '/%', '/a%u0041';
push @requests, { raw => "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", name => 'OPTIONS *' };
differential_ok($conf, \@requests, files => { 'html/index.html' => 'index', 'files/x' => 'x' });

# The same with merge_slashes off
differential_ok($conf =~ s/listen %PORT%;/listen %PORT%; merge_slashes off;/r,
                [map { "GET $_" } '//a', '/a//b', '//', '/a//', '/nest//in/', '/a/..//b', '//static/x.gif',
                 '/static//x.gif', '/a//..//b', '/re//12']);

done_testing;
