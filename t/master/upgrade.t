# t/master/upgrade.t - a new binary takes over, or does not, without a lost connection
use Site;

my $conf = <<'CONF';
    server {
        listen %PORT%;
        listen unix:%DIR%/web.sock;
        location / { return 200 "$pid\n"; }
        location /p { proxy_pass http://%ORIGIN%; }
    }
CONF

sub master_of ($site, $name) {
    my ($pid) = ($site->slurp($name) // '') =~ /\A(\d+)\n/;
    return $pid;
}

# USR2, WINCH, QUIT: the new one stays
my $site = Site->start($conf, daemon => 1);
my $old  = $site->master_pid;
my $held = $site->origin->hold('/p/slow');
my $busy = $site->send('GET /p/slow');
$held->reached;
$site->signal('USR2');
wait_until { master_of($site, 'weir.pid.oldbin') } 'the old pid file to be renamed';
is master_of($site, 'weir.pid.oldbin'), $old, 'to .oldbin';
my $new = wait_until { my $pid = master_of($site, 'weir.pid'); $pid && $pid != $old && $pid } 'a new pid file';
wait_until { $site->workers($new) } 'the new workers';
is $site->get('/')->status, 200, 'both masters serve';
$site->signal('WINCH', $old);
wait_until { !$site->workers($old) } 'the old workers to stop accepting';
my %new_workers = map { $_ => 1 } $site->workers($new);
for (1 .. 5) {
    chomp(my $pid = $site->get('/')->body);
    ok $new_workers{$pid}, 'after WINCH only the new workers serve';
}
is $site->get('/', { unix => 'web.sock' })->status, 200, 'the unix socket too';
is $busy->pending, '', 'the old request goes on';
$held->release;
is $busy->response->status, 200, 'and completes';
$site->signal('QUIT', $old);
wait_until { !Procs::alive($old) || waitpid($old, POSIX::WNOHANG()) == $old } 'the old master to end';
ok !-e $site->path('weir.pid.oldbin'), 'its pid file is gone';
is master_of($site, 'weir.pid'), $new, 'that of the new one stays';
is $site->get('/')->status, 200, 'the new one serves';
ok -S $site->path('web.sock'), 'the unix socket is still there';
is $site->get('/', { unix => 'web.sock' })->status, 200, 'and answers';
$site->{pid} = $new;
$site->reload;
is $site->get('/')->status, 200, 'and can be reloaded';
$site->stop('QUIT');

# USR2, WINCH, then back: HUP to the old one, QUIT to the new one
$site = Site->start($conf, daemon => 1);
$old  = $site->master_pid;
$site->signal('USR2');
$new = wait_until { my $pid = master_of($site, 'weir.pid'); $pid && $pid != $old && $pid } 'a new master';
wait_until { $site->workers($new) } 'the new workers';
$site->signal('WINCH', $old);
wait_until { !$site->workers($old) } 'the old workers to go';
$site->signal('HUP', $old);
wait_until { $site->workers($old) } 'the old master to start workers again';
$site->signal('QUIT', $new);
wait_until { !Procs::alive($new) } 'the new master to end';
wait_until { (master_of($site, 'weir.pid') // 0) == $old } 'the old pid file to be back';
ok !-e $site->path('weir.pid.oldbin'), 'under its own name';
is $site->get('/')->status, 200, 'the old one serves';
is $site->get('/', { unix => 'web.sock' })->status, 200, 'on its unix socket too';

# The new one cannot start: the old one goes on.
$site->write_config('nonsense;');
my $mark = $site->log_mark;
$site->signal('USR2');
$site->wait_for_log(qr/exited with code 1/, since => $mark);
wait_until { (master_of($site, 'weir.pid') // 0) == $old } 'the pid file to be back';
is $site->get('/')->status, 200, 'a new binary that fails changes nothing';
$site->allow_log(qr/unknown directive|exited with code 1/);
$site->write_config($conf);
$site->reload;
is $site->get('/')->status, 200, 'and a reload works';
$site->stop;

done_testing;
