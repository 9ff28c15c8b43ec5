# t/master/last_look.t - who has just come, or has asked, when a worker is told to go is answered by it
use Site;
use Procs;

needs_weir('nginx closes what it takes for idle');

my $conf = 'server { listen %PORT%; location / { return 200 one; } }';
sub answer ($reply = undef) { return $reply && join ' ', $reply->body, lc($reply->header('Connection') // '') }

# A reload: keepalive_min_timeout is about those who were kept.
my $site = Site->start("keepalive_min_timeout 0; $conf");
my $kept = $site->connect;
$kept->get('/');
my $new = $site->connect;
$site->get('/'); # came later, so that one was accepted
$site->reload("keepalive_min_timeout 0; $conf" =~ s/one/two/r);
is answer($new->get('/')), 'one close', 'a connection that has not asked yet may do so';
is $kept->closed, 'eof', 'one that has asked before is closed';
is $site->get('/')->body, 'two', 'and the next one is the successor\'s';
$site->stop;

# An end, while a client has asked more than a worker answers in a turn: its last answer says that no more come.
for my $how ('', 'keepalive_min_timeout 0;') {
    $site = Site->start("$how $conf");
    $kept = $site->connect;
    $kept->get('/');
    my $idle = $site->connect;
    $idle->get('/');
    my ($worker) = $site->workers;
    kill STOP => $worker;
    wait_until { Procs::run_state($worker) eq 'T' } 'the worker to stand still';
    $site->signal('QUIT');
    $site->wait_for_log(qr/signal 3 \(SIGQUIT\) received/);
    wait_until { Procs::run_state($site->master_pid) eq 'S' } 'the order to be given';
    $kept->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n" x 100);
    kill CONT => $worker;
    my ($last, $reply);
    $last = $reply while $reply = $kept->response;
    is answer($last), 'one close', "QUIT: the last answer says so ($how)";
    is $idle->closed, 'eof', 'a connection that is idle is closed';
    is $site->wait_exit, 0, 'that is the end';
    $site->stop;
}

done_testing;
