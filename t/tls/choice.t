# t/tls/choice.t - certificates whose names have variables are chosen in each handshake; some are kept
use Site;
use Certs;
use SClient;

my $site = Site->prepare(<<'CONF');
    map $ssl_server_name $who { default one; two.example two; ~^(?<n>three) $n; }
    log_format lines '$ssl_server_name';
    server {
        listen %PORT% ssl;
        ssl_certificate %DIR%/$who.crt; ssl_certificate_key %DIR%/$who.key;
        return 200 "$who $host\n";
    }
    server {
        listen %PORT% ssl; server_name *.relative.example;
        ssl_certificate $ssl_server_name.pem; ssl_certificate_key $ssl_server_name.pem;
    }
    server {
        listen %PORT% ssl; server_name locked.example;
        ssl_certificate %DIR%/$ssl_server_name.crt; ssl_certificate_key %DIR%/$ssl_server_name.key;
        ssl_password_file %DIR%/passwords;
    }
    server {
        listen %PORT% ssl; server_name pair.example;
        ssl_certificate %DIR%/$who.crt; ssl_certificate_key %DIR%/$who.key;
        ssl_certificate %DIR%/rsa.crt; ssl_certificate_key %DIR%/rsa.key;
    }
    server {
        listen %PORT% ssl; server_name data.example;
        ssl_certificate $pem_crt; ssl_certificate_key $pem_key;
    }
    server {
        listen %PORT% ssl; server_name constant.example;
        include %DIR%/constant.conf;
    }
    server {
        listen %PORT% ssl; server_name *.kept.example;
        ssl_certificate %DIR%/$ssl_server_name.crt; ssl_certificate_key %DIR%/$ssl_server_name.key;
        ssl_certificate_cache max=2 valid=1h inactive=1h;
    }
    server {
        listen %PORT% ssl; server_name *.looked.example;
        ssl_certificate %DIR%/$ssl_server_name.crt; ssl_certificate_key %DIR%/$ssl_server_name.key;
        ssl_certificate_cache max=10 valid=0s;
    }
    include %DIR%/data.conf;
CONF
Certs::make($site, $_) for qw(one two three);
Certs::make($site, 'rsa', kind => 'rsa');
Certs::make($site, 'x');
$site->file('a.relative.example.pem', $site->slurp('x.crt') . $site->slurp('x.key'));
Certs::openssl('pkey', '-in', $site->path('x.key'), '-aes128', '-passout', 'pass:secret', '-out', $site->path('locked.example.key'));
$site->file('locked.example.crt', $site->slurp('x.crt'));
$site->file('passwords', "no\nsecret\n");
sub quoted ($name) { return '"data:' . $site->slurp($name) . '"' }
$site->file('data.conf', "map \$host \$pem_crt { default " . quoted('two.crt') . "; }\nmap \$host \$pem_key { default " . quoted('two.key') . "; }\n");
$site->file('constant.conf', 'ssl_certificate ' . quoted('three.crt') . ";\nssl_certificate_key " . quoted('three.key') . ";\n");
sub pair ($from, $to) { $site->file("$to.$_", $site->slurp("$from.$_")) for qw(crt key) }
pair('one', "$_.kept.example") for qw(a b c);
pair('one', 'a.looked.example');
chmod 0644, glob($site->dir . '/*.key');
$site->up;

sub shown ($name, @args) { return (SClient::run($site->port, '-servername', $name, @args)->{subject} =~ /CN = (\w+)/)[0] // 'none' }
is shown('unknown.example'), 'one', 'by a map: its default';
is shown('two.example'), 'two', 'by a map: a name';
is shown('three.example'), 'three', 'by a map: a capture';
is shown('two.example', '-tls1_2'), 'two', 'in TLS 1.2';
is shown('a.relative.example'), 'x', 'beside the configuration, key and certificate in one file';
is shown('locked.example'), 'x', 'a key with a password';
is shown('pair.example'), 'one', 'one with variables and one without: ECDSA';
is shown('pair.example', '-sigalgs', 'rsa_pss_rsae_sha256'), 'rsa', 'and RSA';
is shown('data.example'), 'two', 'data from a variable';
is shown('constant.example'), 'three', 'data in the configuration';
is $site->get('/', { tls => { SSL_hostname => 'two.example' }, host => 'two.example' })->body, "two two.example\n", 'the request is as ever';

# None to be had: one line, and the next client is served.
my $mark = $site->log_mark;
is shown('b.relative.example'), 'none', 'a file that is not there';
like $site->wait_for_log(qr/cannot load/, since => $mark),
    qr/\[error\].*cannot load certificate "[^"]*\/b\.relative\.example\.pem": open\(\) failed \(2: No such file or directory\).*client: 127\.0\.0\.1/, 'the log names it';
is scalar(grep { /\[error\]|handshake/ } split /\n/, $site->log_since($mark)), 1, 'once';
is shown('../../etc/passwd'), 'one', 'a name from the other side is no path here';

# Kept ones.
is shown("$_.kept.example"), 'one', "read: $_" for qw(a);
pair('two', 'a.kept.example');
is shown('a.kept.example'), 'one', 'kept';
is shown($_ . '.kept.example'), 'one', 'others push it out' for qw(b c);
is shown('a.kept.example'), 'two', 'so it is read again';
is shown('a.looked.example'), 'one', 'one that is looked at each time';
pair('two', 'a.looked.example');
is shown('a.looked.example'), 'two', 'and read when it has changed';

# Sessions.
my $kept = $site->path('session');
SClient::run($site->port, '-servername', 'two.example', '-sess_out', $kept);
is SClient::run($site->port, '-servername', 'two.example', '-sess_in', $kept)->{reused}, 1, 'sessions are resumed';

# Faults.
my $dir = $site->dir;
sub fault ($text) { return Site->test_config("server { listen 1 ssl; $text }")->{stderr} }
like fault("ssl_certificate $dir/\$nope.crt; ssl_certificate_key $dir/a.key;"), qr/unknown "nope" variable/, 'a variable nobody knows';
like fault("ssl_certificate $dir/\$host.crt;"), qr/no "ssl_certificate_key" is defined for certificate/, 'no key';
my $both = "ssl_certificate $dir/one.crt; ssl_certificate_key $dir/one.key;";
like fault("$both ssl_certificate_cache max=0;"), qr/invalid parameter "max=0"/, 'a cache of nothing';
like fault("$both ssl_certificate_cache valid=1m;"), qr/"ssl_certificate_cache" must have the "max" parameter/, 'a cache without a size';
like fault("$both ssl_certificate_cache max=1 some=2;"), qr/invalid parameter "some=2"/, 'a parameter nobody knows';
like fault("$both ssl_ech_file x;"), qr/"ssl_ech_file" is not supported by this OpenSSL/, 'no ECH';
like fault("$both ssl_certificate_compression on;"), qr/syntax is ok/, 'compression is at most not done';

# Secrets of connections, for who debugs.
my $logged = Site->prepare(<<'CONF');
    server {
        listen %PORT% ssl; ssl_key_log %DIR%/keys;
        ssl_certificate %DIR%/one.crt; ssl_certificate_key %DIR%/one.key;
        return 200 "fine\n";
    }
CONF
$logged->file($_, $site->slurp($_)) for qw(one.crt one.key);
$logged->up;
SClient::run($logged->port, '-tls1_3', '-keylogfile', $logged->path('theirs'));
wait_until { ($logged->slurp('keys') // '') =~ /SERVER_TRAFFIC_SECRET_0/ } 'secrets';
my %theirs = map { $_ => 1 } grep { !/^#/ } split /\n/, $logged->slurp('theirs');
ok !(grep { !$theirs{$_} } grep { /TRAFFIC_SECRET/ } split /\n/, $logged->slurp('keys')), 'the same secrets that the client has';
is((stat $logged->path('keys'))[2] & 0777, 0600, 'for nobody else to read');

done_testing;
