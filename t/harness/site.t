# t/harness/site.t - the harness itself: starting, asking, logs, reload, and noticing faults
use Site;

my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        listen %PORT2%;
        root %DIR%/html;
        location /app/ { proxy_pass http://%ORIGIN%; }
        location /hi { return 200 "hi from $server_port\n"; }
    }
CONF
$site->file('html/a.txt', "content\n");

is $site->get('/a.txt')->status, 200, 'a file';
is $site->get('/a.txt')->body, "content\n", 'its body';
is $site->get('/missing')->status, 404, 'no file';
is $site->get('/hi', { port => 2 })->body, 'hi from ' . $site->port(2) . "\n", 'the second port';
is $site->head('/a.txt')->header('Content-Length'), 8, 'HEAD is read without a body';

is $site->get('/app/x')->body, "GET /app/x\n", 'the origin answers by itself';
is $site->post('/app/p', 'some body')->status, 200, 'POST';
is $site->origin->request->body, 'some body', 'the origin saw the body';
is $site->origin->request->method, 'POST', 'and the method';

my $client = $site->connect;
$client->write("GET /hi HTTP/1.1\r\nHost: a\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
is $client->read_response->status, 200, 'first of two pipelined';
is $client->read_response->body, "content\n", 'second';
ok $client->is_open, 'the connection stays';
is $client->get('/hi', Connection => 'close')->status, 200, 'a third';
is $client->closed, 'eof', 'then it is closed';
$client->close;

my ($worker) = $site->workers;
ok $worker, 'there is a worker';
isnt $worker, $site->master_pid, 'it is not the master';
$site->reload(<<'CONF');
    server { listen %PORT%; location / { return 200 new; } }
CONF
is $site->get('/')->body, 'new', 'a reload brings the new config';
like $site->wait_for_log(qr/reconfiguring/), qr/SIGHUP/, 'the log is found';
like(($site->wait_for_access(4))[0], qr/"GET \/a.txt HTTP\/1.1" 200/, 'the access log is read');

my $bad = Site->test_config('server { listen %PORT%; nonsense; }');
is $bad->{exit}, 1, '-t refuses';
like $bad->{stderr}, qr/unknown directive "nonsense"/, 'and says why';
is(Site->test_config('server { listen %PORT%; }')->{exit}, 0, '-t accepts');
ok !eval { Site->start('nonsense;') }, 'a server that does not start is a death';
like $@, qr/unknown directive "nonsense"/, 'with its reason';

$site->stop('QUIT');

# The harness must fail when it should: run small tests and look at what they say.
sub verdict ($code) {
    my $file = File::Temp->new;
    print $file "use Site;\n$code\ndone_testing;\n";
    close $file;
    my $text = qx($^X -It/lib $file 2>&1);
    return ($? == 0 ? 'passes' : 'fails', $text);
}

my $simple = q[my $site = Site->start('server { listen %PORT%; return 204; }');];
is((verdict("$simple ok 1;"))[0], 'passes', 'a good test passes');
my ($what, $text) = verdict(qq[$simple \$site->signal('KILL', (\$site->workers)[0]);
    \$site->wait_for_log(qr/exited on signal 9/);]);
is $what, 'fails', 'a worker killed by a signal fails the test';
like $text, qr/\[alert\].*signal 9/, 'and is shown';
is((verdict(qq[$simple \$site->allow_log(qr/signal 9/); \$site->signal('KILL', (\$site->workers)[0]);
    \$site->wait_for_log(qr/exited on signal 9/);]))[0], 'passes', 'unless it was announced');
is((verdict(qq[$simple \$site->file('sanitizer/report.1', 'ERROR: AddressSanitizer');]))[0], 'fails',
    'a sanitizer report fails the test');
is((verdict(qq[$simple \$site->signal('KILL'); \$site->wait_exit;]))[0], 'fails', 'so does a dead master');
is((verdict(qq[$simple die 'in the middle';]))[0], 'fails', 'so does a test that dies');

done_testing;
