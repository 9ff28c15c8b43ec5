# t/upstream/runtime.t - servers are set, added, removed and drained while the server runs; no request
# fails by it, and what was changed holds over reloads, upgrades, deaths and, with `state`, restarts
use Site;
use Load;
use Procs;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);

needs_weir('nginx has no control socket');

my $conf = <<'CONF';
    upstream u { server 127.0.0.1:%PORT2% weight=2; server 127.0.0.1:%PORT3%; }
    upstream one { server 127.0.0.1:%PORT2%; }
    upstream counted { least_conn; server 127.0.0.1:%PORT2%; }
    upstream hashed { hash $arg_k consistent; server 127.0.0.1:%PORT2%; server 127.0.0.1:%PORT3%; }
    upstream keyed { ip_hash; server 127.0.0.1:%PORT2%; }
    upstream small { zone small 64k; server 127.0.0.1:%PORT2%; }
    upstream checked { server 127.0.0.1:%PORT2%; health_check interval=50ms mandatory; }
    upstream stuck { sticky cookie s; server 127.0.0.1:%PORT2%; server 127.0.0.1:%PORT3%; }
    upstream kept { state %DIR%/state/kept; }
    server { listen %PORT%; location / { proxy_pass http://u; } location /one { proxy_pass http://one; }
             location /counted { proxy_pass http://counted; } location /hashed { proxy_pass http://hashed; }
             location /checked { proxy_pass http://checked; } location /small { proxy_pass http://small; }
             location /stuck { proxy_pass http://stuck; }
             location /kept { proxy_pass http://kept; } }
    server { listen %PORT2%; listen %PORT3%; listen %PORT4%; location / { return 200 "$server_port "; } }
CONF
my $site = Site->start($conf, main => 'worker_processes 2; worker_generations 64;');
my ($a, $b, $c) = map { '127.0.0.1:' . $site->port($_) } 2 .. 4;
my ($pa, $pb, $pc) = map { $site->port($_) } 2 .. 4;
wait_until { -S $site->path('weir.ctl') } 'the control socket';

# As `weir ctl upstream` asks, without a process for each.
sub ask (@words) {
    my $sock = IO::Socket::UNIX->new(Peer => $site->path('weir.ctl')) // die "connect: $!";
    syswrite $sock, "@words\n";
    local $/;
    return <$sock> // '';
}
sub ctl (@words) {
    my $text = ask('text', 'upstream', @words);
    return $text =~ s/\Aok\n//r if $text =~ /\Aok\n/;
    die "ctl @words: $text";
}
sub refused ($pattern, $what, @words) {
    my $result = $site->ctl_run('upstream', @words);
    is $result->{exit}, 1, "$what is refused";
    like $result->{stderr}, $pattern, 'with the reason';
}
sub seen ($uri = '/', $times = 12) {
    my %seen;
    $seen{ $site->get($uri)->body =~ s/ //r }++ for 1 .. $times;
    return join ' ', map {"$_=$seen{$_}"} sort keys %seen;
}
# The servers of one, by address.
sub servers ($name = 'u') {
    return map { $_->{address} => $_ } @{ decode_json(ask('json', 'upstream', 'show', $name) =~ s/\Aok\n//r)->{servers} };
}
sub states ($name = 'u') { my %s = servers($name); return join ' ', map {"$_=$s{$_}{state}"} sort keys %s }
sub load_anew ($conf) { $site->write_config($conf); $site->ctl('reload') }
sub keepers { return grep { Procs::title($_) =~ /: keeper\z/ && Procs::alive($_) } Procs::children($site->master_pid) }

# What one sees --------------------------------------------------------------------------------------------

like $site->ctl('upstream', 'list'), qr/\ANAME +PEERS +UP .*\nu +2 +2 +0 +0\n.*^kept +0 +0 /sm, 'the list';
is seen(), "$pa=8 $pb=4", 'as configured';
like ctl('show', 'u'), qr/\ASERVER .*\n\Q$a\E +\Q$a\E +up +2 +0 +\d+ +8 +0 +0 +0 +0 .* config\n\Q$b\E .* 4 /, 'with weights and counts';
my %s = servers();
is_deeply [@{ $s{$a} }{qw(state source weight active requests)}, $s{$a}{responses}{'2xx'}], ['up', 'config', 2, 0, 8, 8], 'for programs too';
is_deeply [map { $_->{name} } @{ decode_json($site->ctl('--json', 'upstream', 'list')) }], [qw(u one counted hashed keyed small checked stuck kept)], 'the list as well';

# Changes --------------------------------------------------------------------------------------------------

is $site->ctl('upstream', 'set', 'u', $b, 'down'), "server $b down\n", 'down';
is seen(), "$pa=12", 'gets nothing';
is states(), "$a=up $b=down", 'and is said to be';
is ctl('set', 'u', $b, 'weight=4', 'up'), "server $b weight=4\n", 'up again, with another weight';
is seen(), "$pa=4 $pb=8", 'that counts';
ctl('set', 'u', $a, 'drain');
is states(), "$a=drained $b=up", 'one drains, and has nobody left';
is seen(), "$pb=12", 'and gets nobody new';
ctl('add', 'u', $c, 'weight=4');
is seen(), "$pb=6 $pc=6", 'a new one serves';
ctl('remove', 'u', $b);
is seen(), "$pc=12", 'one that was removed does not';
is states(), "$a=drained $c=up", 'and is not shown';
ctl('set', 'u', $a, 'weight=4', 'up');
is seen(), "$pa=6 $pc=6", 'one that drained may come back';
ctl('add', 'u', $b);
is_deeply [map { +{ servers() }->{$_}{source} } $a, $b, $c], [qw(ctl config ctl)], 'added as it was configured it is as configured';
ctl('remove', 'u', $c);
ctl('set', 'u', $a, 'weight=2');
like ctl('list'), qr/^u +2 +2 +0 +0$/m, 'all is as configured again';
ctl('add', 'one', $b);
is seen('/one'), "$pa=6 $pb=6", 'an only server is not alone any more';
ctl('add', 'counted', $b);
is seen('/counted'), "$pa=6 $pb=6", 'nor with a balancer that counts connections';
my %before = map { $_ => $site->get("/hashed?k=$_")->body } 1 .. 40;
ctl('add', 'hashed', $c);
my @moved = grep { $site->get("/hashed?k=$_")->body ne $before{$_} } 1 .. 40;
ok @moved > 3 && @moved < 30, 'a hash ring is made anew, and most keys stay';
ctl('add', 'one', 'localhost:' . $site->port(4));
wait_until { seen('/one', 15) =~ /$pc=/ } 'the name to be found';
is +{ servers('one') }->{$c}{server}, "localhost:$pc", 'a name is looked up';
ctl('reset', 'one');
is seen('/one'), "$pa=12", 'reset: as configured';
ctl('reset', 'hashed');

is_deeply decode_json($site->ctl('--json', 'upstream', 'set', 'one', $a, 'weight=1')), { line => "$a weight=1", state_file => '' }, 'a change, for programs';
ctl('reset', 'one', $a);
refused(qr/there is no upstream "x"/, 'another upstream', 'set', 'x', $a, 'up');
refused(qr/there is no such server: "127.0.0.9:1"/, 'another server', 'remove', 'u', '127.0.0.9:1');
refused(qr/there is already a server "\Q$a\E"/, 'adding what is there', 'add', 'u', $a);
refused(qr/invalid parameter "weight=0"/, 'a bad parameter', 'set', 'u', $a, 'weight=0');
refused(qr/invalid parameter "a;b"/, 'what could end a line', 'add', 'u', $c, 'a;b');
refused(qr/invalid port/, 'a bad address', 'add', 'u', '127.0.0.1:x');
refused(qr/add it anew to change "backup"/, 'what cannot be set', 'set', 'u', $a, 'backup');
refused(qr/no resolver defined/, 'resolve without a resolver', 'add', 'u', 'a.test', 'resolve');
refused(qr/does not support parameter "backup"/, 'a backup where there are none', 'add', 'keyed', $c, 'backup');
refused(qr/nothing was changed of/, 'taking back nothing', 'reset', 'u', $a);
refused(qr/usage: upstream show NAME/, 'half a command', 'show');
is $site->ctl_run('upstream', 'nonsense')->{exit}, 2, 'another command is none';

# Reloads --------------------------------------------------------------------------------------------------

ctl('set', 'u', $b, 'down');
ctl('add', 'u', $c);
load_anew($conf);
is states(), "$a=up $b=down $c=up", 'a reload changes nothing';
load_anew($conf =~ s/ weight=2/ weight=3/r);
is seen(), "$pa=9 $pc=3", 'nor does one that changes another server';
load_anew($conf =~ s/PORT3%;/PORT3% weight=3;/r);
is states(), "$a=up $b=up $c=up", 'a line that is another wins';
load_anew($conf =~ s/server 127.0.0.1:%PORT3%;//r);
is states(), "$a=up $c=up", 'a server that is gone is gone';
load_anew($conf);
ctl('reset', 'u');

load_anew($conf . 'upstream more { server 127.0.0.1:1; server 127.0.0.2:1; }');
cmp_ok +{ servers() }->{$a}{requests}, '>', 20, 'a reload with more peers keeps the counts';
load_anew($conf);

# With others ----------------------------------------------------------------------------------------------

wait_until { states('checked') eq "$a=up" } 'the first check';
ctl('add', 'checked', $b);
ctl('add', 'checked', '127.0.0.1:' . $site->port(5));
wait_until { states('checked') =~ /$b=up 127.0.0.1:\d+=unhealthy/ } 'new servers to be checked';
is seen('/checked'), "$pa=6 $pb=6", 'those that are well serve';
$site->allow_log(qr/peer is unhealthy/);
ctl('reset', 'checked');

my $reply = $site->get('/stuck');
my ($own, $cookie) = ($reply->body =~ /(\d+)/, $reply->header('Set-Cookie') =~ /(s=\w+)/);
ctl('set', 'stuck', "127.0.0.1:$own", 'drain');
isnt seen('/stuck') =~ s/=.*//r, $own, 'one that drains gets nobody new';
is $site->get('/stuck', Cookie => $cookie)->body, "$own ", 'but who is bound to it';
ctl('set', 'stuck', "127.0.0.1:$own", 'up');

# As many as there is room for.
my ($added, $why) = (0);
while (!$why && $added < 5000) {
    my $text = ask(sprintf 'text upstream add small 127.1.%d.%d:80 down', $added >> 8, $added & 255);
    if ($text =~ /\Aok/) { $added++ } else { $why = $text }
}
like $why, qr/no room for more changes in zone "small"/, 'a full zone refuses more';
cmp_ok $added, '>', 50, "than $added";
is seen('/small'), "$pa=12", 'and goes on';
$site->allow_log(qr/zone "small" has no room/);
ctl('reset', 'small');

# Under load -----------------------------------------------------------------------------------------------

my $load = Load->start($site, connections => 4, uris => ['/', '/counted', '/one']);
my $bad = 0;
for my $round (1 .. 20) {
    my ($old, $new) = $round % 2 ? ($a, $b) : ($b, $a);
    ctl('set', $_, $new, 'up') for qw(u counted);
    ctl('set', $_, $old, $round % 4 < 2 ? 'drain' : 'down') for qw(u counted);
    ctl($round % 2 ? 'add' : 'remove', 'one', $c);
    my $want = $new =~ s/.*://r;
    $bad++ if seen('/', 2) ne "$want=2";
}
my $tally = $load->stop;
is_deeply $tally->{failed}, [], "20 switches by ctl: none of $tally->{requests} requests failed";
is $bad, 0, 'each switch held at once, for all workers';
ctl('reset', $_) for qw(u counted one);

$load = Load->start($site, connections => 4);
load_anew($_ % 2 ? $conf =~ s/PORT2% weight=2;/PORT2% down;/r : $conf =~ s/PORT3%;/PORT3% down;/r) for 1 .. 20;
$tally = $load->stop;
is_deeply $tally->{failed}, [], "20 switches by reload: none of $tally->{requests} requests failed";
load_anew($conf);

# Draining -------------------------------------------------------------------------------------------------

my $origin = $site->origin;
ctl('add', 'u', $origin->address);
ctl('set', 'u', $_, 'down') for $a, $b;
my $held = $origin->hold('/held');
my $first = $site->send('GET /held');
$held->reached;
ctl('set', 'u', $a, 'up');
ctl('set', 'u', $origin->address, 'drain');
is +{ servers() }->{ $origin->address }{state}, 'drain', 'it drains while a request is under way';
is +{ servers() }->{ $origin->address }{active}, 1, 'which is counted';
is seen(), "$pa=12", 'and nobody else comes';
$held->release;
is $first->response->status, 200, 'that one is answered';
wait_until { my %s = servers(); $s{ $origin->address }{state} eq 'drained' } 'the end of it';
pass 'then it is empty';
ctl('reset', 'u');

# State files ----------------------------------------------------------------------------------------------

# A server that begins again slowly.
ctl('set', 'u', $a, 'down');
ctl('set', 'u', $a, 'slow_start=1h', 'up');
is seen(), "$pb=12", 'with slow_start it gets its share little by little';
ctl('reset', 'u');
is $site->get('/kept')->status, 502, 'a group may begin with no server';
ctl('add', 'kept', $a, 'weight=2');
ctl('add', 'kept', $b);
is seen('/kept'), "$pa=8 $pb=4", 'until it has some';
like $site->slurp('state/kept'), qr/\A#.*\nserver \Q$a\E weight=2;\nserver \Q$b\E;\n\z/, 'its file has them';
ctl('set', 'kept', $b, 'down');
load_anew($conf);
is states('kept'), "$a=up $b=down", 'over a reload';
ctl('remove', 'kept', $b);
$site->signal('TERM');
$site->wait_exit;
$site->up;
wait_until { -S $site->path('weir.ctl') } 'the control socket';
is states('kept'), "$a=up", 'and a restart';
like ctl('list'), qr/^kept +1 +1 +0 +0$/m, 'where it is as configured';
ctl('add', 'kept', $b, 'backup');
ctl('set', 'kept', $a, 'down');
is seen('/kept'), "$pb=12", 'a backup';
like ctl('show', 'kept'), qr{^\Q$b\E .* ctl, backup$}m, 'which is seen';
ctl('set', 'kept', $a, 'up');
mkdir $site->path('state/kept.new');
$site->allow_log(qr/state file ".*" cannot be written/);
like ctl('set', 'kept', $a, 'weight=7'), qr/weight=7\nwarning: state file "\S+" cannot be written now/, 'a file that cannot be written is said';
rmdir $site->path('state/kept.new');
POSIX::mkfifo($site->path('state/kept.new'), 0666);
like ctl('set', 'kept', $a, 'weight=6'), qr/weight=6\nwarning: state file "\S+" cannot be written now/, 'one that nobody reads keeps nobody waiting';
ctl('set', 'kept', $a, 'weight=7');
unlink $site->path('state/kept.new');
ctl('set', 'kept', $b, 'weight=3');
like $site->slurp('state/kept'), qr/weight=7;\nserver \Q$b\E backup weight=3;\n/, 'and is written later';

# Deaths and upgrades --------------------------------------------------------------------------------------

$site->allow_log(qr/(?:keeper|worker process) \d+ exited on signal 9/);
ctl('set', 'u', $b, 'down');
kill KILL => keepers();
wait_until { eval { states() } } 'its heir'; # what was with the dead is lost
is states(), "$a=up $b=down", 'a keeper that is killed has an heir';
kill KILL => $site->workers;
wait_until { eval { seen('/', 3) eq "$pa=3" } } 'new workers';
is seen(), "$pa=12", 'who know what was changed';
my $old = $site->master_pid;
$site->ctl('upgrade');
wait_until { ($site->pid_in_file // $old) != $old } 'the new binary';
wait_until { eval { $site->ctl('upstream', 'list'); Procs::children($site->pid_in_file) >= 3 } } 'its workers and its keeper';
$site->{pid} = $site->pid_in_file;
is states(), "$a=up $b=down", 'a new binary knows it too';
ctl('set', 'u', $b, 'up');
like $site->ctl_run('upgrade')->{stderr}, qr/upgrade is under way/, 'one upgrade at a time';
$site->signal('QUIT', $old);
wait_until { !Procs::alive($old) } 'the end of the old one';
is seen(), "$pa=8 $pb=4", 'and may change it';
$site->stop;

like(Site->test_config("upstream x { state s; server 127.0.0.1; } server { }")->{stderr}, qr/"server" cannot be beside "state" in upstream "x" in \S+ \(the state file has the servers/,
    'servers beside a state file are refused');
like(Site->test_config("upstream x { server 127.0.0.1; state s; } server { }")->{stderr}, qr/"server" cannot be beside "state"/, 'in any order');
like(Site->test_config("upstream x { state s; } upstream y { state s; } server { }")->{stderr}, qr/state file ".*s" is that of upstream "x" already/,
    'one file for two groups is refused');
done_testing;
