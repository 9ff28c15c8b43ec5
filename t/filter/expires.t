# t/filter/expires.t - expires in all its forms, the same as in nginx
use Site;
use Differential;

my @values = ('off', 'epoch', 'max', '0', '-1', '+1', '1', '+24h', '-24h', '30d', '1y', '1M', '1w2d3h4m5s', '10m', '-10m', '+0', '-0', '400d', '"1d 2h"', 'modified 1d', 'modified -1d',
              'modified +3000d', 'modified 0', 'modified +7000d', 'modified -7000d');
my (%at, $locations, @requests);
for my $n (0 .. $#values) {
    $locations .= "        location /c$n/ { expires $values[$n]; alias %DIR%/html/; }\n        location /t$n/ { expires $values[$n]; return 200 x; }\n"
        . "        location /p$n/ { expires $values[$n]; proxy_pass http://%ORIGIN%/; }\n";
    push @requests, "GET /c$n/a", "GET /t$n/", map { "GET /p$n/$_" } qw(plain dated cached twice);
}
my $far = (localtime(time + 12 * 3600))[2]; # an hour that does not come while we ask
my @given = ('off', 'epoch', 'max', '0', '-1', '1d', '+2h', '-2h', '', 'x', '1x', "\@${far}h", '@25h', 'modified', '1.5h', '1d2h', '1h1d', '1', '00', '--1', '+-1', '-', '+', '@', '1 d', 'Max', 'EPOCH', '9999999999', '99999999999999999999');
my $conf = <<'CONF' . $locations . "    }\n";
    map $status $by_status { default off; 404 1h; 200 2h; }
    map $sent_http_content_type $by_type { default off; text/html epoch; ~image/ max; application/json ""; text/css 42d; }
    server {
        listen %PORT%;
        root %DIR%/html;
        default_type text/plain;
        types { text/html html; image/png png; text/css css; application/json json; }
        location /var/ { expires $arg_e; alias %DIR%/html/; }
        location /modified/ { expires modified $arg_e; alias %DIR%/html/; }
        location /type/ { expires $by_type; alias %DIR%/html/; }
        location /status/ { expires $by_status; alias %DIR%/html/; }
        location /both/ { expires 1h; add_header Cache-Control public; add_header Cache-Control "" ; add_header Expires never; alias %DIR%/html/; }
        location /always/ { expires 1h; add_header Cache-Control no-store always; alias %DIR%/html/; }
        location /outer/ { expires 1h; alias %DIR%/html/; location /outer/inner/ { alias %DIR%/html/; } location /outer/off/ { expires off; alias %DIR%/html/; }
            location /outer/if/ { alias %DIR%/html/; if ($arg_x) { expires 2h; } } }
        location /codes/ { expires 1h; location /codes/201 { return 201 x; } location /codes/204 { return 204; } location /codes/301 { return 301 /; } location /codes/404 { return 404; }
            location /codes/304 { return 304; } location /codes/500 { return 500; } location /codes/206 { return 206 x; } location /codes/308 { return 308 /; } location /codes/303 { return 303 /; } }
CONF
push @requests, map { my $e = s/([ +])/sprintf '%%%02x', ord $1/ger; my $where = $_; map { "GET /$_/a?e=$e" } 'var', $e =~ /9{10}/ ? () : 'modified' } @given;
push @requests, map { ("GET /type/a.$_", "GET /type/none.$_") } qw(html png css json txt);
push @requests, 'GET /status/a', 'GET /status/none', map { ("GET /$_/a", "GET /$_/none", "HEAD /$_/a", ["GET /$_/a", Range => 'bytes=0-0'], ["GET /$_/a", Range => 'bytes=9-'],
    ["GET /$_/a", 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'], ["GET /$_/a", 'If-Match' => '"x"']) } qw(both always outer outer/inner outer/off outer/if);
push @requests, 'GET /outer/if/a?x=1', map { "GET /codes/$_" } 201, 204, 206, 301, 303, 304, 308, 404, 500;
my %files = map { ("html/a$_" => 'content') } '', map { ".$_" } qw(html png css json txt);
# Seconds may pass between one server's answer and the other's: where a date stays (it counts from the file's
# time, or from midnight), its age shrinks.
sub younger ($nginx, $weir) {
    my ($from, $to) = map { join(' ', @{ $_->{headers} }) =~ /max-age=(\d+)/ ? $1 : undef } $nginx, $weir;
    my ($one, $two) = map { join ' ', grep { /^Expires/ } @{ $_->{headers} } } $nginx, $weir;
    my $passed = $weir->{ended} - $nginx->{began} + 1;
    return $one eq $two && defined $from && defined $to && $from >= $to && $from - $to <= $passed ? 'some seconds later' : undef;
}
my %better = ('*: header Cache-Control' => \&younger, '*: persists' => sub ($nginx, $weir) { return $weir->{status} == 412 ? 'there is no need to close' : undef });
differential_ok($conf, \@requests, files => \%files, allow => \%better, allow_log => [qr/open\(\)/], origin => sub ($origin) {
    my @type = ('Content-Type' => 'text/plain');
    $origin->answer('/plain', headers => [@type], body => 'x');
    $origin->answer('/dated', headers => [@type, 'Last-Modified' => 'Sun, 13 Sep 2020 12:26:40 GMT'], body => 'x');
    $origin->answer('/cached', headers => [@type, Expires => 'Thu, 01 Jan 2099 00:00:00 GMT', 'Cache-Control' => 'public'], body => 'x');
    $origin->answer('/twice', headers => [@type, 'Cache-Control' => 'public', 'Cache-Control' => 'max-age=5', Expires => '0'], body => 'x');
});

# A time of day, by a clock in another place too.
for my $zone ('UTC', 'Asia/Kolkata', 'America/New_York') {
    local $ENV{TZ} = $zone;
    my $site = Site->start(<<'CONF', main => 'env TZ;');
        server { listen %PORT%; location /early { expires @0h; return 200 x; } location /late { expires @23h59m59s; return 200 x; } location /var { expires $arg_e; return 200 x; } }
CONF
    for my $case (['/early', 0], ['/late', 86399], ['/var?e=@12h', 43200], ['/var?e=@1h1m1s', 3661]) {
        my $reply = $site->get($case->[0]);
        my ($age) = $reply->header('Cache-Control') =~ /^max-age=(\d+)$/;
        my @local = localtime(Differential::seconds_of($reply->header('Date')) + $age);
        my $shown = $local[2] * 3600 + $local[1] * 60 + $local[0];
        my $apart = abs $shown - $case->[1];
        ok $age > 0 && $age <= 86400 && ($apart <= 1 || $apart >= 86399), "$case->[0] in $zone: in $age s";
    }
    $site->stop;
}

my %faults = (
    'expires 1x;' => qr/invalid value/, 'expires modified @1h;' => qr/daily time cannot be used with "modified" parameter/, 'expires @25h;' => qr/daily time value must be less than 24 hours/,
    'expires often 1h;' => qr/invalid value/, 'expires "";' => qr/invalid value/, 'expires modified epoch;' => qr/invalid value/, 'expires 1h 2h 3h;' => qr/invalid number of arguments/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
