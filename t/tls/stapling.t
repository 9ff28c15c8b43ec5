# t/tls/stapling.t - OCSP responses are fetched ahead of clients, renewed, checked and given to those who ask
use Site;
use Certs;
use Dns;
use SClient;

my $site = Site->prepare(<<'CONF', main => 'worker_processes 2;');
    ssl_stapling on;
    server {
        listen %PORT% ssl; server_name good.example;
        ssl_certificate %DIR%/good.crt; ssl_certificate_key %DIR%/good.key;
        ssl_stapling_verify on; ssl_trusted_certificate %DIR%/ca.crt;
    }
    server {
        listen %PORT% ssl; server_name revoked.example;
        ssl_certificate %DIR%/revoked.crt; ssl_certificate_key %DIR%/revoked.key;
        ssl_stapling_responder http://%ORIGIN%/revoked;
        ssl_trusted_certificate %DIR%/ca.crt;
    }
    server {
        listen %PORT% ssl; server_name strange.example;
        ssl_certificate %DIR%/strange.crt; ssl_certificate_key %DIR%/strange.key;
        ssl_stapling_responder http://%ORIGIN%/strange; ssl_stapling_verify on;
        ssl_trusted_certificate %DIR%/ca.crt;
    }
    server {
        listen %PORT% ssl; server_name trusting.example;
        ssl_certificate %DIR%/strange.crt; ssl_certificate_key %DIR%/strange.key;
        ssl_stapling_responder http://%ORIGIN%/strange;
        ssl_trusted_certificate %DIR%/ca.crt;
    }
    server {
        listen %PORT% ssl; server_name file.example;
        ssl_certificate %DIR%/file.crt; ssl_certificate_key %DIR%/file.key;
        ssl_stapling_file %DIR%/file.ocsp;
    }
    server {
        listen %PORT% ssl; server_name off.example; ssl_stapling off;
        ssl_certificate %DIR%/file.crt; ssl_certificate_key %DIR%/file.key;
    }
    server {
        listen %PORT% ssl; server_name bare.example;
        ssl_certificate %DIR%/bare.crt; ssl_certificate_key %DIR%/bare.key;
    }
CONF
my $origin = $site->origin;
my $at = 'http://' . $origin->address;
Certs::make($site, $_, ca => 1) for qw(ca other);
Certs::make($site, 'good', by => 'ca', responder => "$at/good/", chain => 1);
Certs::make($site, $_, by => 'ca') for qw(revoked strange file);
Certs::make($site, 'bare');
my %answer = (good => Certs::ocsp($site, 'good', by => 'ca'),
              revoked => Certs::ocsp($site, 'revoked', by => 'ca', status => 'revoked'),
              strange => Certs::ocsp($site, 'strange', by => 'ca', signer => 'other'));
Certs::ocsp($site, 'file', by => 'ca');

sub as_answer ($der) { return { body => $der, headers => ['Content-Type' => 'application/ocsp-response'] } }
$origin->answer('*', as_answer($answer{good})); # the question is in the path
for my $name (qw(revoked strange)) {
    my $question = Certs::slurp($site->path("$name.req"));
    require MIME::Base64;
    my $text = MIME::Base64::encode_base64($question, '') =~ s/\+/%2B/gr =~ s/\//%2F/gr =~ s/=/%3D/gr;
    $origin->answer("/$name/$text", as_answer($answer{$name}));
}
$site->up;

sub staple ($name, @args) {
    my $seen = SClient::run($site->port, '-servername', $name, '-status', @args);
    return $seen->{text} =~ /OCSP response: no response sent/ ? 'none'
         : $seen->{text} =~ /Cert Status: (\w+)/              ? $1
         :                                                      'what?';
}

$site->wait_for_log(qr/OCSP response fetched for certificate "[^"]*good\.crt"/);
is staple('good.example', "-tls1_$_"), 'good', "TLS 1.$_: stapled" for 2, 3;
unlike SClient::run($site->port, '-servername', 'good.example')->{text}, qr/OCSP/, 'not to who does not ask';
is staple('file.example'), 'good', 'from a file';
is staple('off.example'), 'none', 'off';
is staple('bare.example'), 'none', 'no responder';

like $site->wait_for_log(qr/revoked\.crt/), qr/\[error\].*certificate status "revoked" in the OCSP response/, 'one that is revoked';
is staple('revoked.example'), 'none', 'has no staple';
like $site->wait_for_log(qr/OCSP_basic_verify/), qr/\[error\].*certificate: "[^"]*strange\.crt"/, 'signed by a stranger';
is staple('strange.example'), 'none', 'is not given out';
$site->wait_for_log(qr/OCSP response fetched for certificate "[^"]*strange\.crt"/);
is staple('trusting.example'), 'good', 'but where nobody checks';
my @asked = $origin->requests;
is scalar(grep { $_->uri =~ m{^/good/} } @asked), 1, 'asked once for all workers';
is $asked[0]->header('Host'), '127.0.0.1', 'with a Host field';

# What was fetched is kept over a reload.
$site->reload;
is staple('good.example'), 'good', 'over a reload';
is scalar(grep { $_->uri =~ m{^/good/} } $origin->requests), 1, 'without another question';

# A keeper that dies is replaced, and workers go on.
$site->allow_log(qr/exited on signal 9/);
my ($keeper) = grep { Procs::title($_) =~ /keeper/ } Procs::children($site->master_pid);
ok $keeper, 'there is a keeper';
kill KILL => $keeper;
is staple('good.example'), 'good', 'without a keeper';
wait_until { grep { $_ != $keeper && Procs::title($_) =~ /keeper/ } Procs::children($site->master_pid) } 'another one';

# Faults of responders: each is told, none harms.
my %fault = (
    'status'      => [{ status => 500, body => 'x' }, qr/OCSP responder sent another status than 200/],
    'type'        => [{ body => $answer{good}, headers => ['Content-Type' => 'text/html'] }, qr/invalid "Content-Type"/],
    'junk'        => [as_answer('x' x 100), qr/d2i_OCSP_RESPONSE\(\) failed/],
    'empty'       => [as_answer(''), qr/d2i_OCSP_RESPONSE\(\) failed/],
    'try later'   => [as_answer("\x30\x03\x0a\x01\x03"), qr/OCSP response not successful \(3: trylater\)/],
    'other'       => [as_answer($answer{revoked}), qr/certificate status not found in the OCSP response/],
    'huge'        => [as_answer('x' x 200_000), qr/response that is too long/],
    'half'        => [[write => "HTTP/1.0 200 OK\r\nContent-Length: 500\r\n\r\nxx"], qr/prematurely closed connection/],
    'no http'     => [[write => "hello\r\n\r\n"], qr/sent another status than 200/],
);
for my $name (sort keys %fault) {
    my ($what, $pattern) = @{ $fault{$name} };
    my $bad = Site->prepare(<<'CONF');
    server {
        listen %PORT% ssl; ssl_stapling on; ssl_stapling_responder http://%ORIGIN%/;
        ssl_certificate %DIR%/good.crt; ssl_certificate_key %DIR%/good.key;
    }
CONF
    $bad->file($_, Certs::slurp($site->path($_))) for qw(good.crt good.key);
    ref $what eq 'HASH' ? $bad->origin->answer('*', $what) : $bad->origin->script('*', $what, 'close');
    $bad->up;
    like $bad->wait_for_log($pattern), qr/while requesting certificate status/, "a responder's fault: $name";
    $bad->stop;
}

# Names are looked up, by the resolver or by the system.
SKIP: {
    Test::More::skip('built without c-ares', 2) unless Site->supports('resolver 127.0.0.1; server { }');
    my $named = Site->prepare(<<'CONF');
    resolver %DNS%;
    server {
        listen %PORT% ssl; ssl_stapling on; ssl_stapling_responder http://ocsp.test:%PORT2%/;
        ssl_certificate %DIR%/good.crt; ssl_certificate_key %DIR%/good.key;
    }
    server { listen %PORT2%; location / { default_type application/ocsp-response; alias %DIR%/good.ocsp; } }
    server { listen %PORT2%; location / { root %DIR%; default_type application/ocsp-response; try_files /good.ocsp =404; } server_name ocsp.test; }
CONF
    $named->file($_, Certs::slurp($site->path($_))) for qw(good.crt good.key good.ocsp);
    $named->dns->set('ocsp.test', A => '127.0.0.1');
    $named->up;
    ok $named->wait_for_log(qr/OCSP response fetched/), 'by name';
    $named->stop;
    my $lost = Site->prepare(<<'CONF');
    server {
        listen %PORT% ssl; ssl_stapling on; ssl_stapling_responder http://nobody.invalid/;
        ssl_certificate %DIR%/good.crt; ssl_certificate_key %DIR%/good.key;
    }
CONF
    $lost->file($_, Certs::slurp($site->path($_))) for qw(good.crt good.key);
    $lost->up;
    like $lost->wait_for_log(qr/nobody\.invalid could not be resolved/), qr/certificate: "[^"]*good\.crt"/, 'a name nobody has';
}

# What a configuration says.
my $dir = $site->dir;
sub say_of ($text, $cert = 'good') {
    return Site->test_config("server { listen 1 ssl; ssl_certificate $dir/$cert.crt; ssl_certificate_key $dir/$cert.key; $text }");
}
my $mute = say_of("ssl_stapling on; ssl_trusted_certificate $dir/ca.crt;", 'file');
is $mute->{exit}, 0, 'only a warning';
like $mute->{stderr}, qr/\[warn\] "ssl_stapling" ignored, no OCSP responder URL in the certificate "\Q$dir\E\/file\.crt" in \S+ \(.*ssl_stapling_responder names one\)/, 'no responder';
like say_of('ssl_stapling on;', 'bare')->{stderr}, qr/"ssl_stapling" ignored, issuer certificate not found for certificate .* \(put it behind the certificate/, 'no issuer';
like say_of('ssl_stapling on; ssl_stapling_responder https://x/;')->{stderr}, qr/"ssl_stapling" ignored, invalid URL prefix in OCSP responder/,
    'a responder over TLS';
like say_of("ssl_stapling on; ssl_stapling_file $dir/none;")->{stderr}, qr/\[emerg\] BIO_new_file\("\Q$dir\E\/none"\) failed/, 'no file';
like say_of("ssl_stapling on; ssl_stapling_file $dir/good.crt;")->{stderr}, qr/\[emerg\] d2i_OCSP_RESPONSE_bio\("\Q$dir\E\/good\.crt"\) failed/,
    'a file of another kind';
is say_of('ssl_stapling on;')->{stderr} =~ /warn/, '', 'nothing to complain about';

done_testing;
