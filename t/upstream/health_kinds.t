# t/upstream/health_kinds.t - health checks in every protocol, over connections that are kept, of
# servers that change, before the first request and after a reload
use Site;
use Procs;

needs_weir('nginx 1.22 has no health_check');

sub asked ($origin, $uri) { return grep { $_->uri eq $uri } $origin->requests }

# Protocols ----------------------------------------------------------------------------------------

my $site = Site->prepare(<<'CONF', main => 'worker_processes 2;');
    upstream fcgi  { server %FASTCGI%; }
    upstream scgi  { server %SCGI%; }
    upstream uwsgi { server %UWSGI%; }
    upstream mem   { server %MEMCACHED%; }
    upstream kept  { server %ORIGIN1%; }
    upstream unix  { server %ORIGIN_UNIX%; }
    upstream spare { server %ORIGIN2%; server %ORIGIN3% backup; }
    upstream down  { server %ORIGIN1%; server %ORIGIN4% down; }
    upstream named { server %ORIGIN1%; }
    upstream two   { server 127.0.0.1:%PORT2%; }
    match two  { body ~ HTTP/2; }
    log_format two '$connection $uri';
    server { listen %PORT2%; http2 on; access_log %DIR%/two.log two; location / { return 200 $server_protocol; } }
    match body { status 201; body ~ "alive"; header X-App = yes; }
    server {
        listen %PORT%;
        location /fcgi {
            fastcgi_pass fcgi;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param SCRIPT_FILENAME /srv$fastcgi_script_name;
            fastcgi_param QUERY_STRING $query_string;
            health_check mandatory interval=100ms uri=/health.php?x=1 match=body;
        }
        location /scgi {
            scgi_pass scgi;
            scgi_param REQUEST_URI $request_uri;
            health_check mandatory interval=100ms match=body uri=/h;
        }
        location /uwsgi {
            uwsgi_pass uwsgi;
            uwsgi_param REQUEST_URI $request_uri;
            health_check mandatory interval=100ms match=body uri=/h;
        }
        location /mem { set $memcached_key $uri; memcached_pass mem; health_check mandatory interval=100ms uri=/key; }
        location /kept { proxy_pass http://kept; health_check interval=50ms uri=/again keepalive_time=1h; }
        location /unix { proxy_pass http://unix; health_check interval=50ms uri=/unix; }
        location /spare { proxy_pass http://spare; health_check mandatory interval=50ms uri=/spare; }
        location /down { proxy_pass http://down; health_check mandatory interval=50ms uri=/down; }
        location /h2 {
            proxy_pass http://two;
            proxy_http_version 2;
            health_check mandatory interval=50ms uri=/two keepalive_time=1h match=two;
            health_check mandatory interval=50ms uri=/once match=two;
            health_check mandatory interval=50ms type=tcp;
        }
        location /implicit { proxy_pass http://%ORIGIN2%; health_check interval=50ms uri=/implicit; }
    }
    server {
        listen %PORT%;
        server_name *.example.com;
        location / { proxy_pass http://named; proxy_set_header Host $http_host; health_check interval=50ms uri=/named; }
    }
CONF
$site->allow_log(qr/./);
my %of = (fcgi => 'fastcgi', scgi => 'scgi', uwsgi => 'uwsgi', mem => 'memcached');
$site->origin($of{$_})->answer('*', status => 201, headers => ['X-App' => 'yes'], body => 'I am alive') for qw(fcgi scgi uwsgi);
$site->origin('memcached')->answer('/mem', body => 'value');
$site->origin('memcached')->answer('/key', miss => 1);
$site->up;
for my $way (qw(fcgi scgi uwsgi)) {
    my $origin = $site->origin($of{$way});
    wait_until { $site->get("/$way")->status == 201 } "$way: well";
    pass "$way: an answer that matches";
    $origin->answer('*', status => 201, headers => ['X-App' => 'yes'], body => 'I am not');
    wait_until { $site->get("/$way")->status == 502 } "$way: unhealthy";
    like $site->wait_for_log(qr/peer is unhealthy.*"$way"/), qr/peer is unhealthy while checking response body, health check "body" of peer \S+ in upstream "$way"/,
        "$way: one that does not";
}
my ($check) = asked($site->origin('fastcgi'), '/health.php?x=1');
is $check->header('SCRIPT_FILENAME'), '/srv/health.php', 'FastCGI: parameters are of that uri';
is $check->header('QUERY_STRING'), 'x=1', 'with its arguments';
is $check->method, 'GET', 'a GET';
wait_until { $site->get('/mem')->status == 200 } 'memcached: a miss is an answer';
my ($first) = $site->origin('memcached')->requests;
is $first->uri, '/key', 'memcached: the key is the uri';
$site->origin('memcached')->script('*', [write => "ERROR\r\n"]);
$site->origin('memcached')->script('/key', [write => "ERROR\r\n"]);
wait_until { $site->get('/mem')->status == 502 && $site->error_log =~ /peer is unhealthy.*"mem"/ } 'memcached: unhealthy';
pass 'memcached: an error is not';

# HTTP/2.
wait_until { $site->get('/h2')->body eq 'HTTP/2.0' } 'HTTP/2';
my $two = sub ($uri) { map { /^(\d+) \Q$uri\E$/ ? $1 : () } split /\n/, $site->slurp('two.log') };
wait_until { $two->('/two') >= 4 && $two->('/once') >= 4 } 'checks over HTTP/2';
my (%kept, %once);
$kept{$_} = 1 for $two->('/two');
$once{$_} = 1 for $two->('/once');
is keys %kept, 1, 'HTTP/2: over one connection that is kept';
cmp_ok scalar(keys %once), '>=', 4, 'or over one for each';

# Connections that are kept; unix sockets; backups; servers that are down.
my $kept = $site->origin(1);
wait_until { asked($kept, '/again') >= 4 } 'checks over and over';
my @kept = asked($kept, '/again');
is $kept[-1]->connection, $kept[0]->connection, 'keepalive_time: over one connection';
is $kept[0]->header('Connection'), undef, 'that nobody wants closed';
$kept->scripts('/again', [[answer => {}], 'close'], [[answer => {}]]);
my $n = @kept;
wait_until { asked($kept, '/again') > $n + 3 } 'more checks';
unlike $site->error_log, qr/unhealthy.*"kept"/, 'one that ends is replaced';
wait_until { asked($site->origin('unix'), '/unix') > 1 } 'over a unix socket';
is((asked($site->origin('unix'), '/unix'))[0]->header('Host'), 'unix', 'too');
wait_until { asked($site->origin(3), '/spare') > 1 } 'a backup';
$site->origin(2)->answer('/spare', status => 500);
$site->origin(3)->answer('*', body => 'backup');
wait_until { $site->get('/spare/x')->body eq 'backup' } 'the backup serves';
pass 'backups are asked too, and take over';
wait_until { $site->get('/down/x')->status == 200 } 'the one that is up';
is scalar(asked($site->origin(4), '/down')), 0, 'a server that is down is not asked';
wait_until { asked($site->origin(2), '/implicit') > 1 } 'an address without an upstream';
wait_until { asked($kept, '/named') } 'a server without a plain name';
is((asked($kept, '/named'))[0]->header('Host'), 'named', 'then Host is as for requests without one');
$site->stop;

# mandatory, persistent ----------------------------------------------------------------------------

my $text = <<'CONF';
    upstream once  { server %ORIGIN1%; }
    upstream anew  { server %ORIGIN1%; }
    server {
        listen %PORT%;
        location /once { proxy_pass http://once; health_check mandatory persistent interval=1h uri=/once; }
        location /anew { proxy_pass http://anew; health_check mandatory interval=1h uri=/anew; }
    }
CONF
my $first_site = Site->prepare($text);
my $origin = $first_site->origin(1);
$first_site->allow_log(qr/no live upstreams/);
my %held = map { $_ => $origin->hold("/$_") } 'once', 'anew';
$first_site->up;
$_->reached for values %held;
is $first_site->get("/$_/x")->status, 502, "$_: no request before the first check" for sort keys %held;
$_->release for values %held;
for my $way (sort keys %held) {
    wait_until { $first_site->get("/$way/x")->status == 200 } "$way: the check is passed";
}
%held = map { $_ => $origin->hold("/$_") } 'once', 'anew';
$first_site->reload;
$held{anew}->reached;
is $first_site->get('/once/x')->status, 200, 'persistent: a reload changes nothing';
is $first_site->get('/anew/x')->status, 502, 'else the first check comes first again';
$_->release for values %held;
wait_until { $first_site->get('/anew/x')->status == 200 } 'and is passed';
$first_site->stop;

# Servers that change ------------------------------------------------------------------------------

SKIP: {
    Test::More::skip('built without c-ares', 4) unless Site->supports('resolver 127.0.0.1; server { }');
    my $moving = Site->prepare(<<'CONF', main => 'worker_processes 2;');
        resolver %DNS% ipv6=off valid=1s;
        upstream u { server app.test:%PORT2% resolve; health_check mandatory interval=100ms; }
        server { listen %PORT%; location / { proxy_pass http://u; } }
        server { listen %PORT2%; location = / { return 200; } location / { return 200 $server_addr; } }
        server { listen 127.0.0.2:%PORT2%; location = / { return 500; } location / { return 200 $server_addr; } }
CONF
    $moving->allow_log(qr/no live upstreams/);
    $moving->dns->set('app.test', A => ['127.0.0.1', '127.0.0.2']);
    my $seen = sub {
        my %seen = map { ($_->status == 200 ? $_->body : $_->status) => 1 } map { $moving->get('/x') } 1 .. 6;
        return join ' ', sort keys %seen;
    };
    $moving->up;
    wait_until { $seen->() eq '127.0.0.1' } 'addresses are checked';
    pass 'of two addresses one is well';
    $moving->dns->set('app.test', A => ['127.0.0.2', '127.0.0.3']);
    wait_until { $seen->() eq '127.0.0.3' } 'a new address is checked';
    pass 'an address that is new is checked';
    my ($keeper) = grep { Procs::title($_) =~ /: keeper\z/ } Procs::children($moving->master_pid);
    $moving->allow_log(qr/keeper $keeper exited on signal 9/);
    kill KILL => $keeper;
    $moving->dns->set('app.test', A => ['127.0.0.4']);
    wait_until { $seen->() eq '127.0.0.4' } 'by a new keeper too';
    pass 'by the next keeper too';
    $moving->stop;
}

done_testing;
