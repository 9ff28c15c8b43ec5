# t/proxy/next.t - which server of an upstream is asked, and who is asked next when one fails
use Site;

sub site ($upstream, $location = '') {
    return Site->start(<<"CONF");
    proxy_http_version 1.0;
    log_format up '\$upstream_addr | \$upstream_status';
    upstream u { $upstream }
    server {
        listen %PORT%;
        access_log %DIR%/up.log up;
        location / { $location proxy_pass http://u; }
    }
CONF
}

# Names each origin by its answers: "1", "2", "3".
sub name_origins ($site, $n) {
    $site->origin($_)->answer('*', body => $_) for 1 .. $n;
    return $site;
}
sub asked ($site, $n, $what = 'GET /') {
    return join '', map { my $r = $site->request($what); $r->status == 200 ? $r->body : '-' } 1 .. $n;
}
# The log, once it has a line like that (a line is written after the answer).
sub up_log ($site, $pattern) {
    wait_until { ($site->slurp('up.log') // '') =~ $pattern } "$pattern in the log";
    return $site->slurp('up.log');
}
sub counted ($text) {
    my %count;
    $count{$_}++ for split //, $text;
    return join ' ', map { "$_:$count{$_}" } sort keys %count;
}

# A server that stalls is waited for: this begins here and is looked at below.
my %stalling = map { $_ => name_origins(site('server %ORIGIN% fail_timeout=1h; server %ORIGIN2%;', 'proxy_read_timeout 4s;'), 2) } qw(GET POST);
my %waiting;
for my $method (sort keys %stalling) {
    $stalling{$method}->origin->script('*', 'body', 'stall');
    $waiting{$method} = $stalling{$method}->send("$method /");
}

# Round robin --------------------------------------------------------------------------------------------

my $site = name_origins(site('server %ORIGIN%; server %ORIGIN2%; server %ORIGIN3%;'), 3);
is asked($site, 6), '123123', 'each in its turn';
$site->stop;
$site = name_origins(site('server %ORIGIN% weight=5; server %ORIGIN2%; server %ORIGIN3%;'), 3);
is asked($site, 14), '11213111121311', 'by weight, smoothly';
$site->stop;
$site = name_origins(site('server %ORIGIN%; server %ORIGIN2% down; server %ORIGIN3% backup;'), 3);
is asked($site, 4), '1111', 'neither one that is down nor the backup';
$site->origin->refuse;
is asked($site, 4), '3333', 'until the others are gone';
$site->stop;

# Next upstream ------------------------------------------------------------------------------------------

$site = name_origins(site('server %ORIGIN% fail_timeout=1h; server %ORIGIN2%;'), 2);
$site->origin->refuse;
is asked($site, 4), '2222', 'a server that refuses is not noticed';
my ($one, $two) = map { $site->origin($_)->address } 1, 2;
my $log = up_log($site, qr/(?:.*\n){4}/);
like $log, qr/^\Q$one, $two\E \| 502, 200$/m, 'but logged';
like $site->error_log, qr/connect\(\) failed \(111: Connection refused\) while connecting to upstream/, 'with its reason';
is scalar(() = $log =~ /\Q$one\E/g), 1, 'and then left alone for fail_timeout';
$site->stop;

for my $case (['closes', ['body', 'close']], ['resets', ['body', 'reset']],
              ['stops in its head', ['body', [write => "HTTP/1.1 200 OK\r\nX: "], 'close']]) {
    my ($name, $script) = @$case;
    $site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;'), 2);
    $site->origin->script('*', @$script);
    is asked($site, 3), '222', "a server that $name is not noticed";
    $site->stop;
    $site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;'), 2);
    $site->origin->script('*', @$script);
    is asked($site, 1, 'POST /'), '-', "$name: POST is not repeated";
    is $site->origin(2)->count, 0, "$name: nobody else got it";
    $site->stop;
}
is $waiting{GET}->response->body . asked($stalling{GET}, 2), '222', 'a server that stalls is not noticed';
is $waiting{POST}->response->status, 504, 'stalls: POST is not repeated';
is $stalling{POST}->origin(2)->count, 0, 'stalls: nobody else got it';
$_->stop for values %stalling;

$site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;'), 2);
$site->origin->refuse;
is asked($site, 2, 'POST /'), '22', 'POST goes on when it was never sent';
$site->stop;

$site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;',
                          'proxy_next_upstream error timeout non_idempotent;'), 2);
$site->origin->script('*', 'body', 'close');
is $site->post('/', 'the body' x 5000)->body, '2', 'non_idempotent: POST is repeated';
is $site->origin(2)->request->body, 'the body' x 5000, 'with its body';
$site->stop;

for my $code (500, 502, 503, 504, 403, 404, 429) {
    $site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;', "proxy_next_upstream error http_$code;"), 2);
    $site->origin->answer('*', status => $code, body => 'bad');
    is asked($site, 2), '22', "http_$code";
    $site->stop;
}
$site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;', 'proxy_next_upstream error invalid_header;'), 2);
$site->origin->script('*', 'body', [write => "HTTP/1.1 xyz\r\n\r\n"], 'close');
is asked($site, 2), '22', 'invalid_header' if is_weir;
$site->stop;
$site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;', 'proxy_next_upstream off;'), 2);
$site->origin->refuse;
is asked($site, 1), '-', 'off';
$site->stop;
$site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;', 'proxy_next_upstream http_404;'), 2);
$site->origin($_)->answer('*', status => 404, body => "lost $_") for 1, 2;
my $reply = $site->get('/');
is $reply->status, 404, 'when all say 404';
like $reply->body, qr/lost/, 'the last one is believed';
$site->stop;

$site = name_origins(site('server %ORIGIN%; server %ORIGIN2%; server %ORIGIN3%; server %ORIGIN4%;',
                          'proxy_next_upstream_tries 2;'), 4);
$site->origin($_)->refuse for 1 .. 3;
is asked($site, 1), '-', 'proxy_next_upstream_tries 2';
like up_log($site, qr/\n/), qr/^\S+, \S+ \| 502, 502$/m, 'tried just two';
$site->stop;

# Once the answer has begun nobody else is asked.
$site = name_origins(site('server %ORIGIN%; server %ORIGIN2%;', 'proxy_buffering off;'), 2);
$site->origin->script('*', 'body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"], 'close');
my $client = $site->send('GET /');
$reply = $client->response;
ok !$reply->complete, 'an answer that has begun and breaks is broken';
is $site->origin(2)->count, 0, 'not joined with another';
$site->stop;

# max_fails, fail_timeout ----------------------------------------------------------------------------------

$site = name_origins(site('server %ORIGIN% max_fails=2 fail_timeout=1h; server %ORIGIN2%;'), 2);
$site->origin->script('*', 'body', 'close');
is asked($site, 6), '222222', 'max_fails=2';
is $site->origin->count, 2, 'asked twice, then left alone';
$site->stop;
$site = name_origins(site('server %ORIGIN% fail_timeout=1s; server %ORIGIN2%;'), 2);
$site->origin->script('*', 'body', 'close');
is asked($site, 2), '22', 'a short fail_timeout';
$site->origin->answer('*', body => '1');
wait_until { asked($site, 2) =~ /1/ } 'the server to be tried again after fail_timeout';
like asked($site, 4), qr/\A(?:1212|2121)\z/, 'and to take its share again';
$site->stop;

$site = name_origins(site('server %ORIGIN% max_fails=0; server %ORIGIN2%;'), 2);
$site->origin->script('*', 'body', 'close');
asked($site, 6);
is $site->origin->count, 3, 'max_fails=0: never left alone';
$site->stop;

# All gone: 502, and back as soon as one is back
for my $time ('1h', '1s') {
    $site = name_origins(site("server %ORIGIN% fail_timeout=$time; server %ORIGIN2% fail_timeout=$time;"), 2);
    $site->origin($_)->refuse for 1, 2;
    is asked($site, 3), '---', 'all servers gone';
    next if $time eq '1s';
    like $site->error_log, qr/no live upstreams while connecting to upstream/, 'no live upstreams is logged';
    $site->stop;
}
$site->origin->accept;
wait_until { asked($site, 1) eq '1' } 'the first to be used again';
pass 'service returns by itself';
$site->stop;

# A single server is never left alone
$site = name_origins(site('server %ORIGIN%;'), 1);
$site->origin->refuse;
is asked($site, 3), '---', 'a single server that refuses';
unlike $site->error_log, qr/no live upstreams/, 'is asked each time';
$site->origin->accept;
is asked($site, 1), '1', 'and at once when it is back';
$site->stop;

# All workers agree
SKIP: {
    skip 'nginx needs a zone for that', 2 unless is_weir;
    my $two = Site->start(<<'CONF', main => 'worker_processes 2;');
    upstream u { server %ORIGIN% max_fails=1 fail_timeout=1h; server %ORIGIN2%; }
    server { listen %PORT%; location / { proxy_pass http://u; } }
CONF
    name_origins($two, 2)->origin->script('*', 'body', 'close');
    is counted(asked($two, 40)), '2:40', 'two workers, one dead server';
    is $two->origin->count, 1, 'which only one of them had to meet';
    $two->stop;
}

done_testing;
