# t/handler/stub_status.t - counts of connections and requests, over all workers
use Site;
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT%;
        location = /status { stub_status; }
        location = /old { stub_status on; }
        location = /vars { return 200 "$connections_active $connections_reading $connections_writing $connections_waiting\n"; }
        location = /slow { return 200 "x"; }
    }
CONF
differential_ok($conf, [map { ("GET $_", "HEAD $_") } qw(/status /old /vars)],
                allow => { map { ("$_: body" => 'numbers of requests differ') } 'GET /status', 'GET /old' });
differential_ok($conf, [map { "$_ /status" } qw(POST PUT DELETE)]);

my $site = Site->start($conf, main => 'worker_processes 2;');
my @idle = map { $site->connect } 1 .. 3;
$_->send('GET /slow') for @idle;
$_->response for @idle;
my $half = $site->connect;
$half->write("GET /slow HTTP/1.1\r\nHo");

my ($text, %seen);
wait_until {
    $text = $site->get('/status')->body;
    @seen{qw(active accepts handled requests reading writing waiting)} = $text =~
        /\AActive connections: (\d+) \nserver accepts handled requests\n (\d+) (\d+) (\d+) \nReading: (\d+) Writing: (\d+) Waiting: (\d+) \n\z/;
    ($seen{reading} // 0) == 1 && $seen{active} == 5 && $seen{waiting} == 3;
} 'the numbers of both workers';
is $seen{waiting}, 3, 'three connections are idle';
is $seen{writing}, 1, 'the question itself is being answered';
is $seen{accepts}, $seen{handled}, 'all were handled';
cmp_ok $seen{requests}, '>=', 4, 'requests are counted';
$half->write("st: x\r\n\r\n");
is $half->response->status, 200, 'the unfinished request is served';
$_->close for @idle, $half;
wait_until { $site->get('/status')->body =~ /Active connections: 1 / } 'closed connections are gone';
my ($accepted) = $site->get('/status')->body =~ /requests\n (\d+)/;
$site->reload;
wait_until { !$site->draining } 'the old workers to end';
my ($later) = $site->get('/status')->body =~ /requests\n (\d+)/;
cmp_ok $later, '>', $accepted, 'counts go on over a reload';

done_testing;
