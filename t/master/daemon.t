# t/master/daemon.t - in the background, without a master, as another user, with other limits
use Site;

my $head = 'pid %DIR%/weir.pid; error_log %DIR%/error.log info;'
    . ($> == 0 ? ' user nobody nogroup;' : '');
my $http = 'events { } http { access_log off; server { listen %PORT%; root %DIR%/html; location /pid { return 200 $pid; } } }';

my $site = Site->start_raw("$head daemon on; $http");
is $site->get('/pid')->status, 200, 'in the background';
my $pid = $site->master_pid;
is Procs::status_field($pid, 'NSsid') // $pid, $pid, 'in a session of its own';
is +(grep { m{/dev/null} } Procs::fds($pid)) > 0, 1, 'without the terminal';
like Procs::title($pid), qr/\A(?:weir|nginx): master process .*weir\.conf/, 'the title of the master';
like Procs::title(($site->workers)[0]), qr/\A(?:weir|nginx): worker process\z/, 'the title of a worker';
$site->stop('QUIT');

$site = Site->start_raw("$head daemon off; master_process off; $http");
is $site->get('/pid')->body, $site->master_pid, 'master_process off: one process does it all';
$site->stop('QUIT');

$site = Site->start_raw("$head daemon off; worker_processes 3; worker_rlimit_nofile 333; worker_priority 3; "
    . "worker_cpu_affinity auto; working_directory %DIR%; env FOO=bar; env PATH; $http");
wait_until { $site->idle_workers == 3 } 'three workers';
my ($worker) = $site->workers;
like Procs::slurp("/proc/$worker/limits"), qr/^Max open files\s+333\s/m, 'worker_rlimit_nofile';
is +(split ' ', Procs::slurp("/proc/$worker/stat") =~ s/.*\) //r)[16], 3, 'worker_priority';
is readlink("/proc/$worker/cwd"), $site->dir, 'working_directory';
is scalar(keys %{ { map { Procs::status_field($_, 'Cpus_allowed') => 1 } $site->workers } }) > 1
    || qx(nproc) < 2 ? 1 : 0, 1, 'worker_cpu_affinity auto';
SKIP: {
    skip 'not root', 5 if $> != 0;
    my $nobody = getpwnam 'nobody';
    is Procs::uid($worker), $nobody, 'workers are another user';
    is Procs::uid($site->master_pid), 0, 'the master is root';
    is hex(Procs::status_field($worker, 'CapEff')), 0, 'a worker has no capabilities';
    is hex(Procs::status_field($worker, 'CapPrm')), 0, 'nor can it get any';
    if (is_weir) {
        is Procs::status_field($worker, 'NoNewPrivs'), 1, 'nor by running something';
    }
}
$site->stop;

$site = Site->start_raw("$head daemon off; worker_processes auto; $http");
chomp(my $cores = qx(nproc));
wait_until { $site->workers == $cores } "worker_processes auto: $cores workers";
pass 'worker_processes auto';
$site->stop;

# Sockets: unix ones are made, and replaced when stale
$site = Site->prepare('server { listen unix:%DIR%/web.sock; return 200 unix; }');
IO::Socket::UNIX->new(Local => $site->path('web.sock'), Listen => 1)->close;
ok -S $site->path('web.sock'), 'a stale socket';
if (is_weir) {
    $site->up;
    is $site->get('/', { unix => 'web.sock' })->body, 'unix', 'is replaced';
    my $second = $site->run('-p', '%DIR%/', '-c', '%DIR%/weir.conf', '-e', '%DIR%/second.log', '-g', 'pid %DIR%/second.pid;');
    isnt $second->{exit}, 0, 'a live one is not';
    is $site->get('/', { unix => 'web.sock' })->body, 'unix', 'and goes on answering';
    $site->stop('QUIT');
    ok !-e $site->path('web.sock'), 'it goes with the server';
}

# stderr as the error log
$site = Site->start_raw($head =~ s/error_log \S+ info;/error_log stderr info;/r . " daemon off; $http");
$site->get('/none');
wait_until { ($site->slurp('stderr') // '') =~ /none" failed \(2/ } 'a line on stderr';
pass 'error_log stderr';
$site->stop;

done_testing;
