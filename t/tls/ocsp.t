# t/tls/ocsp.t - clients' certificates that their issuer has revoked, or says nothing about, are refused
use Site;
use Certs;
use SClient;
use IO::Socket::SSL;
use MIME::Base64 ();

my $site = Site->prepare(<<'CONF');
    ssl_verify_client optional; ssl_client_certificate %DIR%/ca.crt; ssl_verify_depth 3;
    ssl_certificate %DIR%/server.crt; ssl_certificate_key %DIR%/server.key;
    server {
        listen %PORT% ssl; ssl_ocsp on;
        error_page 495 = @bad; location @bad { return 403 "bad: $ssl_client_verify\n"; }
        location / { return 200 "fine: $ssl_client_verify $ssl_session_reused\n"; }
    }
    server {
        listen %PORT2% ssl; ssl_ocsp leaf; ssl_ocsp_responder http://%ORIGIN2%/other; ssl_ocsp_cache shared:verdicts:64k;
        error_page 495 = @bad; location @bad { return 403 "bad: $ssl_client_verify\n"; }
        location / { return 200 "fine: $ssl_client_verify $ssl_session_reused\n"; }
    }
CONF
my $origin = $site->origin;
my $other = $site->origin(2);
Certs::make($site, $_, ca => 1) for qw(ca stranger);
Certs::make($site, 'server');
Certs::make($site, $_, by => 'ca', responder => 'http://' . $origin->address) for qw(good revoked unknown silent forged);
Certs::make($site, 'mute', by => 'ca');
my %status = (good => 'good', revoked => 'revoked', unknown => 'unknown', forged => 'good');
for my $name (sort keys %status) {
    my $der = Certs::ocsp($site, $name, by => 'ca', status => $status{$name}, $name eq 'forged' ? (signer => 'stranger') : ());
    my $question = MIME::Base64::encode_base64(Certs::slurp($site->path("$name.req")), '')
        =~ s/\+/%2B/gr =~ s/\//%2F/gr =~ s/=/%3D/gr;
    my @answer = (body => $der, headers => ['Content-Type' => 'application/ocsp-response']);
    $origin->answer("/$question", @answer);
    $other->answer("/other/$question", @answer);
}
$site->up;

sub ask ($n, $name, @args) {
    my @cert = $name ? ('-cert', $site->path("$name.crt"), '-key', $site->path("$name.key")) : ();
    return (SClient::run($site->port($n), @cert, @args)->{text} =~ /^((?:fine|bad): .*)$/m)[0] // 'nothing';
}
is ask(1, 'good', "-tls1_$_"), 'fine: SUCCESS .', "TLS 1.$_: one that is good" for 2, 3;
is ask(1, ''), 'fine: NONE .', 'none';
is ask(1, 'revoked'), 'bad: FAILED:certificate revoked', 'one that is revoked';
like $site->error_log, qr/\[info\].*client SSL certificate verify error: certificate revoked/, 'the log says so';
is ask(1, 'unknown'), 'bad: FAILED:certificate status request failed', 'one that the responder does not know';
is ask(1, 'silent'), 'bad: FAILED:certificate status request failed', 'an answer that is none';
is ask(1, 'forged'), 'bad: FAILED:certificate status request failed', 'an answer that a stranger has signed';
like $site->error_log, qr/OCSP_basic_verify\(\) failed.*while requesting certificate status/, 'is told';
is ask(1, 'mute'), 'bad: FAILED:certificate status request failed', 'one without a responder';
like $site->error_log, qr/no OCSP responder for the client's certificate/, 'is told';

# A session that is resumed is no way around it.
my $kept = $site->path('session');
is ask(1, 'good', '-tls1_3', '-sess_out', $kept), 'fine: SUCCESS .', 'a session';
my $before = $origin->count;
is ask(1, 'good', '-tls1_3', '-sess_in', $kept), 'fine: SUCCESS r', 'is resumed';
is $origin->count, $before + 1, 'and asked about again';

# A cache.
is ask(2, 'good'), 'fine: SUCCESS .', 'another responder';
is ask(2, 'good'), 'fine: SUCCESS .', 'again';
is $other->count, 1, 'which was asked once';
is ask(2, 'revoked'), 'bad: FAILED:certificate revoked', 'revoked' for 1, 2;
is $other->count, 2, 'a bad one is kept too';

# A responder that takes its time, or a client that does not wait for it.
$other->script('*', [wait => 'told'], 'close');
for my $patient (0, 1) {
    my $slow = IO::Socket::SSL->new(PeerHost => '127.0.0.1', PeerPort => $site->port(2), SSL_verify_mode => 0,
                                    SSL_ca_file => $site->path('ca.crt'), SSL_cert_file => $site->path('silent.crt'),
                                    SSL_key_file => $site->path('silent.key'));
    ok $slow, 'a client whose responder takes its time';
    print $slow "GET / HTTP/1.0\r\n\r\n";
    is ask(2, ''), 'fine: NONE .', 'others are served meanwhile';
    $other->go('told', 2) if $patient; # the first is for who has gone
    like join('', <$slow>), qr/bad: FAILED:certificate status request failed/, 'it is answered in the end' if $patient;
    close $slow;
}
is ask(2, 'good'), 'fine: SUCCESS .', 'one that does not wait leaves nothing behind';

my $dir = $site->dir;
sub fault ($text) {
    return Site->test_config("ssl_client_certificate $dir/ca.crt; server { listen 1 ssl; ssl_certificate $dir/server.crt; ssl_certificate_key $dir/server.key; $text }")->{stderr};
}
like fault('ssl_verify_client optional_no_ca; ssl_ocsp on;'), qr/"ssl_ocsp" is incompatible with "ssl_verify_client optional_no_ca"/, 'whom nobody trusts';
like fault('ssl_ocsp_cache some;'), qr/invalid OCSP cache "some"/, 'a cache of another kind';
like fault('ssl_ocsp_cache shared:one:1k;'), qr/OCSP cache "shared:one:1k" is too small/, 'a small cache';
like fault('ssl_verify_client on; ssl_ocsp on; ssl_ocsp_responder https://x/;'), qr/invalid URL prefix in OCSP responder "https:\/\/x\/" in "ssl_ocsp_responder"/, 'a responder over TLS';
done_testing;
