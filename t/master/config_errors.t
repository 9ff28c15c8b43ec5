# t/master/config_errors.t - a config with each kind of error: all are told, with their place and a hint
use Site;

# [config at http level, what -t must say ...]; the first pattern of each holds for nginx too
my @faults = (
    ['server { listen %PORT%; nonsense; }', qr/unknown directive "nonsense"/],
    ['server { listen %PORT%; roott /x; }', qr/unknown directive "roott"/, qr/did you mean "root"\?/],
    ['listen 80;', qr/"listen" directive is not allowed here/, qr/server/],
    ['server { location / { listen 80; } }', qr/"listen" directive is not allowed here/],
    ['server { listen %PORT%; root; }', qr/invalid number of arguments in "root"|"root"/],
    ['server { listen %PORT%; root a b; }', qr/invalid number of arguments in "root"|"root"/],
    ['server { listen %PORT%; root a; root b; }', qr/"root" directive is duplicate/],
    ['server { listen %PORT%; sendfile maybe; }', qr/"sendfile"/, qr/on.*off/],
    ['server { listen %PORT%; keepalive_timeout soon; }', qr/"keepalive_timeout"/],
    ['server { listen %PORT%; client_max_body_size 5x; }', qr/"client_max_body_size"/],
    ['server { listen %PORT%; location / { } location / { } }', qr/duplicate location "\/"/],
    ['server { listen %PORT%; location ~ "(" { } }', qr/"\("/],
    ['server { listen %PORT%; server_name "~("; }', qr/"~?\("/],
    ['server { listen %PORT%; return 200 "$nothing_like_it"; }', qr/unknown "nothing_like_it" variable/],
    ['server { listen %PORT%; return 200 "$requst_uri"; }', qr/unknown "requst_uri" variable/, qr/did you mean "\$request_uri"\?/],
    ['server { listen %PORT%; return 200 "${open"; }', qr/variable|closing bracket/],
    ['server { listen %PORT%; include %DIR%/none.conf; }', qr/none\.conf" failed \(2: No such file/],
    ['server { listen %PORT%; location / { proxy_pass http://; } }', qr/proxy_pass|no host/],
    ['server { listen %PORT%; location / { proxy_pass nowhere; } }', qr/proxy_pass|invalid URL prefix/, qr/\(it begins with http:\/\/ or https:\/\/\)/],
    ['server { listen %PORT%; location / { grpc_pass https://127.0.0.1:1; } }', qr/invalid port in upstream/, qr/\(its schemes are grpc:\/\/ and grpcs:\/\/\)/],
    ['server { listen %PORT%; location / { fastcgi_pass http://127.0.0.1:1; } }', qr/invalid port in upstream/, qr/\(it takes no scheme\)/],
    ['server { listen 99999; }', qr/invalid port in "99999"|99999/],
    ['server { listen 1.2.3.4.5:80; }', qr/1\.2\.3\.4\.5/],
    ['server { listen %PORT% nonsense; }', qr/invalid parameter "nonsense"|nonsense/],
    ['server { listen %PORT% default_server; } server { listen %PORT% default_server; }', qr/a duplicate default server for/],
    ['server { listen %PORT%; error_page 99 /x; }', qr/"?99"?/],
    ['server { listen %PORT%; return 200 "a" "b" "c"; }', qr/invalid number of arguments in "return"|"return"/],
    ['server { listen %PORT%; ', qr/unexpected end of file/],
    ['server { listen %PORT%; } }', qr/unexpected "}"/],
    ['server { listen %PORT% }', qr/unexpected "}"/],
    ['server listen %PORT%;', qr/directive "server" has no opening "\{"|"server"/],
    ['server { listen "%PORT%; }', qr/unexpected end of file/],
    ['server { listen %PORT%; "root" "a"b; }', qr/unexpected "b"/],
    ['upstream u { }', qr/no servers are inside upstream|no servers/],
    ['upstream u { server 127.0.0.1 weight=x; }', qr/weight=x/],
    ['upstream u { server 127.0.0.1 wieght=3; }', qr/invalid parameter "wieght=3"/, qr/\(takes: address \[weight=number\]/],
    ['upstream u { server 127.0.0.1; } server { listen %PORT%; location / { proxy_pass http://u:80; } }', qr/upstream "u" may not have port 80 in/],
    ['upstream u { server 127.0.0.1; } upstream u { server 127.0.0.1; }', qr/duplicate upstream "u"/],
    ['log_format f "$x_nothing_x"; server { listen %PORT%; access_log %DIR%/a f; }', qr/unknown "x_nothing_x" variable/],
    ['server { listen %PORT%; access_log %DIR%/a nosuch; }', qr/unknown log format "nosuch"/],
);
for my $fault (@faults) {
    my ($conf, $basic, @more) = @$fault;
    my $result = Site->test_config($conf);
    isnt $result->{exit}, 0, "refused: $conf";
    is $result->{signal}, 0, '  without a crash';
    like $result->{stderr}, $basic, '  saying what is wrong';
    next unless is_weir;
    like $result->{stderr}, $_, '  and more' for @more;
    like $result->{stderr}, qr/^weir: \[emerg\] .* in %DIR%\/\S+:\d+:\d+/m, '  with file, line and column'
        unless $conf =~ /none\.conf/;
}

SKIP: {
    skip 'only Weir reports all errors at once', 5 unless is_weir;
    my $all = Site->test_config("server {\n    listen %PORT%;\n    nonsense;\n    root a b;\n    sendfile maybe;\n    location / { roott x; }\n}\n");
    is $all->{exit}, 1, 'several errors';
    is scalar(() = $all->{stderr} =~ /^weir: \[emerg\]/mg), 4, 'all of them are told';
    like $all->{stderr}, qr/unknown directive "nonsense" in \S+weir\.conf:\d+:5/, 'the column is that of the word';
    my $twice = Site->test_config("server {\n listen %PORT%;\n root a;\n root b;\n}");
    like $twice->{stderr}, qr/"root" directive is duplicate.*weir\.conf:\d+/, 'a duplicate names both places';
    my @numbers = $twice->{stderr} =~ /:(\d+)/g;
    cmp_ok scalar(@numbers), '>=', 2, 'its own and that of the first';
}

# Depth has a bound
for my $deep ('location / { ' x 2000 . '} ' x 2000) {
    my $result = Site->test_config("server { listen %PORT%; $deep }");
    is $result->{signal}, 0, 'very deep nesting does not crash' if is_weir;
}
my $loop = Site->prepare('server { listen %PORT%; } include %DIR%/loop.conf;');
$loop->file('loop.conf', "include loop.conf;\n");
if (is_weir) {
    my $result = $loop->run('-p', '%DIR%/', '-c', '%DIR%/weir.conf', '-e', '%DIR%/error.log', '-t');
    is $result->{exit}, 1, 'a file that includes itself is refused';
    like $result->{stderr}, qr/include/, 'and says so';
}
$loop->sweep;

done_testing;
