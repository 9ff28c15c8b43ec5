# t/log/access_log.t - the access log: formats, places, conditions, and that a line is there at once
use Site;

my $site = Site->start(<<'CONF');
access_log %DIR%/access.log;
    log_format short '$request_method $uri $status';
    log_format fields '$status "$http_user_agent" "$http_none" $body_bytes_sent';
    log_format json escape=json '{"ua":"$http_user_agent","none":"$http_none","uri":"$uri"}';
    log_format none escape=none '$http_user_agent';
    log_format parts '$request_method ' '$uri '
                     'end';
    log_format upstream '$upstream_status $upstream_addr $upstream_response_length';
    server {
        listen %PORT%;
        location /combined { return 200 ok; }
        location /off { access_log off; return 200 ok; }
        location /short { access_log %DIR%/short.log short; return 200 ok; }
        location /two { access_log %DIR%/short.log short; access_log %DIR%/two.log fields; return 200 ok; }
        location /json { access_log %DIR%/json.log json; return 200 ok; }
        location /none { access_log %DIR%/none.log none; return 200 ok; }
        location /fields { access_log %DIR%/fields.log fields; return 200 ok; }
        location /parts { access_log %DIR%/parts.log parts; return 200 ok; }
        location /inner { error_page 404 /short-page; access_log %DIR%/inner.log short; return 404; }
        location /buffered { access_log %DIR%/buffered.log short buffer=32k flush=200ms; return 200 ok; }
        location /p { access_log %DIR%/upstream.log upstream; proxy_pass http://%ORIGIN%; }
    }
CONF
sub lines ($name, $n = 1) {
    wait_until { (() = ($site->slurp($name) // '') =~ /\n/g) >= $n } "$n lines in $name";
    return $site->slurp($name);
}

$site->get('/combined?a=b', Referer => 'http://ref/', 'User-Agent' => 'agent "x"' . "\t\xff\\");
like lines('access.log'), qr{\A127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /combined\?a=b HTTP/1\.1" 200 2 "http://ref/" "agent \\x22x\\x22\\x09\\xFF\\x5C"\n\z},
    'combined, with escapes';
$site->get('/off');
$site->get('/short');
is lines('short.log'), "GET /short 200\n", 'a format of our own';
$site->get('/two');
is lines('short.log', 2), "GET /short 200\nGET /two 200\n", 'two logs: the first';
like lines('two.log'), qr/\A200 "-" "-" 2\n\z/, 'and the second; an absent value is a dash';
$site->get('/json%01%0a%7f', 'User-Agent' => qq(a"b\\c\td\xc3\xa9));
is lines('json.log'), qq({"ua":"a\\"b\\\\c\\td\xc3\xa9","none":"","uri":"/json\\u0001\\n\x7f"}\n), 'escape=json';
$site->get('/none', 'User-Agent' => qq(a"b\\c));
is lines('none.log'), qq(a"b\\c\n), 'escape=none';
$site->head('/fields');
is lines('fields.log'), qq(200 "-" "-" 0\n), 'no body bytes for HEAD';
$site->get('/parts');
is lines('parts.log'), "GET /parts end\n", 'a format in parts';
$site->get('/inner');
$site->get('/short');
like lines('short.log', 4), qr{GET /short-page 404\nGET /short 200\n\z}, 'an internal redirect logs where it ends';
$site->raw("BAD\r\n\r\n");
like lines('access.log', 2), qr{"BAD" 400 \d+ "-" "-"\n\z}, 'a bad request is logged as it came';
$site->get('/p/x');
my $port = $site->origin->port;
is lines('upstream.log'), "200 127.0.0.1:$port 9\n", 'upstream variables';

# At once: the line is in the file when the next request of the same connection is answered.
my $client = $site->connect;
for my $n (1 .. 20) {
    my $before = () = ($site->slurp('short.log') // '') =~ /\n/g;
    $client->get('/short');
    $client->get('/off');
    my $after = () = $site->slurp('short.log') =~ /\n/g;
    next if $after == $before + 1;
    is $after, $before + 1, "line $n is in the file at once";
    last;
}
$client->get('/buffered') for 1 .. 3;
is lines('buffered.log', 3), "GET /buffered 200\n" x 3, 'a buffered log is flushed in time';
my $text = $site->slurp('access.log');
unlike $text, qr/off|short/, 'what has its own log, or none, is not in the common one';

# Many at once: whole lines only.
my @clients = map { my $c = $site->connect; $c->write("GET /short HTTP/1.1\r\nHost: a\r\n\r\n" x 50); $c } 1 .. 10;
for my $c (@clients) { $c->response for 1 .. 50 }
wait_until { (() = $site->slurp('short.log') =~ /\n/g) >= 500 } '500 lines';
is scalar(grep { !/\A(?:GET \/[\w-]+ [24]\d\d)\n\z/ } split /(?<=\n)/, $site->slurp('short.log')), 0, 'no torn line';

# A full disk: requests are served all the same.
SKIP: {
    skip 'no /dev/full', 3 unless -c '/dev/full';
    my $full = Site->start(<<'CONF');
access_log /dev/full;
    server { listen %PORT%; return 200 ok; }
CONF
    $full->allow_log(qr/No space left on device|28:/);
    is $full->get('/')->status, 200, 'a log on a full disk' for 1 .. 3;
    $full->wait_for_log(qr/\[alert\].*(?:full|No space)/);
    my $alerts = grep { /alert/ } $full->error_log_lines;
    cmp_ok $alerts, '<=', 3, 'and is not shouted about';
    $full->stop;
}

done_testing;
