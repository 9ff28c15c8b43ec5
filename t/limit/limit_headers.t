# t/limit/limit_headers.t - a client that a limit has refused is told which limit, and when to come back
use Site;

my $conf = <<'CONF';
    limit_req_zone $arg_k zone=second:1m rate=2r/s;
    limit_req_zone $arg_k zone=minute:1m rate=6r/m;
    limit_req_zone $arg_k zone=day:1m rate=1r/m;
    limit_conn_zone $arg_k zone=at_once:1m;
    limit_headers on;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /second/ { alias %DIR%/html/; limit_req zone=second; limit_req_status 429; }
        location /minute/ { alias %DIR%/html/; limit_req zone=minute burst=2 nodelay; }
        location /both/ { alias %DIR%/html/; limit_req zone=second; limit_req zone=day; }
        location /other/ { alias %DIR%/html/; limit_req zone=day; limit_req_status 418; }
        location /off/ { alias %DIR%/html/; limit_headers off; limit_req zone=day; }
        location /page/ { alias %DIR%/html/; limit_req zone=day; error_page 503 /sorry; }
        location /fine/ { alias %DIR%/html/; limit_req zone=day; error_page 503 =200 /sorry; }
        location /dry/ { alias %DIR%/html/; limit_req zone=day; limit_req_dry_run on; }
        location /conn { proxy_pass http://%ORIGIN%; limit_conn at_once 1; limit_conn_status 429; }
        location /own/ { return 429; }
        location /theirs { proxy_pass http://%ORIGIN%; limit_req zone=day burst=100 nodelay; }
    }
CONF
my $site = Site->start($conf, files => { map { ("html/$_" => "x\n") } qw(a sorry) });

sub told ($reply) {
    return join ' | ', $reply->status, map { $reply->header($_) // '-' } qw(Retry-After RateLimit-Policy RateLimit);
}
# The answer that refuses, however many were let in before by a slow machine.
sub refused ($uri) {
    my $reply;
    wait_until {
        $reply = $site->get($uri);
        return 1 if $reply->status != 200 || defined $reply->header('RateLimit');
        is told($reply), '200 | - | - | -', "$uri passes";
        0;
    } "$uri to be refused";
    return $reply;
}

is told(refused('/second/a?k=a')), '429 | 1 | "second";q=2;w=1 | "second";r=0;t=1', 'a rate per second';
my $began = time;
my $reply = refused('/minute/a?k=b');
my ($wait, $late) = ($reply->header('Retry-After'), time - $began + 1); # each place is free 10 s after it was taken
is told($reply), qq[503 | $wait | "minute";q=6;w=60 | "minute";r=0;t=$wait], 'a rate per minute';
ok $wait <= 10 && $wait >= 10 - $late, "a place is free in $wait s";
is $site->get('/both/a?k=c')->status, 200, 'two rules';
like told($site->get('/both/a?k=c')), qr/^503 \| (?:1 \| "second";q=2;w=1 \| "second";r=0;t=1|\d+ \| "day";.*)$/, 'the rule that refused';
is $site->get('/other/a?k=d')->status, 200, 'another status';
is told($site->get('/other/a?k=d')), '418 | - | - | -', 'says nothing';
$site->get('/off/a?k=e');
is told($site->get('/off/a?k=e')), '503 | - | - | -', 'off';
$site->get('/page/a?k=f');
like told($site->get('/page/a?k=f')), qr/^503 \| (?:5\d|6\d) \| "day";q=1;w=60 \| "day";r=0;t=\d\d$/, 'with an error page';
$site->get('/fine/a?k=g');
is told($site->get('/fine/a?k=g')), '200 | - | - | -', 'not when that is an answer';
$site->get('/dry/a?k=h');
is told($site->get('/dry/a?k=h')), '200 | - | - | -', 'not in a dry run';
is told($site->get('/own/')), '429 | - | - | -', 'not of ours but from elsewhere';
$site->origin->answer('/theirs', status => 503);
is told($site->get('/theirs?k=i')), '503 | - | - | -', 'nor an origin\'s';

my $held = $site->origin->hold('/conn');
my $first = $site->send('GET /conn?k=a');
$held->reached;
is told($site->get('/conn?k=a')), '429 | 1 | "at_once";q=1;qu="concurrent-requests" | "at_once";r=0', 'requests at once';
$held->release;
is told($first->response), '200 | - | - | -', 'the first completes';
$site->stop;

done_testing;
