# t/net/resolver.t - names met at run time: proxy_pass with variables, and every way a name server
# can fail
use Site;
use Differential;
use Dns;
use Time::HiRes 'time';

Test::More::plan(skip_all => 'built without c-ares')
    unless Site->supports('resolver 127.0.0.1; server { }');

# $host is what is looked up; /at/ takes the name from the uri.
sub conf ($resolver, $more = '') {
    return <<"CONF";
    log_format up '\$upstream_addr|\$upstream_status|\$status|\$proxy_host|\$proxy_port';
    $more
    server {
        listen %PORT%;
        access_log %DIR%/up.log up;
        $resolver
        set \$port %PORT2%;
        location / { proxy_pass http://\$host:\$port; }
        location /soon { resolver_timeout 600ms; proxy_pass http://\$host:\$port; }
        location ~ ^/at/(?<name>[^/]*)(?<rest>/.*)\$ { proxy_pass http://\$name\$rest; }
    }
    server { listen %PORT2%; listen [::1]:%PORT2%; location / { return 200 "\$server_addr \$host\\n"; } }
CONF
}

sub up_log ($site, $lines) {
    wait_until { (() = ($site->slurp('up.log') // '') =~ /\n/g) >= $lines } "$lines lines";
    return ($site->slurp('up.log') =~ /(.*)\n\z/)[0];
}

# Like nginx ---------------------------------------------------------------------------------------

my $dns = Dns->start;
$dns->set('v4.test', A => '127.0.0.1');
$dns->set('v6.test', AAAA => '::1');
$dns->set('www.test', CNAME => 'v4.test');
$dns->set('empty.test');
$dns->set('failing.test', A => '127.0.0.1');
$dns->set('refused.test', A => '127.0.0.1');
$dns->set('many.test', A => [map { "127.0.0.1" } 1 .. 5]);
$dns->behave('failing.test', 'servfail');
$dns->behave('refused.test', 'refused');
$dns->behave('big.test', 'truncated');
$dns->set('big.test', A => [('127.0.0.1') x 40]);
my $address = $dns->address;

sub asks ($host, $uri = '/') { return [ "GET $uri", Host => $host ] }

SKIP: {
    Test::More::skip('no nginx to compare with', 1) unless nginx_binary();
    differential_ok(conf("resolver $address valid=30s;"),
        [(map { asks($_) } qw(v4.test V4.Test v4.test. v6.test www.test none.test empty.test many.test
                              failing.test refused.test big.test 127.0.0.1 bad_name.test)),
         asks('localhost', "/at/v4.test:%PORT2%/a?b"), asks('localhost', '/at//x'),
         { what => 'POST /', body => 'x' x 5000, fields => [Host => 'v4.test'] }]);
    differential_ok(conf(''), [asks('v4.test'), asks('none.test'), asks('127.0.0.1')]);
    differential_ok(conf("resolver $address ipv6=off;"), [asks('v4.test'), asks('v6.test')]);
}

if (is_weir()) {
    my $t = Site->test_config(conf('resolver;'));
    like $t->{stderr}, qr/invalid number of arguments in "resolver"/, 'servers are named';
    for ([ 'valid=5s', 'no name servers defined' ],
         [ '127.0.0.1 valid=x', 'invalid parameter: valid=x' ],
         [ '127.0.0.1 ipv6=maybe', 'invalid parameter: ipv6=maybe' ],
         [ '127.0.0.1 ipv4=off ipv6=off', '"ipv4" and "ipv6" cannot both be "off"' ],
         [ '127.0.0.1:99999', 'invalid port in resolver "127.0.0.1:99999"' ],
         [ '127.0.0.1 status_zone=z', '"status_zone" is not supported' ],
         [ 'unix:/x', 'unix domain sockets are not supported in resolver "unix:/x"' ]) {
        my ($words, $fault) = @$_;
        my $result = Site->test_config(conf("resolver $words;"));
        like $result->{stderr}, qr/\[emerg\] \Q$fault\E.* in \S+:\d+:\d+/, "resolver $words";
    }
    is +Site->test_config(conf('resolver localhost [::1]:5353 valid=1h ipv4=on; resolver_timeout 5s;'))->{exit},
        0, 'names, IPv6 and ports are';
    like +Site->test_config('', args => ['-V'])->{stderr}, qr/^built with .*\bc-ares \d/m, '-V names the library';
}

# What is logged -------------------------------------------------------------------------------------

my $site = Site->start(conf("resolver %DNS% valid=1h ipv6=off;"));
$dns = $site->dns;
sub ask ($name, $uri = '/') { return $site->get($uri, Host => $name) }

$dns->set('app.test', A => '127.0.0.1');
is ask('app.test')->status, 200, 'a name is looked up';
is up_log($site, 1), '127.0.0.1:' . $site->port(2) . '|200|200|app.test:' . $site->port(2) . '|' . $site->port(2),
    'and its address logged';
is ask('none.test')->status, 502, 'a name that is not there';
like $site->wait_for_log(qr/none\.test/), qr/\[error\] .*: \*\d+ none\.test could not be resolved \(3: Host not found\), client: 127\.0\.0\.1, server: , request: "GET \/ HTTP\/1\.1", host: "none\.test"$/,
    'says so as nginx does';
is up_log($site, 2), '-|-|502|none.test:' . $site->port(2) . '|' . $site->port(2), 'and in the access log';
$dns->behave('*', 'silent');
my $began = time;
is ask('mute.test', '/soon')->status, 502, 'a silent server';
cmp_ok time - $began, '<', 20, 'is waited for no longer than resolver_timeout';
like $site->wait_for_log(qr/mute\.test could/), qr/mute\.test could not be resolved \(110: Operation timed out\)/, 'and logged';
if (is_weir()) {
    is ask('a' x 64 . '.test')->status, 502, 'no name server hears of an impossible name';
}
$dns->behave('*', 'well');
is ask('app.test')->status, 200, 'what is known is served all the same';
is $dns->count('app.test'), 1, 'and was asked for once';
$site->stop;

done_testing() unless is_weir();
exit unless is_weir();

# One question, one cache -----------------------------------------------------------------------------

$site = Site->start(conf('', 'resolver %DNS% valid=1h; resolver_timeout 8s;'));
$dns = $site->dns;
$dns->set('app.test', A => '127.0.0.1', AAAA => []);
my $held = $dns->hold('app.test');
my @clients = map { $site->send('GET /', Host => 'app.test') } 1 .. 20;
my $gone = shift @clients;
$held->reached(2);
$gone->close;
$site->wait_for_log(qr/client prematurely closed connection/);
$held->release;
is join(' ', map { $_->response->status } @clients), join(' ', (200) x 19), 'many wait for one answer';
is $dns->count('app.test', 'A'), 1, 'of one question';
is $dns->count('app.test', 'AAAA'), 1, 'for each family';
my $other = Site->start(<<'CONF', log_level => 'info');
    resolver %DNS% ipv6=off;
    server { listen %PORT%; resolver %DNS% ipv6=off;
             location / { proxy_pass http://$arg_to; }
             location /in/ { resolver %DNS% ipv6=off; rewrite ^/in/(.*) /$1 break; proxy_pass http://$arg_to; } }
CONF
$other->dns->set('o.test', A => '127.0.0.1');
my $to = 'o.test:' . $other->origin->port;
is $other->get("$_?to=$to")->status, 200, "$_ asks" for '/', '/in/x';
is $other->dns->count('o.test'), 1, 'the same resolver written twice is one';
$other->stop;
$site->stop;

# Servers that fail ------------------------------------------------------------------------------------

$site = Site->start(conf('resolver %DNS% %DNS2% valid=1h ipv6=off; resolver_timeout 9s;'));
my ($bad, $good) = ($site->dns(1), $site->dns(2));
for my $way (qw(silent servfail refused notimp formerr garbage short wrong_id wrong_name cut loop
                truncated tcp_cut)) {
    my $n = 0;
    for my $server ($bad, $good) { $server->set("$way$_.test", A => '127.0.0.1') for 1 .. 2 }
    $bad->behave('*', $way);
    my @status = map { ask("$way$_.test")->status } 1 .. 2;
    if ($way =~ /cut\z|formerr|loop/ && $way ne 'tcp_cut') {
        ok !(grep { !/\A(?:200|502)\z/ } @status), "$way: answered, by whichever server was asked (@status)";
    } else {
        is "@status", '200 200', "$way: the other server is asked";
    }
}
$bad->behave('*', 'well');
$bad->refuse;
for my $server ($good) { $server->set("refuse$_.test", A => '127.0.0.1') for 1 .. 2 }
is join(' ', map { ask("refuse$_.test")->status } 1 .. 2), '200 200', 'a closed port: the other server is asked';
$bad->accept;
is $site->get('/', Host => 'truncated1.test')->status, 200, 'over TCP';
ok scalar(grep { /truncated\d\.test A tcp/ } $bad->queries), 'a truncated answer is asked for over TCP';
for my $server ($bad, $good) {
    $server->set('huge.test', A => [('127.0.0.1') x 2000]);
    $server->behave('huge.test', 'truncated');
}
is ask('huge.test')->status, 200, 'thousands of addresses';
$site->stop;

# A server that is away for a while costs a delay, not a request.
$site = Site->start(conf('resolver %DNS% valid=1s ipv6=off; resolver_timeout 9s;'));
$dns = $site->dns;
$dns->set('late.test', A => '127.0.0.1');
$dns->refuse;
my $waits = $site->send('GET /', Host => 'late.test');
$site->wait_for_log(qr/no answer from resolver 127\.0\.0\.1:\d+ \S+ \S+ about late\.test/);
$dns->accept;
is $waits->response->status, 200, 'the first answer is good enough';
$dns->refuse;
my $until = time + 2.5;
my $failed = 0;
while (time < $until) { $failed++ if ask('late.test')->status != 200; select undef, undef, undef, 0.1 }
is $failed, 0, 'what was known outlives its server';
$dns->accept;
$site->stop;

# Answers that change; aliases that the server does not follow; several addresses ------------------------

$site = Site->start(conf('resolver %DNS% ipv6=off; resolver_timeout 9s;'));
$dns = $site->dns;
$dns->set('moves.test', A => '127.0.0.2', ttl => 1);
is ask('moves.test')->body, "127.0.0.2 moves.test\n", 'where it is';
$dns->set('moves.test', A => '127.0.0.3', ttl => 1);
wait_until { ask('moves.test')->body eq "127.0.0.3 moves.test\n" } 'the new address';
pass 'an address is forgotten when its time is up';
$dns->set('a.test', CNAME => 'b.test');
$dns->set('b.test', CNAME => 'c.test');
$dns->set('c.test', A => '127.0.0.4');
$dns->behave($_ => 'lazy') for qw(a.test b.test);
is ask('a.test')->body, "127.0.0.4 a.test\n", 'aliases are followed';
is $dns->count('c.test'), 1, 'one after another';
$dns->set('circle.test', CNAME => 'circle2.test');
$dns->set('circle2.test', CNAME => 'circle.test');
$dns->behave($_ => 'lazy') for qw(circle.test circle2.test);
is ask('circle.test')->status, 502, 'a circle of them ends';
$dns->set('half.test', A => ['127.0.0.5', '127.0.0.6', '127.0.0.7'], ttl => 60);
my %seen;
for (1 .. 60) { $seen{ ask('half.test')->body }++ }
is scalar keys %seen, 3, 'each of several addresses is used';
my $port = Ports::take();
my $only = IO::Socket::IP->new(LocalHost => '127.0.0.8', LocalPort => $port, Listen => 64, ReuseAddr => 1);
my $server = fork // die;
if (!$server) {
    Procs::die_with_parent();
    while (my $c = $only->accept) { sysread $c, my $in, 9000; print $c "HTTP/1.0 200 OK\r\n\r\nlives"; close $c }
    POSIX::_exit(0);
}
$dns->set('dying.test', A => ['127.0.0.8', '127.0.0.9'], ttl => 60);
is join(' ', map { $site->get("/at/dying.test:$port/")->body } 1 .. 8), join(' ', ('lives') x 8),
    'an address that refuses is followed by the next';
kill KILL => $server;
waitpid $server, 0;

# A name server on IPv6
my $six = eval { Dns->start(host => '::1') };
if ($six) {
    my $address = $six->address;
    $six->set('six.test', A => '127.0.0.1');
    my $site = Site->start(conf("resolver $address;"));
    is $site->get('/', Host => 'six.test')->status, 200, 'a name server on IPv6';
    $site->stop;
}

# A worker goes on with its other work while a name is awaited; a site stops while one is.
$held = $dns->hold('slow.test');
$dns->set('slow.test', A => '127.0.0.1');
my $slow = $site->send('GET /', Host => 'slow.test');
$held->reached;
is ask('half.test')->status, 200, 'others do not wait';
$site->stop;

done_testing;
