# t/tls/origin_certificate.t - certificates shown to origins whose names have variables: chosen for each try
use Site;
use Certs;
use Differential;

my $dir = File::Temp->newdir;
chmod 0755, "$dir";
Certs::make("$dir", $_, cn => $_) for qw(server a b);
Certs::openssl('pkey', '-in', "$dir/a.key", '-aes128', '-passout', 'pass:secret', '-out', "$dir/locked.key");
chmod 0644, "$dir/locked.key";
sub slurp ($name) { return Certs::slurp("$dir/$name") }
sub file ($name, $text) { Certs::write_file("$dir/$name", $text) }
file('passwords', "no\nsecret\n");

# Origins that say whose certificate they saw, in which connection, and whether the session was resumed.
my $origin = Site->start(<<'CONF' =~ s/%C%/$dir/gr, main => 'worker_processes 1;');
    ssl_certificate %C%/server.crt; ssl_certificate_key %C%/server.key;
    ssl_verify_client optional_no_ca; ssl_session_cache shared:s:1m;
    server { listen %PORT% ssl; location / { return 200 "[$ssl_client_s_dn]"; } location /all { return 200 "$ssl_client_s_dn $connection $ssl_session_reused"; } }
    server { listen %PORT2% ssl http2; location / { return 200 "$ssl_client_s_dn $connection"; } }
CONF
my ($port, $port2) = ($origin->port, $origin->port(2));

# As nginx has it, but for sessions: it resumes those that were made with another certificate.
my $data = join '', map { my $end = $_; "map \$arg_who \$data_$end { default \"data:" . slurp("b.$end") . "\"; }\n" } qw(crt key);
my $conf = <<"CONF" =~ s/%C%/$dir/gr;
    $data
    upstream two { server 127.0.0.1:$port max_fails=1; server localhost:$port max_fails=1; }
    map \$arg_who \$upper { a b; default ""; }
    server {
        listen %PORT%;
        add_header X-Tried "\$upstream_status" always;
        proxy_ssl_session_reuse off;
        proxy_ssl_certificate %C%/\$arg_who.crt; proxy_ssl_certificate_key %C%/\$arg_who.key;
        location / { proxy_pass https://127.0.0.1:$port; }
        location /two { proxy_pass https://two; }
        location /none { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate ""; }
        location /off { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate \$upper; proxy_ssl_certificate_key \$upper; }
        location /constant { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate %C%/a.crt; proxy_ssl_certificate_key %C%/a.key; }
        location /key { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate %C%/a.crt; }
        location /mixed { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate %C%/a.crt; proxy_ssl_certificate_key %C%/b\$arg_none.key; }
        location /nokey { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate_key \$arg_none; }
        location /locked { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate %C%/a.crt; proxy_ssl_certificate_key %C%/locked\$arg_none.key; proxy_ssl_password_file %C%/passwords; }
        location /peer { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate "%C%/\$arg_who\${arg_none}.crt"; proxy_intercept_errors on; error_page 500 = \@other; }
        location \@other { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate %C%/b.crt; proxy_ssl_certificate_key %C%/b.key; }
        location /data { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate \$data_crt; proxy_ssl_certificate_key \$data_key; }
        location /uwsgi { uwsgi_pass suwsgi://127.0.0.1:$port; uwsgi_ssl_certificate %C%/\$arg_who.crt; uwsgi_ssl_certificate_key %C%/\$arg_who.key; }
        location /grpc { grpc_pass grpcs://127.0.0.1:$port; grpc_ssl_certificate %C%/\$arg_who.crt; grpc_ssl_certificate_key %C%/\$arg_who.key; }
    }
CONF
differential_ok($conf, [map { "GET $_" } qw(/?who=a /?who=b /?who=no /two?who=a /two?who=no /two?who=b /none?who=a /off /off?who=a
    /constant?who=b /key?who=a /key?who=b /mixed /nokey?who=a /locked /peer?who=no /data /uwsgi?who=no /grpc?who=no), '/?who=../' . ('x' x 300)],
    allow_log => [qr/./], allow => {});

# What is kept is for those alone who choose the same.
my $main = 'worker_processes 1;';
my $site = Site->start(<<"CONF" =~ s/%C%/$dir/gr, main => $main);
    $data
    upstream up { server 127.0.0.1:$port max_fails=1 fail_timeout=1h; }
    server {
        listen %PORT%;
        proxy_ssl_certificate %C%/\$arg_who.crt; proxy_ssl_certificate_key %C%/\$arg_who.key;
        add_header X-Why "\$fail_reason \$upstream_status" always;
        grpc_ssl_certificate %C%/\$arg_who.crt; grpc_ssl_certificate_key %C%/\$arg_who.key;
        location / { proxy_pass https://127.0.0.1:$port; }
        location /up { proxy_pass https://up; proxy_http_version 1.0; }
        location /once/ { proxy_pass https://127.0.0.1:$port/; proxy_http_version 1.0; }
        location /data/ { proxy_pass https://127.0.0.1:$port/; proxy_ssl_certificate \$data_crt; proxy_ssl_certificate_key \$data_key; }
        location /h2 { proxy_pass https://127.0.0.1:$port2; proxy_http_version 2; }
        location /grpc { grpc_pass grpcs://127.0.0.1:$port2; }
        location /kept/ {
            proxy_pass https://127.0.0.1:$port/; proxy_http_version 1.0; proxy_ssl_session_reuse off;
            proxy_ssl_certificate_cache max=10 valid=1h inactive=1h;
            location /kept/in/ { proxy_pass https://127.0.0.1:$port/; proxy_http_version 1.0; proxy_ssl_session_reuse off; }
        }
    }
CONF
sub seen ($uri) { return split / /, $site->get($uri)->body }
my @first = seen('/all?who=a');
is $first[0], 'CN=a', 'the certificate that was chosen';
is_deeply [seen('/all?who=a')], \@first, 'the same again: the same connection';
my @other = seen('/all?who=b');
is $other[0], 'CN=b', 'another one';
isnt $other[1], $first[1], 'in a connection of its own';
is_deeply [seen('/all?who=a')], \@first, 'each goes on in its own';
is_deeply [seen('/all?who=b')], \@other, 'both of them';

for my $kind (qw(h2 grpc)) {
    my @waiting = map { $site->send("GET /$kind?who=$_") } qw(a b a b a);
    my @seen = map { [split / /, $_->response->body] } @waiting;
    is join(' ', map { $_->[0] } @seen), 'CN=a CN=b CN=a CN=b CN=a', "$kind: five at once, to each the right one";
    my %by = map { join(' ', @$_) => 1 } @seen;
    is scalar keys %by, 2, "$kind: over two connections";
    is_deeply [seen("/$kind?who=$_->[0]")], $seen[$_->[1]], "$kind: used again for $_->[0]" for [a => 0], [b => 1];
}

# Sessions.
is join(' ', (seen("/once/all?who=$_->[0]"))[0, 2]), "CN=$_->[0] $_->[1]", "a session: $_->[0] $_->[1]"
    for [a => '.'], [a => 'r'], [b => '.'], [a => 'r'], [b => 'r'];
file("c.$_", slurp("a.$_")) for qw(crt key);
is join(' ', (seen('/once/all?who=c'))[0, 2]), 'CN=a .', 'a file';
is join(' ', (seen('/once/all?who=c'))[0, 2]), 'CN=a r', 'and a session';
file("c.$_", slurp("b.$_")) for qw(crt key);
is join(' ', (seen('/once/all?who=c'))[0, 2]), 'CN=b .', 'once the file is another no session of the old one is resumed';
is((seen('/data/all?who=a'))[0], 'CN=b', 'a certificate that is in the variable itself');

# Kept certificates.
file("d.$_", slurp("a.$_")) for qw(crt key);
is((seen('/kept/all?who=d'))[0], 'CN=a', 'read');
file("d.$_", slurp("b.$_")) for qw(crt key);
is((seen('/kept/all?who=d'))[0], 'CN=a', 'kept');
is((seen('/kept/in/all?who=d'))[0], 'CN=a', 'for those inside too');

# One that cannot be had.
my $mark = $site->log_mark;
$site->allow_log(qr/cannot load|SSL_use_cert/);
is $site->get('/up?who=nobody')->header('X-Why'), 'upstream.certificate -', 'none to be had: the reason';
like $site->wait_for_log(qr/cannot load/, since => $mark),
    qr/\[error\].*cannot load certificate "[^"]*\/nobody\.crt": open\(\) failed \(2: No such file or directory\) while SSL handshaking to upstream, client: 127\.0\.0\.1.*upstream: "https:/, 'the log says which, and for whom';
is $site->get('/up?who=a')->body, '[CN=a]', 'the origin is not to blame, and is asked at once';
is $site->get('/grpc?who=nobody')->header('X-Why'), 'upstream.certificate -', 'the same over HTTP/2';
is((seen('/h2?who=b'))[0], 'CN=b', 'others are served');

# Secrets stay out of the log.
my $broken = Site->start(<<"CONF" =~ s/%C%/$dir/gr);
    map \$host \$key { default "data:-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"; }
    server { listen %PORT%; location / { proxy_pass https://127.0.0.1:$port; proxy_ssl_certificate %C%/a.crt; proxy_ssl_certificate_key \$key; } }
CONF
$broken->allow_log(qr/cannot load/);
$mark = $broken->log_mark;
is $broken->get('/')->status, 500, 'a key that is none';
unlike $broken->wait_for_log(qr/cannot load certificate key/, since => $mark), qr/c2VjcmV0/, 'is not written down';

# Faults.
sub fault ($text) { return Site->test_config("server { listen %PORT%; location / { $text } }")->{stderr} }
my $to = 'proxy_pass https://127.0.0.1;';
like fault("$to proxy_ssl_certificate $dir/\$host.crt;"), qr/no "proxy_ssl_certificate_key" is defined for certificate/, 'no key';
like fault("$to proxy_ssl_certificate $dir/\$nope.crt;"), qr/unknown "nope" variable/, 'a variable nobody knows';
like fault("$to proxy_ssl_certificate_cache valid=1m;"), qr/"proxy_ssl_certificate_cache" must have the "max" parameter/, 'a cache without a size';
like fault("$to grpc_ssl_certificate_cache max=1 some=2;"), qr/invalid parameter "some=2"/, 'a parameter nobody knows';
like fault("$to proxy_ssl_certificate $dir/\$host.crt; proxy_ssl_certificate_key $dir/a.key; proxy_ssl_password_file /none;"),
    qr/\/none/, 'no file of passwords';
my $checked = "upstream u { zone u 64k; server 127.0.0.1; } server { listen %PORT%; location / { proxy_pass https://u; health_check;"
    . " proxy_ssl_certificate $dir/\$host.crt; proxy_ssl_certificate_key $dir/a.key; } }";
like +Site->test_config($checked)->{stderr},
    qr/\[warn\] a health check has no variables: it shows no certificate/, 'who checks has no request';

done_testing;
