# t/log/rotate.t - logs that the server rotates itself: no line is lost, none is split
use Site;
use List::Util ();
use Time::HiRes ();

my $server = 'server { listen %PORT% reuseport; listen %PORT2%; location / { return 204; } }';

# The file and its forerunners, newest first.
sub parts ($site, $name = 'r.log') {
    my $path = $site->path($name);
    my @old = sort { $a <=> $b } map { /\.(\d+)\z/ ? $1 : () } glob "$path.*";
    return grep { -e } $path, map { "$path.$_" } @old;
}

sub content (@files) { return map { split /(?<=\n)/, Procs::slurp($_) // '' } @files }

# Pipelined requests, each with a number of its own, over connections to all workers.
sub load ($site, $from, $to, $conns = 8) {
    my ($each, @clients) = (40);
    for (my $n = $from; $n <= $to;) {
        @clients = map { $site->connect } 1 .. $conns;
        for my $client (@clients) {
            my $last = List::Util::min($n + $each - 1, $to);
            $client->write(join '', map { "GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n" } $n .. $last);
            $client->{expected} = $last - $n + 1;
            $n = $last + 1;
        }
        for my $client (@clients) { $client->response for 1 .. $client->{expected} }
    }
}

# Every number exactly once, in whole lines.
sub whole_ok ($site, $count, $what, @files) {
    my (%seen, @broken);
    wait_until {
        (%seen, @broken) = ();
        for my $line (content(@files ? @files : parts($site))) {
            $line =~ /\AGET \/(\d+) 204 x{40}\n\z/ ? $seen{$1}++ : push @broken, $line;
        }
        keys %seen == $count || @broken;
    } "$count lines: $what";
    is scalar(@broken), 0, "$what: no line is split" or diag $broken[0];
    is_deeply [grep { $seen{$_} != 1 } keys %seen], [], "$what: none is there twice";
    is scalar(keys %seen), $count, "$what: none is lost";
}

my $format = "log_format r '\$request_method \$uri \$status " . 'x' x 40 . "';";

for my $buffer ('', 'buffer=2k flush=20ms') {
    my $what = $buffer ? 'buffered' : 'unbuffered';
    my $site = Site->start("$format access_log %DIR%/r.log r $buffer rotate_size=8k rotate_keep=1000; $server",
                           main => 'worker_processes 4;');
    load($site, 1, 6000);
    $site->signal('USR1');
    load($site, 6001, 8000);
    $site->reload;
    load($site, 8001, 12000);
    my ($victim) = $site->workers;
    wait_until { content(parts($site)) == 12000 } 'all lines';
    kill KILL => $victim;
    $site->allow_log(qr/exited on signal 9/);
    wait_until { $site->workers == 4 && !grep { $_ == $victim } $site->workers } 'another worker';
    my $n = 12000;
    wait_until { load($site, $n + 1, $n + 1000); $n += 1000; $n >= 16000 && parts($site) > 36 } 'many rotations';
    whole_ok($site, $n, $what);
    my @parts = parts($site);
    pass "$what: " . @parts . ' files';
    my @small = grep { -s $_ < 8192 } @parts[1 .. $#parts];
    is scalar(@small), 0, "$what: all were full" or diag join ' ', map { -s } @small;
    $site->stop;
}

subtest 'only so many are kept' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r rotate_size=4k rotate_keep=3; $server");
    my $n = 0;
    my %inodes;
    wait_until { load($site, ++$n * 100, $n * 100 + 99, 1); $inodes{ (stat $site->path('r.log.3'))[1] // 0 }++; keys %inodes > 4 } 'rotations';
    wait_until { parts($site) == 4 && -s $site->path('r.log') < 4096 } 'no rotation under way';
    is_deeply [map { s/.*\///r } parts($site)], [qw(r.log r.log.1 r.log.2 r.log.3)], 'three';
    my @numbers = map { /(\d+) 204/ } content(reverse parts($site));
    is_deeply \@numbers, [$numbers[0] .. $numbers[-1]], 'the newest';
    ok !$site->run('-p', '%DIR%/', '-c', '%DIR%/weir.conf', '-t')->{exit}, 'a test leaves them alone';
    is scalar(parts($site)), 4, 'indeed';
    $site->stop;
};

subtest 'by age' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r rotate_age=1s rotate_keep=100; $server", main => 'worker_processes 2;');
    load($site, 1, 10);
    wait_until { -e $site->path('r.log.1') } 'a rotation';
    wait_until { -s $site->path('r.log.1') && !-s $site->path('r.log') } 'of what there was';
    my $n = 10;
    wait_until { load($site, ++$n, $n); -s $site->path('r.log') } 'a writer that has the new file';
    wait_until { -e $site->path('r.log.2') } 'another';
    whole_ok($site, $n, 'by age');
    wait_until { -e $site->path('r.log') && !-s _ } 'an empty file';
    my $before = parts($site);
    ok wait_while(sub { parts($site) == $before }, 1.5), 'an empty file is left as it is';
    is scalar(grep { !-s } (parts($site))[1 .. $before - 1]), 0, 'and none was set aside';
    $site->stop;
};

subtest 'owner and mode stay' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r rotate_size=4k; $server");
    chmod 0640, $site->path('r.log');
    chown 12345, 54321, $site->path('r.log') if $> == 0;
    load($site, 1, 300);
    wait_until { -e $site->path('r.log.1') && (-s $site->path('r.log') // 4096) < 4096 } 'no rotation under way';
    # Until its owner is known the new file is the master's.
    my ($owner, $is) = $> == 0 ? '12345:54321 640' : "$>:" . (0 + $)) . ' 640';
    eval {
        wait_until {
            my ($mode, $uid, $gid) = (stat $site->path('r.log'))[2, 4, 5];
            $is = sprintf '%d:%d %o', $uid, $gid, $mode & 07777;
            $is eq $owner;
        } 'the owner';
    };
    is $is, $owner, 'the owner and the mode';
    $site->stop;
};

subtest 'a file that somebody else moved is made anew, not moved again' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r rotate_size=4k rotate_keep=100; $server");
    load($site, 1, 10);
    rename $site->path('r.log'), $site->path('elsewhere');
    load($site, 11, 90);
    wait_until { -e $site->path('r.log') } 'made anew';
    ok !-e $site->path('r.log.1'), 'without a rotation';
    load($site, 91, 110);
    whole_ok($site, 110, 'moved', $site->path('elsewhere'), $site->path('r.log'));
    $site->stop;
};

subtest 'a rotation that fails costs no line' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r rotate_size=4k rotate_keep=1; $server");
    $site->allow_log(qr/rename\(\)/);
    mkdir $site->path('r.log.1');
    load($site, 1, 300);
    like $site->wait_for_log(qr/rename\(\) ".*r\.log" failed while rotating it/), qr/\[crit\]/, 'says so';
    load($site, 301, 600);
    whole_ok($site, 600, 'failed', $site->path('r.log'));
    is scalar(() = $site->error_log =~ /while rotating/g), 1, 'once';
    $site->stop;
};

subtest 'a directory that vanishes' => sub {
    my $site = Site->prepare("$format access_log %DIR%/logs/r.log r rotate_size=4k rotate_age=1s; $server");
    mkdir $site->path('logs');
    chmod 0777, $site->path('logs');
    $site->up;
    $site->allow_log(qr/No such file/);
    load($site, 1, 10);
    unlink $site->path('logs/r.log');
    rmdir $site->path('logs');
    load($site, 11, 300);
    $site->wait_for_log(qr/open\(\) ".*logs\/r\.log" failed \(2/);
    my $ticks = sub { (split ' ', Procs::slurp('/proc/' . $site->master_pid . '/stat'))[13] };
    my $before = $ticks->();
    my $until = Time::HiRes::time() + 1.5;
    load($site, 301, 400) while Time::HiRes::time() < $until;
    is scalar(() = $site->error_log =~ /logs\/r\.log" failed/g), 1, 'is told of once';
    cmp_ok $ticks->() - $before, '<', 30, 'the master does not spin';
    $site->stop;
};

subtest 'a worker that stands still' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r rotate_size=1k rotate_keep=1000; $server", main => 'worker_processes 4;');
    my ($still) = $site->workers;
    my $open = sub { scalar(() = glob '/proc/' . $site->master_pid . '/fd/*') };
    my $before = $open->();
    kill STOP => $still;
    # Its listening socket has a queue of its own: who lands there waits.
    my ($n, @waiting, @stuck) = (0);
    while ($n < 6000 || parts($site) < 400) {
        kill STOP => $still;            # whoever stops and continues processes by chance
        my $client = $site->connect;
        my $from = $n + 1;
        $n += 20;
        $client->write(join '', map { "GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n" } $from .. $n);
        push @waiting, $client;
        next if @waiting <= 64;
        my $first = shift @waiting;
        if (length $first->pending) { $first->response for 1 .. 20 } else { push @stuck, $first }
    }
    cmp_ok $open->() - $before, '<', 20, 'holds no more than a few descriptors, after ' . parts($site) . ' files';
    kill CONT => $still;
    for my $client (@waiting, @stuck) { $client->response for 1 .. 20 }
    cmp_ok scalar(@stuck), '>', 0, 'though it had connections';
    whole_ok($site, $n, 'a worker that stood still');
    $site->stop;
};

subtest 'two masters' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r rotate_size=4k rotate_keep=1000; server { listen %PORT%; return 204; }",
                           main => 'worker_processes 2;', daemon => 1);
    my $old = $site->master_pid;
    load($site, 1, 500);
    $site->signal('USR2');
    my $new = wait_until { my $pid = $site->pid_in_file // $old; $pid != $old && $pid } 'a new master';
    wait_until { $site->workers($new) == 2 } 'its workers';
    load($site, 501, 3000);
    $site->signal(QUIT => $old);
    wait_until { !Procs::alive($old) || waitpid($old, POSIX::WNOHANG()) == $old } 'the old master to end';
    $site->{pid} = $new;
    load($site, 3001, 4000);
    whole_ok($site, 4000, 'two masters');
    $site->stop;
};

subtest 'without a master' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r buffer=1k flush=10ms rotate_size=4k rotate_keep=100; $server",
                           main => 'master_process off;');
    load($site, 1, 2000);
    whole_ok($site, 2000, 'alone');
    cmp_ok scalar(parts($site)), '>', 10, 'rotated';
    $site->stop;
};

subtest 'what waits in a buffer goes to the old file' => sub {
    my $site = Site->start("$format access_log %DIR%/r.log r buffer=64k; $server", main => 'worker_processes 4;');
    load($site, 1, 400);
    rename $site->path('r.log'), $site->path('r.old');
    $site->signal('USR1');
    whole_ok($site, 400, 'USR1', $site->path('r.old'));
    wait_until { -e $site->path('r.log') } 'the new file';
    is -s $site->path('r.log'), 0, 'the new one is empty';
    $site->stop;
};

for (['x r rotate_keep=2', qr/"rotate_keep" takes "rotate_size" or "rotate_age"/],
     ['x r rotate_size=10', qr/invalid size to rotate at \(1k or more\) "10"/],
     ['x r rotate_size=x', qr/invalid size to rotate/],
     ['x r rotate_age=10ms', qr/invalid age to rotate at \(1s or more\) "10ms"/],
     ['x r rotate_size=1m rotate_keep=0', qr/invalid number of files to keep/],
     ['$host r rotate_size=1m', qr/logs with variables in their names cannot be rotated/],
     ['syslog:server=127.0.0.1 r rotate_size=1m', qr/only files can be rotated/],
     ['stderr r rotate_size=1m', qr/only files can be rotated/],
     ['x r rotate_size=1m; server { access_log x r rotate_size=2m; }', qr/already defined with conflicting parameters/]) {
    my ($words, $fault) = @$_;
    my $result = Site->test_config("$format access_log $words" . ($words =~ /\}\z/ ? "" : ";"));
    isnt $result->{exit}, 0, "refused: $words";
    like $result->{stderr}, $fault, 'and said why';
}

subtest 'what is no regular file is left alone' => sub {
    my $site = Site->start("access_log /dev/null combined rotate_size=1k rotate_age=1s; $server");
    like $site->slurp('stderr'), qr/\[warn\] "\/dev\/null" is not a regular file: it is not rotated/, 'says so';
    load($site, 1, 100);
    $site->stop;
};

done_testing;
