# t/master/lossless.t - reload, reopen and upgrade under load: not one request is lost
use Site;
use Load;

needs_weir 'keep-alive connections are answered before they are closed';

my $conf = <<'CONF';
    keepalive_min_timeout 1m;
    upstream u { server %ORIGIN%; keepalive 16; }
    server {
        listen %PORT%;
        listen %PORT2% reuseport;
        root %DIR%/html;
        location / { }
        location /p { proxy_pass http://u; }
    }
CONF
my $site = Site->start($conf, main => 'worker_processes 2; worker_generations 64;', daemon => 1);
$site->file('html/a', 'file' x 100);

sub under_load ($what, $code, %option) {
    my $load = Load->start($site, connections => 16, uris => ['/a', '/p/x'], %option);
    $code->();
    my $tally = $load->stop;
    is scalar @{ $tally->{failed} }, 0, "$what: nothing failed of $tally->{requests} requests"
        or diag map { "$_\n" } @{ $tally->{failed} }[0 .. ($#{ $tally->{failed} } > 9 ? 9 : $#{ $tally->{failed} })];
    cmp_ok $tally->{requests}, '>', 16, "$what: there was load";         # more than one each
}

under_load('ten reloads', sub { $site->reload for 1 .. 10 });
under_load('ten reloads, reuseport', sub { $site->reload for 1 .. 10 }, port => 2);
under_load('a burst of reloads', sub {
    $site->signal('HUP') for 1 .. 10;
    wait_until { $site->idle_workers == 2 && !$site->draining } 'the burst to settle';
});
under_load('reopening logs', sub {
    for my $n (1 .. 5) {
        rename $site->path('access.log'), $site->path("access.$n");
        $site->signal('USR1');
        wait_until { -e $site->path('access.log') } 'the log to be back';
    }
});
under_load('refused configs', sub {
    $site->reload_refused('nonsense;') for 1 .. 3;
    $site->write_config($conf);
});
$site->allow_log(qr/unknown directive/);
under_load('other numbers of workers', sub {
    for my $n (1, 3, 2) {
        $site->{main} = "worker_processes $n; worker_generations 64;";
        $site->reload($conf);
        wait_until { $site->idle_workers == $n } "$n workers";
    }
});
under_load('an upgrade', sub {
    my $old = $site->master_pid;
    $site->signal('USR2');
    my $new = wait_until {
        my ($pid) = ($site->slurp('weir.pid') // '') =~ /\A(\d+)\n/;
        $pid && $pid != $old && $pid;
    } 'a new master';
    wait_until { $site->workers($new) } 'its workers';
    $site->signal('WINCH', $old);
    wait_until { !$site->workers($old) } 'the old workers to drain';
    $site->signal('QUIT', $old);
    wait_until { !Procs::alive($old) || waitpid($old, POSIX::WNOHANG()) == $old } 'the old master to end';
    $site->{pid} = $new;
});

done_testing;
