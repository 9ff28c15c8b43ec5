# t/upstream/unresolved.t - upstream_unresolved: names that are not found when the server starts
use Site;
use Dns;
use Names;

needs_weir('nginx does not start');

my $names = Names->new // Test::More::plan(skip_all => 'no compiler');
sub names (%names) { $names->set(%names) }
names('there.test' => '127.0.0.2');

sub conf ($http, $server) {
    return <<"CONF";
    proxy_connect_timeout 3s;
    $http
    server { listen %PORT%; proxy_set_header X-Reason \$fail_reason; add_header X-Reason \$fail_reason always; $server }
    server { listen %PORT2%; location / { return 200 "\$server_addr"; } }
CONF
}
sub site ($http, $server, %option) {
    return $names->settle(Site->prepare(conf($http, $server), env => $names->env, %option));
}
sub starts ($site) { return $site->run('-p', '%DIR%/', '-c', '%DIR%/weir.conf', '-e', '%DIR%/error.log', '-t') }

# It stops the start, or not ------------------------------------------------------------------------------

my $pass = 'location / { proxy_pass http://gone.test:%PORT2%; }';
my $result = starts(site('', $pass));
is $result->{exit}, 1, 'a name that is not found stops the start';
like $result->{stderr}, qr/\[emerg\] host not found in upstream "gone\.test:\d+" in \S+:\d+:\d+ \("upstream_unresolved start;" starts without it\)/, 'as nginx says it';
is starts(site('upstream_unresolved fail;', $pass))->{exit}, 1, 'also when that is said';
$result = starts(site('upstream_unresolved start;', $pass));
is $result->{exit}, 0, 'it does not with upstream_unresolved start';
like $result->{stderr}, qr/\[warn\] host not found in upstream "gone\.test:\d+": we start without it and go on asking in \S+:\d+/, 'but is warned of';
is starts(site('upstream u { server gone.test; upstream_unresolved start; }', 'location / { proxy_pass http://u; }'))->{exit}, 0,
    'in an upstream, behind its servers';
is starts(site('upstream u { server gone.test; upstream_unresolved start; }', $pass))->{exit}, 1, 'and only there';
is starts(site('upstream_unresolved start; upstream u { upstream_unresolved fail; server gone.test; }', 'location / { proxy_pass http://u; }'))->{exit}, 1,
    'an upstream has the last word';
like starts(site('upstream_unresolved maybe;', $pass))->{stderr}, qr/"upstream_unresolved"/, 'another word is refused';
like starts(site('upstream_unresolved start;', 'location / { proxy_pass http://gone.test:x; }'))->{stderr}, qr/invalid port in "http:\/\/gone\.test:x"/,
    'what is no name at all is refused';

# As the rest of the machine does ---------------------------------------------------------------------------

my $site = site('upstream_unresolved start; upstream u { server there.test:%PORT2%; server late.test:%PORT2%; }',
    "$pass location /u { proxy_pass http://u; } location /x { proxy_pass http://there.test:%PORT2%; }");
$site->up;
my $reply = $site->get('/');
is $reply->status, 502, 'there is nobody to ask';
is $reply->header('X-Reason'), 'upstream.unresolved', 'for that reason';
like $site->wait_for_log(qr/gone\.test could/), qr/\[error\] .*: gone\.test could not be resolved \(3: .*\), upstream: "gone\.test:\d+"/, 'the log says why';
like $site->wait_for_log(qr/no live/), qr/no live upstreams while connecting to upstream, client:/, 'and that';
is $site->get('/x')->body, '127.0.0.2', 'names that are found are as ever';
is $site->get('/u')->body, '127.0.0.2', 'also beside one that is not' for 1 .. 3;
names('there.test' => '127.0.0.2', 'gone.test' => '127.0.0.3', 'late.test' => '127.0.0.4');
wait_until { $site->get('/')->status == 200 } 'the name';
is $site->get('/')->body, '127.0.0.3', 'when it is found it serves';
wait_until { $site->get('/u')->body eq '127.0.0.4' } 'the other name';
pass 'and so does another';
my ($keeper) = grep { Procs::title($_) =~ /: keeper\z/ } Procs::children($site->master_pid);
ok $keeper, 'the keeper asked';
$site->reload;
is $site->get('/')->body, '127.0.0.3', 'after a reload it is a name like others';
wait_until { !grep { Procs::title($_) =~ /: keeper\z/ } Procs::children($site->master_pid) } 'no keeper';
pass 'for which no keeper is needed';
names();
$site->reload;
is $site->get('/')->body, '127.0.0.3', 'a name that is lost keeps the address that it had at first';
$site->stop;

# By the resolver ---------------------------------------------------------------------------------------------

SKIP: {
    Test::More::skip('built without c-ares', 2) unless Site->supports('resolver 127.0.0.1; server { }');
    names();
    $site = site('resolver %DNS% ipv6=off; upstream_unresolved start;', $pass);
    my $dns = $site->dns;
    $dns->set('gone.test', A => '127.0.0.5', ttl => 1);
    $site->up;
    is $site->get('/')->body, '127.0.0.5', 'a resolver is asked';
    $dns->set('gone.test', A => '127.0.0.6', ttl => 1);
    wait_until { $site->get('/')->body eq '127.0.0.6' } 'its new address';
    pass 'and asked again when its answer ends';
    $site->stop;
}

done_testing;
