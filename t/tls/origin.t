# t/tls/origin.t - requests passed on over TLS: names, checks, certificates of our own, sessions
use Site;
use Certs;
use Differential;

my $dir = File::Temp->newdir;
Certs::make("$dir", 'good.example', cn => 'good.example');
Certs::make("$dir", 'other.example', cn => 'other.example');

# An origin that says who asked: its own name by SNI, and whether the session was resumed.
my $origin = Site->prepare(<<'CONF' =~ s/%C%/$dir/gr);
    server {
        listen %PORT% ssl;
        server_name good.example;
        ssl_certificate %C%/good.example.crt;
        ssl_certificate_key %C%/good.example.key;
        location / { add_header X-Server $server_name; return 200 "$request_method $uri $http_host"; }
        location /body { proxy_pass http://%ORIGIN%; }
        location /big { root %DIR%/html; }
    }
    server {
        listen %PORT% ssl;
        server_name other.example;
        ssl_certificate %C%/other.example.crt;
        ssl_certificate_key %C%/other.example.key;
        location / { add_header X-Server $server_name; return 200 other; }
    }
CONF
my $big = join '', map { chr($_ * 7 % 251) } 1 .. 400_000;
$origin->file('html/big', $big);
$origin->up;
my $port = $origin->port;
my $dead = Ports::take();

my $conf = <<"CONF" =~ s/%C%/$dir/gr;
    upstream group { server 127.0.0.1:$dead; server 127.0.0.1:$port; }
    proxy_ssl_trusted_certificate %C%/good.example.crt;
    server {
        listen %PORT%;
        location / { proxy_pass https://127.0.0.1:$port; }
        location /uri/ { proxy_pass https://127.0.0.1:$port/there/; }
        location /sni/ { proxy_pass https://127.0.0.1:$port; proxy_ssl_server_name on; proxy_ssl_name other.example; }
        location /good/ { proxy_pass https://127.0.0.1:$port; proxy_ssl_verify on; proxy_ssl_name good.example; }
        location /wrong/ { proxy_pass https://127.0.0.1:$port; proxy_ssl_verify on; proxy_ssl_name bad.example; }
        location /untrusted/ {
            proxy_pass https://127.0.0.1:$port; proxy_ssl_verify on; proxy_ssl_server_name on;
            proxy_ssl_name other.example;
        }
        location /next/ { proxy_pass https://group; proxy_set_header Host \$proxy_host; }
        location /plain/ { proxy_pass http://127.0.0.1:$port; }
        location /variable/ { set \$scheme_wanted https; proxy_pass \$scheme_wanted://127.0.0.1:$port; }
        location /old/ { proxy_pass https://127.0.0.1:$port; proxy_ssl_protocols TLSv1.2; proxy_ssl_ciphers HIGH; }
        location /never/ { proxy_pass https://127.0.0.1:$port; proxy_ssl_protocols TLSv1.2; proxy_ssl_ciphers AES128-SHA; }
        location /late/ { proxy_pass https://127.0.0.1:$port; proxy_ssl_session_reuse off; proxy_http_version 1.0; }
        location /refused/ { proxy_pass https://127.0.0.1:$dead; }
    }
CONF

differential_ok($conf, [(map { "GET /$_/x" } qw(good wrong untrusted uri sni next plain variable old never late refused)),
                        'GET /', 'HEAD /a', 'POST /a'],
                allow_log => [qr/./], allow => {});

# What only one side is asked.
my $site = Site->start($conf);
$site->allow_log(qr/./);
is $site->get('/big')->body, $big, 'a large answer, whole';
is $site->post('/body', $big)->status, 200, 'a large body';
is $origin->origin->request->body, $big, 'arrives whole';
is $site->get('/good/x')->status, 200, 'a trusted certificate with the right name';
for my $fault ([wrong => qr/upstream SSL certificate does not match "bad\.example"/],
               [untrusted => qr/upstream SSL certificate verify error: \(18:self.signed certificate\)/],
               [never => qr/SSL_do_handshake\(\) failed .*while SSL handshaking to upstream/]) {
    my $mark = $site->log_mark;
    is $site->get("/$fault->[0]/x")->status, 502, "$fault->[0]: refused";
    like $site->log_since($mark), $fault->[1], 'and why';
}

# Idle connections under TLS are used again, though tickets came on them; and sessions are resumed.
{
    my $counting = Site->start(<<"CONF" =~ s/%C%/$dir/gr, main => 'worker_processes 1;');
        server {
            listen %PORT% ssl;
            ssl_certificate %C%/good.example.crt;
            ssl_certificate_key %C%/good.example.key;
            return 200 "\$connection";
        }
CONF
    my $to = $counting->port;
    my $front = Site->start("server { listen %PORT%; location / { proxy_pass https://127.0.0.1:$to; } }");
    my %seen = map { $front->get('/')->body => 1 } 1 .. 5;
    is scalar keys %seen, 1, 'five requests share a connection';
}

my %faults = (
    'location / { proxy_pass https://127.0.0.1; proxy_ssl_verify on; }' => qr/no proxy_ssl_trusted_certificate for proxy_ssl_verify/,
    'location / { proxy_pass https://127.0.0.1; proxy_ssl_certificate /none; }' => qr/no "proxy_ssl_certificate_key" is defined/,
    'location / { proxy_pass https://127.0.0.1; proxy_ssl_trusted_certificate /none; proxy_ssl_verify on; }' =>
        qr/SSL_CTX_load_verify_locations\("\/none"\) failed/,
    'location / { proxy_pass https://127.0.0.1; proxy_ssl_ciphers NONSENSE; }' => qr/NONSENSE/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config("server { listen %PORT%; $fault }");
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

# Secrets of connections, for who debugs.
my $logged = Site->start(<<"CONF");
    server {
        listen %PORT%;
        proxy_ssl_key_log %DIR%/keys;
        proxy_ssl_session_reuse off;
        location / { proxy_pass https://127.0.0.1:$port; }
    }
CONF
is $logged->get('/')->status, 200, 'with a log of secrets';
wait_until { ($logged->slurp('keys') // '') =~ /^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]+ [0-9a-f]+$/m } 'secrets';
is((stat $logged->path('keys'))[2] & 0777, 0600, 'for nobody else to read');
$logged->stop;

done_testing;
