# t/proxy/early.t - an answer that begins before the request has ended; odd places of proxy_pass
use Site;
use Differential;

my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        proxy_http_version 1.1;
        client_max_body_size 0;
        location / { proxy_pass http://%ORIGIN%; }
        location /up/ { proxy_request_buffering off; proxy_pass http://%ORIGIN%; }
    }
CONF
my $origin = $site->origin;
SKIP: {
    skip 'nginx stops sending when the answer begins', 4 unless is_weir;
    my $half = 1_000_000;
    for my $at ('/up/both', '/both') {
        $origin->script($at, [write => "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"], [read => 2 * $half],
                        [write => 'done']);
        my $client = $site->connect;
        $client->write("POST $at HTTP/1.1\r\nHost: a\r\nContent-Length: " . 2 * $half . "\r\n\r\n" . 'a' x $half);
        if ($at =~ /up/) {
            like $client->read_until(qr/half/), qr/ 200 /, "$at: the answer begins";
        }
        $client->write('b' x $half);
        my $reply = $client->read_response if $at !~ /up/;
        is $at =~ /up/ ? $client->read_bytes(4) : $reply->body, $at =~ /up/ ? 'done' : 'halfdone', "$at: and ends";
        is $client->get('/x')->status, 200, "$at: the connection is good for more";
    }
}

# An early refusal does not wait for the rest of the body.
$origin->script('/refused', [write => "HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"], 'shutdown');
is $site->post('/refused', 'x' x 3_000_000)->status, 413, 'refused while it was being sent';
$site->stop;

# Where proxy_pass may stand, and what becomes of the path.
my @at = qw(/x /uri /strip /regex /regexvar /named /break /last /if /set /setargs /error /outer /outer/inner);
my @requests = map { ("GET $_/a%2fb/..%2f/c%20d?x=%20y", "GET $_/a//b/../c", "GET $_?q") } @at;
differential_ok(<<'CONF', [@requests, 'GET /exact', 'GET /uri', 'GET /exact?a']);
    server {
        listen %PORT%;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / { proxy_pass http://%ORIGIN%; }
        location /uri/ { proxy_pass http://%ORIGIN%/base/; }
        location /strip { proxy_pass http://%ORIGIN%/; }
        location ~ ^/regex/(.*)$ { proxy_pass http://%ORIGIN%; }
        location ~ ^/regexvar/(.*)$ { proxy_pass http://%ORIGIN%/v/$1; }
        location /named/ { try_files /none @named; }
        location @named { proxy_pass http://%ORIGIN%; }
        location /break/ { rewrite ^/break/(.*)$ /broken/$1 break; proxy_pass http://%ORIGIN%/ignored/; }
        location /last/ { rewrite ^/last/(.*)$ /uri/$1 last; }
        location /if/ { if ($args) { proxy_pass http://%ORIGIN%; } return 204; }
        location /set/ { set $where %ORIGIN%; proxy_pass http://$where; }
        location /setargs/ { set $args a=b; proxy_pass http://%ORIGIN%; }
        location /error/ { return 404; error_page 404 = /uri/error; }
        location = /exact { proxy_pass http://%ORIGIN%/other; }
        location /outer/ { location /outer/inner/ { proxy_pass http://%ORIGIN%/in/; } proxy_pass http://%ORIGIN%/out/; }
    }
CONF

done_testing;
