# t/master/crash.t - a worker that dies is replaced at once and nobody else notices
use Site;

my $site = Site->start(<<'CONF', main => 'worker_processes 2;');
    server {
        listen %PORT%;
        location / { return 200 "$pid\n"; }
        location /p { proxy_pass http://%ORIGIN%; }
    }
CONF
$site->allow_log(qr/exited on signal 9/);
wait_until { $site->idle_workers == 2 } 'two workers';

for my $round (1 .. 5) {
    my @before = $site->workers;
    my $victim = $before[$round % 2];
    my $survivor = $before[($round + 1) % 2];
    my $mark = $site->log_mark;
    $site->signal('KILL', $victim);
    wait_until { my %now = map { $_ => 1 } $site->idle_workers; !$now{$victim} && keys %now == 2 } 'a replacement';
    my %now = map { $_ => 1 } $site->workers;
    ok $now{$survivor}, "round $round: the other worker lives on";
    is $site->get('/')->status, 200, "round $round: service goes on";
    like $site->wait_for_log(qr/$victim exited/, since => $mark), qr/\[alert\].*worker process $victim exited on signal 9/,
        "round $round: an alert says so";
}

# What ran on the survivor is not touched.
my $held = $site->origin->hold('/p/slow');
my @clients = map { $site->send('GET /p/slow') } 1 .. 8;
$held->reached(8);
$site->signal('KILL', ($site->workers)[0]);
wait_until { $site->idle_workers == 2 } 'a replacement';
$held->release;
my ($whole, $cut) = (0, 0);
for my $client (@clients) {
    my $reply = eval { $client->response };
    $reply && $reply->status == 200 ? $whole++ : $cut++;
}
is $whole + $cut, 8, "of eight requests $whole were finished by the survivor, $cut went with the dead";
is $site->get('/')->status, 200, 'and service goes on';

# A reload right after a crash
$site->signal('KILL', ($site->workers)[0]);
$site->reload;
is $site->get('/')->status, 200, 'a crash and a reload';
wait_until { $site->idle_workers == 2 } 'two workers again';


done_testing;
