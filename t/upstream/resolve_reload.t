# t/upstream/resolve_reload.t - no request is lost while names move, keepers die, configurations are
# loaded anew and a new binary takes over
use Site;
use Dns;
use Procs;

needs_weir('nginx 1.22 has no resolve');
Test::More::plan(skip_all => 'built without c-ares')
    unless Site->supports('resolver 127.0.0.1; server { }');

my $conf = <<'CONF';
    resolver %DNS% ipv6=off valid=1s;
    upstream u { server app.test:%PORT2% resolve max_conns=50; server b.test:%PORT2% resolve; }
    server { listen %PORT%; location / { proxy_pass http://u; }
             location /v { set $h app.test; proxy_pass http://$h:%PORT2%; } }
    server { listen %PORT2%; location / { return 200 "$server_addr"; } }
CONF
# So many groups that the zone of all of them has another size.
my $larger = $conf . join '', map { "upstream y$_ { server 127.0.0.1:$_; server 127.0.0.2:$_; }\n" } 1 .. 1200;

my $site = Site->prepare($conf, main => 'worker_processes 2;');
my $dns = $site->dns;
sub moves_to (@last) { $dns->set('app.test', A => [map { "127.0.0.$_" } @last]) }
sub keepers { return grep { Procs::title($_) =~ /: keeper\z/ && Procs::alive($_) } Procs::children($site->master_pid) }

# Asks until told to stop; its exit code says whether all went well.
sub start_asking {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    Procs::die_with_parent();
    my ($bad, $n) = (0, 0);
    while (!-e $site->path('enough')) {
        for my $uri ('/', '/v') {
            my $reply = eval { $site->get($uri) };
            $n++;
            next if $reply && $reply->status == 200;
            $bad++;
            print "# $uri: ", $reply ? $reply->status : $@, "\n";
        }
    }
    print "# $n requests\n";
    POSIX::_exit($bad > 0);
}
sub answers_from ($last, $what) {
    wait_until {
        my %seen = map { $site->get('/')->body => 1 } 1 .. 6;
        join(' ', sort keys %seen) eq "127.0.0.$last 127.0.0.99";
    } $what;
    pass $what;
}

moves_to(1, 2);
$dns->set('b.test', A => '127.0.0.99');
$site->up;
my $asking = start_asking();
for my $round (1 .. 4) {
    moves_to($round + 2);
    $site->reload($round % 2 ? $larger : $conf);
    answers_from($round + 2, "round $round");
}
my ($keeper) = keepers();
$site->allow_log(qr/keeper $keeper exited on signal 9/);
kill KILL => $keeper;
moves_to(8);
answers_from(8, 'a keeper that is killed has an heir');

my $old = $site->master_pid;
$site->signal('USR2');
wait_until { ($site->pid_in_file // $old) != $old } 'the new binary';
wait_until { Procs::children($site->pid_in_file) >= 3 } 'its workers and its keeper';
$site->signal('QUIT', $old);
wait_until { !Procs::alive($old) } 'the end of the old one';
$site->{pid} = $site->pid_in_file;
moves_to(9);
answers_from(9, 'the keeper of a new binary');

$site->file('enough', '');
waitpid $asking, 0;
is $?, 0, 'no request failed';

# Connections to addresses that move are counted, and given back when a worker dies.
$dns->set('few.test', A => '127.0.0.1');
$site->reload(<<'CONF');
    resolver %DNS% ipv6=off valid=1s;
    upstream few { server few.test:%PORT3% resolve max_conns=1; }
    server { listen %PORT%; location / { proxy_pass http://few; } location /up { return 200 up; } }
CONF
my $origin = Origin->start(port => $site->port(3));
my $held = $origin->hold('/held');
my $first = $site->send('GET /held');
$held->reached;
is $site->get('/x')->status, 502, 'max_conns: the only place is taken' for 1 .. 4;
my @workers = $site->workers;
$site->allow_log(qr/worker process \d+ exited on signal 9/);
kill KILL => @workers;
$held->release;
wait_until { my $r = eval { $site->get('/x') }; $r && $r->status == 200 } 'the dead give back their places';
pass 'the dead give back their places';
$site->stop;

done_testing;
