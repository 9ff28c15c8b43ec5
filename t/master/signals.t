# t/master/signals.t - HUP, QUIT, TERM, INT, USR1: what operators do to a running server
use Site;

my $conf = <<'CONF';
    keepalive_min_timeout 0;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /p { proxy_pass http://%ORIGIN%; }
        location /v { return 200 "version 1\n"; }
    }
CONF
$conf =~ s/keepalive_min_timeout 0;// unless is_weir;

sub site (%option) {
    my $site = Site->start($conf, %option);
    $site->file('html/a', 'file');
    return $site;
}

# QUIT: no new connections, what runs is finished
my $site = site();
my $held = $site->origin->hold('/p/slow');
my $busy = $site->send('GET /p/slow');
my $idle = $site->connect;
$idle->get('/v');
$held->reached;
$site->signal('QUIT');
is $idle->closed, 'eof', 'QUIT closes an idle connection';
wait_until { !eval { $site->connect } } 'the port to be closed';
is $busy->pending, '', 'the running request is still waited for';
$held->release;
my $reply = $busy->response;
is $reply->status, 200, 'and answered';
is $reply->header('Connection'), 'close', 'as the last one';
is $site->wait_exit, 0, 'then the master ends with 0';
ok !-e $site->path('weir.pid'), 'and takes its pid file with it';
like $site->error_log, qr/signal 3 \(SIGQUIT\) received from $$/, 'the log says who sent it';
like $site->error_log, qr/gracefully shutting down/, 'and what happens';
like $site->error_log, qr/worker process \d+ exited with code 0/, 'and how the worker ended';
$site->stop;

# TERM and INT: at once
for my $signal (qw(TERM INT)) {
    $site = site();
    $held = $site->origin->hold('/p/slow');
    $busy = $site->send('GET /p/slow');
    $held->reached;
    $site->signal($signal);
    is $site->wait_exit, 0, "$signal ends the master with 0";
    is $busy->response, undef, "$signal: a running request is cut off";
    ok !-e $site->path('weir.pid'), "$signal: no pid file is left";
    $site->stop;
}

# Once more while it drains: QUIT, then TERM
$site = site();
$held = $site->origin->hold('/p/slow');
$busy = $site->send('GET /p/slow');
$held->reached;
$site->signal('QUIT');
wait_until { $site->draining } 'the worker to drain';
like Procs::title(($site->draining)[0]), qr/worker process is shutting down\z/, 'its title says so';
$site->signal('TERM');
is $site->wait_exit, 0, 'TERM ends a draining server';
$site->allow_log(qr/open socket #\d+ left|aborting/) unless is_weir;
$site->stop;

# HUP: new config, new workers, old requests finish with the old
$site = site();
$held = $site->origin->hold('/p/slow');
$busy = $site->send('GET /p/slow');
$held->reached;
my ($old) = $site->workers;
$site->reload($conf =~ s/version 1/version 2/r);
is $site->get('/v')->body, "version 2\n", 'HUP: the new config serves';
my ($new) = $site->workers;
isnt $new, $old, 'by a new worker';
is join(' ', $site->draining), $old, 'the old one drains';
is $busy->pending, '', 'the old request goes on';
$held->release;
is $busy->response->status, 200, 'and completes';
wait_until { !Procs::alive($old) } 'the old worker to end';
like $site->error_log, qr/signal 1 \(SIGHUP\) received from $$, reconfiguring/, 'the log says so';
like $site->wait_for_log(qr/worker process $old exited/), qr/exited with code 0/, "and of its end";
for (1 .. 5) { $site->reload }
is $site->get('/v')->body, "version 2\n", 'five reloads in a row';
wait_until { $site->workers == 1 && !$site->draining } 'one worker to be left';
$site->signal('HUP') for 1 .. 10;
wait_until { $site->workers == 1 && !$site->draining } 'a burst of HUPs to settle';
is $site->get('/v')->body, "version 2\n", 'and it serves';
$site->stop;

# HUP with what cannot be: nothing changes
$site = site();
($old) = $site->workers;
like $site->reload_refused('server { listen %PORT%; nonsense; }'), qr/unknown directive "nonsense"/,
    'HUP with a bad config: why';
is $site->get('/v')->body, "version 1\n", 'the old config serves';
is join(' ', $site->workers), $old, 'by the old worker';
my $blocker = IO::Socket::IP->new(LocalHost => '0.0.0.0', LocalPort => $site->port(3), Listen => 1, ReuseAddr => 1) or die;
like $site->reload_refused("$conf server { listen %PORT3%; }"), qr/bind\(\) to 0\.0\.0\.0:\d+ failed \(98: Address already in use\)/,
    'HUP with a port in use: why';
$site->wait_for_log(qr/still could not bind/); # it tries for two seconds
is $site->get('/v')->body, "version 1\n", 'the old config still serves';
is join(' ', $site->workers), $old, 'by the old worker still';
$site->allow_log(qr/unknown directive|bind\(\) to|still could not bind/);
$blocker->close;
$site->reload($conf . 'server { listen %PORT3%; return 200 third; }');
is $site->get('/', { port => 3 })->body, 'third', 'a new port after a reload';
$site->reload($conf);
wait_until { !eval { $site->connect({ port => 3 }) } } 'a port that is gone to be closed';
pass 'a port taken out of the config is closed';
$site->stop;

# USR1: logs reopened
$site = site(main => 'worker_processes 2;');
$site->get('/v');
$site->wait_for_access(1);
rename $site->path('access.log'), $site->path('access.old');
rename $site->path('error.log'), $site->path('error.old');
$site->get('/v?moved');
wait_until { ($site->slurp('access.old') // '') =~ /moved/ } 'a moved log to be written on';
$site->signal('USR1');
wait_until { -e $site->path('access.log') && -e $site->path('error.log') } 'new logs';
# A worker that has only just been started may be the last to know.
wait_until { !grep { /\.old/ } map { Procs::fds($_) } $site->master_pid, $site->workers } 'the old files to be let go';
pass 'nobody holds the old files';
wait_until { $site->get('/v?new'); ($site->slurp('access.log') // '') =~ /new/ } 'new lines in the new log';
$site->get('/v?later') for 1 .. 20;
wait_until { (() = $site->slurp('access.log') =~ /later/g) == 20 } 'all of them in the new log';
unlike $site->slurp('access.old'), qr/later/, 'none in the old one, from any worker';
like $site->slurp('error.log'), qr/./, 'the error log is used' if $site->get('/none');
$site->stop;

# Signals by -s
$site = site();
sub minus_s ($signal) { return $site->run('-p', '%DIR%/', '-c', '%DIR%/weir.conf', '-e', '%DIR%/error.log', '-s', $signal) }
rename $site->path('access.log'), $site->path('access.old');
is minus_s('reopen')->{exit}, 0, '-s reopen';
wait_until { -e $site->path('access.log') } 'the log to be back';
($old) = $site->workers;
is minus_s('reload')->{exit}, 0, '-s reload';
wait_until { my @w = $site->workers; @w && $w[0] != $old } 'a new worker';
if (is_weir) {
    $site->write_config('nonsense;');
    my $result = minus_s('reload');
    isnt $result->{exit}, 0, '-s reload with a bad config fails';
    like $result->{stderr}, qr/unknown directive "nonsense"/, 'and says why, on the caller\'s terminal';
    is $site->get('/v')->status, 200, 'the old config serves';
    $site->write_config($conf);
    $site->allow_log(qr/unknown directive/);
}
is minus_s('quit')->{exit}, 0, '-s quit';
is $site->wait_exit, 0, 'ends it';
my $result = minus_s('stop');
is $result->{exit}, 1, '-s stop without a server';
like $result->{stderr}, qr/weir\.pid" failed \(2: No such file or directory\)/, 'says what is missing';
is minus_s('nonsense')->{exit}, 1, '-s with another word';
$site->allow_log(qr/weir\.pid" failed|invalid option/);
$site->stop;

# worker_shutdown_timeout
$site = Site->start($conf, main => 'worker_shutdown_timeout 300ms;');
$held = $site->origin->hold('/p/slow');
$busy = $site->send('GET /p/slow');
$held->reached;
$site->signal('QUIT');
is $site->wait_exit, 0, 'worker_shutdown_timeout bounds the draining';
is $busy->response, undef, 'what took longer is cut off';
$site->allow_log(qr/open socket #\d+ left|aborting/) unless is_weir;
$site->stop;

done_testing;
