# t/upstream/sticky.t - sessions stay with one server: by cookie, by route, and learned from answers
use Site;
use Digest::MD5 qw(md5_hex);

my $conf = <<'CONF';
    map $http_x_fit $same { default lax; none ""; odd odd; }
    upstream plain  { sticky cookie srv; server %ORIGIN1%; server %ORIGIN2%; server %ORIGIN3%; }
    upstream named  {
        sticky cookie srv expires=1h domain=.$host path=/named httponly secure samesite=$same;
        server %ORIGIN1% route=a; server %ORIGIN2% route=b;
    }
    upstream ever   { sticky cookie Srv-2 expires=max samesite=strict; server %ORIGIN1%; }
    upstream least  { least_conn; sticky cookie srv; server %ORIGIN1% route=a; server %ORIGIN2% route=b; }
    upstream routes {
        sticky route $cookie_r $arg_r;
        server %ORIGIN1% route=a; server %ORIGIN2% route=b; server %ORIGIN3% route=c drain;
    }
    upstream learns {
        sticky learn create=$upstream_cookie_first create=$upstream_cookie_sid lookup=$arg_sid
               lookup=$cookie_sid zone=sessions:1m timeout=5m;
        server %ORIGIN1%; server %ORIGIN2%; server %ORIGIN3%;
    }
    upstream heads {
        sticky learn create=$upstream_cookie_sid lookup=$cookie_sid zone=sessions header;
        server %ORIGIN1%; server %ORIGIN2%; server %ORIGIN3%;
    }
    upstream socket { sticky cookie srv; server unix:%DIR%/origin.sock; }
    server {
        listen %PORT%;
        add_header X-Peer $upstream_addr;
        location /plain { proxy_pass http://plain; }
        location /named { proxy_pass http://named; }
        location /ever  { proxy_pass http://ever; }
        location /least { proxy_pass http://least; }
        location /routes { proxy_pass http://routes; add_header X-Name $upstream_last_server_name; add_header X-Peer $upstream_addr; }
        location /learns { proxy_pass http://learns; }
        location /heads { proxy_pass http://heads; }
        location /socket { proxy_pass http://socket; }
        location /inside { internal; return 200 inside; }
    }
CONF
my $site = Site->prepare($conf, main => 'worker_processes 2;');
my $unix = Origin->start(unix => $site->path('origin.sock'));
$site->up;
my @address = map { $site->origin($_)->address } 1 .. 3;

sub peer ($reply) { return $reply->header('X-Peer') }

# Cookies.
{
    my $first = $site->get('/plain');
    my $peer  = peer($first);
    is $first->header('Set-Cookie'), 'srv=' . md5_hex($peer), 'the cookie names the server by its address';
    for (1 .. 5) {
        my $again = $site->get('/plain', Cookie => 'x=1; srv=' . md5_hex($peer));
        is peer($again), $peer, 'the session stays there';
        is $again->header('Set-Cookie'), undef, 'and is told so once';
    }
    for my $strange ('', 'junk', 'a' x 3000) {
        my $reply = $site->get('/plain', Cookie => "srv=$strange");
        is $reply->status, 200, 'a cookie that names nobody does no harm';
        like $reply->header('Set-Cookie'), qr/\Asrv=[0-9a-f]{32}\z/, 'and is replaced';
    }
    my $named = $site->get('/named', Host => 'x.org');
    like $named->header('Set-Cookie'),
        qr{\Asrv=[ab]; expires=\w{3}, \d\d-\w{3}-\d\d \S+ GMT; max-age=3600; domain=\.x\.org; path=/named; secure; httponly; samesite=lax\z},
        'all that can be said of a cookie';
    for my $odd ('none', 'odd') {
        unlike $site->get('/named', 'X-Fit' => $odd)->header('Set-Cookie'), qr/samesite/,
            'no samesite that browsers do not know';
    }
    is peer($site->get('/named', Cookie => 'srv=b')), $address[1], 'a route is found';
    is $site->get('/ever')->header('Set-Cookie'), 'Srv-2=' . md5_hex($address[0])
        . '; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000; samesite=strict', 'for ever';
    is $site->get('/socket')->header('Set-Cookie'), 'srv=' . md5_hex($unix->{unix}),
        'a socket goes by its path';
    $site->origin(1)->answer('/plain/x', headers => ['X-Accel-Redirect' => '/inside']);
    my $moved = $site->get('/plain/x', Cookie => 'srv=none');
    $moved = $site->get('/plain/x', Cookie => 'srv=none') while $moved->body ne 'inside';
    is $moved->header('Set-Cookie'), 'srv=' . md5_hex($address[0]), 'set with X-Accel-Redirect too';
}

# A session whose server fails goes on elsewhere, and is told.
{
    $site->origin(2)->refuse;
    $site->allow_log(qr/Connection refused|temporarily disabled/);
    for (1 .. 3) {
        my $reply = $site->get('/least', Cookie => 'srv=b');
        is $reply->status, 200, 'answered all the same';
        is $reply->header('Set-Cookie'), 'srv=a', 'and bound to who answered';
    }
    $site->origin(2)->accept;
}

# Bound requests count in the order of others.
{
    $site->get('/named', Cookie => 'srv=a') for 1 .. 4;
    my $before = $site->origin(2)->count;
    $site->get('/named') for 1 .. 4;
    cmp_ok $site->origin(2)->count - $before, '>=', 3, 'those that are free go where fewer are bound';
}

# Routes.
is peer($site->get('/routes?r=b')), $address[1], 'a route in the second variable' for 1 .. 3;
is peer($site->get('/routes?r=b', Cookie => 'r=a')), $address[0], 'the first that is not empty counts';
is peer($site->get('/routes?r=c')), $address[2], 'a draining server serves its own sessions' for 1 .. 3;
isnt peer($site->get('/routes?r=' . $_)), $address[2], 'and no others' for ('', 'x', 1 .. 4);
is $site->get('/routes?r=a')->header('X-Name'), $address[0], 'the name of the server';

# Learned sessions.
sub learn ($place, $sid) {
    $site->origin($_)->answer($place, headers => ['Set-Cookie' => "sid=$sid; path=/"]) for 1 .. 3;
    my $peer = peer($site->get($place));
    $site->origin($_)->answer($place, body => 'ok') for 1 .. 3;
    return $peer;
}
{
    my %peer = map { $_ => learn("/learns/$_", "s$_") } 1 .. 6;
    cmp_ok scalar keys %{ { reverse %peer } }, '>', 1, 'sessions begin on several servers';
    for my $n (1 .. 6) {
        is peer($site->get('/learns', Cookie => "sid=s$n")), $peer{$n}, "session $n stays" for 1 .. 2;
        is peer($site->get("/learns?sid=s$n")), $peer{$n}, 'found by the other variable';
        is peer($site->get('/heads', Cookie => "sid=s$n")), $peer{$n}, 'and in a group with the same zone';
    }
    is $site->get('/learns', Cookie => 'sid=' . 'x' x 5000)->status, 200, 'a key too long is none';
    $site->reload;
    is peer($site->get('/learns', Cookie => "sid=s$_")), $peer{$_}, "a reload keeps session $_" for 1 .. 6;

    for my $round (1 .. 3) {
        $site->allow_log(qr/exited on signal 9/);
        my ($victim) = $site->workers;
        kill KILL => $victim;
        wait_until { !grep({ $_ == $victim } $site->workers) && 2 == $site->idle_workers } 'another worker';
    }
    is peer($site->get('/learns', Cookie => "sid=s$_")), $peer{$_}, "and a death session $_" for 1 .. 6;

    # Whole answers begin sessions; with `header`, heads do.
    for my $place ('/learns', '/heads') {
        my $sid = "cut$place" =~ tr{/}{}dr;
        $site->origin($_)->script("$place/cut", 'body',
            [write => "HTTP/1.1 200 OK\r\nSet-Cookie: sid=$sid\r\nContent-Length: 9\r\n\r\nx"],
            [wait => 'more'], 'close') for 1 .. 3;
        $site->allow_log(qr/prematurely closed/);
        my $client = $site->send("GET $place/cut");
        $client->read_until(qr/\r\n\r\nx/);
        my $peer = (map { $address[$_ - 1] } grep { $site->origin($_)->request && $site->origin($_)->request->uri eq "$place/cut" } 1 .. 3)[0];
        my %found = map { peer($site->get($place, Cookie => "sid=$sid")) => 1 } 1 .. 6;
        is keys %found, $place eq '/heads' ? 1 : 3, "$place: as configured";
        is((keys %found)[0], $peer, 'and it is the right one') if $place eq '/heads';
        $site->origin($_)->go('more') for 1 .. 3;
    }
}

# A full zone: the oldest give way.
{
    my $port = Ports::take();
    my $one = Site->start(<<"CONF");
        keepalive_requests 10000;
        upstream g {
            sticky learn create=\$upstream_http_x_sid lookup=\$arg_s zone=z:32k;
            server 127.0.0.1:$port; server 127.0.0.2:$port; server 127.0.0.3:$port;
        }
        server { listen %PORT%; location / { proxy_pass http://g; add_header X-Peer \$upstream_addr; } }
        server { listen 0.0.0.0:$port; location / { add_header X-Sid \$arg_new; return 200; } }
CONF
    my $client = $one->connect;
    my %peer;
    for my $n (1 .. 1500) { $peer{$n} = $client->get("/?new=s$n")->header('X-Peer') }
    my $kept = grep { $client->get("/?s=s$_")->header('X-Peer') eq $peer{$_} } 1451 .. 1500;
    is $kept, 50, 'the last sessions are there';
    my $lost = grep { $client->get("/?s=s$_")->header('X-Peer') ne $peer{$_} } 1 .. 30;
    cmp_ok $lost, '>', 5, 'the first have gone';
}

my %faults = (
    'sticky;'                                        => qr/invalid number of arguments/,
    'sticky cookie;'                                 => qr/invalid number of arguments/,
    'sticky cookie "a=b";'                           => qr/invalid cookie name/,
    'sticky cookie a expires=never;'                 => qr/invalid parameter "expires=never"/,
    'sticky cookie a samesite=odd;'                  => qr/invalid parameter "samesite=odd"/,
    'sticky cookie a twice;'                         => qr/invalid parameter "twice"/,
    'sticky route a;'                                => qr/invalid variable name "a"/,
    'sticky round $a;'                               => qr/invalid parameter "round"/,
    'sticky learn create=$arg_a zone=z:1m;'          => qr/needs "lookup="/,
    'sticky learn lookup=$arg_a zone=z:1m;'          => qr/needs "create="/,
    'sticky learn create=$arg_a lookup=$arg_a;'      => qr/needs "zone="/,
    'sticky learn create=$arg_a lookup=$arg_a zone=z:1k;'      => qr/too small/,
    'sticky learn create=$arg_a lookup=$arg_a zone=z:1m sync;' => qr/"sync" is not supported/,
    'sticky learn create=$arg_a lookup=$arg_a zone=z:1m timeout=x;' => qr/invalid parameter "timeout=x"/,
    'sticky learn create=$arg_a lookup=$arg_a zone=z;' => qr/zone/,
    'sticky cookie a; sticky cookie b;'              => qr/duplicate/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config("upstream g { server 127.0.0.1; $fault }");
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
