# t/upstream/no_socket.t - no socket for a connection to an origin: that is not the origin's failure
use Site;
use JSON::PP qw(decode_json);

needs_weir('`weir ctl`, $fail_reason, breakers, health checks');

my $servers = <<'CONF';
    upstream two   { zone two 64k; server %ORIGIN1%; server %ORIGIN2%; breaker consecutive=1; }
    upstream asked { zone asked 64k; server %ORIGIN1%; }
    log_format tries '$uri $status $fail_reason $upstream_status';
    access_log %DIR%/tries tries;
    server {
        listen %PORT%;
        location / { proxy_pass http://two; }
        location /elsewhere { proxy_bind 192.0.2.1; proxy_pass http://two; proxy_next_upstream error timeout http_500 non_idempotent; }
        location /asked { proxy_pass http://asked; }
        location /asks { proxy_bind 192.0.2.1; proxy_pass http://asked; health_check interval=20ms fails=1; }
        location /asks/tcp { proxy_bind 192.0.2.1; proxy_pass http://asked; health_check type=tcp interval=20ms fails=1; }
    }
CONF

my $site = Site->start($servers, main => 'worker_processes 1;');
$site->allow_log(qr/bind\(\) failed/);
sub state_of ($site, $name) { return decode_json($site->ctl('--json', 'upstream', 'show', $name))->{servers} }
sub is_well ($site, $what) {
    is $site->get("/$_")->status, 200, "$what: requests go on" for 1 .. 4;
    is_deeply [map { "$_->{state} $_->{faults} $_->{fails}" } @{ state_of($site, 'two') }], ['up 0 0', 'up 0 0'], 'nobody is blamed';
}

is $site->get('/elsewhere')->status, 500, 'an address that is not ours' for 1 .. 4;
wait_until { Procs::slurp("$site->{dir}/tries") =~ m{/elsewhere} } 'a line in the log';
like Procs::slurp("$site->{dir}/tries"), qr{^/elsewhere 500 upstream\.local 500$}m, 'nobody else is tried: it would be the same';
is_well($site, 'bind');

# Two checks: each fails to be made more than once.
wait_until { my $n = () = $site->error_log =~ /bind\(\) failed.* while connecting to upstream, health check/g; $n >= 8 } 'the keeper cannot ask';
is $site->get('/asked')->status, 200, 'a check that was not made says nothing';
unlike $site->error_log, qr/peer is unhealthy/, 'nor is that written';
$site->stop;

# Descriptors
$site = Site->start($servers =~ s/health_check[^;]*;//gr, main => 'worker_processes 1; worker_rlimit_nofile 40;');
$site->allow_log(qr/\(24: Too many open files\)/);
my @busy;
for (1 .. 40) { # their requests are on their way, so none of them is idle
    push @busy, $site->connect;
    $busy[-1]->write("GET / HTTP/1.1\r\nHost: a\r\n");
}
$site->wait_for_log(qr/accept4\(\) failed \(24: Too many open files\)/);
$busy[0]->write("\r\n");
is $busy[0]->response->status, 500, 'no descriptor';
my ($worker) = $site->workers;
$_->close for @busy;
wait_until { my $used = () = glob "/proc/$worker/fd/*"; $used < 20 } 'descriptors to be free';
is_well($site, 'descriptors');
done_testing;
