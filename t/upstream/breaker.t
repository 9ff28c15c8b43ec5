# t/upstream/breaker.t - servers that answer badly or slowly are left alone, probed, and taken back
use Site;
use Load;

needs_weir('nginx has no breakers');

sub site ($upstream, %option) {
    return Site->start(<<"CONF", main => 'worker_processes ' . ($option{workers} // 2) . ';');
    log_format up '\$uri | \$upstream_addr | \$upstream_status | \$fail_reason';
    access_log %DIR%/up.log up;
    proxy_next_upstream off;
    @{[$option{http} // '']}
    upstream u { $upstream }
    server { listen %PORT%; location / { proxy_pass http://u; } @{[$option{server} // '']} }
CONF
}
sub name_origins ($site, $n) {
    $site->origin($_)->answer('*', body => $_) for 1 .. $n;
    return $site;
}
sub asked ($site, $n, $what = 'GET /') {
    return join '', map { my $r = $site->request($what); $r->status == 200 ? $r->body : '-' } 1 .. $n;
}
sub times_in_log ($site, $pattern) { return scalar(() = $site->error_log =~ /$pattern/g) }
sub worker_of ($site) { return ($site->workers)[0] }
my $two = 'server %ORIGIN% max_fails=0; server %ORIGIN2% max_fails=0;';
my $never = 'breaker_open 1h;';
my $bad  = ['body', [answer => { status => 500, body => 'bad' }]];

# A row of errors ------------------------------------------------------------------------------------

my $site = name_origins(site("$two breaker consecutive=3; $never"), 2);
$site->origin->script('*', @$bad);
like asked($site, 30), qr/\A[2-]{6}(?:2)*\z/, 'after three errors in a row';
is $site->origin->count, 3, 'a server is left alone, by all workers';
is times_in_log($site, qr/\[warn\].*breaker of upstream server \S+ in "u" opened for 3600000ms: 3 errors in a row/), 1, 'with one line in the log';
$site->origin->answer('*', body => '1');
is asked($site, 8), '2' x 8, 'for its time';
$site->reload;
is asked($site, 8), '2' x 8, 'also in the next generation';
my ($worker) = $site->workers;
$site->allow_log(qr/exited on signal 9|signal 9/);
kill KILL => $_ for $site->workers;
wait_until { my @now = $site->workers; @now == 2 && !grep { $_ == $worker } @now } 'new workers';
is asked($site, 8), '2' x 8, 'and for new workers';
$site->reload(<<'CONF');
    upstream u { server %ORIGIN% max_fails=0; server %ORIGIN2% max_fails=0; }
    server { listen %PORT%; location / { proxy_pass http://u; } }
CONF
is join('', sort split //, asked($site, 8)), '11112222', 'until a configuration without breakers';
$site->stop;

# Probes ---------------------------------------------------------------------------------------------

$site = name_origins(site("$two breaker consecutive=2; breaker_open 100ms; breaker_passes 2; breaker_panic off;"), 2);
$site->origin->script('*', @$bad);
asked($site, 20);
wait_until { asked($site, 2); $site->origin->count >= 3 } 'a probe';
like $site->wait_for_log(qr/opened for 200ms/), qr/opened for 200ms: a probe failed/, 'a bad one opens it for longer';
$site->origin->answer('*', body => '1');
my $held = $site->origin->hold('*');
my @probes;
wait_until { push @probes, $site->send('GET /'); $held->count > 0 } 'another probe';
is asked($site, 12), '2' x 12, 'while one is under way there is no other';
$held->release;
$_->response for @probes;
wait_until { asked($site, 2) =~ /1/ } 'the second good one';
$site->wait_for_log(qr/\[notice\].*breaker of upstream server \S+ in "u" closed/);
is join('', sort split //, asked($site, 8)), '11112222', 'and the server is back';
is times_in_log($site, qr/\[notice\].*closed/), 1, 'one line says so';
# A probe that is lost
$site->origin->script('*', @$bad);
asked($site, 20);
$site->origin->script('*', 'body', 'stall');
my $before = $site->origin->count;
@probes = ();
wait_until { push @probes, $site->send('GET /'); $site->origin->count > $before } 'a probe that stalls';
is asked($site, 6), '2' x 6, 'others wait for it';
$site->allow_log(qr/signal 9/);
kill KILL => $_ for $site->workers;
$site->origin->answer('*', body => '1');
wait_until { asked($site, 2) =~ /1/ } 'probes after the worker was killed';
pass 'a worker that dies with a probe does not keep it';
$site->stop;

# Shares, slowness, other words ----------------------------------------------------------------------

$site = name_origins(site("$two breaker errors=50%; breaker_window 1h min=10; $never"), 2);
$site->origin->scripts('*', map { $_ % 3 ? $bad : ['body', [answer => { body => '1' }]] } 1 .. 60);
asked($site, 60);
is $site->origin->count, 10, 'two thirds of ten requests';
like $site->error_log, qr/opened for \d+ms: 7 errors among 10 requests/, 'and logged';
$site->stop;

$site = name_origins(site("$two breaker consecutive=2 slow=800ms; $never"), 2);
$site->origin->script('*', 'body', [wait => 'slow'], [answer => { body => '1' }]);
for (1 .. 2) {
    my @both = map { $site->send('GET /') } 1 .. 2;
    wait_until { $site->origin->count == $_ } 'one at the slow server';
    select undef, undef, undef, 0.9;
    $site->origin->go('slow');
    $_->response for @both;
}
is asked($site, 6), '222222', 'a server that is too slow';
$site->stop;

# Clients that do not wait for it tell as much.
$site = name_origins(site("$two breaker consecutive=2 slow=800ms; $never"), 2);
$site->origin->script('*', 'body', 'stall');
for my $n (1, 2) {
    my @both = map { $site->send('GET /') } 1 .. 2;
    wait_until { $site->origin->count == $n } 'one at the slow server';
    select undef, undef, undef, 0.9;
    $_->close for @both;
    wait_until { $site->origin->open == 0 } 'the connection to it to be closed';
}
wait_until { $site->error_log =~ /opened for \d+ms: 2 errors in a row/ } 'the breaker to open';
is asked($site, 4), '2222', 'a server that nobody waits for';
$site->stop;

$site = name_origins(site("$two breaker consecutive=2; breaker_errors http_404 http_429; $never"), 2);
$site->origin->script('*', @$bad);
asked($site, 8);
is $site->origin->count, 4, 'http_500 is no error unless it is said';
$site->origin->script('*', 'body', [answer => { status => 404, body => 'bad' }]);
asked($site, 8);
is $site->origin->count, 6, 'http_404 is if it is said';
$site->stop;

for my $case (['error', 'closes', ['body', 'close']], ['timeout', 'stalls', ['body', 'stall']],
              ['invalid_header', 'talks nonsense', ['body', [write => "HTTP/1.1 xyz\r\n\r\n"], 'close']],
              ['error', 'breaks off', ['body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], 'close']]) {
    my ($word, $name, $script) = @$case;
    my $time = $word eq 'timeout' ? 'proxy_read_timeout 200ms;' : ''; # the other one may be as late: without panic that changes nothing
    $site = name_origins(site("$two breaker consecutive=1; breaker_errors $word; breaker_panic off; $never", http => $time), 2);
    $site->origin->script('*', @$script);
    my $client = eval { asked($site, 6) };
    wait_until { $site->origin->count } 'the request at the origin'; # which may be slower than the timeout
    is $site->origin->count, 1, "$word: a server that $name";
    $site->stop;
}

# With retries nobody notices; all workers agree ---------------------------------------------------------

$site = name_origins(site("$two breaker consecutive=1; $never", server => <<'CONF'), 2);
        location /retry/ { proxy_next_upstream error http_500; proxy_pass http://u; }
CONF
$site->origin->script('*', @$bad);
is asked($site, 10, 'GET /retry/'), '2' x 10, 'a breaker and retries';
is $site->origin->count, 1, 'one bad answer is enough';
$site->stop;

# A lone server, panic ------------------------------------------------------------------------------------

$site = name_origins(site("server %ORIGIN%; breaker consecutive=2; $never"), 1);
$site->origin->script('*', @$bad);
is $site->get('/')->status, 500, 'a lone server';
is $site->get('/')->status, 500, 'that is bad';
is $site->get('/')->status, 502, 'is left alone';
is $site->origin->count, 2, 'really';
wait_until { ($site->slurp('up.log') // '') =~ /\| u \| 502 \| upstream\.breaker$/m } 'the reason in the log';
like $site->error_log, qr/no live upstreams: breakers are open/, 'and in the other';
$site->stop;

$site = name_origins(site("server %ORIGIN%; breaker consecutive=1; breaker_open 50ms;"), 1);
$site->origin->refuse;
is $site->get('/')->status, 502, 'a lone server that is gone';
$site->origin->accept;
wait_until { asked($site, 1) eq '1' } 'a probe';
is asked($site, 5), '11111', 'comes back';
$site->stop;

# A tunnel is judged by how it came about, not by how long it is there.
$site = Site->start(<<"CONF");
    upstream u { server %ORIGIN%; breaker consecutive=1 slow=1s; breaker_open 1h; }
    upstream v { server %ORIGIN%; breaker consecutive=1; breaker_open 50ms; }
    server { listen %PORT%; tunnel_pass u; }
    server { listen %PORT2%; tunnel_pass v; }
CONF
sub tunnel_says ($port = 1) { my $c = $site->connect({ port => $port }); $c->write("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"); return ($c, $c->read_until(qr/\r\n\r\n/)) }
for my $time ('long ago', 'now', 'once more') {
    my ($client, $head) = tunnel_says();
    like $head, qr/ 200 /, "a tunnel: $time";
    select undef, undef, undef, 1.1 if $time eq 'long ago';
    $client->close;
    wait_until { $site->origin->open == 0 } 'its end';
}
$site->origin->refuse;
like((tunnel_says($_))[1], qr/ 502 /, 'a server that refuses tunnels') for 1, 2;
$site->origin->accept;
like((tunnel_says())[1], qr/ 502 /, 'is left alone');
wait_until { (tunnel_says(2))[1] =~ / 200 / } 'a probe';
like((tunnel_says(2))[1], qr/ 200 /, 'that is judged at once, and takes it back');
$site->stop;

my $three = 'server %ORIGIN% max_fails=0; server %ORIGIN2% max_fails=0; server %ORIGIN3% max_fails=0;';
$site = name_origins(site("$three breaker consecutive=1; $never"), 3);
$site->origin($_)->script('*', @$bad) for 1, 2;
asked($site, 9);
my @counts = map { $site->origin($_)->count } 1 .. 3;
cmp_ok $counts[0], '>=', 2, 'when most of the group is bad it is asked all the same';
$site->stop;
$site = name_origins(site("$three breaker consecutive=1; breaker_panic off; $never"), 3);
$site->origin($_)->script('*', @$bad) for 1, 2;
like asked($site, 9), qr/3{6}\z/, 'unless panic is off';
is $site->origin(1)->count + $site->origin(2)->count, 2, 'one answer each';
$site->origin(3)->script('*', @$bad);
asked($site, 1);
is $site->get('/')->status, 502, 'then there is nobody left';
$site->stop;

# For every proxy_pass, other protocols, weights, other balancers ---------------------------------------

$site = site('server %ORIGIN2%;', http => "breaker consecutive=1; $never", server => <<'CONF');
        location /plain/ { proxy_pass http://%ORIGIN%; }
        location /fcgi/ { fastcgi_pass %FASTCGI%; }
CONF
$site->origin->script('*', @$bad);
$site->origin('fastcgi')->script('*', 'body', 'close');
is $site->get('/plain/')->status, 500, 'said for http, it holds for all';
is $site->get('/plain/')->status, 502, 'also without a group';
is $site->origin->count, 1, 'really';
$site->get('/fcgi/') for 1 .. 3;
is $site->origin('fastcgi')->count, 1, 'and for other protocols';
$site->stop;
for my $how ('least_conn;', 'ip_hash;', 'hash $uri consistent;', 'random;') {
    $site = name_origins(site("$how $two breaker consecutive=1; $never", workers => 1), 2);
    my ($first) = split //, asked($site, 1);
    $site->origin($first)->script('*', @$bad);
    my $other = 3 - $first;
    wait_until { asked($site, 1) eq '-' } 'a bad answer';
    is asked($site, 5), $other x 5, "$how the other server";
    $site->stop;
}

# Outliers ------------------------------------------------------------------------------------------------

$site = name_origins(site("$three outlier errors=30%; breaker_window 10s min=5; $never"), 3);
$site->origin->script('*', @$bad);
wait_until { asked($site, 9); $site->error_log =~ /opened/ } 'an outlier to be found';
like $site->error_log, qr/breaker of upstream server \Q${\$site->origin->address}\E in "u" opened for \d+ms: 100% of its requests fail, 0% of the others'/, 'which fails more than the others';
is join('', sort split //, asked($site, 6)), '222333', 'and is left alone';
$site->origin(2)->script('*', @$bad);
my $n = $site->origin(2)->count;
wait_until { asked($site, 4); $site->origin(2)->count > $n + 30 } 'another bad one';
is times_in_log($site, qr/opened/), 1, 'is not: no more than the group can bear';
$site->stop;

# Under load ----------------------------------------------------------------------------------------------

$site = name_origins(site("$three breaker consecutive=3 errors=20%; breaker_window 2s min=10; breaker_open 100ms 400ms;",
    server => <<'CONF'), 3);
        location /load/ { proxy_next_upstream error timeout http_500; proxy_try_timeout 20s; proxy_pass http://u; }
CONF
my $load = Load->start($site, connections => 6, uris => ['/load/']);
for my $break (sub ($o) { $o->script('*', @$bad) }, sub ($o) { $o->refuse }, sub ($o) { $o->answer('*', body => 2)->accept }) {
    $break->($site->origin(2));
    my $mark = $site->origin->count;
    wait_until { $site->origin->count > $mark + 60 } 'some load';
}
wait_until { $site->error_log =~ /closed/ } 'the breaker to close';
my $tally = $load->stop;
is_deeply $tally->{failed}, [], "no request fails ($tally->{requests})";
$site->stop;

# Nonsense -------------------------------------------------------------------------------------------------

sub says ($text, $servers = 'server 127.0.0.1:1; server 127.0.0.1:2;') {
    my $result = Site->test_config("upstream u { $servers $text } server { listen %PORT%; location / { proxy_pass http://u; } }");
    return $result->{stderr} . $result->{stdout};
}
like says("$_;"), qr/\[emerg\]/, "$_ is refused"
    for 'breaker', 'breaker consecutive=0', 'breaker errors=50', 'breaker errors=101%', 'breaker slow=1s', 'breaker x=1',
        'outlier max_ejected=10%', 'outlier latency=1', 'outlier latency=2.55', 'outlier errors=0%', 'breaker_window 10ms',
        'breaker_window 10s max=3', 'breaker_open 10s 1s', 'breaker_open 0', 'breaker_passes 0', 'breaker_panic 50',
        'breaker_errors http_600';
unlike says($_), qr/\[(?:emerg|warn)\]/, "$_ is not"
    for 'breaker off;', 'breaker consecutive=5 errors=50% slow=2s;', 'outlier errors=20% latency=2.5 max_ejected=100%;',
        'breaker_panic 100%;', 'breaker_window 1m min=1;', 'breaker_open 5s;';
like says('outlier errors=10%;', 'server 127.0.0.1:1;'), qr/\[warn\] "outlier" has nothing to compare/, 'an outlier of one';

done_testing;
