# t/master/rollback.t - changing the binary every way it can go: forward, back, failing, from nginx
use Site;
use File::Copy ();
needs_weir('it is our own binary that changes');

my $conf = "pid %DIR%/weir.pid; error_log %DIR%/error.log info; worker_processes 1;\n"
    . ($> == 0 ? "user nobody nogroup;\n" : '') . <<'CONF';
    events {}
    http {
        server { listen 127.0.0.1:%PORT%; location / { return 200 here; } }
        server { listen 127.0.0.1:%PORT2% reuseport; location / { return 200 second; } }
        server { listen unix:%DIR%/s; location / { return 200 unix; } }
    }
CONF

sub serves ($site) {
    return join ' ', $site->get('/')->body, $site->get('/', { port => 2 })->body,
        $site->connect({ unix => 's' })->get('/')->body;
}
sub pid_in ($site, $name) { return (($site->slurp($name) // '') =~ /\A(\d+)\n/)[0] // 0 }

sub begin () {
    return Site->start_raw($conf);
}

# Starts the new binary beside the old; returns its master's pid.
sub change ($site) {
    my $old = $site->master_pid;
    $site->signal('USR2');
    wait_until { pid_in($site, 'weir.pid.oldbin') == $old && pid_in($site, 'weir.pid') } 'two pid files';
    my $new = pid_in($site, 'weir.pid');
    wait_until { $site->workers($new) } 'workers of the new binary';
    return $new;
}

subtest 'forward' => sub {
    my $site = begin();
    my $old = $site->master_pid;
    my $new = change($site);
    isnt $new, $old, 'another master';
    is serves($site), 'here second unix', 'both serve';
    $site->signal('USR2', $new);
    $site->allow_log(qr/changing binary signal is ignored/);
    $site->wait_for_log(qr/changing binary signal is ignored/);
    my $client = $site->connect;
    $client->write("GET / HTTP/1.1\r\n");
    $site->signal('WINCH', $old);
    wait_until { !$site->workers($old) } 'the old workers to accept no more';
    is serves($site), 'here second unix', 'the new one serves';
    $client->write("Host: a\r\nConnection: close\r\n\r\n");
    is $client->response->body, 'here', 'what was under way is finished';
    $site->signal('QUIT', $old);
    wait_until { !Procs::alive($old) } 'the old master to end';
    waitpid $old, 0;
    ok !-e $site->path('weir.pid.oldbin'), 'its pid file is gone';
    is pid_in($site, 'weir.pid'), $new, 'that of the new one is there';
    is serves($site), 'here second unix', 'it serves, unix socket and all';
    $site->{pid} = $new;
    $site->reload;
    is serves($site), 'here second unix', 'after a reload too';
    isnt change($site), $new, 'and it can be changed again';
    $site->signal('QUIT', $new);
    wait_until { !Procs::alive($new) } 'it to end';
    waitpid $new, 0;
    $site->{pid} = pid_in($site, 'weir.pid');
    is serves($site), 'here second unix', 'the third serves';
    $site->stop;
};

subtest 'and back' => sub {
    my $site = begin();
    my $old = $site->master_pid;
    my $new = change($site);
    $site->signal('WINCH', $old);
    wait_until { !$site->workers($old) } 'the old workers to rest';
    $site->signal('HUP', $old);
    wait_until { $site->workers($old) } 'the old master to have workers again';
    $site->signal('QUIT', $new);
    wait_until { !Procs::alive($new) } 'the new master to end';
    wait_until { pid_in($site, 'weir.pid') == $old } 'the old pid file';
    ok !-e $site->path('weir.pid.oldbin'), 'alone';
    is serves($site), 'here second unix', 'the old one serves';
    $site->reload;
    is serves($site), 'here second unix', 'and reloads';
    $site->stop;
};

subtest 'a new binary that dies' => sub {
    my $site = begin();
    my $old = $site->master_pid;
    my $new = change($site);
    $site->signal('WINCH', $old);
    wait_until { !$site->workers($old) } 'the old workers to rest';
    $site->allow_log(qr/new binary process $new exited on signal 9/, qr/the master process is gone/);
    kill KILL => $new;
    wait_until { $site->workers($old) } 'the old workers to come back by themselves';
    wait_until { pid_in($site, 'weir.pid') == $old } 'the old pid file';
    is serves($site), 'here second unix', 'they serve';
    $site->stop;
};

subtest 'a binary that does not start' => sub {
    my $site = Site->prepare($conf, raw => 1);
    my $binary = $site->path('weir');
    symlink Site::binary(), $binary or die;
    $site->{binary} = $binary;
    $site->up;
    unlink $binary;
    $site->allow_log(qr/execve\(\) failed/);
    $site->signal('USR2');
    $site->wait_for_log(qr/new binary process \d+ exited with code 1/);
    wait_until { pid_in($site, 'weir.pid') == $site->master_pid } 'the pid file to be back';
    is serves($site), 'here second unix', 'nothing is lost';
    $site->stop;
};

subtest 'from nginx' => sub {
    my $nginx = '/usr/sbin/nginx';
    plan skip_all => 'no nginx here' unless -x $nginx;
    my $site = Site->prepare($conf, raw => 1);
    my $binary = $site->path('nginx');
    File::Copy::copy($nginx, $binary) or die;
    chmod 0755, $binary;
    $site->{binary} = $binary;
    my $old = $site->up->master_pid;
    # nginx ignores the signal until whoever started it is gone.
    wait_until { Procs::status_field($old, 'PPid') == $$ } 'the starter to end';
    unlink $binary;
    symlink Site::binary(), $binary or die;
    my $new = change($site);
    like Procs::title($new), qr/\Anginx: master process/, 'Weir runs, under the name of nginx';
    $site->signal('QUIT', $old);
    wait_until { !Procs::alive($old) } 'nginx to end';
    waitpid $old, 0;
    $site->{pid} = $new;
    is $site->get('/')->body, 'here', 'Weir serves on';
    like $site->get('/')->header('Server'), qr/weir/, 'it is Weir';
    $site->stop;
};

done_testing;
