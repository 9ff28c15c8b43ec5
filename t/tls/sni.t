# t/tls/sni.t - which certificate and rules a client gets by the name that it asks for
use Site;
use Certs;
use SClient;

my $site = Site->prepare(<<'CONF');
    server {
        listen %PORT% ssl;
        server_name first.example;
        ssl_certificate %DIR%/first.crt; ssl_certificate_key %DIR%/first.key;
        return 200 "first $host\n";
    }
    server {
        listen %PORT% ssl;
        server_name a.example *.a.example ~^r(\d)\.example$;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        return 200 "a $1\n";
    }
    server {
        listen %PORT% ssl;
        server_name both.example;
        ssl_certificate %DIR%/both-ec.crt; ssl_certificate_key %DIR%/both-ec.key;
        ssl_certificate %DIR%/both-rsa.crt; ssl_certificate_key %DIR%/both-rsa.key;
        return 200 "both\n";
    }
    server {
        listen %PORT% ssl;
        server_name old.example;
        ssl_certificate %DIR%/old.crt; ssl_certificate_key %DIR%/old.key;
        ssl_protocols TLSv1.2;
        ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;
        return 200 "old\n";
    }
    server {
        listen %PORT% ssl;
        server_name curve.example;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        ssl_ecdh_curve secp384r1;
        return 200 "curve\n";
    }
    server { listen %PORT% ssl; server_name none.example; return 200 "none\n"; }
    server { listen %PORT% ssl; server_name refused.example; ssl_reject_handshake on; }

    server { listen %PORT2% ssl default_server; ssl_reject_handshake on; }
    server {
        listen %PORT2% ssl;
        server_name a.example;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        return 200 "a on 2\n";
    }
CONF
Certs::make($site, $_) for qw(first a);
Certs::make($site, 'both-ec');
Certs::make($site, 'both-rsa', kind => 'rsa');
Certs::make($site, 'old', kind => 'rsa');
$site->up;

sub ask ($name, @args) { return SClient::run($site->port, defined $name ? ('-servername', $name) : '-noservername', @args) }
sub subject_of ($name, @args) { return ask($name, @args)->{subject} =~ s/.*CN = //r }

is subject_of(undef), 'first.example', 'no name: the default';
is subject_of('unknown.example'), 'first.example', 'a name nobody has: the default';
is subject_of('a.example'), 'a.example', 'a name';
is subject_of('A.EXAMPLE'), 'a.example', 'in capitals';
is subject_of('x.y.a.example'), 'a.example', 'a wildcard';
is subject_of('r7.example'), 'a.example', 'a regular expression';
is subject_of('rx.example'), 'first.example', 'that does not match';
is subject_of('none.example'), 'first.example', 'a server without a certificate shows the default one';

is ask('both.example')->{subject}, 'CN = both-ec.example', 'two certificates: ECDSA';
is ask('both.example', '-sigalgs', 'rsa_pss_rsae_sha256')->{subject}, 'CN = both-rsa.example', 'RSA for who knows no more';
is ask('both.example', '-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256')->{subject}, 'CN = both-rsa.example',
    'RSA by cipher';

my $old = ask('old.example');
is "$old->{version} $old->{cipher}", 'TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384', 'protocols and ciphers of the server';
like ask('curve.example')->{text}, qr/Server Temp Key: ECDH, (?:P-384|secp384r1)/, 'curves of the server';
like ask('a.example')->{text}, qr/Server Temp Key: X25519/, 'and of another one';

my $refused = ask('refused.example');
is $refused->{ok}, 0, 'ssl_reject_handshake';
like $refused->{text}, qr/unrecognized name/, 'by the right alert';
like $site->wait_for_log(qr/handshake rejected/), qr/\[info\].*"refused\.example" while SSL handshaking/, 'is in the log';
is SClient::run($site->port(2), '-noservername')->{ok}, 0, 'a default that refuses all';
is SClient::run($site->port(2), '-servername', 'a.example')->{subject}, 'CN = a.example', 'but not those of others';

# The Host field decides who answers.
sub page ($sni, $host) {
    return $site->get('/', { tls => { SSL_hostname => $sni }, host => $host })->body;
}
is page('a.example', 'a.example'), "a \n", 'the same name in both';
is page('a.example', 'first.example'), "first first.example\n", 'another name in Host';
is page('a.example', 'r3.example'), "a 3\n", 'a regular expression in Host';
is page('', 'both.example'), "both\n", 'no name in the handshake';
my $bare = $site->connect({ tls => { SSL_hostname => 'a.example' } });
$bare->write("GET / HTTP/1.0\r\n\r\n");
like $bare->read_response->body, qr/\Afirst/, 'no Host at all';

# Odd names.
for my $name ('a' x 300, "a.example\0evil", 'a..example', '-', '[::1]', 'a.example.') {
    my $got = eval { $site->get('/', { tls => { SSL_hostname => $name } })->status } // 'refused';
    like $got, qr/\A(?:200|refused)\z/, 'an odd name: ' . ($name =~ s/[^ -~]/./gr);
}
is page('a.example', 'a.example'), "a \n", 'and the server goes on';

done_testing;
