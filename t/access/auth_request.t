# t/access/auth_request.t - access by the answer to a subrequest, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    log_format subs '$uri $status $request_id';
    server {
        listen %PORT%;
        root %DIR%/html;
        location /ask/ { auth_request /auth; }
        location /proxied/ { auth_request /auth-origin; proxy_pass http://%ORIGIN%; proxy_set_header X-User $user;
                             auth_request_set $user $upstream_http_x_user; }
        location /off/ { auth_request off; }
        location /status/ { auth_request /status; }
        location /set/ { auth_request /auth-origin; auth_request_set $user $upstream_http_x_user;
                         auth_request_set $what "$uri+$upstream_status"; proxy_pass http://%ORIGIN%;
                         proxy_set_header X-User "$user"; proxy_set_header X-What "$what"; }
        location /shared/ { auth_request /sets; auth_request_set $got $seen;
                            proxy_pass http://%ORIGIN%; proxy_set_header X-Got "$got $seen"; }
        location = /sets { set $seen "set in $uri"; return 204; }
        location /page/ { auth_request /refuse; error_page 401 = @login; }
        location @login { return 302 /login?to=$request_uri; }
        location /missing/ { auth_request /none; }
        location /dead/ { auth_request /dead-origin; }
        location = /dead-origin { proxy_pass http://127.0.0.1:1; }
        location = /auth { internal; return 204; }
        location = /auth-origin { internal; proxy_pass http://%ORIGIN%; proxy_pass_request_body off;
                                  proxy_set_header Content-Length ""; proxy_set_header X-Original $request_uri; }
        location = /refuse { return 401; }
        location = /status {
            if ($http_x_code = 200) { return 200 "body"; }
            if ($http_x_code = 204) { return 204; }
            if ($http_x_code = 301) { return 301 /x; }
            if ($http_x_code = 401) { return 401; }
            if ($http_x_code = 403) { return 403; }
            if ($http_x_code = 404) { return 404; }
            if ($http_x_code = 500) { return 500; }
        }
    }
CONF
my %files = map { ("html/$_/f" => "file\n") } qw(ask off status page missing);
my @requests = ('GET /ask/f', 'HEAD /ask/f', 'GET /ask/none', 'GET /off/f', 'GET /auth', 'GET /set/f', 'GET /shared/f', 'GET /page/f?a=b',
    'GET /missing/f', 'GET /dead/f', 'GET /proxied/x?q=1', { what => 'POST /proxied/x', body => 'the body' },
    { what => 'POST /proxied/x', chunks => ['the ', 'body'] }, ['GET /set/f', 'X-Answer' => 'x'],
    ['GET /set/f', Cookie => 'a=b', 'X-Other' => 'y'], map { ['GET /status/f', 'X-Code' => $_] } qw(200 204 301 401 403 404 500 0));
my $origin = sub ($origin) {
    $origin->answer('/auth-origin', body => 'ignored body', headers => ['X-User' => 'joe']);
    $origin->answer('/proxied/x', body => "from the origin\n");
    $origin->answer('/proxied/x?q=1', body => "from the origin\n");
};
differential_ok($conf, \@requests, files => \%files, origin => $origin,
    allow_log => [qr/open\(\)/]);

# Captures and challenges of an origin that refuses
my $refuse = <<'CONF';
    server {
        listen %PORT%;
        location / { auth_request /auth; return 200 "in"; }
        location /in/ { auth_request /auth; proxy_pass http://%ORIGIN%; }
        location = /auth { proxy_pass http://%ORIGIN%/check; }
    }
CONF
for my $status (401, 403, 200, 202, 500, 302) {
    differential_ok($refuse, ["GET /in/$status"], origin => sub ($origin) {
        $origin->answer('/check', status => $status, body => 'because', headers => ['WWW-Authenticate' => 'Bearer realm="x"']);
        $origin->answer("/in/$status", body => 'in');
    });
}

my $site = Site->start($conf =~ s/root/access_log %DIR%\/subs.log subs; log_subrequest on; root/r, files => \%files);
$site->origin->answer('/auth-origin', headers => ['X-User' => 'joe']);
is $site->get('/ask/f')->status, 200, 'let in';
is $site->get('/status/f', 'X-Code' => 404)->status, 500, 'an unexpected answer';
like $site->wait_for_log(qr/auth request unexpected status: 404/), qr/\[error\]/, 'is logged';
wait_until { ($site->slurp('subs.log') // '') =~ /\/status 404 / } 'the subrequest is logged';
my @lines = split /\n/, $site->slurp('subs.log');
my ($main, $sub) = map { my $uri = $_; grep { /^\Q$uri\E / } @lines } '/ask/f', '/auth';
is +(split / /, $main)[2], (split / /, $sub)[2], '$request_id is that of the whole request';
is $site->get('/shared/f')->status, 200, 'let in';
is +($site->origin->requests)[-1]->header('X-Got'), 'set in /sets set in /sets', 'what the subrequest sets is seen';
# A client that hangs up while the subrequest waits for its origin
my $held = $site->origin->hold('/auth-origin');
my $client = $site->connect;
$client->send('GET /set/f');
$held->reached;
my $open = $site->origin->open;
$client->close;
wait_until { $site->origin->open < $open } 'the subrequest is given up when the client leaves';
like $site->wait_for_log(qr/prematurely closed connection/), qr/subrequest: "\/auth-origin"/, 'and the log says so';
$held->release;
$site->stop;

# Ours may have arguments and variables
subtest 'a query and variables in the URI' => sub {
    needs_weir('nginx takes all of it for a path');
    my $more = Site->start(<<'END', files => \%files);
        server { listen %PORT%; root %DIR%/html; location /ask/ { auth_request /code?of=$arg_c; }
                 location = /code { if ($arg_of = yes) { return 204; } return 403; } }
END
    is $more->get('/ask/f?c=yes')->status, 200, 'yes';
    is $more->get('/ask/f?c=no')->status, 403, 'no';
    $more->stop;
};

done_testing;
