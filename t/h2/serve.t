# t/h2/serve.t - requests over HTTP/2, by ALPN and with prior knowledge, answered as over HTTP/1.1
use Site;
use Certs;

my $site = Site->prepare(<<'CONF');
    http2 on;
    log_format proto '$http2|$server_protocol|$request|$status|$body_bytes_sent';
    access_log %DIR%/h2.log proto;
    server {
        listen %PORT1% ssl;
        listen %PORT2%;
        server_name one.example;
        ssl_certificate %DIR%/one.example.crt;
        ssl_certificate_key %DIR%/one.example.key;
        root %DIR%/html;
        location /origin { proxy_pass http://%ORIGIN%; }
        location /flow { proxy_pass http://%ORIGIN%; proxy_request_buffering off; proxy_buffering off; }
        location /refuse { client_max_body_size 10; proxy_pass http://%ORIGIN%; }
        location /say { return 200 "$host|$http_host|$http_cookie|$scheme|$args"; }
    }
    server {
        listen %PORT1% ssl;
        server_name two.example;
        http2 off;
        ssl_certificate %DIR%/one.example.crt;
        ssl_certificate_key %DIR%/one.example.key;
        return 200 two;
    }
CONF
Certs::make($site->dir, 'one.example');
my $big = join '', map { chr($_ * 7 % 251) } 1 .. 600_000;
$site->file('html/small', 'some text');
$site->file('html/big', $big);
$site->file('html/upload', $big);
$site->up;

# What curl gets: a hash of http_code, http_version, head and body.
sub fetch ($way, $path, @options) {
    my ($tls, $host) = ($way eq 'tls', 'one.example');
    my $port = $site->port($tls ? 1 : 2);
    my ($head, $body) = map { $site->path($_) } qw(head body);
    $host = shift @options if @options && $options[0] =~ /\.example\z/;
    open my $out, '-|', 'curl', '-sk', '--max-time', Client::patience(), $tls ? '--http2' : '--http2-prior-knowledge',
        '--resolve', "$host:$port:127.0.0.1", '-D', $head, '-o', $body, '-w', '%{http_version} %{http_code}',
        @options, ($tls ? 'https' : 'http') . "://$host:$port$path" or die "curl: $!";
    my ($version, $status) = split ' ', join '', <$out>;
    close $out;
    my %seen = (version => $version, status => $status, head => $site->slurp('head'), body => $site->slurp('body'));
    unlink $head, $body;
    return \%seen;
}

for my $way (qw(tls plain)) {
    my $small = fetch($way, '/small');
    is "$small->{version} $small->{status} $small->{body}", '2 200 some text', "$way: a file";
    like $small->{head}, qr/^content-length: 9\r$/m, "$way: its length";
    unlike $small->{head}, qr/^(connection|transfer-encoding|keep-alive):/mi, "$way: nothing that is about a connection";
    is fetch($way, '/big')->{body}, $big, "$way: a large file, whole";
    is fetch($way, '/small', '-I')->{status}, 200, "$way: HEAD";
    is fetch($way, '/none')->{status}, 404, "$way: none";
    my $part = fetch($way, '/big', '-r', '100-199');
    is "$part->{status} " . ($part->{body} eq substr $big, 100, 100), '206 1', "$way: a part";
    my $port = $site->port($way eq 'tls' ? 1 : 2);
    is fetch($way, '/say?a=b', '-H', 'Cookie: x=1; y=2')->{body},
        "one.example|one.example:$port|x=1; y=2|" . ($way eq 'tls' ? 'https' : 'http') . '|a=b', "$way: variables";
    is fetch($way, '/origin')->{body}, "GET /origin\n", "$way: proxied";
    for my $place (qw(/origin /flow)) {
        $site->origin->forget;
        is fetch($way, $place, '--data-binary', '@' . $site->path('html/upload'))->{body}, "POST $place\n",
            "$way: a body for $place";
        is $site->origin->request->body, $big, "$way: which arrives whole";
    }
    is fetch($way, '/refuse', '--data-binary', '@' . $site->path('html/upload'))->{status}, 413,
        "$way: a body that is too large";
}
is fetch('tls', '/', 'two.example')->{version}, '1.1', 'a server that does not speak it is asked in HTTP/1.1';
like $site->slurp('h2.log'), qr{^h2\|HTTP/2\.0\|GET /small HTTP/2\.0\|200\|9$}m, 'the log over TLS';
like $site->slurp('h2.log'), qr{^h2c\|HTTP/2\.0\|GET /small HTTP/2\.0\|200\|9$}m, 'and without';

my $old = Site->test_config('server { listen %PORT% http2; http2_max_requests 10; http2_push /a; http2_push_preload on; }');
is $old->{exit}, 0, 'directives of old are taken';
like $old->{stderr}, $_, 'with a warning'
    for qr/"listen \.\.\. http2" directive is deprecated/, qr/"http2_max_requests" directive is obsolete, use the "keepalive_requests"/,
    qr/"http2_push" directive is obsolete, ignored/;

done_testing;
