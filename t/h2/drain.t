# t/h2/drain.t - connections that turn out to be HTTP/2 after their worker was told to go
use Site;
use Certs;
use H2;

my $site = Site->prepare(<<'CONF', log_level => 'debug');
    http2 on; keepalive_min_timeout 1h;
    ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
    server { listen %PORT%; listen %PORT2% ssl; location / { return 200 "served\n"; } }
    server { listen %PORT3%; location / { return 200 $connections_active; } }
CONF
Certs::make($site, 'a');
$site->up;

sub wait_open ($n, $what) {
    wait_until { $site->get('/', { port => 3 })->body == $n } $what;
}

sub begins_after ($order, $port) {
    wait_open(1, 'no other connection');
    my $client = $site->connect({ port => $port });
    wait_open(2, 'the connection is accepted');
    my $mark = $site->log_mark;
    $site->signal($order);
    $site->wait_for_log(qr/gracefully shutting down/, since => $mark);
    $client->{sock} = Client::start_tls($client->{sock}, SSL_alpn_protocols => ['h2']) if $port == 2;
    my $h2 = bless { client => $client, in => '', frames => [] }, 'H2';
    $h2->raw(H2::PREFACE)->frame(SETTINGS, 0, 0)->get(1, '/');
    my $answer = $h2->answer(1);
    is $answer->{body}, "served\n", "$order before the first byte to port $port: the request is answered";
    is $answer->{goaway} // $h2->goodbye, 0, 'and the client told to go';
}

begins_after(HUP => 1);
begins_after(HUP => 2);
begins_after(QUIT => 2);
done_testing;
