# t/lib/OddOrigin.pm - an origin with answers of many kinds, for comparisons of what becomes of them
#
#     odd_origin_ok(<text of a server>, requests..., { option => { allow => {...} } });
#
# compares nginx and Weir (see Differential). Each answer of %of is at /NAME, /a/NAME and /b/NAME of the
# origin; redirects of many forms are at /app/l0 ... (Location) and /app/r0 ... (Refresh). The server has
# /e.html, /inside/ (internal, files), @named and /down/, an origin that refuses.
package OddOrigin;
use v5.36;
use Exporter 'import';
use Differential;

our @EXPORT = qw(odd_origin_ok);

my %of = (
    plain => { headers => [ETag => '"o"', 'Last-Modified' => 'Sun, 13 Sep 2020 12:26:40 GMT', 'X-A' => 'b', Server => 'origin', Date => 'Mon, 01 Jan 2001 00:00:00 GMT',
                           'X-Pad' => 'p', 'X-Accel-Expires' => 5, 'Set-Cookie' => 'a=1', 'Set-Cookie' => 'b=2', Via => 'o', 'Content-Language' => 'de'], body => 'plain' },
    none => { no_length => 1, headers => ['Content-Length' => 0], body => '' },
    chunked => { chunks => ['abc', 'defgh'] }, toclose => { no_length => 1, body => 'until the end' },
    trailers => { chunks => ['abc'], trailers => ['X-T' => 'v'], headers => [Trailer => 'X-T'] },
    s204 => { status => 204 }, s304 => { status => 304, headers => [ETag => '"o"'] }, s206 => { status => 206, headers => ['Content-Range' => 'bytes 0-1/5'], body => 'ab' },
    (map { ("e$_" => { status => $_, body => "origin's $_", headers => ['X-A' => 'b', 'Set-Cookie' => 'a=1'] }) } 400, 401, 403, 404, 405, 410, 412, 416, 429, 500, 502, 503, 504),
    auth => { status => 401, headers => ['WWW-Authenticate' => 'Basic realm="a"', 'WWW-Authenticate' => 'Digest x'] },
    range => { status => 416, headers => ['Content-Range' => 'bytes */5'] }, retry => { status => 503, headers => ['Retry-After' => 3] },
    redirect => { status => 302, headers => [Location => '/moved?a=b'], body => 'gone' }, nolocation => { status => 302 },
    file => { headers => ['X-Accel-Redirect' => '/inside/file', 'Content-Type' => 'a/b', 'X-Other' => 1, 'Set-Cookie' => 'c=d', 'Cache-Control' => 'private', Expires => '0',
                          'Content-Disposition' => 'attachment', 'Last-Modified' => 'Sun, 13 Sep 2020 12:26:40 GMT', ETag => '"o"', 'Accept-Ranges' => 'none', 'Content-Language' => 'de'], body => 'not this' },
    args => { headers => ['X-Accel-Redirect' => '/inside/show?x=y'] }, code => { headers => ['X-Accel-Redirect' => '/inside/a%20b'] },
    named => { headers => ['X-Accel-Redirect' => '@named'] }, again => { headers => ['X-Accel-Redirect' => '/a/plain'] },
    unsafe => { headers => ['X-Accel-Redirect' => '/../etc/passwd'] }, unknown => { headers => ['X-Accel-Redirect' => '@nosuch'] }, noslash => { headers => ['X-Accel-Redirect' => 'x'] },
    emptyaccel => { headers => ['X-Accel-Redirect' => ''] }, accel404 => { status => 404, headers => ['X-Accel-Redirect' => '/inside/show'] },
    loop => { headers => ['X-Accel-Redirect' => '/a/loop'] }, buffering => { headers => ['X-Accel-Buffering' => 'no'], body => 'x' }, limit => { headers => ['X-Accel-Limit-Rate' => '100000'], body => 'x' },
    charset => { headers => ['X-Accel-Charset' => 'koi8-r', 'Content-Type' => 'text/html'], body => 'x' }, expires => { headers => ['X-Accel-Expires' => '0', Expires => 'Thu, 01 Jan 1970 00:00:01 GMT'] },
    type => { headers => ['Content-Type' => 'text/html; charset=latin1'] }, typeless => { headers => ['Content-Type' => ''] }, twice => { headers => ['X-T' => 1, 'X-T' => 2, 'x-t' => 3] },
    odd => { headers => ['X_Under' => 1, 'X.Dot' => 2, 'X-High' => "\xe9\xff", 'X-Blank' => '  a  b ', 'X-Tab' => "a\tb"] },
    hop => { headers => [Connection => 'X-A', 'X-A' => 1, 'Keep-Alive' => 'x', 'Proxy-Connection' => 'x', Upgrade => 'h2c', Trailer => 'y', TE => 'x'] },
    cookie => { headers => ['Set-Cookie' => 'a=b; Domain=origin.example; Path=/app/; Secure; HttpOnly; SameSite=Lax; Max-Age=3', 'Set-Cookie' => 'plain=1', 'Set-Cookie' => 'two=2; path=/; domain=.Origin.Example',
                            'Set-Cookie' => 'three=3;Path=/app;Domain=other', 'Set-Cookie' => 'x; expires=Thu, 01 Jan 1970 00:00:01 GMT; path="/app/"', 'Set-Cookie' => '', 'Set-Cookie' => 'domain=origin.example; a=b', 'Set-Cookie' => 'e=; path=; domain=', 'Set-Cookie' => 'low=1;secure;httponly;samesite=x; secure', 'Set-Cookie' => '=x; path=/app/'] },
    digit => { status => 200, reason => '' }, reason => { status => 200, reason => 'Fine By Me' }, s299 => { status => 299 },
    old => { version => '1.0', no_length => 1, body => 'old' }, link => { headers => [Link => '</a>; rel=preload', Vary => 'a', Vary => 'b', Warning => 'x'] },
    cut => { body => 'abcde', length => 10, close => 1 }, long => { fill => 50_000 },
);

sub odd_origin_ok ($text, @requests) {
    my %option = ref $requests[-1] eq 'HASH' && $requests[-1]{option} ? %{ pop(@requests)->{option} } : ();
    differential_ok(<<"CONF", \@requests, hop => 1, allow_log => [qr/./], %option, files => { 'inside/file' => 'the file', 'inside/a b' => 'coded', 'e.html' => 'an error page' },
    proxy_http_version 1.0;
    server {
        listen %PORT%; server_name localhost;
        $text
        location /inside/ { internal; root %DIR%; }
        location /inside/show { internal; return 200 "\$uri \$args \$request_method \$request_uri\n"; }
        location \@named { return 201 "named \$uri \$request_method\n"; }
        location = /e.html { root %DIR%; }
        location /down/ { proxy_pass http://127.0.0.1:%PORT3%; }
    }
CONF
        origin => sub ($origin) {
            for my $name (keys %of) { $origin->answer("$_/$name", %{ $of{$name} }) for '/a', '/b', '' }
            my $own = $origin->address;
            my @to = ("http://$own/app/x", "http://$own/", "http://$own", '/app/x', '/', '', 'rel', '//other/x', 'http://other/x', 'HTTP://other/x', "http://one/app/y", 'http://re.example/5/x',
                      'http://localhost/x', "http://$own/app/a b?c=d");
            for my $i (0 .. $#to) {
                $origin->answer("/app/l$i", status => 302, headers => [Location => $to[$i]]);
                $origin->answer("/app/r$i", headers => [Refresh => "5; url=$to[$i]"]);
            }
            $origin->answer('/app/r20', headers => [Refresh => 5]);
            $origin->answer('/app/r21', headers => [Refresh => '5; URL=/app/x']);
            $origin->answer('/app/l20', status => 201, headers => [Location => '/app/x']);
        });
}

1;
