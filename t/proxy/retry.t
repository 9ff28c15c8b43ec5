# t/proxy/retry.t - retries: of the same server, after a pause, within a budget, within time; of
# nothing that may have been done
use Site;
use Load;
use Time::HiRes qw(time);

needs_weir('these directives are its own');

sub site ($upstream, $location, %option) {
    my $site = Site->start(<<"CONF", %option);
    log_format up '\$request_method \$uri | \$upstream_addr | \$upstream_status | \$upstream_response_time | \$upstream_header_time | \$fail_reason';
    access_log %DIR%/up.log up;
    upstream u { $upstream }
    proxy_connect_timeout 5s;
    fastcgi_connect_timeout 5s;
    server { listen %PORT%; location / { $location proxy_pass http://u; } @{[$option{server} // '']} }
CONF
    return $site;
}
sub logged ($site, $pattern) {
    my $line;
    wait_until { ($line) = ($site->slurp('up.log') // '') =~ /^($pattern)$/m } "$pattern in the log";
    return $line;
}
my @one   = ('server %ORIGIN%;');
my @two   = ('server %ORIGIN% max_fails=0; server %ORIGIN2% max_fails=0;');
my $close = ['body', 'close'];
my $bad   = ['body', [answer => { status => 503, body => 'bad' }]];
my $good  = ['body', [answer => { body => 'good' }]];

# The same server ----------------------------------------------------------------------------------

my $site = site(@one, 'proxy_next_upstream error timeout http_503 same;', server => <<'CONF');
        location /never/ { proxy_pass http://u; }
        location /often/ { proxy_next_upstream error http_503 same; proxy_next_upstream_tries 4; proxy_pass http://u; }
        location /unsafe/ { proxy_next_upstream error same non_idempotent; proxy_pass http://u; }
        location /as_post/ { proxy_method POST; proxy_next_upstream error same; proxy_pass http://u; }
        location /from_post/ { proxy_method GET; proxy_next_upstream error same; proxy_pass http://u; }
        location /fcgi/ { fastcgi_next_upstream error same; fastcgi_pass %FASTCGI%; }
        location /scgi/ { scgi_next_upstream error same; scgi_pass %SCGI%; }
        location /uwsgi/ { uwsgi_next_upstream error same; uwsgi_pass %UWSGI%; }
        location /mem/ { set $memcached_key key; memcached_next_upstream error same; memcached_pass %MEMCACHED%; }
CONF
my $origin = $site->origin;
my $one = $origin->address;
$origin->scripts('/x', $close, $good);
is $site->get('/x')->body, 'good', 'the only server is tried once more';
like logged($site, qr/GET \/x .*/), qr/\| \Q$one, $one\E \| 502, 200 \| [\d.]+, [\d.]+ \| -, [\d.]+ \| -$/, 'and logged twice';
$origin->scripts('/y', $bad, $good);
is $site->get('/y')->body, 'good', 'after an answer, too';
$origin->scripts('/z', $bad, $bad, $good);
is $site->get('/z')->body, 'bad', 'twice and no more';
$origin->scripts('/never/x', $close, $good);
is $site->get('/never/x')->status, 502, 'not unless it is asked for';
$origin->scripts('/often/x', $bad, $close, $bad, $good);
is $site->get('/often/x')->body, 'good', 'as often as ..._tries says';
$origin->scripts('/often/y', $bad, $close, $bad, $close, $good);
is $site->get('/often/y')->status, 502, 'no more often';

# What may have been done is not done again.
for my $method (qw(POST PATCH LOCK REPORT)) {
    $origin->scripts("/$method", $close, $good);
    my $before = $origin->count;
    is $site->request("$method /$method")->status, 502, "$method is not repeated";
    is $origin->count - $before, 1, "$method: really not";
}
for my $method (qw(PUT DELETE OPTIONS PROPFIND)) {
    $origin->scripts("/$method", $close, $good);
    is $site->request("$method /$method")->status, 200, "$method is repeated";
}
$origin->scripts('/unsafe/x', $close, $good);
is $site->post('/unsafe/x', 'body')->body, 'good', 'non_idempotent: POST as well';
is $origin->request->body, 'body', 'with its body';
$origin->scripts('/as_post/x', $close, $good);
is $site->get('/as_post/x')->status, 502, 'what is sent as POST is not repeated';
$origin->scripts('/from_post/x', $close, $good);
is $site->post('/from_post/x', 'x')->status, 502, 'nor is what the client meant as one';

# Other protocols
for (['fcgi', 'fastcgi', "Content-Type: text/plain\r\n\r\ngood"], ['scgi', 'scgi', "Status: 200\r\n\r\ngood"],
     ['uwsgi', 'uwsgi', "Status: 200\r\n\r\ngood"]) {
    my ($path, $protocol, $answer) = @$_;
    $site->origin($protocol)->scripts('*', $close, ['body', [answer => { body => 'good' }], 'close']);
    is $site->get("/$path/x")->body, 'good', "$protocol: the same server once more";
    $site->origin($protocol)->scripts('*', $close, $good);
    is $site->post("/$path/x", 'x')->status, 502, "$protocol: not a POST";
}
$site->stop;

# A group of two: each in turn, then again
$site = site(@two, 'proxy_next_upstream error same;');
$site->origin($_)->scripts('/', $close, $good) for 1, 2;
is $site->get('/')->body, 'good', 'of two servers one is tried again';
my ($a, $b) = map { $site->origin($_)->address } 1, 2;
like logged($site, qr/GET \/ .*/), qr/\| \Q$a, $b\E, (\Q$a\E|\Q$b\E) \| 502, 502, 200 \|/, 'when both have failed';
$site->stop;
$site = site('server %ORIGIN%; server %ORIGIN2%;', 'proxy_next_upstream error same; proxy_next_upstream_tries 5;');
$site->origin($_)->script('/', @$close) for 1, 2;
is $site->get('/')->status, 502, 'both fail';
is $site->origin(1)->count + $site->origin(2)->count, 5, 'max_fails does not end it';
$site->stop;

# Pauses -------------------------------------------------------------------------------------------

$site = site(@two, 'proxy_next_upstream error same; proxy_next_upstream_tries 6; proxy_next_upstream_backoff 40ms 80ms;',
    server => <<'CONF');
        location /long/ { proxy_next_upstream error same; proxy_next_upstream_tries 9;
                          proxy_next_upstream_backoff 1h; proxy_next_upstream_timeout 300ms; proxy_pass http://u; }
        location /hour/ { proxy_next_upstream error same; proxy_next_upstream_tries 9;
                          proxy_next_upstream_backoff 1h; proxy_pass http://u; }
        location /total/ { proxy_next_upstream error same; proxy_next_upstream_tries 9;
                           proxy_next_upstream_backoff 1h; proxy_total_timeout 100ms; proxy_pass http://u; }
CONF
$site->origin($_)->script('*', @$close) for 1, 2;
my @took;
for (1 .. 4) {
    my $start = time;
    $site->get('/');
    push @took, time - $start;
}
is $site->origin(1)->count + $site->origin(2)->count, 24, 'six tries each';
cmp_ok $took[0] + $took[1] + $took[2] + $took[3], '>', 0.1, 'with pauses between them';
my %length = map { sprintf('%.3f', $_) => 1 } @took;
cmp_ok scalar(keys %length), '>', 1, 'of random lengths';
my $start = time;
is $site->get('/long/')->status, 502, 'a pause';
cmp_ok time - $start, '<', Wait::patience(), '... is no longer than there may be a retry';
my $client = $site->send('GET /hour/');
$site->wait_for_log(qr/prematurely closed.*\/hour\//);
$client->close;
$site->wait_for_log(qr/client prematurely closed connection.*\/hour\//);
pass 'a client that leaves ends a pause';
is $site->get('/total/')->status, 504, 'so does the time for all of it';
like logged($site, qr/GET \/total\/.*/), qr/\| upstream\.total_timeout$/, 'with its reason';
$site->stop;

# A budget -----------------------------------------------------------------------------------------

$site = site(@two, 'proxy_next_upstream error http_503 same; proxy_retry_budget 20% min=3;', main => 'worker_processes 2;',
    server => <<'CONF');
        location /free/ { proxy_next_upstream error same; proxy_pass http://u; }
CONF
$site->origin($_)->script('*', @$bad) for 1, 2;
my %status;
$status{ $site->get('/')->status }++ for 1 .. 5;
is $site->origin(1)->count + $site->origin(2)->count, 8, 'five requests, three retries, over two workers';
is_deeply \%status, { 503 => 5 }, 'the first failure is final';
like $site->error_log, qr/\[warn\].*the budget of retries is spent/, 'and logged';
$site->origin($_)->answer('*', body => 'good') for 1, 2;
$site->get('/') for 1 .. 10;
$site->origin($_)->forget->script('*', @$bad) for 1, 2;
$site->get('/') for 1 .. 10;
is $site->origin(1)->count + $site->origin(2)->count, 12, 'a fifth of twenty-five, less the first three';
$site->origin($_)->forget->script('/free/', @$close) for 1, 2;
$site->get('/free/');
is $site->origin(1)->count + $site->origin(2)->count, 4, 'other places have no such budget';
$site->origin($_)->refuse for 1, 2;
is $site->get('/')->status, 502, 'connections that fail count, too';
like logged($site, qr/GET \/ .*-, .*-.*|GET \/ \| [^,]* \| 502 .*/), qr/\| upstream\.connect$/, 'the reason is the first failure\'s';
$site->stop;

# Times --------------------------------------------------------------------------------------------

# Times that something must come within are long: all that lasts begins at once.
$site = site(@two, 'proxy_try_timeout 500ms;', server => <<'CONF');
        location /first/ { proxy_try_timeout 4s; proxy_pass http://first; }
        location /whole/ { proxy_total_timeout 4s; proxy_pass http://u; }
        location /total/ { proxy_total_timeout 400ms; proxy_try_timeout 30s; proxy_pass http://u; }
        location /both/ { proxy_total_timeout 3s; proxy_try_timeout 700ms; proxy_next_upstream timeout same; proxy_next_upstream_tries 9; proxy_pass http://u; }
        location /stream/ { proxy_request_buffering off; proxy_try_timeout 4s; proxy_pass http://u; }
        location /fcgi/ { fastcgi_total_timeout 100ms; fastcgi_pass %FASTCGI%; }
    }
    upstream first { server %ORIGIN% max_fails=0; server %ORIGIN2% backup; }
    server {
        listen %PORT2%;
CONF
$site->origin($_)->script('*', 'body', 'stall')->script('/', 'body', [write => "HTTP/1.1 200 OK\r\n"], 'stall') for 1, 2;
$site->origin(2)->answer('/first/', body => 'good');
$site->origin($_)->script('/whole/cut', 'body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"], 'stall') for 1, 2;
$site->origin($_)->script('/stream/x', 'body', [answer => { body => 'good' }]) for 1, 2;
$site->origin($_)->script('/whole/ws', 'body', [write => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"],
                          [wait => 'more'], [write => 'later']) for 1, 2;
my $tunnel = $site->connect;
$tunnel->write("GET /whole/ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
like $tunnel->read_until(qr/\r\n\r\n/), qr/ 101 /, 'upgraded';
my $uploads = $site->connect;
$uploads->write("POST /stream/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
wait_until { grep { $_->uri eq '/stream/x' } map { $site->origin($_)->requests } 1, 2 } 'the head at the origin';
my $began = time;
my %asked = map { $_ => $site->send("GET $_") } '/first/', '/', '/total/', '/both/', '/whole/cut';
is $asked{'/first/'}->response->body, 'good', 'a server that stalls is given up soon';
like logged($site, qr/GET \/first\/ .*, .*/), qr/\| 504, 200 \|/, 'as timed out';
is $asked{'/'}->response->status, 504, 'a head must be whole';
like logged($site, qr/GET \/ .*504, 504.*/), qr/\| upstream\.timeout$/, 'with its reason';
is $asked{'/total/'}->response->status, 504, 'a time for all tries';
like logged($site, qr/GET \/total\/.*/), qr/\| 504 \|.*\| upstream\.total_timeout$/, 'with its reason';
is $asked{'/both/'}->response->status, 504, 'tries that end';
like logged($site, qr/GET \/both\/.*/), qr/\| 504(?:, 504)+ \|.*\| upstream\.total_timeout$/, 'before the time for all does';
my $reply = $asked{'/whole/cut'}->response;
ok $reply->status == 200 && !$reply->complete, 'an answer that is under way breaks';
like $site->error_log, qr/timed out: the time for all of a request is over/, 'which is logged';
$site->origin($_)->script('/whole/whole', 'body', [answer => { body => 'whole' }]) for 1, 2;
$client = $site->connect;
is $client->get('/whole/whole')->body, 'whole', 'one that is in time does not';
is $client->get('/whole/whole')->body, 'whole', 'nor does the next of the connection';
wait_until { time - $began > 4.2 } 'more time than there is';
$uploads->write('0123456789');
is $uploads->response->body, 'good', 'a slow client is not the server\'s fault';
$site->origin('fastcgi')->script('*', 'body', 'stall');
is $site->get('/fcgi/x')->status, 504, 'fastcgi_total_timeout';
$site->origin($_)->go('more') for 1, 2;
is $tunnel->read_bytes(5), 'later', 'what was upgraded is not bound by the time for all';
$site->stop;

# Under load ---------------------------------------------------------------------------------------

for my $case (['answers 500', sub ($o) { $o->script('*', 'body', [answer => { status => 500 }]) }],
              ['stalls', sub ($o) { $o->script('*', 'body', 'stall') }],
              ['refuses', sub ($o) { $o->refuse }],
              ['resets', sub ($o) { $o->script('*', 'body', 'reset') }]) {
    my ($name, $break) = @$case;
    my $site = site('server %ORIGIN%; server %ORIGIN2%; server %ORIGIN3%;',
                    'proxy_next_upstream error timeout http_500; proxy_try_timeout 3s; proxy_retry_budget 50% min=50;');
    $site->origin($_)->answer('*', body => 'good') for 1 .. 3;
    my $load = Load->start($site, connections => 6);
    $break->($site->origin(2));
    my $before = $site->origin(1)->count;
    wait_until { $site->origin(1)->count > $before + 60 } 'some load';
    my $tally = $load->stop;
    is_deeply $tally->{failed}, [], "one of three $name: no request fails ($tally->{requests})";
    $site->stop;
}

# Nonsense -----------------------------------------------------------------------------------------

sub says ($text) {
    my $result = Site->test_config("server { listen %PORT%; location / { $text proxy_pass http://127.0.0.1:1; } }");
    return $result->{stderr} . $result->{stdout};
}
like says('proxy_next_upstream same;'), qr/\[warn\] "proxy_next_upstream" names no reason/, 'same alone';
like says('proxy_next_upstream off; proxy_retry_budget 10%;'), qr/\[warn\] "proxy_retry_budget" has no effect/, 'a budget of nothing';
like says('proxy_next_upstream off; proxy_next_upstream_backoff 1s;'), qr/\[warn\] "proxy_next_upstream_backoff" has no effect/, 'pauses before nothing';
like says('proxy_try_timeout 2s; proxy_total_timeout 1s;'), qr/\[warn\] "proxy_try_timeout" is longer/, 'a try longer than all';
like says("$_;"), qr/\[emerg\]/, "$_ is refused"
    for 'proxy_retry_budget 10', 'proxy_retry_budget 0%', 'proxy_retry_budget 10% min=-1', 'proxy_retry_budget 10% max=3',
        'proxy_next_upstream_backoff 1s 10ms', 'proxy_next_upstream_backoff x', 'proxy_next_upstream nothing';

done_testing;
