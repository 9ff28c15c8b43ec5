# t/master/reload.t - a reload changes all or nothing, and says which
use Site;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
needs_weir('nginx tells nobody how a reload went');

sub conf ($http, $main = '') {
    return "daemon off; pid %DIR%/weir.pid; error_log %DIR%/error.log info; worker_processes 2;\n"
        . ($> == 0 ? "user nobody nogroup;\n" : '')
        . "$main\nevents {}\nhttp {\n$http\n}\n";
}
my $response;
my ($one, $two, $mark) = map { "server { listen 127.0.0.1:%PORT%; location / { return 200 $_; } }" }
    qw(one two);
my $site = Site->start_raw(conf($one));
my @options = ('-p', '%DIR%/', '-c', '%DIR%/weir.conf');
sub reload ($http, $main = '') {
    $site->write_config(conf($http, $main));
    return $site->run(@options, '-s', 'reload');
}
sub body ($n = 1) { return $site->get('/', { port => $n })->body }

# Once -s reload has returned no connection meets an old worker.
sub serves ($text, $name, $port = 1) { return is body($port), $text, $name }

is body(), 'one', 'it serves';

# Success
my $run = reload($two);
is $run->{exit}, 0, '-s reload returns';
is $run->{stderr}, '', 'in silence';
serves 'two', 'when the new config serves';
is reload("$one server { listen 127.0.0.1:%PORT2%; location / { return 200 more; } }")->{exit}, 0, 'a port more';
serves 'one', 'the first';
serves 'more', 'the second', 2;
is reload($one)->{exit}, 0, 'a port less';
ok !eval { $site->connect({ port => 2 }); 1 }, 'which is closed';

# Nothing is lost
is reload("$one server { listen 127.0.0.1:%PORT2%; location / { return 200 more; } }")->{exit}, 0,
    'it is there again';
my @old = $site->workers;
kill STOP => @old;
wait_until { !grep { Procs::run_state($_) ne 'T' } @old } 'the old workers to stand still';
my @queued = map { $site->connect({ port => 2 })->send('GET /') } 1 .. 5;
my @first = map { $site->send('GET /') } 1 .. 5;
$site->write_config(conf($two));
$mark = $site->log_mark;
my $caller = fork // die "fork: $!";
if ($caller == 0) {
    exec Site::binary(), map({ $site->fill_in($_) } @options), '-s', 'reload' or POSIX::_exit(127);
}
$site->wait_for_log(qr/start worker processes/, since => $mark);
is_deeply [map { $_->response->body } @first], [('two') x 5],
    'who queues where both listen is served by the new';
is waitpid($caller, WNOHANG), 0, '-s reload waits for the old to stop accepting';
kill CONT => @old;
waitpid $caller, 0;
is $?, 0, 'and returns when they have';
is_deeply [map { $_->response->body } @queued], [('more') x 5],
    'who queued where nobody listens any more is served by the old';
is reload($one)->{exit}, 0, 'back to the first';

# Failure: each leaves what was, and gives its reason on the terminal and in the log
my $busy_port = $site->port(3);
my $busy = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $busy_port, Listen => 1, ReuseAddr => 1) or die;
my $before = join ' ', sort $site->workers;
$site->allow_log(qr/bind\(\)/, qr/unknown directive/, qr/open\(\)/, qr/cannot serve|died before|Too many open files/);
my @bad = (
    ['an unknown directive', $one, 'nonsense;', qr/unknown directive "nonsense" in /],
    ['a port in use', "$one server { listen 127.0.0.1:$busy_port; }", '',
        qr/bind\(\) to 127.0.0.1:$busy_port failed \(98: Address already in use\)/],
    ['an address not ours', "$one server { listen 192.0.2.1:80; }", '',
        qr/bind\(\) to 192.0.2.1:80 failed \(99: Cannot assign requested address\)/],
    ['a log that cannot be opened', $one, 'error_log %DIR%/none/error.log;', qr/open\(\) ".*none.error.log" failed/],
    ['workers that cannot start', $one, 'worker_rlimit_nofile 5;', qr/worker process \d+ (?:cannot serve|died before)/],
);
# A sanitizer needs descriptors of its own to end.
pop @bad if Procs::slurp(Site::binary()) =~ /__asan_init/;
for my $case (@bad) {
    my ($what, $http, $main, $why) = @$case;
    my $mark = $site->log_mark;
    my $result = reload($http, $main);
    is $result->{exit}, 1, "$what fails the reload";
    like $result->{stderr}, $why, 'with the reason';
    serves 'one', 'the old config serves';
    is join(' ', sort $site->workers), $before, 'with the same workers';
    next if $what =~ /unknown|a log that/; # found before the master is asked
    $site->wait_for_log($why, since => $mark);
    $site->wait_for_log(qr/reload failed: the configuration of before is in use/, since => $mark);
}
$site->write_config(conf($one, 'nonsense;'));
like $site->reload_refused, qr/unknown directive "nonsense"/, 'kill -HUP with a bad config';
serves 'one', 'changes nothing either';
close $busy;
is reload("$one server { listen 127.0.0.1:$busy_port; location / { return 200 late; } }")->{exit}, 0,
    'the port is free: the same config works';

# From every address to one, and back
is reload('server { listen %PORT%; location / { return 200 all; } }')->{exit}, 0, 'to the wildcard';
serves 'all', 'serves';
is reload($one)->{exit}, 0, 'to one address';
serves 'one', 'serves';

# Fewer and more workers
is reload('server { listen 127.0.0.1:%PORT% reuseport; location / { return 200 "by $pid"; } }', '')->{exit}, 0, 'reuseport';
like body(), qr/by \d+/, 'serves';
is reload($one, '')->{exit}, 0, 'and without';
serves 'one', 'serves';

# One socket for each worker, and then another number of workers
for my $workers (4, 1, 3) {
    $site->write_config(conf('server { listen 127.0.0.1:%PORT2% reuseport; location / { return 200 many; } }')
        =~ s/worker_processes 2/worker_processes $workers/r);
    is $site->run(@options, '-s', 'reload')->{exit}, 0, "$workers workers with reuseport";
    is scalar(grep { $_ eq 'many' } map { body(2) } 1 .. 30), 30, 'serve every connection';
}
is reload($one)->{exit}, 0, 'and back';

# An idle connection is not closed under a client that is about to use it
is reload("keepalive_min_timeout 1h; $one")->{exit}, 0, 'however late it may be';
serves 'one', 'the config of before';
my $idle = $site->connect;
is $idle->get('/')->body, 'one', 'a connection that will be kept';
is reload('server { listen 127.0.0.1:%PORT%; location / { return 200 next; } }')->{exit}, 0, 'a reload';
$response = $idle->get('/');
is $response && $response->body, 'one', 'its next request is answered';
is lc($response->header('Connection') // ''), 'close', 'as its last';
is reload($one)->{exit}, 0, 'back';

# Requests under way when the config changes
serves 'one', 'with the config of before';
my $client = $site->connect;
is $client->get('/')->body, 'one', 'a connection';
$client->write("GET / HTTP/1.1\r\nHos");
is reload('server { listen 127.0.0.1:%PORT%; location / { return 200 new; } }')->{exit}, 0, 'a reload in mid-request';
$client->write("t: a\r\n\r\n");
$response = $client->response;
is $response->body, 'one', 'is answered by the old config';
is lc($response->header('Connection') // ''), 'close', 'which then closes';
serves 'new', 'while new ones have the new';

$site->stop('QUIT');
done_testing;
