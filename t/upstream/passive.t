# t/upstream/passive.t - max_fails and fail_timeout: the same servers are asked in the same order as
# under nginx while some fail, come back, or all are gone
use Site;
use Differential;
use File::Temp;
use POSIX ();
use Storable qw(store retrieve);
use Time::HiRes qw(time);

my @names = qw(A B C);
my $dir = File::Temp->newdir;
my %origin;

# A scenario's servers name origins; its steps: a number of requests (recorded), "break X", "fix X",
# "fail X" (500), "back X" (requests until X is asked again: fail_timeout is over; how many they are
# is not the same each time, so they go to one other server at most).
my @scenarios = (
    ['one failure',       'server A fail_timeout=1s; server B;',
        [4, 'break A', 6, 'fix A', 4, 'back A', 8]],
    ['still broken',      'server A fail_timeout=1s; server B;',
        ['break A', 4, 'back A', 6, 'fix A', 'back A', 6]],
    ['several failures',  'server A max_fails=3 fail_timeout=1s; server B;',
        [2, 'break A', 12, 'fix A', 'back A', 10]],
    ['weights',           'server A weight=5 max_fails=2 fail_timeout=1s; server B weight=2;',
        [8, 'break A', 10, 'fix A', 'back A', 24]],
    ['weights, forgiven', 'server A weight=4 max_fails=3 fail_timeout=1s; server B weight=1;',
        [5, 'fail A', 1, 'fix A', 20]],
    ['failures that do not count', 'server A max_fails=0; server B;',
        ['break A', 10, 'fix A', 6]],
    ['all are gone',      'server A fail_timeout=1s; server B fail_timeout=1s;',
        [2, 'break A', 'break B', 6, 'fix A', 'fix B', 2, 'back A', 'back B', 6]],
    ['a backup',          'server A fail_timeout=1s; server B fail_timeout=1s; server C backup;',
        [2, 'break A', 4, 'break B', 4, 'fix A', 'back A', 4, 'fix B', 'back B', 6]],
    ['answers that count', 'server A max_fails=2 fail_timeout=1s; server B;',
        [3, 'fail A', 12, 'fix A', 'back A', 6]],
    ['one server',        'server A max_fails=1 fail_timeout=1s;',
        ['break A', 3, 'fix A', 2]],
    ['one server and a dead backup', 'server A fail_timeout=1s; server 127.0.0.1:1 backup;',
        ['break A', 3, 'fix A', 'back A', 2]],
    ['least_conn',        'least_conn; server A fail_timeout=1s; server B weight=2;',
        [6, 'break A', 8, 'fix A', 'back A', 8]],
    ['ip_hash',           'ip_hash; server A fail_timeout=1s; server B fail_timeout=1s; server C;',
        [3, 'break A', 3, 'break B', 3, 'break C', 3, 'fix A', 'fix B', 'fix C', 3]],
    ['hash',              'hash $uri; server A fail_timeout=1s; server B fail_timeout=1s;',
        [3, 'break A', 4, 'break B', 3, 'fix A', 'fix B', 2]],
    ['down',              'server A down; server B fail_timeout=1s;',
        [3, 'break B', 3, 'fix B', 'back B', 3]],
);

sub reset_origin ($name) {
    $origin{$name}->accept;
    $origin{$name}->answer('*', body => $name);
}

# "A B:200": the servers asked, and the status.
sub ask ($site) {
    my $reply = $site->get('/');
    my $peers = $reply->header('X-Peer') // '-';
    my %name = map { $origin{$_}->address => $_ } @names;

    $peers =~ s/(127\.0\.0\.1:\d+)/$name{$1} \/\/ 'dead'/ge;
    return "$peers:" . $reply->status;
}

# What was seen, after whether fail_timeout was never over before the scenario meant it to be.
sub play_scenario ($site, @steps) {
    my ($in_time, $since, @seen) = (1, time);
    for my $step (@steps) {
        my ($do, $who) = split ' ', $step;
        if ($do =~ /\A\d+\z/)  { push @seen, map { ask($site) } 1 .. $do }
        elsif ($do eq 'break') { $origin{$who}->refuse }
        elsif ($do eq 'fix')   { reset_origin($who) }
        elsif ($do eq 'fail')  { $origin{$who}->answer('*', status => 500, body => 'no') }
        else                   { wait_until { $since = time; ask($site) =~ /$who/ } "$who is asked again"; push @seen, "back $who" }
        $in_time &&= time - $since < 0.95;
    }
    return ($in_time, @seen);
}

sub front ($binary, $servers) {
    (my $text = $servers) =~ s/server ([ABC])\b/'server ' . $origin{$1}->address/ge;
    my $site = Site->start(<<"CONF", binary => $binary);
        upstream group { $text }
        server {
            listen %PORT%;
            location / {
                proxy_pass http://group;
                proxy_next_upstream error timeout http_500;
                add_header X-Peer \$upstream_addr always;
            }
        }
CONF
    return $site->allow_log(qr/./);
}

# Some scenarios, with origins of their own, in a process of their own: most of the time they wait.
sub play_apart ($side, $binary, @some) {
    my $pid = fork // die "fork: $!";

    return $pid if $pid;
    Procs::die_with_parent();
    open my $nowhere, '>', '/dev/null' or die;
    Test::More->builder->$_($nowhere) for qw(output failure_output);
    my (%seen, %in_time);
    my $good = eval {
        %origin = map { $_ => Origin->start } @names;
        for my $scenario (@some) {
            my ($name, $servers, $steps) = @$scenario;
            my $site = front($binary, $servers);
            reset_origin($_) for @names;
            ($in_time{$name}, @{ $seen{$name} }) = play_scenario($site, @$steps);
            $site->stop;
        }
        Test::More->builder->is_passing;
    };
    store({ good => $good, error => $@, seen => \%seen, in_time => \%in_time }, "$dir/$side.$$");
    $_->stop for values %origin;
    POSIX::_exit(0);
}

my $oracle = nginx_binary();
my %binary = (weir => Site::binary(), $oracle ? (nginx => $oracle) : ());
my (%seen, %side, %in_time);

sub collect () {
    for my $pid (sort keys %side) {
        my $side = delete $side{$pid};
        waitpid $pid, 0;
        my $result = retrieve("$dir/$side.$pid");
        ok $result->{good}, "$side went through" or diag $result->{error};
        $seen{$side}{$_} = $result->{seen}{$_} for keys %{ $result->{seen} };
        $in_time{$side}{$_} = $result->{in_time}{$_} for keys %{ $result->{in_time} };
    }
}
sub differs ($name) { return "@{ $seen{weir}{$name} }" ne "@{ $seen{nginx}{$name} }" }

for my $side (sort keys %binary) {
    for my $n (0 .. 7) {
        my @some = @scenarios[grep { $_ % 8 == $n } 0 .. $#scenarios];
        $side{ play_apart($side, $binary{$side}, @some) } = $side;
    }
}
collect();
# On a busy machine fail_timeout may be over before a scenario means it to be, and it counts whole seconds,
# whose border may come between two steps: what differs is played again.
for my $scenario ($oracle ? @scenarios : ()) {
    my $name = $scenario->[0];

    for (1 .. 4) {
        last if !differs($name);
        $side{ play_apart($_, $binary{$_}, $scenario) } = $_ for sort keys %binary;
        collect();
    }
    SKIP: {
        Test::More::skip("$name: the machine is too busy", 1)
            if differs($name) && !($in_time{weir}{$name} && $in_time{nginx}{$name});
        ok !differs($name), $name
            or diag "nginx: @{ $seen{nginx}{$name} }\nWeir:  @{ $seen{weir}{$name} }";
    }
}
like "@{ $seen{weir}{'all are gone'} }", qr/:502 \S+:502/, 'all are gone: 502';
done_testing;
