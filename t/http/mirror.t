# t/http/mirror.t - requests copied to other places, and post_action
use Site;
use Differential;

my $nginx = Differential::nginx_binary();

# What the origins see, of nginx and of Weir: the mirror's requests may come in any order and at any time
sub seen ($binary, $conf, $requests, $expected) {
    my $site = Site->start($conf, binary => $binary, files => { 'html/f' => 'file', 'html/d/index.html' => 'index' });
    my @all;
    $site->allow_log(qr/open\(\)/);
    $site->origin($_)->answer('*', body => "from $_") for 1, 2;
    for my $request (@$requests) {
        my ($what, $option, @fields) = @$request;
        $site->origin($_)->forget for 1, 2;
        my $reply = $site->request($what, $option, @fields);
        my $copies = ref $expected ? $expected->{$what} // $expected->{'*'} : $expected;
        wait_until { (grep { $_->complete } $site->origin(2)->requests) >= $copies } "$copies copies of $what";
        push @all, { what => $what, answer => $reply->status . ' ' . $reply->body =~ s/(nginx|weir)\/[0-9.]+//r,
            map { my $n = $_; ("origin $n" => [sort map { Differential::origin_view($site, $_, {}) } $site->origin($n)->requests]) } 1, 2 };
    }
    $site->stop;
    return \@all;
}
sub same ($name, $conf, $requests, $expected) {
    my $weir = seen(Site::binary(), $conf, $requests, $expected);
    return ok 1, "# skip nginx is not installed" unless $nginx;
    my $theirs = seen($nginx, $conf, $requests, $expected);
    is_deeply $weir->[$_], $theirs->[$_], "like nginx: $name: $weir->[$_]{what}" or diag explain [$theirs->[$_], $weir->[$_]] for 0 .. $#$weir;
}
my $conf = <<'CONF';
    server {
        listen %PORT%; root %DIR%/html;
        location / { mirror /copy; proxy_pass http://%ORIGIN%; }
        location /static/ { mirror /copy; alias %DIR%/html/; }
        location /return/ { mirror /copy; return 200 'text'; }
        location /two/ { mirror /copy; mirror /other; proxy_pass http://%ORIGIN%; }
        location /off/ { mirror off; proxy_pass http://%ORIGIN%; }
        location /uri/ { mirror /uri-copy; proxy_pass http://%ORIGIN%; }
        location /nobody/ { mirror /nobody-copy; mirror_request_body off; proxy_pass http://%ORIGIN%; }
        location /stream/ { mirror /copy; proxy_request_buffering off; proxy_pass http://%ORIGIN%; }
        location /file/ { mirror /copy; client_body_buffer_size 1k; proxy_pass http://%ORIGIN%; }
        location /set/ { set $mine "set $uri"; mirror /set-copy; proxy_pass http://%ORIGIN%; }
        location /named/ { mirror @named; proxy_pass http://%ORIGIN%; }
        location = /copy { internal; proxy_pass http://%ORIGIN2%$request_uri; proxy_set_header X-Uri $uri; }
        location = /other { internal; proxy_pass http://%ORIGIN2%/other; }
        location = /uri-copy { internal; proxy_pass http://%ORIGIN2%; }
        location = /nobody-copy { internal; proxy_pass http://%ORIGIN2%; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
        location = /set-copy { internal; proxy_pass http://%ORIGIN2%; proxy_set_header X-Mine "$mine $remote_addr $host $server_port $scheme $arg_a $http_x_a"; }
    }
CONF
my $large = join '', map { "line $_ of a body\n" } 1 .. 5000;
same 'proxied', $conf, [['GET /a?b=c', {}, 'X-A' => 'b', Cookie => 'c=d'], ['POST /a', { body => 'the body' }], ['PUT /a%20b', { chunks => ['in ', 'chunks'] }],
    ['GET /uri/x?y=z', {}], ['GET /set/x?a=1', {}, 'X-A' => 'field'], ['DELETE /x', {}], ['POST /file/x', { body => $large }], ['POST /stream/x', { body => $large }],
    ['POST /stream/x', { chunks => [$large] }], ['POST /nobody/x', { body => 'kept' }], ['GET /static/f', {}], ['HEAD /static/f', {}], ['GET /static/none', {}]], 1;
same 'several', $conf, [['GET /two/x', {}], ['POST /two/x', { body => 'both' }]], 2;
same 'an index', $conf, [['GET /static/d/', {}]], 2;
same 'none', $conf, [['GET /off/x', {}], ['GET /return/x', {}]], 0;

# The client never waits for a mirror
my $site = Site->start(<<"CONF" . ($conf =~ s/listen %PORT%;/listen %PORT%; access_log %DIR%\/access.log which; log_subrequest on;/r), files => { 'html/f' => 'file' }, events => 'worker_connections 64;', main => 'worker_shutdown_timeout 10s;');
    log_format which '\$uri \$status \$request_method \$body_bytes_sent';
CONF
my ($origin, $mirror) = map { $site->origin($_) } 1, 2;
$origin->answer('*', body => 'answer');
{
    my $held = $mirror->hold('/x');
    $mirror->answer('/x', body => 'x' x 100_000);
    my $client = $site->connect;
    is $client->get('/x')->body, 'answer', 'an answer does not wait for the mirror';
    is $client->get('/off/y')->body, 'answer', 'nor does the next request on the connection';
    is $client->send('POST /x', { body => 'posted' })->response->body, 'answer', 'nor a body';
    $held->reached(2);
    $client->close;
    is_deeply [sort map { $_->method . ' ' . $_->body } $mirror->requests], ['GET ', 'POST posted'], 'what is mirrored is what was sent';
    $held->release;
    wait_until { (() = ($site->slurp('access.log') // '') =~ /^\/copy 200 /mg) == 2 } 'mirrors run on when their client is gone';
    like $site->slurp('access.log'), qr/^\/copy 200 POST 100000$/m, 'their answers are read to the end';
    $mirror->answer('/x', body => 'short');
    $site->get('/x');
    wait_until { (() = $site->slurp('access.log') =~ /^\/copy 200 GET 5$/mg) == 1 } 'one more';
    my $before = $mirror->connections;
    $site->get('/x');
    wait_until { (() = $site->slurp('access.log') =~ /^\/copy 200 GET 5$/mg) == 2 } 'and another';
    is $mirror->connections, $before, 'connections to a mirror are used again';
}
{
    my $client = $site->connect;
    $client->write(join '', map { "GET /static/f?$_ HTTP/1.1\r\nHost: a\r\n\r\n" } 1 .. 20);
    is join(' ', map { $client->read_response->body } 1 .. 20), join(' ', ('file') x 20), 'pipelined requests';
    wait_until { (grep { $_->uri =~ /\?/ } $mirror->requests) == 20 } 'are all mirrored';
    is_deeply [sort { $a <=> $b } map { $_->uri =~ /\?(\d+)/ } $mirror->requests], [1 .. 20], 'each once';
}
{
    $mirror->forget;
    $mirror->script('/dies', [write => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"], 'reset');
    is $site->get('/dies')->body, 'answer', 'a mirror that dies does not matter';
    $mirror->refuse;
    is $site->get('/x')->body, 'answer', 'nor one that is not there';
    like $site->wait_for_log(qr/Connection refused/), qr/subrequest: "\/copy"/, 'but it is logged';
    $mirror->accept;
}
{
    my $held = $mirror->hold('/hang');
    $site->get('/hang') for 1 .. 40;
    $held->reached(32);
    like $site->wait_for_log(qr/32 background requests are running/), qr/\[error\]/, 'a mirror that hangs takes no more than half of the connections';
    is $site->get('/off/x')->body, 'answer', 'others are served';
    $held->release;
}
$site->stop;

# What only the connection knows is known when it has ended
$site = Site->start(<<'CONF');
    server {
        listen *:%PORT% proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;
        root %DIR%/html; location / { mirror /copy; }
        location = /copy { proxy_pass http://%ORIGIN%; proxy_method COPY; limit_rate 1;
                           proxy_set_header X-It "$remote_addr $realip_remote_addr $server_addr $server_port $proxy_protocol_addr $proxy_protocol_port"; }
    }
CONF
$site->file('html/f', 'file');
{
    my $held = $site->origin->hold('/copy');
    my $client = $site->connect;
    $client->write("PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\nGET /f HTTP/1.1\r\nHost: a\r\nX-Real-IP: 198.51.100.7\r\n\r\n");
    is $client->read_response->body, 'file', 'through a proxy';
    $client->close;
    $held->reached->release;
    my ($copy) = $site->origin->requests;
    is $copy->header('X-It'), '198.51.100.7 127.0.0.1 127.0.0.1 ' . $site->port . ' 192.0.2.1 1111', 'addresses';
    is $copy->method, 'COPY', 'directives of the location hold';
}
$site->stop;

# post_action
my $after = <<'CONF';
    log_format which '$uri $status';
    server {
        listen %PORT%; root %DIR%/html; access_log %DIR%/access.log which;
        location / { post_action /done; root %DIR%/html; }
        location /px/ { post_action @done; proxy_pass http://%ORIGIN%/; }
        location /slow/ { post_action /done; proxy_pass http://%ORIGIN%/; }
        location = /done { internal; proxy_pass http://%ORIGIN2%/done?status=$status&sent=$body_bytes_sent&ok=$request_completion&method=$request_method&uri=$request_uri&up=$upstream_status&type=$sent_http_content_type; }
        location @done { proxy_pass http://%ORIGIN2%; proxy_set_header X-Status $status; proxy_set_header X-Length $sent_http_content_length; }
        location /none/ { post_action ""; alias %DIR%/html/; }
        location /unknown/ { post_action @nowhere; return 204; }
    }
CONF
$site = Site->start($after, files => { 'html/f' => 'file', 'html/big' => 'x' x 5_000_000 });
$site->allow_log(qr/open\(\)/);
($origin, $mirror) = map { $site->origin($_) } 1, 2;
sub action ($n = 1) {
    wait_until { (grep { $_->complete } $mirror->requests) >= $n } 'the action';
    my ($request) = $mirror->requests;
    $mirror->forget;
    return $request;
}
my $held = $mirror->hold('/done');
my $client = $site->connect;
is $client->get('/f')->body, 'file', 'an answer does not wait for its action';
is $client->get('/none/f')->body, 'file', 'nor does the next request';
$held->release;
is action->uri, '/done?status=200&sent=4&ok=OK&method=GET&uri=/f&up=&type=text/plain', 'the action knows how it went';
$client->get('/nothing');
like action->uri, qr/\A\/done\?status=404&sent=\d+&ok=OK&method=GET&uri=\/nothing/, 'also of an error';
$origin->answer('/x', status => 201, body => 'created');
is $site->post('/px/x?a=b', 'posted')->body, 'created', 'an answer from an origin';
my $done = action;
is join(' ', $done->method, $done->uri, $done->body, $done->header('X-Status'), $done->header('X-Length')), 'POST /px/x?a=b posted 201 7',
    'its action, in a named location, gets the request itself';
$client = $site->send('GET /big', { rcvbuf => 4096 });
$client->read_bytes(1000);
$client->close;
like action->uri, qr/status=200&sent=\d+&ok=&/, 'an answer that was cut off is not complete';
$held = $origin->hold('/leave');
$client = $site->send('GET /slow/leave');
$held->reached;
$client->close;
like action->uri, qr/status=499&sent=0&ok=&/, 'a client that left';
$held->release;
is $site->get('/unknown/')->status, 204, 'a named location that is not there';
like $site->wait_for_log(qr/could not find named location "\@nowhere"/), qr/\[error\]/, 'is logged';
like $site->slurp('access.log'), qr/^\/f 200$/m, 'the log tells of the request';
unlike $site->slurp('access.log'), qr/done/, 'and not of its action';
$site->stop;

# A worker that goes lets them finish
$site = Site->start($conf, files => { 'html/f' => 'file' });
$mirror = $site->origin(2);
$held = $mirror->hold('/static/f');
is $site->get('/static/f')->body, 'file', 'an answer';
$held->reached;
my ($worker) = $site->workers;
$site->reload;
ok wait_while(sub { kill 0, $worker }, 0.3), 'a worker whose mirror runs is not done';
$held->release;
wait_until { !kill 0, $worker } 'it ends with it';
$site->stop;

for my $wrong ('mirror off; mirror /a;', 'mirror /a; mirror off;') {
    like(Site->test_config("server { $wrong }")->{stderr}, qr/mirror off/, "$wrong is refused");
}
done_testing;
