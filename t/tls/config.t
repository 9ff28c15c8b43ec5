# t/tls/config.t - certificates and keys that do not fit are named when the configuration is read
use Site;
use Certs;

my $dir = File::Temp->newdir;
Certs::make("$dir", $_) for qw(a b);
Certs::make("$dir", 'small', kind => 'rsa');
Certs::openssl('rsa', '-in', "$dir/small.key", '-aes128', '-passout', 'pass:one word', '-out', "$dir/locked.key");
Certs::openssl('req', '-x509', '-newkey', 'rsa:512', '-nodes', '-keyout', "$dir/weak.key", '-out', "$dir/weak.crt",
               '-subj', '/CN=weak');
Certs::write_file("$dir/passwords", "wrong\none word\n");
Certs::write_file("$dir/junk", "no PEM\n");

sub test ($text) {
    return Site->test_config("server { listen %PORT% ssl; $text }" =~ s/%C%/$dir/gr);
}
sub faulty ($name, $text, $pattern) {
    my $result = test($text);
    is $result->{exit}, 1, "$name: refused";
    like $result->{stderr} =~ s/\Q$dir\E/%C%/gr, $pattern, "$name: why";
}
my $both = 'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/a.key;';
is test($both)->{exit}, 0, 'a pair';
is test("$both ssl_certificate %C%/small.crt; ssl_certificate_key %C%/small.key;")->{exit}, 0, 'two pairs';
is test('ssl_reject_handshake on;')->{exit}, 0, 'no certificate where every handshake is refused';
is test('ssl_certificate %C%/small.crt; ssl_certificate_key %C%/locked.key; ssl_password_file %C%/passwords;')->{exit},
    0, 'a key with a password';
is test("$both ssl_protocols TLSv1.3; ssl_ciphers ECDHE; ssl_ecdh_curve X25519:P-256; ssl_prefer_server_ciphers on;
         ssl_conf_command Options PrioritizeChaCha; ssl_buffer_size 4k;")->{exit}, 0, 'settings';

my $at = qr/ in %DIR%\/weir\.conf:\d+:\d+/;
faulty('no certificate', '', qr/no "ssl_certificate" is defined for the "listen \.\.\. ssl" directive$at/);
faulty('no key', 'ssl_certificate %C%/a.crt;',
       qr/no "ssl_certificate_key" is defined for certificate "%C%\/a\.crt"$at/);
faulty('a certificate that is not there', 'ssl_certificate %C%/none; ssl_certificate_key %C%/a.key;',
       qr/cannot load certificate "%C%\/none": BIO_new_file\(\) failed \(SSL: error:.*No such file or directory.*\)$at/);
faulty('a key that is not there', 'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/none;',
       qr/cannot load certificate key "%C%\/none": BIO_new_file\(\) failed \(SSL: error:.*No such file/);
faulty('a certificate that is none', 'ssl_certificate %C%/junk; ssl_certificate_key %C%/a.key;',
       qr/cannot load certificate "%C%\/junk": PEM_read_bio_X509_AUX\(\) failed \(SSL: error:.*no start line.*$at \(the file holds no certificate in PEM form; are certificate and key exchanged\?\)/);
faulty('a key that is none', 'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/junk;',
       qr/cannot load certificate key "%C%\/junk": PEM_read_bio_PrivateKey\(\) failed .*$at \(the file holds no key in PEM form\)/);
faulty("another's key", 'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/b.key;',
       qr/SSL_CTX_use_PrivateKey\("%C%\/b\.key"\) failed \(SSL: error:.*key values mismatch\)$at \(it is the key of another certificate/);
faulty('a weak key', 'ssl_certificate %C%/weak.crt; ssl_certificate_key %C%/weak.key;', qr/ee key too small/);
faulty('a locked key', 'ssl_certificate %C%/small.crt; ssl_certificate_key %C%/locked.key;',
       qr/cannot load certificate key "%C%\/locked\.key": PEM_read_bio_PrivateKey\(\) failed .*$at \(the key is encrypted: a file named by "ssl_password_file"/);
faulty('ciphers nobody knows', "$both ssl_ciphers NONE;", qr/SSL_CTX_set_cipher_list\("NONE"\) failed/);
faulty('curves nobody knows', "$both ssl_ecdh_curve none;", qr/SSL_CTX_set1_curves_list\("none"\) failed/);
faulty('protocols nobody knows', "$both ssl_protocols TLSv9;", qr/"TLSv9"/);
faulty('a command nobody knows', "$both ssl_conf_command None x;", qr/SSL_CONF_cmd\("None", "x"\) failed/);
faulty('a faulty dhparam', "$both ssl_dhparam %C%/junk;", qr/PEM_read_bio_DHparams\("%C%\/junk"\) failed/);
like test("$both listen 127.0.0.1:8443 ssl; } server { listen 127.0.0.1:8443;")->{stderr},
    qr/\[warn\] protocol options redefined for 127\.0\.0\.1:8443/, 'an address that is only half TLS';

done_testing;
