# t/limit/limit_req.t - limits on the rate of requests, as in nginx, exact over all workers
use Site;
use Differential;
use Time::HiRes ();

my $conf = <<'CONF';
    limit_req_zone $arg_k zone=one:1m rate=1r/m;
    limit_req_zone $arg_j zone=two:1m rate=1r/m;
    limit_req_zone $remote_addr$arg_k zone=three:1m rate=2r/m;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /plain/ { limit_req zone=one; }
        location /burst/ { limit_req zone=one burst=3 nodelay; }
        location /delay/ { limit_req zone=one burst=3 delay=3; }
        location /status/ { limit_req zone=one; limit_req_status 429; }
        location /both/ { limit_req zone=one burst=1 nodelay; limit_req zone=two; }
        location /dry/ { limit_req zone=one; limit_req_dry_run on; proxy_pass http://%ORIGIN%;
                         proxy_set_header X-Limit $limit_req_status; }
        location /seen/ { limit_req zone=three; proxy_pass http://%ORIGIN%; proxy_set_header X-Limit "$limit_req_status"; }
        location /none/ { proxy_pass http://%ORIGIN%; proxy_set_header X-Limit "[$limit_req_status]"; }
        location /page/ { limit_req zone=one; error_page 503 /sorry.html; }
        location /again/ { limit_req zone=one; error_page 404 = /plain/f; }
    }
CONF
my %files = map { ("html/$_" => "file\n") } qw(plain/f burst/f delay/f status/f both/f sorry.html page/f);
my @requests;
for my $place (qw(plain burst delay status both page)) {
    push @requests, { what => "GET /$place/f?k=$place", name => "$place $_" } for 1 .. 6;
}
push @requests, { what => 'GET /both/f?k=x&j=y', name => "two rules $_" } for 1 .. 3;
push @requests, { what => 'GET /both/f?k=x&j=z', name => "two rules, another key $_" } for 1 .. 3;
push @requests, { what => 'GET /plain/f', name => "no key $_" } for 1 .. 3;
push @requests, { what => 'GET /dry/f?k=dry', name => "dry run $_" } for 1 .. 3;
push @requests, { what => 'GET /seen/f?k=seen', name => "status $_" } for 1 .. 2;
push @requests, { what => 'GET /none/f', name => 'without a limit' };
push @requests, { what => 'GET /again/f?k=again', name => 'counted once, whatever redirects follow' };
push @requests, { what => 'GET /plain/f?k=' . 'x' x 300, name => "a long key $_" } for 1 .. 2;
differential_ok($conf, \@requests, files => \%files, allow_log => [qr/open\(\)/]);

my $site = Site->start($conf . <<'CONF', files => \%files, main => 'worker_processes 2;');
    limit_req_zone $arg_k zone=quick:64k rate=20r/s;
    limit_req_zone $arg_k zone=quarters:64k rate=4r/s;
    server { listen %PORT2%; root %DIR%/html; location /plain/ { limit_req zone=quick burst=5; }
             location /quarter/ { alias %DIR%/html/plain/; limit_req zone=quarters burst=5; limit_req_log_level warn; }
             location /exact/ { alias %DIR%/html/; limit_req zone=one burst=9 nodelay; } }
CONF
my $start = Time::HiRes::time();
is $site->request('GET /plain/f?k=q', { port => 2 })->status, 200, 'one request' for 1 .. 5;
my $took = Time::HiRes::time() - $start;
cmp_ok $took, '>=', 0.19, "requests wait for their turn ($took s)";
my %status;
$start = Time::HiRes::time();
my @waiting = map { $site->send('GET /quarter/f?k=w', { port => 2 }) } 1 .. 9;
# All but the first are refused, or wait: which of it is logged at once.
wait_until { (() = Procs::slurp($site->path('error.log')) =~ /(?:limiting|delaying) request.*"quarters"/g) == 8 } 'a word about eight of them';
my $more = int 4 * (Time::HiRes::time() - $start);
$status{ $_->response->status }++ for @waiting;
SKIP: {
    skip 'the machine is too busy to send nine requests at once', 3 if $more;
    is $status{200}, 6, 'a burst passes, one by one';
    is $status{503}, 3, 'more are refused';
    like $site->wait_for_log(qr/limiting requests, excess: [56]\.\d{3} by zone "quarters"/), qr/\[warn\]/, 'and logged';
}
like $site->wait_for_log(qr/delaying request, excess: \d\.\d{3}, by zone "quarters", client: 127\.0\.0\.1, server/), qr/\[notice\]/,
    'a delay is logged a level lower';

%status = ();
$status{ $_->response->status }++ for map { $site->send('GET /exact/sorry.html?k=exact', { port => 2 }) } 1 .. 40;
is $status{200}, 10, 'the limit is exact over all workers';
is $status{503}, 30, 'no more, no less';
$site->reload;
is $site->request('GET /exact/sorry.html?k=exact', { port => 2 })->status, 503, 'and holds over a reload';
my @left = map { $site->send('GET /plain/f?k=gone', { port => 2 }) } 1 .. 5;
$_->close for @left;
is $site->request('GET /plain/f?k=other', { port => 2 })->status, 200, 'clients that leave while they wait do no harm';
$site->stop;

my $zone = 'limit_req_zone $uri zone=z:1m rate=1r/s;';
my %faults = (
    'limit_req_zone $uri zone=z:1m;'                   => qr/invalid number of arguments in "limit_req_zone"/,
    'limit_req_zone $uri zone=z rate=1r/s;'            => qr/invalid zone size "zone=z"/,
    'limit_req_zone $uri zone=:1m rate=1r/s;'          => qr/invalid zone name "zone=:1m"/,
    'limit_req_zone $uri zone=z:4k rate=1r/s;'         => qr/zone "zone=z:4k" is too small/,
    'limit_req_zone $uri zone=z:1m rate=0r/s;'         => qr/invalid rate "rate=0r\/s"/,
    'limit_req_zone $uri zone=z:1m rate=fast;'         => qr/invalid rate "rate=fast"/,
    'limit_req_zone $uri zone=z:1m speed=1;'           => qr/invalid parameter "speed=1"/,
    "$zone $zone"                                      => qr/limit_req_zone "z" is already bound to key "\$uri"/,
    'limit_req zone=nobody;'                           => qr/zero size shared memory zone "nobody"/,
    "$zone limit_req zone=z burst=0;"                  => qr/invalid burst value "burst=0"/,
    "$zone limit_req zone=z sometimes;"                => qr/invalid parameter "sometimes"/,
    "$zone limit_req zone=z; limit_req zone=z;"        => qr/duplicate/,
    "$zone limit_conn z 1;"                            => qr/already used for something else/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
