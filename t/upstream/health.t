# t/upstream/health.t - origins are asked how they are, and get no requests while they are not well
use Site;
use Procs;

needs_weir('nginx 1.22 has no health_check');

my $site = Site->start(<<'CONF', main => 'worker_processes 2;');
    upstream plain  { server %ORIGIN1% max_fails=0; server %ORIGIN2% max_fails=0; }
    upstream own    { server %ORIGIN1%; server %ORIGIN2%; health_check interval=100ms uri=/own; }
    upstream single { server %ORIGIN3%; health_check interval=100ms fails=3 passes=2 uri=/single; }
    upstream port   { server %ORIGIN3%; health_check interval=100ms port=%PORT9% uri=/port; }
    upstream tcp    { server 127.0.0.1:%PORT8%; server %ORIGIN1%; health_check type=tcp interval=100ms; }
    proxy_set_header X-Of http;
    server {
        listen %PORT%;
        server_name site.test;
        location / {
            proxy_pass http://plain/base/;
            proxy_set_header Host $host;
            proxy_set_header X-Const c;
            proxy_set_header X-Variable $arg_none;
            proxy_set_header X-Uri $uri;
            proxy_set_header Connection upgrade;
            health_check interval=100ms uri=/health?a=b jitter=10ms;
        }
        location /own { proxy_pass http://own; }
        location /single { proxy_pass http://single; add_header X-Reason $fail_reason always; }
        location /port { proxy_pass http://port; }
        location /tcp { proxy_pass http://tcp; }
    }
CONF
$site->allow_log(qr/./);
my @origin = map { $site->origin($_) } 1 .. 3;
sub checks ($origin, $uri) { return grep { $_->uri eq $uri } $origin->requests }
sub peers ($uri) {    # which of the first two origins answer there
    my %seen;
    for (1 .. 8) {
        my $reply = $site->get($uri);
        $seen{ $reply->status == 200 ? $reply->body =~ /(one|two)/ ? $1 : 'else' : $reply->status } = 1;
    }
    return join ' ', sort keys %seen;
}
$origin[0]->answer('*', body => 'one');
$origin[1]->answer('*', body => 'two');

# What is asked.
wait_until { checks($_, '/health?a=b') >= 2 } 'checks of both' for @origin[0, 1];
my ($check) = checks($origin[0], '/health?a=b');
is $check->method, 'GET', 'a GET';
is $check->version, '1.1', 'HTTP/1.1' if $check->version;
is $check->header('Host'), 'site.test', 'Host is what the location says';
is $check->header('X-Const'), 'c', 'and so are other fields';
is $check->header('X-Uri'), '/health', 'variables know the uri';
is $check->header('X-Variable'), undef, 'those without a value are not sent';
is $check->header('Connection'), 'close', 'the connection is for one check';
is $check->nth, 1, 'and is not used again';
my ($plain) = checks($origin[0], '/own');
is $plain->header('Host'), 'own', 'in an upstream: its name';
is $plain->header('X-Of'), 'http', 'and what the http block says';

# What comes of it.
is peers('/x'), 'one two', 'both are well';
my $mark = $site->log_mark;
$origin[1]->answer('/health', status => 500, body => 'two');
wait_until { peers('/x') eq 'one' } 'one is left';
pass 'who fails gets no requests';
is peers('/own'), 'one two', 'in another group the same server may be well';
$site->wait_for_log(qr/\[warn\].*peer is unhealthy while checking status code, health check "" of peer \S+ in upstream "plain"/, since => $mark);
my $n = checks($origin[1], '/health?a=b');
wait_until { checks($origin[1], '/health?a=b') > $n + 2 } 'more checks';
is scalar(() = $site->log_since($mark) =~ /peer is unhealthy.* in upstream "plain"/g), 1, 'it is said once';
$origin[0]->refuse;
my $first = $origin[0]->port;
$site->wait_for_log(qr/peer is unhealthy while .*, health check "" of peer 127\.0\.0\.1:$first in upstream "plain"/);
is peers('/x'), '502', 'none is left';
$origin[0]->accept;
wait_until { peers('/x') eq 'one' } 'one is back';
$site->wait_for_log(qr/\[notice\].*peer is healthy, health check/, since => $mark);
$origin[1]->answer('/health', body => 'fine');
wait_until { peers('/x') eq 'one two' } 'both are back';
pass 'well again';

# A single server too; fails and passes in a row.
$origin[2]->answer('/single', body => 'fine');
wait_until { checks($origin[2], '/single') > 0 } 'a first check';
is $site->get('/single/x')->status, 200, 'a single server';
$origin[2]->answer('/single', { status => 503 }, { status => 503 }, { body => 'fine' });
$n = checks($origin[2], '/single');
wait_until { checks($origin[2], '/single') >= $n + 5 } 'checks with two failures';
unlike $site->error_log, qr/in upstream "single"/, 'two failures of three';
$origin[2]->answer('/single', status => 503);
wait_until { $site->get('/single/x')->status == 502 } 'three failures';
is $site->get('/single/x')->header('X-Reason'), 'upstream.none_live', 'the reason';
$origin[2]->answer('/single', body => 'fine');
wait_until { $site->get('/single/x')->status == 200 } 'two passes';

# On another port.
is $site->get('/port')->status, 502, 'nobody on the port that is asked';
my $aside = Origin->start(port => $site->port(9));
wait_until { $site->get('/port')->status == 200 } 'somebody';
is $aside->request(0)->uri, '/port', 'was asked';

# Connections.
wait_until { $site->error_log =~ /health check "" of peer \S+ in upstream "tcp"/ } 'type=tcp: refused';
is $site->get('/tcp')->body, 'one', 'the other one' for 1 .. 4;
my $late = Origin->start(port => $site->port(8));
$late->answer('*', body => 'late');
wait_until { $site->get('/tcp')->body eq 'late' } 'type=tcp: accepted';

# Over a reload; when the check is gone its verdict is.
$origin[1]->answer('/own', status => 500, body => 'two');
$origin[1]->answer('/own/x', body => 'two');
wait_until { peers('/own/x') eq 'one' } 'one is unhealthy';
$mark = $site->log_mark;
$site->reload;
is peers('/own/x'), 'one', 'after a reload too';
$n = checks($origin[1], '/own');
wait_until { checks($origin[1], '/own') > $n + 1 } 'checks go on';
unlike $site->log_since($mark), qr/peer is unhealthy/, 'that is no news';

# A keeper that is killed has an heir.
my ($keeper) = grep { Procs::title($_) =~ /: keeper\z/ } Procs::children($site->master_pid);
kill KILL => $keeper;
$origin[1]->answer('/own', body => 'two');
wait_until { peers('/own/x') eq 'one two' } 'a keeper that is killed has an heir';
$origin[1]->answer('/own', status => 500, body => 'two');
wait_until { peers('/own/x') eq 'one' } 'one is unhealthy';
$site->reload('upstream own { server %ORIGIN1%; server %ORIGIN2%; }
               server { listen %PORT%; location / { proxy_pass http://own; } }');
is peers('/own/x'), 'one two', 'without the check both are asked';
$site->stop;

# Without a master.
my $alone = Site->start(<<'CONF', main => 'master_process off;');
    upstream own { server %ORIGIN1%; server %ORIGIN2%; health_check interval=100ms; }
    server { listen %PORT%; location / { proxy_pass http://own; } }
CONF
$alone->origin(1)->answer('*', body => 'one');
$alone->origin(2)->answer('*', body => 'two');
$alone->origin(2)->answer('/', status => 500);
wait_until { !grep { $alone->get('/x')->body ne 'one' } 1 .. 6 } 'without a master: one is unhealthy';
$alone->origin(2)->answer('/', status => 200);
wait_until { grep { $alone->get('/x')->body eq 'two' } 1 .. 6 } 'and well again';
$alone->stop;

done_testing;
