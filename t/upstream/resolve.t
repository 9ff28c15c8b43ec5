# t/upstream/resolve.t - servers of an upstream whose names are resolved at run time
use Site;
use Dns;
use Procs;

needs_weir('nginx 1.22 has no resolve');
Test::More::plan(skip_all => 'built without c-ares')
    unless Site->supports('resolver 127.0.0.1; server { }');

# All addresses of 127/8 are ours: an origin that listens on port N of all of them answers with the
# one that was asked.
sub conf ($upstream, $more = '') {
    return <<"CONF";
    log_format up '\$upstream_addr|\$upstream_status';
    proxy_connect_timeout 3s;
    upstream u { $upstream }
    server {
        listen %PORT%;
        access_log %DIR%/up.log up;
        location / { proxy_pass http://u; }
        location /pid { return 200 \$pid; }
        $more
    }
    server { listen %PORT2%; location / { return 200 "\$server_addr:\$server_port"; } }
    server { listen %PORT3%; location / { return 200 "\$server_addr:\$server_port"; } }
CONF
}

sub keeper ($site) {
    return grep { Procs::title($_) =~ /: keeper\z/ && Procs::alive($_) } Procs::children($site->master_pid);
}
# Who answers N requests: "127.0.0.1:port" => times
sub who ($site, $n = 12, $uri = '/') {
    my %who;
    for (1 .. $n) { my $r = $site->get($uri); $who{ $r->status == 200 ? $r->body : $r->status }++ }
    return \%who;
}
sub hosts ($who) { return join ' ', sort map { s/:\d+\z//r } keys %$who }
sub becomes ($site, $hosts, $what) {
    wait_until { hosts(who($site)) eq $hosts } "$what: " . hosts(who($site));
    pass $what;
}

# What is accepted ---------------------------------------------------------------------------------

for (['server a.test resolve;', qr/no resolver defined to resolve names at run time in upstream "u" in/],
     ['resolver 127.0.0.1; server a.test service=http;', qr/service upstream "a\.test" requires "resolve" parameter in/],
     ['resolver 127.0.0.1; server a.test:80 service=http resolve;', qr/service upstream "a\.test:80" may not have port in/],
     ['resolver 127.0.0.1; server a.test service= resolve;', qr/service is empty in/],
     ['resolver 127.0.0.1; server a.test:x resolve;', qr/invalid port in upstream "a\.test:x" in/],
     ['resolver 127.0.0.1; server a.test Resolve;', qr/invalid parameter "Resolve" in/]) {
    my ($text, $fault) = @$_;
    like +Site->test_config(conf($text))->{stderr}, $fault, $text;
}
my $result = Site->test_config(conf('resolver 127.0.0.1; server nowhere.invalid resolve;'));
is $result->{exit}, 0, 'a name is not looked up at load';
is +Site->test_config("resolver 127.0.0.1;\n" . conf('server 127.0.0.1 resolve; server unix:/x resolve;'))->{exit}, 0,
    'addresses stay what they are';

# Names that come, move and go ---------------------------------------------------------------------------

my $site = Site->prepare(conf('resolver %DNS% ipv6=off valid=1s; server app.test:%PORT2% resolve;'),
                         main => 'worker_processes 2;');
my $dns = $site->dns;
$dns->set('app.test', A => '127.0.0.1', ttl => 1);
my $held = $dns->hold('app.test');
$site->up;
wait_until { keeper($site) == 1 } 'a keeper';
my $first = $site->send('GET /');
$held->reached;
$held->release;
is $first->response->body, '127.0.0.1:' . $site->port(2), 'a request before the first answer waits for it';
$dns->set('app.test', A => ['127.0.0.2', '127.0.0.3'], ttl => 1);
becomes($site, '127.0.0.2 127.0.0.3', 'it has moved');
my $who = who($site, 20);
is_deeply [sort values %$who], [10, 10], 'both in turn, whichever worker is asked';
my ($line) = $site->slurp('up.log') =~ /(.*)\n\z/;
like $line, qr/\A127\.0\.0\.[23]:\d+\|200\z/, 'the log has the address';
like $site->wait_for_log(qr/app\.test has 2/), qr/\[info\] .* app\.test has 2 addresses now, upstream: "u"/, 'and so has the error log';
$dns->behave('app.test', 'servfail');
$site->wait_for_log(qr/\[warn\] .*: app\.test could not be resolved \(2: Server failure\): its last addresses are used/);
is hosts(who($site)), '127.0.0.2 127.0.0.3', 'a failing name server takes nothing away';
$dns->behave('app.test', 'well');
$dns->remove('app.test');
wait_until { $site->get('/')->status == 502 } 'no server';
pass 'a name that is gone takes its servers away';
like $site->wait_for_log(qr/could not be resolved \(3/), qr/\[error\] .*: app\.test could not be resolved \(3: Host not found\), upstream: "u"/, 'the log says so';
like $site->wait_for_log(qr/no live/), qr/no live upstreams while connecting to upstream, client: .*, upstream: "http:\/\/u\/"/, 'for requests too';
$dns->set('app.test', A => '127.0.0.4', ttl => 1);
becomes($site, '127.0.0.4', 'and brings them back');

# Servers that fail change nothing, also over reload and the keeper's death.
$dns->behave('*', 'silent');
my @keeper = keeper($site);
$site->allow_log(qr/keeper \d+ exited on signal 9/);
kill KILL => @keeper;
wait_until { my @now = keeper($site); @now && $now[0] != $keeper[0] } 'another keeper';
is hosts(who($site)), '127.0.0.4', 'no keeper, no name server: the last answer holds';
$site->reload;
is hosts(who($site)), '127.0.0.4', 'and over a reload';
wait_until { keeper($site) == 1 } 'one keeper';
pass 'there is one keeper';
$dns->behave('*', 'well');
$dns->set('app.test', A => '127.0.0.5', ttl => 1);
becomes($site, '127.0.0.5', 'and acts');
my $mark = $site->log_mark;
$site->allow_log(qr/invalid parameter "bad"/);
$site->reload_refused(conf('server bad bad bad;'));
$dns->set('app.test', A => '127.0.0.6', ttl => 1);
becomes($site, '127.0.0.6', 'after a reload that failed too');
$site->reload(conf('server 127.0.0.7:%PORT2%;'));
is hosts(who($site)), '127.0.0.7', 'without names';
wait_until { keeper($site) == 0 } 'no keeper';
pass 'there is none';
$site->stop;

# Beside others ---------------------------------------------------------------------------------------------

$site = Site->prepare(<<'CONF' . conf('zone z 128k; server 127.0.0.9:%PORT2%; server two.test:%PORT2% resolve weight=2; server late.test:%PORT2% resolve; server spare.test:%PORT2% resolve backup;'));
    resolver %DNS% ipv6=off valid=1s;
CONF
$dns = $site->dns;
$dns->set('two.test', A => ['127.0.0.2', '127.0.0.3'], ttl => 3600);
$dns->set('spare.test', A => '127.0.0.8');
$site->up;
becomes($site, '127.0.0.2 127.0.0.3 127.0.0.9', 'a name that is not there is no obstacle');
$who = who($site, 10);
is_deeply [sort values %$who], [2, 4, 4], 'weights are those of each address';
$dns->set('late.test', A => '127.0.0.4');
becomes($site, '127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.9', 'it may come later');
$dns->remove($_) for qw(two.test late.test);
becomes($site, '127.0.0.9', 'valid=1s counts, not what the records say');
$site->stop;

# A peer that stays keeps its history and its connections --------------------------------------------------------

$site = Site->prepare(<<'CONF');
    upstream u { resolver %DNS% ipv6=off; server app.test:%PORT2% resolve max_fails=1 fail_timeout=60s;
                 keepalive 8; keepalive_timeout 60s; }
    upstream d { resolver %DNS% ipv6=off; server down.test:%PORT3% resolve fail_timeout=60s; server 127.0.0.1:%PORT2% weight=5; }
    log_format up '$upstream_addr|$upstream_status';
    server { listen %PORT%; access_log %DIR%/up.log up; location / { proxy_pass http://u; } location /d { proxy_pass http://d; } }
    server { listen %PORT2%; keepalive_timeout 60s; location / { return 200 "$server_addr $connection_requests"; } }
CONF
$dns = $site->dns;
$dns->set('app.test', A => '127.0.0.2', ttl => 1);
$dns->set('down.test', A => ['127.0.0.3'], ttl => 1);
$site->up;
is $site->get('/')->body, "127.0.0.2 $_", "request $_ of the connection" for 1 .. 2;
$dns->set('app.test', A => ['127.0.0.2', '127.0.0.3'], ttl => 1);
my $requests = 2;
wait_until {
    my ($host, $n) = split / /, $site->get('/')->body;
    $requests = $n if $host eq '127.0.0.2';
    $host eq '127.0.0.3';
} 'the second address';
my $next = $site->get('/')->body;
is $next, '127.0.0.2 ' . ($requests + 1), 'the first still has its connection';
$dns->set('app.test', A => '127.0.0.3', ttl => 1);
wait_until { $site->get('/')->body =~ /\A127\.0\.0\.3 /} 'the first is gone' for 1 .. 3;
$site->get('/d') for 1 .. 10;
is scalar(() = $site->slurp('up.log') =~ /^127\.0\.0\.3:\d+, 127\.0\.0\.1:\d+\|502, 200$/mg), 1, 'one failure is enough';
$dns->set('down.test', A => ['127.0.0.3', '127.0.0.4'], ttl => 1);
wait_until { $site->get('/d'); $site->slurp('up.log') =~ /127\.0\.0\.4/ } 'a new address there';
$site->get('/d') for 1 .. 10;
is scalar(() = $site->slurp('up.log') =~ /^127\.0\.0\.3:\d+, 127\.0\.0\.1:\d+\|502, 200$/mg), 1,
    'and is remembered when addresses are added';
$site->stop;

# Balancers ---------------------------------------------------------------------------------------------------------

my @methods = ('least_conn;', 'ip_hash;', 'hash $arg_k;', 'hash $arg_k consistent;', 'random;', 'random two;');
$site = Site->prepare("resolver %DNS% ipv6=off valid=1s;\n"
    . join('', map { "upstream m$_ { $methods[$_] server app.test:%PORT2% resolve; }\n" } 0 .. $#methods)
    . conf('server app.test:%PORT2% resolve;', join ' ', map { "location /m$_ { proxy_pass http://m$_; }" } 0 .. $#methods));
$dns = $site->dns;
$site->up;
is $site->get("/m$_?k=1")->status, 502, "$methods[$_] without any server" for 0 .. $#methods;
$dns->set('app.test', A => [map { "127.0.0.$_" } 2 .. 5]);
for my $i (0 .. $#methods) {
    wait_until { $site->get("/m$i?k=1")->status == 200 } 'servers';
    my %seen = map { $site->get("/m$i?k=$_")->body => 1 } 1 .. 40;
    cmp_ok scalar keys %seen, $i == 1 ? '==' : '>=', $i == 1 ? 1 : 3, "$methods[$i] chooses among them";
}
$dns->remove('app.test');
for my $i (0 .. $#methods) {
    wait_until { $site->get("/m$i?k=1")->status == 502 } 'gone again';
}
$site->stop;

# Services ----------------------------------------------------------------------------------------------------------

$site = Site->prepare(conf('resolver %DNS% ipv6=off; server app.test service=http resolve;'));
$dns = $site->dns;
my ($p2, $p3) = map { $site->port($_) } 2, 3;
$dns->set('_http._tcp.app.test', ttl => 1, SRV => [[1, 3, $p2, 'one.test'], [1, 1, $p3, 'two.test'], [2, 1, $p2, 'spare.test']]);
$dns->set('one.test', A => '127.0.0.1', ttl => 1);
$dns->set('two.test', A => '127.0.0.2', ttl => 1);
$dns->set('spare.test', A => '127.0.0.3', ttl => 1);
$site->up;
is_deeply who($site, 8), { "127.0.0.1:$p2" => 6, "127.0.0.2:$p3" => 2 }, 'ports and weights are those of the records';
my $none = Ports::take();
$dns->set('_http._tcp.app.test', ttl => 1, SRV => [[1, 3, $none, 'one.test'], [2, 1, $p2, 'spare.test']]);
becomes($site, '127.0.0.3', 'a lower priority is the backup');
$dns->set('_http._tcp.app.test', ttl => 1, SRV => [[0, 0, 0, '.']]);
wait_until { $site->get('/')->status == 502 } 'not available';
pass 'a service may say that it is not available';
$site->stop;
$site = Site->prepare(conf('resolver %DNS% ipv6=off; server app.test service=_x._udp resolve; server b.test service=s1.b resolve;'));
$dns = $site->dns;
$dns->set('_x._udp.app.test', SRV => [[1, 1, $site->port(2), 'one.test']]);
$dns->set('s1.b.b.test', SRV => [[1, 1, $site->port(2), 'two.test']]);
$dns->set('one.test', A => '127.0.0.1');
$dns->set('two.test', A => '127.0.0.2');
$site->up;
becomes($site, '127.0.0.1 127.0.0.2', 'a service with dots goes before the name as it is');
$site->stop;

# Without a master --------------------------------------------------------------------------------------------------

$site = Site->prepare(conf('resolver %DNS% ipv6=off; server app.test:%PORT2% resolve;'), main => 'master_process off;');
$site->dns->set('app.test', A => '127.0.0.1', ttl => 1);
$site->up;
is $site->get('/')->body, '127.0.0.1:' . $site->port(2), 'without a master the worker is the keeper';
$site->dns->set('app.test', A => '127.0.0.2', ttl => 1);
becomes($site, '127.0.0.2', 'and goes on being it');
$site->stop;

done_testing;
