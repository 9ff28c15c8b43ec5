# t/filter/headers.t - fields and trailers that the configuration adds: as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    add_header X-Http http;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /inherit/ { alias %DIR%/html/; }
        location /own/ { alias %DIR%/html/; add_header X-One 1; add_header X-Two "$uri $arg_a"; add_header X-Empty "$arg_none"; }
        location /always/ { alias %DIR%/html/; add_header X-Plain p; add_header X-Always a always; }
        location /nested/ { alias %DIR%/html/; add_header X-Outer o;
            location /nested/in/ { alias %DIR%/html/; expires max; }
            location /nested/own/ { alias %DIR%/html/; add_header X-Inner i; } }
        location /if/ { alias %DIR%/html/; add_header X-Outer o; if ($arg_x) { add_header X-If "$arg_x"; } }
        location /status/ { add_header X-Plain p; add_header X-Always a always; expires max;
            location /status/200 { return 200 ok; } location /status/201 { return 201 ok; } location /status/204 { return 204; }
            location /status/206 { return 206 ok; } location /status/301 { return 301 /x; } location /status/302 { return 302 /x; }
            location /status/303 { return 303 /x; } location /status/307 { return 307 /x; } location /status/308 { return 308 /x; }
            location /status/400 { return 400; } location /status/403 { return 403; } location /status/404 { return 404; } location /status/500 { return 500; }
            location /status/503 { return 503 ok; } location /status/226 { return 226 ok; } location /status/299 { return 299 ok; } }
        location /special/ { alias %DIR%/html/; add_header Cache-Control one; add_header Cache-Control two; add_header Link a; add_header Link b; add_header Server me; add_header Last-Modified "Mon, 01 Jan 2001 00:00:00 GMT"; }
        location /no-modified/ { alias %DIR%/html/; add_header Last-Modified ""; }
        location /etag/ { alias %DIR%/html/; add_header ETag '"mine"'; }
        location /no-etag/ { alias %DIR%/html/; add_header ETag ""; }
        location /epoch/ { alias %DIR%/html/; expires epoch; }
        location /max/ { alias %DIR%/html/; expires max; }
        location /off/ { alias %DIR%/html/; expires max; location /off/in/ { alias %DIR%/html/; expires off; } }
        location /negative/ { alias %DIR%/html/; expires -1; }
        location /zero/ { return 200 ok; expires 0; }
        location /modified/ { alias %DIR%/html/; expires modified +7000d; }
        location /modified-past/ { alias %DIR%/html/; expires modified 1h; }
        location /variable/ { alias %DIR%/html/; expires $arg_e; }
        location /variable-modified/ { alias %DIR%/html/; expires modified $arg_e; }
        location /both/ { alias %DIR%/html/; expires max; add_header Cache-Control public; add_header Expires never; }
        location /trailer/ { alias %DIR%/html/; add_trailer X-One "1 $body_bytes_sent"; add_trailer X-Empty "$arg_none"; add_trailer X-Two 2 always; }
        location /trailer/200 { return 200 ok; add_trailer X-One 1; }
        location /trailer/empty { return 200 ""; add_trailer X-One 1; }
        location /trailer/404 { return 404; add_trailer X-One 1; add_trailer X-Two 2 always; }
        location /trailer/204 { return 204; add_trailer X-One 1; }
        location /trailer/off { return 200 ok; chunked_transfer_encoding off; add_trailer X-One 1; }
        location /page/ { error_page 404 /404.html; add_header X-Page p; add_header X-Page-Always a always; root %DIR%/none; }
        location /page200/ { error_page 404 =200 /404.html; root %DIR%/none; }
        location = /404.html { add_header X-404 f; add_header X-404-Always a always; }
    }
CONF
my @requests = map { "GET $_" } qw(/a /inherit/a /own/a?a=b /own/none /always/a /always/none /nested/a /nested/in/a
    /nested/own/a /if/a /if/a?x=1 /special/a /no-modified/a /etag/a /no-etag/a /epoch/a /max/a /off/a /off/in/a
    /modified-past/a /variable/a?e=epoch /variable/a?e=max /variable/a?e=off /variable/a?e=x
    /variable/a /variable/a?e=@1h30x /variable-modified/a?e=1d /variable-modified/a?e=epoch /both/a
    /trailer/a /trailer/none /trailer/200 /trailer/empty /trailer/404 /trailer/204 /trailer/off /page/x /page200/x /404.html);
push @requests, map { "GET /status/$_" } 200, 201, 204, 206, 301, 302, 303, 307, 308, 400, 403, 404, 500, 503, 226, 299;
push @requests, map { "HEAD $_" } qw(/a /own/a /trailer/a /max/a);
push @requests, map { ["GET /$_/a", Range => 'bytes=0-1'] } qw(own max trailer always);
push @requests, map { ["GET /$_/a", Range => 'bytes=99-'] } qw(own max always);
push @requests, map { ["GET /$_/a", 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'] } qw(own max always special trailer);
push @requests, { what => 'GET /trailer/a', version => '1.0' };

differential_ok($conf, \@requests, files => { 'html/a' => 'content', 'html/404.html' => 'a page' });

# What a clock decides ---------------------------------------------------------------------------------
my $site = Site->start($conf, files => { 'html/a' => 'content', 'html/404.html' => 'a page' });
my $reply = $site->get('/zero/');
is $reply->header('Cache-Control'), 'max-age=0', 'expires 0';
is $reply->header('Expires'), $reply->header('Date'), 'expires now';
is $site->get('/negative/a')->header('Cache-Control'), 'no-cache', 'expires in the past';
like $site->get('/modified/a')->header('Cache-Control'), qr/\Amax-age=604[78]\d{5}\z/, 'from the last change';
like $site->get('/variable/a?e=@12h')->header('Cache-Control'), qr/\Amax-age=\d{1,5}\z/, 'a time of day';
is $site->get('/variable/a?e=2h')->header('Cache-Control'), 'max-age=7200', 'from a variable';

needs_weir('add_header_inherit is newer than the nginx that we compare with');
my $merge = Site->start(<<'CONF');
    add_header X-Http h;
    add_trailer T-Http h;
    server {
        listen %PORT%;
        location /on { add_header X-Own o; return 200 ok; }
        location /off { add_header_inherit off; return 200 ok; location /off/in { return 200 ok; } }
        location /off-own { add_header_inherit off; add_header X-Own o; return 200 ok; location /off-own/in { return 200 ok; } }
        location /merge { add_header_inherit merge; add_header X-Own o; return 200 ok;
            location /merge/in { add_header X-In i; add_header X-Own again; return 200 ok; } location /merge/none { return 200 ok; } }
        location /trailer { add_trailer_inherit merge; add_trailer T-Own o; return 200 ok; }
    }
CONF
sub added ($uri) {
    my $reply = $merge->get($uri);
    return join ' ', map { "$_->[0]=$_->[1]" } grep { $_->[0] =~ /^X-/ } $reply->fields;
}
is added('/on'), 'X-Own=o', 'on: replaced';
is added('/off'), '', 'off: nothing';
is added('/off/in'), '', 'off: inherited';
is added('/off-own'), 'X-Own=o', 'off: only those of this level';
is added('/off-own/in'), '', 'off: none of them further in';
is added('/merge'), 'X-Own=o X-Http=h', 'merge: both';
is added('/merge/in'), 'X-In=i X-Own=again X-Own=o X-Http=h', 'merge: all levels';
is added('/merge/none'), 'X-Own=o X-Http=h', 'merge: those of the enclosing levels';
is join(' ', map { "@$_" } $merge->get('/trailer')->trailers), 'T-Own o T-Http h', 'trailers are merged';
for (['expires modified @1h;', qr/daily time cannot be used with "modified"/], ['expires @25h;', qr/daily time value must be less than 24 hours/],
     ['expires x;', qr/invalid value "x"/], ['expires y 1h;', qr/invalid value "y"/], ['add_header a b c;', qr/invalid parameter "c"/]) {
    like(Site->test_config($_->[0])->{stderr}, $_->[1], "refused: $_->[0]");
}

done_testing;
