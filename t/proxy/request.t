# t/proxy/request.t - what the origin receives: uri, headers, bodies
use Site;
use Differential;

my $conf = <<'CONF';
    upstream named { server %ORIGIN%; keepalive 4; }
    server {
        listen %PORT%;
        server_name site.example;
        client_max_body_size 10m;
        client_body_buffer_size 4k;
        underscores_in_headers off;
        location / { proxy_pass http://%ORIGIN%; }
        location /strip/ { proxy_pass http://%ORIGIN%/; }
        location /strip { proxy_pass http://%ORIGIN%/; }
        location /replace/ { proxy_pass http://%ORIGIN%/other/; }
        location /noslash/ { proxy_pass http://%ORIGIN%/other; }
        location /query/ { proxy_pass http://%ORIGIN%/other?fixed=1; }
        location = /exact { proxy_pass http://%ORIGIN%/exactly; }
        location ~ ^/re/(.*)$ { proxy_pass http://%ORIGIN%; }
        location ~ ^/var/(.*)$ { proxy_pass http://%ORIGIN%/was/$1; }
        location ~ ^/varargs/(.*)$ { proxy_pass http://%ORIGIN%/was/$1$is_args$args; }
        location /varhost/ { proxy_pass http://$http_x_to; }
        location /varuri/ { proxy_pass http://%ORIGIN%$request_uri; }
        location /named/ { proxy_pass http://named; }
        location /named-uri/ { proxy_pass http://named/sub/; }
        location /unix/ { proxy_pass http://%ORIGIN_UNIX%; }
        location /unix-uri/ { proxy_pass http://%ORIGIN_UNIX%:/sub/; }
        location /host/ { proxy_set_header Host $host; proxy_pass http://%ORIGIN%; }
        location /httphost/ { proxy_set_header Host $http_host; proxy_pass http://%ORIGIN%; }
        location /typical/ {
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Port $proxy_port;
            proxy_set_header X-Host $proxy_host;
            proxy_pass http://%ORIGIN%;
        }
        location /empty/ { proxy_set_header Accept-Encoding ""; proxy_set_header X-A "";
                           proxy_pass http://%ORIGIN%; }
        location /override/ { proxy_set_header User-Agent weird; proxy_set_header X-A "a $arg_x";
                              proxy_set_header x-b low; proxy_pass http://%ORIGIN%; }
        location /body/ { proxy_set_body "fixed $arg_x"; proxy_pass http://%ORIGIN%; }
        location /nobody/ { proxy_pass_request_body off; proxy_set_header Content-Length "";
                            proxy_pass http://%ORIGIN%; }
        location /noheaders/ { proxy_pass_request_headers off; proxy_pass http://%ORIGIN%; }
        location /method/ { proxy_method POST; proxy_pass http://%ORIGIN%; }
        location /unbuffered/ { proxy_request_buffering off; proxy_http_version 1.1;
                                proxy_pass http://%ORIGIN%; }
        location /old/ { proxy_http_version 1.0; proxy_pass http://%ORIGIN%; }
        location /outer/ {
            proxy_set_header X-Outer 1;
            location /outer/inherits/ { proxy_pass http://%ORIGIN%; }
            location /outer/own/ { proxy_set_header X-Inner 1; proxy_pass http://%ORIGIN%; }
        }
        location /redirected { error_page 418 = /fallback$arg_to; return 418; }
        location /to-named { error_page 418 = @named; return 418; }
        location @named { proxy_pass http://%ORIGIN%; }
    }
CONF

no warnings "qw";
my @uris = qw(
    / /a /a/b?c=d /a%20b /a%2Fb?x=%2F /a//b /a/../b /%41 /caf%C3%A9 /a%3Fb /a%23 /? /?a=b&c /a? /~x /a+b /a:b
    /a;b /a,b /a"b /a<b> /a|b /a%25 /a%0Ab /strip/ /strip/x?y /strip/a%20b /strip /stripx /strip/%41
    /strip//x /strip/../strip/z /strip/a%2Fb /strip/a%3Fb?c /strip/caf%C3%A9 /strip/%25 /strip/a+b /strip/%23
    /strip/%7F /strip/a"b /replace/ /replace/x /replace/a%20b?c=d%20e /noslash/x /noslash/ /query/x
    /query/x?y=z /exact /exact?q=1 /re/a%20b/c?d /re/x//y /var/abc /var/a%20b /var/abc?q=1 /varargs/a?b=c
    /varargs/a /varuri/a%20b?c /named/x /named-uri/x /unix/x /unix-uri/x /host/x /httphost/x /typical/x
    /empty/ /override/?x=1 /body/?x=1 /nobody/ /noheaders/ /method/x /unbuffered/x /old/x /outer/inherits/
    /outer/own/ /redirected?to=x /to-named?a=b /to-named/caf%C3%A9%20x/%2e%2e/y
);
my @fields = ('User-Agent' => 'test', Accept => '*/*', 'Accept-Encoding' => 'gzip', Cookie => 'a=b', 'X-A' => 'a',
    'x-lower' => 'l', 'X-Twice' => '1', 'X-Twice' => '2', 'X-Under_score' => 'u', 'X-Empty' => '', 'X.Dot' => 'd',
    'X-Forwarded-For' => '192.0.2.1', 'Keep-Alive' => 'timeout=5', 'Proxy-Connection' => 'keep-alive',
    TE => 'trailers', Upgrade => 'websocket', 'If-None-Match' => '"x"', 'If-Modified-Since' => 'x', Range => 'bytes=0-3',
    'Content-Type' => 'a/b', Authorization => 'Basic eA==', Referer => 'r', Via => '1.1 v', Expect => undef);
my @requests = map { ["GET $_", @fields] } @uris;
push @requests, map { "HEAD $_" } qw(/a /strip/x /method/x);
push @requests, map { { what => "$_ /a", body => 'data' } } qw(POST PUT DELETE PATCH OPTIONS PROPFIND);
push @requests, map { "$_ /a" } qw(DELETE OPTIONS POST);
for my $uri (qw(/a /nobody/ /body/?x=1 /method/ /unbuffered/ /old/ /named/ /unix/ /noheaders/)) {
    push @requests, { what => "POST $uri", body => 'data', name => "$uri: a small body" },
        { what => "POST $uri", body => '', name => "$uri: an empty body" },
        { what => "POST $uri", body => 'x' x 100_000, name => "$uri: a body for a file" },
        { what => "POST $uri", chunks => [qw(abc def)], name => "$uri: chunks" },
        { what => "POST $uri", chunks => [('x' x 30_000) x 3], name => "$uri: large chunks" },
        { what => "POST $uri", chunks => [], name => "$uri: no chunks" };
}
push @requests, { what => 'GET /host/', host => 'Site.Example:99', name => 'Host with a port' },
    { what => 'GET /httphost/', host => 'Site.Example:99', name => 'http_host with a port' },
    { what => 'GET /host/', version => '1.0', name => 'no Host' },
    { what => 'GET /httphost/', version => '1.0', name => 'no http_host' },
    { what => 'GET /typical/', name => 'no X-Forwarded-For' },
    { raw => "GET http://abs.example/host/x HTTP/1.1\r\nHost: other\r\n\r\n", name => 'absolute form' },
    { raw => "GET http://abs.example/strip/x?y HTTP/1.1\r\nHost: other\r\n\r\n", name => 'absolute, replaced' },
    { what => 'GET /a', fields => [Connection => 'X-A, close', 'X-A' => 'listed'], name => 'a hop-by-hop list' },
    { what => 'GET /varhost/x', fields => ['X-To' => '%ORIGIN%'], name => 'a variable host' },
    { raw => "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
           . "3\r\nabc\r\n0\r\nX-T: v\r\n\r\n", name => 'a trailer' };

my %allow = map { ("/unbuffered/: $_: origin" => 'nginx says Content-Length when all chunks came with the head') }
    'chunks', 'no chunks', 'large chunks';
differential_ok($conf, \@requests, allow => \%allow);

# hop-by-hop, as mainline does it since 1.29.7: HTTP/1.1, kept alive without being asked
SKIP: {
    skip 'nginx before 1.29.7', 1 unless is_weir;
    my $site = Site->start($conf);
    $site->get('/a') for 1 .. 3;
    is $site->origin->connections, 1, 'one connection serves three requests';
    is $site->origin->request->version, '1.1', 'in HTTP/1.1';
    is $site->origin->request->header('Connection'), undef, 'without a Connection header';
    $site->get('/old/');
    is $site->origin->request->version, '1.0', 'proxy_http_version 1.0';
    is $site->origin->request->header('Connection'), 'close', 'which says close';
}

done_testing;
