# t/upstream/health_hostile.t - origins that answer health checks badly: none of them is well, none
# holds up the others, and nobody dies of them
use Site;
use Certs;
use Procs;

needs_weir('nginx 1.22 has no health_check');

my @bad = (
    ['status line',    [write => "garbage\r\n\r\n"], 'close'],
    ['a field',        [write => "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"], 'close'],
    ['a huge field',   [write => "HTTP/1.1 200 OK\r\nX: " . 'x' x 100_000 . "\r\n\r\n"], [wait => 'never']],
    ['many fields',    [write => "HTTP/1.1 200 OK\r\n" . "X: x\r\n" x 20_000 . "\r\n"], [wait => 'never']],
    ['two lengths',    [write => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], 'close'],
    ['no head',        'close'],
    ['half a head',    [write => "HTTP/1.1 200 OK\r\nX:"], 'close'],
    ['a reset',        [write => "HTTP/1.1 200 OK\r\n"], 'reset'],
    ['silence',        [wait => 'never']],
    ['drips',          map { ([write => $_], [wait => 'drip']) } split //, "HTTP/1.1 200 OK\r\n\r\n"],
    ['interim storms', [write => "HTTP/1.1 100 Continue\r\n\r\n" x 1000], [wait => 'never']],
    ['a switch',       [write => "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], [wait => 'never']],
    ['bad chunks',     [write => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], [wait => 'never']],
    ['cut chunks',     [write => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"], 'close'],
    ['a body too slow', [write => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"], [wait => 'never']],
);
my ($text, $locations) = ('match any { body !~ nothing; status 100-599; }', '');
for my $n (0 .. $#bad) {
    $text .= "upstream u$n { server %ORIGIN%; }\n";
    $locations .= "location /$n { proxy_pass http://u$n; health_check mandatory match=any uri=/c$n interval=200ms timeout=1s; }\n";
}
my $site = Site->prepare("upstream fine { server %ORIGIN%; } $text
    server { listen %PORT%; $locations location /fine { proxy_pass http://fine; health_check mandatory interval=100ms uri=/well; } }");
my $origin = $site->origin;
$site->allow_log(qr/./);
$origin->script("/c$_", @{ $bad[$_] }[1 .. $#{ $bad[$_] }]) for 0 .. $#bad;
$site->up;
my $keeper = sub { grep { Procs::title($_) =~ /: keeper\z/ } Procs::children($site->master_pid) };
my $first = wait_until { ($keeper->())[0] } 'the keeper';
wait_until { $origin->go('drip'); (() = $site->error_log =~ /peer is unhealthy/g) == @bad } 'a first check of all';
for my $n (0 .. $#bad) {
    is $site->get("/$n")->status, 502, $bad[$n][0];
}
$site->wait_for_log(qr/peer is healthy.*"fine"/);
is $site->get('/fine')->status, 200, 'who is well gets requests all the while';
my $asked = sub ($n) { scalar grep { $_->uri eq "/c$n" } $origin->requests };
wait_until { !grep { $asked->($_) < 2 } 0 .. $#bad } 'each is asked again';
is join(' ', $keeper->()), $first, 'the same keeper is at it';
$origin->answer('*', body => 'well');
$origin->answer("/c$_", body => 'well') for 0 .. $#bad;
for my $n (0 .. $#bad) {
    wait_until { $site->get("/$n")->status == 200 } "$bad[$n][0]: well again";
}
pass 'they may all be well again';
$site->stop;

# An answer without end: no more of it is read than counts.
my $endless = Site->prepare(<<'CONF');
    match any { body !~ nothing; }
    upstream u { server %ORIGIN%; }
    server { listen %PORT%; location / { proxy_pass http://u; health_check mandatory match=any uri=/endless; } }
CONF
$endless->origin->script('/endless', [write => "HTTP/1.1 200 OK\r\n\r\n"], [fill => 50_000_000], [wait => 'never']);
$endless->up;
wait_until { $endless->get('/')->status == 200 } 'an endless answer';
my ($out) = sort { $b <=> $a } map { $_->{written} } values %{ $endless->origin->traffic };
cmp_ok $out, '<', 20_000_000, 'is not read to its end';
$endless->stop;

# TLS.
my $tls = Site->prepare(<<'CONF');
    proxy_ssl_name good.example;
    upstream plain { server 127.0.0.1:%PORT2%; }
    upstream good  { server 127.0.0.1:%PORT2%; }
    upstream wrong { server 127.0.0.1:%PORT2%; }
    upstream tcp   { server 127.0.0.1:%PORT2%; }
    upstream deaf  { server %ORIGIN%; }
    upstream own   { server 127.0.0.1:%PORT2%; health_check tls mandatory interval=100ms; }
    server {
        listen %PORT%;
        location /plain { proxy_pass http://plain;  health_check mandatory interval=100ms; }
        location /good  { proxy_pass https://good;  health_check mandatory interval=100ms;
                          proxy_ssl_verify on; proxy_ssl_trusted_certificate %DIR%/good.crt; }
        location /wrong { proxy_pass https://wrong; health_check mandatory interval=100ms;
                          proxy_ssl_verify on; proxy_ssl_trusted_certificate %DIR%/other.crt; }
        location /tcp   { proxy_pass https://tcp;   health_check mandatory type=tcp interval=100ms;
                          proxy_ssl_verify on; proxy_ssl_trusted_certificate %DIR%/other.crt; }
        location /deaf  { proxy_pass https://deaf;  health_check mandatory interval=100ms timeout=500ms; }
        location /own   { proxy_pass https://own; }
    }
    server { listen %PORT2% ssl; ssl_certificate %DIR%/good.crt; ssl_certificate_key %DIR%/good.key; return 204; }
CONF
Certs::make($tls, $_) for 'good', 'other';
$tls->allow_log(qr/./);
$tls->up;
wait_until { (() = $tls->error_log =~ /peer is (?:un)?healthy/g) == 6 } 'a first check of all';
is $tls->get('/plain')->status, 502, 'plain HTTP where TLS is spoken: 400';
is $tls->get('/good')->status, 204, 'TLS, verified';
is $tls->get('/wrong')->status, 502, 'a certificate that nobody trusts';
is $tls->get('/tcp')->status, 502, 'type=tcp: the handshake counts';
is $tls->get('/deaf')->status, 502, 'TLS where HTTP is spoken';
is $tls->get('/own')->status, 204, 'in an upstream: tls';
$tls->stop;

done_testing;
