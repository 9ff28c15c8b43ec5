# t/master/processes.t - starting, titles, users, signals, deaths and the end
use Site;
use IO::Socket::INET;
use IO::Socket::UNIX;
needs_weir('of the processes more is promised');

sub conf ($main = '', $http = 'server { listen 127.0.0.1:%PORT%; location / { return 200 here; } }') {
    return "pid %DIR%/weir.pid; error_log %DIR%/error.log info;\n"
        . ($> == 0 ? "user nobody nogroup;\n" : '') . "$main\nevents {}\nhttp {\n$http\n}\n";
}
sub status ($pid, $name) { return Procs::status_field($pid, $name) // '' }
sub launch ($site) { return $site->run('-p', '%DIR%/', '-c', '%DIR%/weir.conf') }

# A daemon: whoever started it finds it ready
my $site = Site->prepare(conf('worker_processes 2;'), raw => 1);
my $run = launch($site);
is $run->{exit}, 0, 'a daemon starts';
is $run->{stderr}, '', 'in silence';
$site->{pid} = $site->pid_in_file;
ok $site->{pid}, 'its pid is in the file';
is $site->get('/')->body, 'here', 'it serves when the command returns';
my $master = $site->master_pid;
my @workers = $site->workers;
is scalar @workers, 2, 'two workers';
like Procs::title($master), qr/\Aweir: master process .*weir -p /, 'the title of the master';
is Procs::title($workers[0]), 'weir: worker process', 'and of a worker';
is readlink("/proc/$master/fd/0"), '/dev/null', 'off the terminal';
is readlink("/proc/$master/fd/2"), $site->path('error.log'), 'what it has to say goes to the log';

# Who they are
is status($workers[0], $_), '0000000000000000', "a worker has no $_" for qw(CapEff CapPrm CapInh CapAmb);
is status($workers[0], 'NoNewPrivs'), 1, 'nor gets any';
is status($master, 'CapEff'), '0000000000000000', 'the master raises its capabilities only where needed';
SKIP: {
    skip 'takes root', 3 if $> != 0;
    my (undef, undef, $nobody) = getpwnam 'nobody';
    like status($workers[0], 'Uid'), qr/\A$nobody\s+$nobody\s+$nobody/, 'a worker is nobody';
    is status($workers[0], 'CapBnd'), '0000000000000000', 'with an empty bounding set';
    is status($master, 'NoNewPrivs'), 0, 'a new binary must be free to have them';
}
is status($workers[0], 'SigBlk') =~ /[^0]/ ? 'some' : 'none', 'some', 'signals come by descriptor';

# A second one cannot have the port
$site->allow_log(qr/bind\(\)/, qr/exited on signal/);
my $second = Site->prepare(conf() =~ s/%PORT%/$site->port/er, raw => 1);
$run = launch($second);
is $run->{exit}, 1, 'a port in use';
like $run->{stderr}, qr/^weir: \[emerg\] bind\(\) to 127.0.0.1:\d+ failed \(98: Address already in use\) in \S+:\d+:\d+ \(somebody listens there already\)$/m, 'is named';
like $run->{stderr}, qr/^weir: \[emerg\] still could not bind\(\)$/m, 'after some tries';
ok !-e $second->path('weir.pid'), 'and no pid file made';
$second->sweep;

# Deaths
my ($victim) = @workers;
kill KILL => $victim;
$site->wait_for_log(qr/worker process $victim exited on signal 9/);
wait_until { $site->workers == 2 && !grep { $_ == $victim } $site->workers } 'another worker';
is $site->get('/')->body, 'here', 'it serves';

# Log rotation
rename $site->path('error.log'), $site->path('old.log') or die;
$site->signal('USR1');
wait_until { -e $site->path('error.log') } 'a new log';
$site->signal('HUP');
$site->wait_for_log(qr/reconfiguring/);
$site->wait_for_log(qr/start worker process/);
wait_until { ($site->slurp('error.log')) =~ /gracefully shutting down/ } 'old workers write to it too';
is readlink("/proc/$master/fd/2"), $site->path('error.log'), 'and what goes to stderr';

# -s from outside
my @options = ('-p', '%DIR%/', '-c', '%DIR%/weir.conf');
is $site->run(@options, '-s', 'reopen')->{exit}, 0, '-s reopen';
my $client = $site->connect;
$client->write("GET / HTTP/1.1\r\n");
wait_until { $site->get('/')->body eq 'here' } 'a turn of the loop';
is $site->run(@options, '-s', 'quit')->{exit}, 0, '-s quit';
wait_until { !eval { $site->connect; 1 } } 'the port to close';
$client->write("Host: a\r\n\r\n");
is $client->response->body, 'here', 'a request under way is finished';
$site->wait_exit;
ok !-e $site->path('weir.pid'), 'the pid file is gone';
$site->stop;

# A broken config does not keep anyone from stopping it
$site = Site->start_raw(conf('daemon off;'));
$site->write_config(conf('nonsense;'));
is $site->run(@options, '-s', 'stop')->{exit}, 0, '-s stop with a broken config';
is $site->wait_exit, 0, 'stops it';
$site->stop;

# In the foreground
$site = Site->start_raw(conf('daemon off;'));
my ($worker) = $site->workers;
$site->signal('WINCH');
$site->wait_for_log(qr/SIGWINCH.*ignored/);
$site->signal('WINCH', $worker);
is $site->get('/')->body, 'here', 'a terminal that changes its size stops nothing';
is +($site->workers)[0], $worker, 'not even a worker';
$site->signal('INT');
is $site->wait_exit, 0, 'INT ends it';
$site->stop;

# No master
$site = Site->start_raw(conf("daemon off;\nmaster_process off;"));
is $site->get('/')->body, 'here', 'one process alone serves';
is join(' ', Procs::children($site->master_pid)), '', 'without children';
$site->signal('QUIT');
is $site->wait_exit, 0, 'QUIT ends it';
$site->stop;

# Unix sockets: what a dead server left is replaced, what lives is not
my $socket = 'server { listen unix:%DIR%/s; location / { return 200 unix; } }';
$site = Site->prepare(conf('daemon off;', $socket), raw => 1);
IO::Socket::UNIX->new(Local => $site->path('s'), Listen => 1)->close;
ok -S $site->path('s'), 'a stale socket';
$site->up;
is $site->connect({ unix => 's' })->get('/')->body, 'unix', 'is replaced';
$second = Site->prepare(conf('', $socket) =~ s/%DIR%(?=\/s;)/$site->dir/er, raw => 1);
is launch($second)->{exit}, 1, 'a living one is not';
$second->sweep;
$site->reload;
is $site->connect({ unix => 's' })->get('/')->body, 'unix', 'it outlives a reload';
$site->stop;
ok !-e $site->path('s'), 'and goes with the server';

# Limits, priority, directory, environment, as the config has them
$site = Site->start_raw(conf(<<'CONF'));
    daemon off; worker_rlimit_nofile 300; worker_priority 5; working_directory /tmp; worker_cpu_affinity 01;
    env GREETING=hello; env KEPT;
CONF
($worker) = $site->workers;
wait_until { readlink("/proc/$worker/cwd") eq '/tmp' } 'the directory';
like Procs::slurp("/proc/$worker/limits"), qr/^Max open files\s+300\s+300/m, 'the limit';
is +(split ' ', Procs::slurp("/proc/$worker/stat") =~ s/.*\) //r)[16], 5, 'the priority';
is status($worker, 'Cpus_allowed_list'), 0, 'the CPU';
$site->stop;

done_testing;
