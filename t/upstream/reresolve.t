# t/upstream/reresolve.t - names that were found at load are followed, where the resolver is right
use Site;
use Dns;
use Names;
use Procs;

needs_weir('nginx looks names up once');

my $names = Names->new // Test::More::plan(skip_all => 'no compiler');
$names->set('a.test' => '127.0.0.2', 'b.test' => '127.0.0.2', 'c.test' => '127.0.0.2', 'd.test' => '127.0.0.2',
            'e.test' => '127.0.0.2');

my $conf = <<'CONF';
    resolver %DNS% valid=1s ipv6=off;
    resolver_timeout 1s;
    proxy_connect_timeout 3s;
    upstream pair { server a.test:%PORT2%; server 127.0.0.9:%PORT2% backup; }
    upstream still { upstream_reresolve off; server d.test:%PORT2%; }
    server {
        listen %PORT%;
        location /pair { proxy_pass http://pair; }
        location /still { proxy_pass http://still; }
        location /b { proxy_pass http://b.test:%PORT2%; }
        location /c { proxy_pass http://c.test:%PORT2%; }
        location /local { proxy_pass http://localhost:%PORT2%; }
    }
    server { listen %PORT2%; location / { return 200 "$server_addr"; } }
CONF
my $site = $names->settle(Site->prepare($conf, env => $names->env, main => 'worker_processes 2;'));
my $dns = $site->dns;
$dns->set($_, A => '127.0.0.2', ttl => 1) for qw(a.test b.test d.test);
$dns->set('c.test', A => '127.0.0.3', ttl => 1);
$site->up;

sub asked ($name, $more) {
    my $before = () = grep { /^\Q$name\E / } $dns->queries;
    wait_until { my $now = () = grep { /^\Q$name\E / } $dns->queries; $now >= $before + $more } "$name is asked for";
}
sub keepers { return grep { Procs::title($_) =~ /: keeper\z/ && Procs::alive($_) } Procs::children($site->master_pid) }
# With a keeper of its own, and no other that asks.
sub reload () {
    my %old = map { $_ => 1 } keepers();
    $site->reload;
    wait_until { my @now = keepers(); @now == 1 && !$old{ $now[0] } } 'the new keeper alone';
}
sub from ($place) { return $site->get($place)->body }
sub moves ($place, $to) {
    wait_until { from($place) eq $to } "$place goes to $to";
    my %seen = map { from($place) => 1 } 1 .. 8; # both workers
    is join(' ', sort keys %seen), $to, "$place goes to $to";
}

asked($_, 1) for qw(a.test b.test);
is from('/pair'), '127.0.0.2', 'the same answer changes nothing';
unlike $site->error_log, qr/a\.test has/, 'and is no news';
$dns->set($_, A => '127.0.0.3', ttl => 1) for qw(a.test b.test d.test);
moves('/pair', '127.0.0.3');
moves('/b', '127.0.0.3');
is from('/still'), '127.0.0.2', 'not where it is turned off';
ok !grep({ /^d\.test/ } $dns->queries), 'nobody asked';
is from('/local'), '127.0.0.1', 'localhost is here';
ok !grep({ /localhost/ } $dns->queries), 'whatever others think';

# The resolver means another host: it is not believed.
like $site->wait_for_log(qr/c\.test keeps/), qr/\[notice\].* c\.test keeps the addresses that it has: the resolver gives others than the system, upstream: "c\.test:\d+"/,
    'one that disagrees with the system';
is from('/c'), '127.0.0.2', 'is not believed';

# It fails in all ways.
for my $way ('servfail', 'silent') {
    $dns->behave('*', $way);
    asked('a.test', 1);
    is from('/pair'), '127.0.0.3', "$way: an address that works is kept";
}
$dns->behave('*', 'well');
$dns->remove('a.test');
asked('a.test', 1);
is from('/pair'), '127.0.0.3', 'so it is when there is no such name';
$dns->set('a.test', A => ['127.0.0.3', '127.0.0.4'], ttl => 1);
wait_until { from('/pair') eq '127.0.0.4' } 'a second address';
wait_until { from('/pair') eq '127.0.0.3' } 'beside the first';

# A reload goes on with them, unless the machine has new ones.
reload();
isnt from('/pair'), '127.0.0.2', 'over a reload the addresses are kept' for 1 .. 4;
$names->set('a.test' => '127.0.0.5', 'b.test' => '127.0.0.2', 'c.test' => '127.0.0.3', 'd.test' => '127.0.0.2');
reload();
is from('/pair'), '127.0.0.5', 'what the machine has of its own counts' for 1 .. 4;
is from('/c'), '127.0.0.3', 'and is asked at load';
$dns->set('c.test', A => '127.0.0.3', ttl => 1);
asked('c.test', 3); # now they agree: at least one of these answers has come
$dns->set('c.test', A => '127.0.0.6', ttl => 1);
moves('/c', '127.0.0.6');

# Back to where it began.
$dns->set('a.test', A => '127.0.0.5', ttl => 1);
reload();
asked('a.test', 1);
is from('/pair'), '127.0.0.5', 'as loaded';
$dns->set('a.test', A => '127.0.0.7', ttl => 1);
moves('/pair', '127.0.0.7');
$dns->set('a.test', A => '127.0.0.5', ttl => 1);
moves('/pair', '127.0.0.5');

# A name that moved between the load and the first question.
$names->set('a.test' => '127.0.0.2', 'b.test' => '127.0.0.2', 'c.test' => '127.0.0.3', 'd.test' => '127.0.0.2');
$dns->set('a.test', A => '127.0.0.8', ttl => 1);
my $held = $dns->hold('a.test');
$site->reload;
$held->reached;
$names->set('a.test' => '127.0.0.8', 'b.test' => '127.0.0.2', 'c.test' => '127.0.0.3', 'd.test' => '127.0.0.2');
$held->release;
moves('/pair', '127.0.0.8');

done_testing;
