# t/master/ctl.t - the control socket: who may use it, what its clients can do to the server, and what
# reloads, upgrades and deaths do to it
use Site;
use Load;
use Procs;
use IO::Socket::UNIX;
use POSIX ();
use Wait qw(patience);

needs_weir('nginx has no control socket');

my $conf = <<'CONF';
    upstream u { server 127.0.0.1:%PORT2%; server 127.0.0.1:%PORT2% backup; }
    server { listen %PORT%; location / { proxy_pass http://u; } }
    server { listen %PORT2%; location / { return 200 "ok\n"; } }
CONF
my $site = Site->start($conf);
my $path = $site->path('weir.ctl');
wait_until { -S $path } 'the control socket';

sub dial ($at = $path) { return IO::Socket::UNIX->new(Peer => $at) // die "connect: $!" }
# All that comes until the end.
sub answer_to ($sock) {
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm patience();
    my $text = '';
    1 while sysread $sock, $text, 65536, length $text;
    alarm 0;
    return $text;
}
sub ask ($line, $at = $path) { my $sock = dial($at); print {$sock} $line; $sock->flush; return answer_to($sock) }
sub works ($what) { like ask("text upstream list\n"), qr/\Aok\nNAME .*\nu +2 +2 /, $what }
sub keepers { return grep { Procs::title($_) =~ /: keeper\z/ && Procs::alive($_) } Procs::children($site->master_pid) }

# Who ------------------------------------------------------------------------------------------------------

is sprintf('%o', (stat $path)[2]), '140600', 'the socket is beside the pid file, for its owner alone';
is_deeply [keepers()], [], 'no keeper runs for nothing';
works('a request is answered');
is scalar(keepers()), 1, 'by a keeper';
SKIP: {
    Test::More::skip('takes root', 2) if $>;
    my $as_nobody = sub {
        my $out = $site->path('nobody');
        my $pid = fork // die;
        if (!$pid) {
            POSIX::setgid(65534); POSIX::setuid(65534);
            my $sock = IO::Socket::UNIX->new(Peer => $path);
            my $text = $sock ? do { print {$sock} "!stop\n"; $sock->flush; answer_to($sock) } : "$!";
            print STDOUT '';
            POSIX::_exit($text =~ /denied/ ? 1 : $text =~ /\Ano\nonly root may/ ? 2 : 3);
        }
        waitpid $pid, 0;
        return $? >> 8;
    };
    chmod 0755, $site->dir;
    is $as_nobody->(), 1, 'another user cannot connect';
    chmod 0666, $path;
    is $as_nobody->(), 2, 'and is refused where he can';
    chmod 0600, $path;
    $site->wait_for_log(qr/control connection of process \d+, user 65534, refused/);
}

# Verbs ----------------------------------------------------------------------------------------------------

is $site->ctl('reload'), '', 'reload';
$site->write_config('server { listen %PORT% nonsense; }');
my $result = $site->ctl_run('--socket', '%DIR%/weir.ctl', 'reload');
is $result->{exit}, 1, 'one that fails is told';
like $result->{stderr}, qr/\[emerg\] .*nonsense.*\n.*reload failed/s, 'with the reason';
$site->allow_log(qr/nonsense/);
works('the server goes on');
$site->write_config($conf);
rename $site->path('error.log'), $site->path('error.log.1');
$site->ctl('reopen');
ok -e $site->path('error.log'), 'reopen';
rename $site->path('error.log.1'), $site->path('error.log');
$site->ctl('reopen');
is $site->ctl_run()->{exit}, 2, 'no command at all';
is $site->ctl_run('upstream')->{exit}, 2, 'half a command';
is $site->ctl_run('reload', 'now')->{exit}, 2, 'too much of one';
is $site->ctl_run('--nonsense')->{exit}, 1, 'an option that is none';
like $site->ctl_run('upstreams')->{stderr}, qr/\Aweir: there is no command "upstreams"\nUsage/, 'no command';
like $site->ctl_run('--help')->{stdout}, qr/^Usage: weir ctl/, 'help';
$result = $site->ctl_run('--socket', '%DIR%/nothing', 'reload');
is $result->{exit}, 3, 'nobody there';
like $result->{stderr}, qr/no server can be reached at ".*nothing" \(2: .*\n.*--socket, tell/, 'which is said';

# Clients that are not ours --------------------------------------------------------------------------------

is ask("!nonsense\n"), "no\nthere is no such command\n", 'another verb';
is ask('!' . 'x' x 100 . "\n"), "no\nthere is no such command\n", 'a long one';
is ask("text\n"), "no\nmalformed request\n", 'half a request';
is ask("text nonsense\n"), "no\nthere is no such command\n", 'another request';
is ask("text upstream %zz\n"), "no\nmalformed request\n", 'one that is not well written';
is ask("text  upstream\n"), "no\nmalformed request\n", 'or has empty words';
is ask("text upstream list\0\n"), "no\nmalformed request\n", 'or other bytes';
is ask('text ' . 'a ' x 100 . "\n"), "no\nmalformed request\n", 'or too many words';
is ask('x' x 9000 . "\n"), "no\nmalformed request\n", 'or is too long';
is ask("text upstream list\ntext upstream list\n") =~ s/\Aok\nNAME.*//sr, '', 'one request for each connection';

my @silent = map { dial() } 1 .. 60;
syswrite $silent[$_], '!' for 0 .. 4;
syswrite $silent[$_], 'text ups' for 5 .. 9;
$silent[$_]->shutdown(1) for 10 .. 14;
my $slow = dial();
syswrite $slow, 'te';
$site->get('/') for 1 .. 3;
wait_until { ask("text upstream list\n") =~ /\Aok/ } 'a place among them';
pass 'those who are silent keep nobody out for long';
close $_ for @silent;

# Many who say at once what they want: each is answered.
my $master = $site->master_pid;
kill STOP => $master;
wait_until { Procs::status_field($master, 'State') =~ /^T/ } 'the master to stand still';
my @many = map { dial() } 1 .. 48;
syswrite $_, "!reopen\n" for @many;
kill CONT => $master;
is scalar(grep { answer_to($_) eq "ok\n" } @many), 48, 'of many who speak nobody goes unheard';
close $_ for @many;
syswrite $slow, "xt upstream list\n";
like answer_to($slow), qr/\Aok\nNAME/, 'one that is slow is answered';
my $gone = dial();
syswrite $gone, "text upstream list\n";
close $gone;
works('one that does not wait for the answer is forgotten');
my $half = dial();
syswrite $half, "text upstream list\n";
$half->shutdown(1);
like answer_to($half), qr/\Aok\nNAME/, 'one that says it is done is answered';

# Keepers that die, or hang --------------------------------------------------------------------------------

my ($keeper) = keepers();
$site->allow_log(qr/keeper \d+ exited on signal 9/);
my $waiting = dial();
syswrite $waiting, 'text ';
kill STOP => $keeper;
my @waiting = map { my $s = dial(); syswrite $s, "text upstream list\n"; $s } 1 .. 5;
is $site->get('/')->status, 200, 'a keeper that hangs disturbs no worker';
is ask("!reopen\n"), "ok\n", 'nor the master';
kill KILL => $keeper;
answer_to($_) for @waiting, $waiting;
pass 'who was with it is let go';
wait_until { ask("text upstream list\n") =~ /\Aok/ } 'its heir'; # what was with the dead is lost
works('its heir goes on');

my $load = Load->start($site, connections => 4);
for (1 .. 5) {
    kill KILL => keepers();
    $site->ctl('upstream', 'list');
    $site->ctl('upstream', 'set', 'u', '127.0.0.1:' . $site->port(2), $_ % 2 ? 'weight=2' : 'weight=1');
}
my $tally = $load->stop;
is_deeply $tally->{failed}, [], "keepers die: none of $tally->{requests} requests failed";

# Where it is ----------------------------------------------------------------------------------------------

my $deep = join '/', 'd', ('x' x 60) x 2;
mkdir $site->path('d');
mkdir $site->path('d/' . 'x' x 60);
mkdir $site->path($deep);
my $head = $site->{main};
$site->{main} = "control $deep/a.ctl;";
$site->write_config($conf);
$site->signal('HUP');
wait_until { !-e $path && -S $site->path("$deep/a.ctl") } 'the socket to move';
like $site->ctl('upstream', 'list'), qr/\ANAME/, 'a long path is found';
$site->{main} = 'control off;';
$site->write_config($conf);
$site->signal('HUP');
wait_until { !-e $site->path("$deep/a.ctl") } 'the socket to go';
like $site->ctl_run('reload')->{stderr}, qr/the configuration says "control off"/, 'off';
$site->{main} = $head;
$site->write_config($conf);
$site->signal('HUP');
wait_until { -S $path } 'the socket to come back';
works('and on again');

# Upgrades -------------------------------------------------------------------------------------------------

my $old = $site->master_pid;
is $site->ctl('upgrade'), '', 'upgrade';
wait_until { ($site->pid_in_file // $old) != $old && -S $path } 'the new binary';
my $new = $site->pid_in_file;
wait_until { grep { Procs::title($_) =~ /: keeper\z/ } Procs::children($new) } 'its keeper';
pass 'it has a keeper, too, and the socket is its own';
$site->ctl('quit');
wait_until { !Procs::alive($new) && ($site->pid_in_file // 0) == $old && -S $path } 'the old one alone';
works('taken back, it is the old one\'s again');
my @all = ($old, Procs::descendants($old));
kill KILL => $old;
$site->allow_log(qr/the master process is gone/);
wait_until { !grep { Procs::alive($_) } @all } 'all to end';
$site->wait_exit;
ok -S $path, 'a master that is killed leaves its socket';
is $site->ctl_run('reload')->{exit}, 3, 'where nobody listens';
$site->up;
wait_until { eval { ask("text upstream list\n") =~ /\Aok/ } } 'the next one';
pass 'the next one takes its place';
is $site->ctl('stop'), '', 'stop';
$site->wait_exit;
ok !-e $path, 'in the end it is gone';

like(Site->start($conf, main => 'master_process off;')->ctl_run('reload')->{stderr}, qr/without a master process .* there is no control socket/,
    'without a master there is none');
done_testing;
