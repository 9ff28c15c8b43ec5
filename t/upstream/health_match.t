# t/upstream/health_match.t - what the answer to a health check has to be
use Site;

needs_weir('nginx 1.22 has no health_check');

my @tests = (    # the tests of a match, whether the answer below passes them
    ['status 200;',                              1], ['status 201;',                         0],
    ['status ! 200;',                            0], ['status ! 500 503;',                   1],
    ['status 201 200;',                          1], ['status 200-399;',                     1],
    ['status ! 100-199 300-599;',                1], ['status 301-303 307;',                 0],
    ['header X-One;',                            1], ['header x-one;',                       1],
    ['header X-None;',                           0], ['header ! X-None;',                    1],
    ['header ! X-One;',                          0], ['header X-One = a;',                   1],
    ['header X-One = b;',                        0], ['header X-One != b;',                  1],
    ['header X-One != a;',                       0], ['header X-One ~ ^a$;',                 1],
    ['header X-One ~ A;',                        0], ['header X-One ~* A;',                  1],
    ['header X-One !~ b;',                       1], ['header X-One !~* A;',                 0],
    ['header X-None = a;',                       0], ['header X-None != a;',                 1],
    ['header X-Two = second;',                   1], ['header X-Two != second;',             0],
    ['header Content-Type = text/html;',         1], ['body ~ "Welcome to .*!";',            1],
    ['body ~ "goodbye";',                        0], ['body !~ "goodbye";',                  1],
    ['body !~ "Welcome";',                       0], ['body ~* "welcome";',                  1],
    ['body ~ "(a+)+[!?]$";',                     0], ['body !~ "(a+)+[!?]$";',               0], ['require $upstream_http_x_one;',       1],
    ['require $upstream_http_x_none;',           0], ['require $upstream_http_x_zero;',      0],
    ['require $is_well;',                        1], ['require $upstream_status $is_ill;',   0],
    ['status 200; header X-One = a; body ~ W;',  1], ['status 200; header X-One = b; body ~ W;', 0],
    ['',                                         1],
);
my $text = 'map $upstream_http_x_one $is_well { a yes; } map $upstream_http_x_one $is_ill { a 0; default 1; }';
my $locations = '';
for my $n (0 .. $#tests) {
    $text .= "match m$n { $tests[$n][0] }\nupstream u$n { server %ORIGIN%; }\n";
    $locations .= "location /$n { proxy_pass http://u$n; health_check mandatory match=m$n uri=/check; }\n";
}
my $site = Site->prepare("$text server { listen %PORT%; $locations }");
$site->allow_log(qr/no live upstreams/);
$site->origin->answer('/check', body => "<h1>Welcome to you!</h1>" . 'a' x 100, chunked => 1,
    headers => ['X-One' => 'a', 'X-Two' => 'first', 'X-Two' => 'second', 'X-Zero' => 0, 'Content-Type' => 'text/html']);
$site->up;
wait_until { (() = $site->error_log =~ /peer is (?:un)?healthy/g) == @tests } 'a first check of all';
for my $n (0 .. $#tests) {
    my ($match, $passes) = @{ $tests[$n] };
    is $site->get("/$n")->status, $passes ? 200 : 502, ($passes ? 'passes: ' : 'fails: ') . $match;
}
my %while = (1 => 'checking status code', 10 => 'checking response header', 28 => 'checking response body',
             35 => 'checking required variables');
like $site->error_log, qr/peer is unhealthy while $while{$_}, health check "m$_" of peer \S+ in upstream "u$_"/, $while{$_}
    for sort { $a <=> $b } keys %while;
$site->stop;

# Bodies: as much of them as counts.
my $large = Site->prepare(<<'CONF');
    match early { body ~ early; }
    match late  { body ~ late; }
    match none  { body !~ late; }
    upstream early { server %ORIGIN%; }
    upstream late  { server %ORIGIN%; }
    upstream none  { server %ORIGIN%; }
    upstream cut   { server %ORIGIN%; }
    server {
        listen %PORT%;
        location /early { proxy_pass http://early; health_check mandatory match=early uri=/large; }
        location /late  { proxy_pass http://late;  health_check mandatory match=late uri=/large; }
        location /none  { proxy_pass http://none;  health_check mandatory match=none uri=/large; }
        location /cut   { proxy_pass http://cut;   health_check mandatory match=none uri=/cut; }
    }
CONF
$large->allow_log(qr/no live upstreams/);
$large->origin->script('/large', [write => "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" . 'x' x 250_000 . 'early'],
    [write => 'x' x 50_000 . 'late'], [wait => 'never']);
$large->origin->script('/cut', [write => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun"], 'close');
$large->up;
wait_until { (() = $large->error_log =~ /peer is (?:un)?healthy/g) == 4 } 'a first check of all';
is $large->get('/early')->status, 200, 'what stands in the first 256k counts';
is $large->get('/late')->status, 502, 'what stands behind them does not';
is $large->get('/none')->status, 200, 'also where it must not be there';
is $large->get('/cut')->status, 502, 'a body that breaks off is none';
like $large->error_log, qr/peer is unhealthy while reading response body, health check "none"/, 'and that is said';
$large->stop;

# Configurations.
my $in = sub ($text) { "upstream u { server 127.0.0.1; } server { location / { proxy_pass http://u; $text } }" };
my %faults = (
    'match m { status; }'                     => qr/invalid number of arguments in "status"/,
    'match m { status !; }'                   => qr/invalid number of arguments in "status"/,
    'match m { status 2xx; }'                 => qr/invalid "2xx" in "match"/,
    'match m { status 300-200; }'             => qr/invalid "300-200" in "match"/,
    'match m { status 99; }'                  => qr/invalid "99" in "match"/,
    'match m { header; }'                     => qr/invalid number of arguments in "header"/,
    'match m { header X ? y; }'               => qr/invalid "\?" in "match"/,
    'match m { header X = y z; }'             => qr/invalid number of arguments in "header"/,
    'match m { body = x; }'                   => qr/invalid "=" in "match"/,
    'match m { body ~ "("; }'                 => qr/in "\(" at offset 1/,
    'match m { require; }'                    => qr/invalid number of arguments in "require"/,
    'match m { require x; }'                  => qr/invalid variable name "x"/,
    'match m { require $nothing_of_the_kind; }' => qr/unknown "nothing_of_the_kind" variable/,
    'match m { send x; }'                     => qr/unknown test "send" in "match".*there are status, header, body and require/,
    'match m { } match m { }'                 => qr/duplicate match "m"/,
    $in->('health_check match=none;')         => qr/unknown match "none"/,
    $in->('health_check interval=0;')         => qr/invalid parameter "interval=0"/,
    $in->('health_check interval=soon;')      => qr/invalid parameter "interval=soon" .*\(takes: \[interval=time\]/,
    $in->('health_check fails=0;')            => qr/invalid parameter "fails=0"/,
    $in->('health_check passes=-1;')          => qr/invalid parameter "passes=-1"/,
    $in->('health_check port=65536;')         => qr/invalid parameter "port=65536"/,
    $in->('health_check uri=x;')              => qr/invalid uri "x"/,
    $in->('health_check "uri=/a b";')         => qr/invalid uri "\/a b"/,
    $in->('health_check persistent;')         => qr/"persistent" of a health check requires "mandatory"/,
    $in->('health_check type=udp;')           => qr/invalid parameter "type=udp".*http, grpc or tcp/,
    $in->('health_check type=grpc;')          => qr/"type=grpc" in a location without "grpc_pass"/,
    $in->('health_check type=grpc match=m;') . 'match m { }' => qr/no meaning with "type=grpc"/,
    $in->('health_check grpc_status=12;')     => qr/invalid parameter "grpc_status=12"/,
    $in->('health_check type=grpc grpc_status=0;') => qr/invalid parameter "grpc_status=0"/,
    $in->('health_check type=tcp uri=/;')     => qr/no meaning with "type=tcp"/,
    $in->('health_check tls;')                => qr/invalid parameter "tls"/,
    $in->('health_check often;')              => qr/invalid parameter "often"/,
    'server { location / { health_check; } }' => qr/"health_check" in a location that passes requests nowhere/,
    'server { location / { proxy_pass http://$host; health_check; } }' => qr/whose upstream is made of variables/,
    'health_check;'                           => qr/"health_check" directive is not allowed here/,
    $in->(join ' ', map { "health_check uri=/$_;" } 1 .. 9) => qr/more than 8 different health checks of upstream "u"/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: " . substr $fault, 0, 90;
    like $result->{stderr}, $faults{$fault}, 'and why';
}
my $fine = Site->test_config($in->('health_check; health_check match=m uri=/a; health_check match=m port=81;
    health_check mandatory persistent jitter=1s interval=10 fails=3 passes=2 keepalive_time=60s;') . ' match m { status 200; }');
is $fine->{exit}, 0, 'several checks of one group, a match written behind them' or diag $fine->{stderr};

done_testing;
