# t/proxy/fastcgi.t - requests to FastCGI applications and their answers
use Site;

my $PARAMS = <<'CONF';
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param CONTENT_LENGTH $content_length;
    fastcgi_param REQUEST_URI $request_uri;
CONF

sub site ($location, %option) {
    my $upstream = $option{upstream} // 'server %FASTCGI%;';
    return Site->start(<<"CONF");
    large_client_header_buffers 8 64k;
    upstream u { $upstream }
    log_format up '\$upstream_addr | \$upstream_status | \$upstream_http_x_a | \$fastcgi_script_name | \$proxy_host';
    server {
        listen %PORT%;
        access_log %DIR%/up.log up;
        $PARAMS
        location / { $location fastcgi_pass u; }
    }
CONF
}
sub app ($site, $n = '') { return $site->origin("fastcgi$n") }

# The ordinary way -----------------------------------------------------------------------------------------

my $site = site('fastcgi_index i.php;');
my $app  = app($site);
is $site->get('/a?b=c')->body, "GET /a?b=c\n", 'an answer';
is $app->request->header('HTTP_HOST'), 'localhost', 'HTTP_HOST is what was asked for';
$site->request('GET /', Host => "LOCALHOST:81");
is $app->request->header('HTTP_HOST'), 'localhost:81', 'in lower case, with its port';
$site->request('GET /', 'Cookie' => 'a=b', 'Cookie' => 'c=d', 'X-L' => '1', 'X-l' => '2', 'X-L' => '3');
is $app->request->header('HTTP_COOKIE'), 'a=b; c=d', 'cookies are joined';
is $app->request->header('HTTP_X_L'), '1, 2, 3', 'as are other fields';
$app->answer('*', status => '404 Not There', body => 'no', headers => ['X-A' => 'b']);
like $site->get('/x/')->head, qr{\AHTTP/1.1 404 Not There\r\n}, 'a status with its reason';
wait_until { ($site->slurp('up.log') // '') =~ /404/ } 'a line in the log';
like $site->slurp('up.log'), qr{^127\.0\.0\.1:\d+ \| 404 \| b \| /x/i\.php \| -$}m, 'variables';

$site->request('POST /p', { body => 'x' x 200_000 });
ok $app->request->body eq 'x' x 200_000 && $app->request->complete, 'a large body arrives whole';
is $app->request->{chunks}[-1], 0, 'and ends with an empty record';
$site->request('POST /p', { body => '' });
ok $app->request->complete, 'so does an empty one';
$app->answer('*', fill => 3_000_000);
ok $site->get('/')->body eq Origin::pattern(3_000_000), 'a large answer';
my $long = 'v' x 60_000;
$site->request('GET /', map { ("X-$_" => $long) } 1 .. 3);
is join(' ', map { length $app->request->header("HTTP_X_$_") } 1 .. 3), '60000 60000 60000',
    'parameters longer than a record';
$site->stop;

$site = site('fastcgi_request_buffering off;');
$app  = app($site);
$app->script('*', [wait => 'read'], 'body', [answer => {}]);
my $client = $site->connect;
$client->write("POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
wait_until { $app->count } 'the application has the head while the body is on its way';
$app->go('read');
$client->write('def');
is $client->read_response->status, 200, 'an unbuffered body';
is $app->request->body, 'abcdef', 'is passed on';
$site->stop;

# Connections ------------------------------------------------------------------------------------------

$site = site('fastcgi_keep_conn on;', upstream => 'server %FASTCGI%; keepalive 2;');
$app  = app($site);
$site->get('/') for 1 .. 3;
is $app->request->nth, 3, 'kept connections are used again';
$site->request('HEAD /');
$site->get('/');
is $app->request->nth, 5, 'after HEAD too';
$app->answer('*', status => '304 Not Modified', body => '');
$site->get('/') for 1 .. 2;
is $app->connections, 1, 'and after an answer without a body';
$app->answer('/more', body => 'a' x 100, length => 10);
is $site->get('/more')->body, 'a' x 10, 'more than was announced is cut off';
$app->script('*', 'body', [out => "A: b\r\n\r\nx"], [write => Origin::Gateway::record(6, '')], [wait => 'end'], ['end']);
$client = $site->connect->send('GET /');
ok $client->read_until(qr/\r\n1\r\nx/), 'what is there is passed on';
$app->go('end');
ok $client->read_until(qr/0\r\n\r\n/), 'and it is complete with the last record';
$app->script('*', 'body', [out => "A: b\r\n\r\nx"], 'end', [write => 'garbage']);
ok $site->get('/')->complete, 'an answer with something behind it';
my $before = $app->connections;
$site->get('/');
is $app->connections, $before + 1, 'ends the use of its connection';
$app->answer('*', body => 'x');
$site->get('/');
$app->refuse->accept;
is $site->get('/')->status, 200, 'a kept connection that died is replaced';
$site->stop;

$site = site('');
$app  = app($site);
$site->get('/') for 1 .. 3;
is $app->connections, 3, 'one request a connection without fastcgi_keep_conn';
$site->stop;

$site = Site->start("server { listen %PORT%; $PARAMS location / { fastcgi_pass %FASTCGI_UNIX%; } }");
is $site->get('/x')->body, "GET /x\n", 'over a unix socket';
$site->stop;

# Standard error -----------------------------------------------------------------------------------------

$site = site('');
$app  = app($site);
$app->answer('*', stderr => "PHP message: it \"broke\"\n at line 7.\n", body => 'x');
is $site->get('/')->status, 200, 'an application that complains';
wait_until { $site->error_log =~ /stderr/ } 'its words are logged';
like $site->error_log, qr/\[error\].*FastCGI sent in stderr: "PHP message: it .*broke.* at line 7".* while reading response header from upstream.*upstream: "fastcgi:\/\/127/, 'in one line';
$app->script('*', 'body', [out => "A: b\r\n\r\n12"], [err => 'in the body'], [out => '34'], 'end');
is $site->get('/')->body, '1234', 'between pieces of a body';
like $site->error_log, qr/stderr: "in the body" while reading upstream/, 'logged too';
$app->script('*', 'body', [err => 'e' x 300_000], [out => "A: b\r\n\r\nx"], 'end');
is $site->get('/')->body, 'x', 'much of it before the head';
$app->script('*', 'body', [out => "A: b\r\n\r\n12"], [err => 'e' x 3_000_000], [out => '34'], 'end');
is $site->get('/')->body, '1234', 'much of it in the body';
$app->script('*', 'body', [out => "A: b\r\n\r\n12"], [write => Origin::Gateway::record(7, 'x', padding => 255) x 3000], [out => '34'], 'end');
is $site->get('/')->body, '1234', 'and much padding';
$app->script('*', 'body', [err => 'last words'], 'end');
is $site->get('/')->status, 502, 'words but no answer';
like $site->error_log, qr/stderr: "last words"/, 'are logged';
$app->script('*', 'body', [err => ''], [err => "\n"], [out => "A: b\r\n\r\nx"], 'end');
is $site->get('/')->status, 200, 'nothing on it';
$site->stop;

$site = site('fastcgi_catch_stderr "PHP Fatal"; fastcgi_catch_stderr "PHP Parse"; fastcgi_next_upstream invalid_header;',
             upstream => 'server %FASTCGI%; server %FASTCGI2%;');
app($site)->script('*', 'body', [err => 'x' x 1995 . 'PHP Fa'], [err => "tal error\n"], [out => "A: b\r\n\r\nx"], 'end');
is $site->get('/')->body, "GET /\n", 'an answer with a caught message is another server\'s';
is app($site, 2)->count, 1, 'which was asked';
app($site)->script('*', 'body', [out => "A: b\r\n\r\nx"], [err => 'PHP Fatal'], 'end');
$site->stop;

# Heads in pieces: each is read before the next is sent, as the log shows --------------------------------

$site = site('fastcgi_buffer_size 64k; fastcgi_buffers 8 64k;');
$app  = app($site);
my $second = Origin::Gateway::record(6, "ntent-Type: a/b\r\nX-Last: 1\r\n\r\nbody", padding => 3);
for my $cut (0 .. 12, 20, length($second) - 8 .. length $second) {
    $app->script('*', 'body', [out => "X-First: 1\r\nCo"], [err => "cut at $cut"], [write => substr $second, 0, $cut],
                 [wait => 'read'], [write => substr $second, $cut], 'end');
    my $client = $site->connect->send('GET /');
    wait_until { $site->error_log =~ /cut at $cut"/ } 'what was sent is read';
    $app->go('read');
    my $reply = $client->response;
    is join(' ', $reply->status, map({ $reply->header($_) } 'X-First', 'Content-Type', 'X-Last'), $reply->body), '200 1 a/b 1 body',
        "a head and a record cut at $cut";
}
my @long = map { ("X-Long-$_" => 'v' x 900) } 1 .. 40;
$app->answer('*', headers => [@long], most => 777, padding => 1, stderr => 'meanwhile', body => 'x' x 5000);
my $wide = $site->get('/');
is join('', map { $wide->header("X-Long-$_") } 1 .. 40), 'v' x 36_000, 'a head larger than the first buffer';
is $wide->body, 'x' x 5000, 'and what follows it';
$site->stop;

# Where it goes ------------------------------------------------------------------------------------------

$site = Site->start(<<"CONF");
    server {
        listen %PORT%;
        $PARAMS
        location ~ ^(/files)?/.+\\.php(/|\$) {
            fastcgi_split_path_info ^(.+?\\.php)(/.*)\$;
            try_files \$fastcgi_script_name =404;
            root %DIR%/html;
            set \$path_info \$fastcgi_path_info;
            fastcgi_param PATH_INFO \$path_info;
            fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
            fastcgi_param REQUEST_URI \$request_uri;
            fastcgi_pass %FASTCGI%;
        }
        location /sub { auth_request /auth; root %DIR%/html; }
        location = /auth { internal; fastcgi_pass_request_body off; fastcgi_pass %FASTCGI%; }
        location /limited { limit_except GET { deny all; } fastcgi_pass %FASTCGI%; }
        location / { fastcgi_pass %FASTCGI%; }
        location /inside { internal; return 200 inside; }
    }
CONF
$site->file('html/a.php', '');
$site->file('html/sub', 'in');
$app = app($site);
is $site->get('/a.php/path/info')->status, 200, 'the location is found by a path with more behind the script';
is $site->get('/a.php')->status, 200, 'and by the script';
is $app->request->header('SCRIPT_FILENAME'), $site->path('html/a.php'), 'its file';
is $site->get('/b.php')->status, 404, 'a script that is not there';
$app->answer('/sub', status => 204);
is $site->get('/sub')->body, 'in', 'a subrequest that lets in';
$app->answer('/sub', status => 403);
is $site->get('/sub')->status, 403, 'or not';
is $site->request('POST /limited', { body => '' })->status, 403, 'limit_except';
is $site->get('/limited')->status, 200, 'around it';
$app->answer('/away', headers => ['X-Accel-Redirect' => '/inside']);
is $site->get('/away')->body, 'inside', 'X-Accel-Redirect';
$site->stop;

# Configuration ------------------------------------------------------------------------------------------

sub refused ($text, $why) {
    my $result = Site->test_config("server { listen %PORT%; location / { $text } }");
    isnt $result->{exit}, 0, "refused: $text";
    like $result->{stderr}, $why, 'with the reason';
}
refused('fastcgi_pass localhost;', qr/no port in upstream "localhost"/);
refused('fastcgi_pass;', qr/"fastcgi_pass"/);
refused('fastcgi_split_path_info ^(.+)$;', qr/pattern "\^\(\.\+\)\$" must have 2 captures/);
refused('fastcgi_split_path_info ^(.+;', qr/fastcgi_split|missing|parenthes/);
refused('fastcgi_param A b maybe;', qr/invalid parameter "maybe"/);
refused('fastcgi_buffers 1 4k;', qr/at least 2 "fastcgi_buffers"/);
refused('fastcgi_next_upstream http_502;', qr/http_502/);
refused('fastcgi_cache zone;', qr/fastcgi_cache/);
done_testing;
