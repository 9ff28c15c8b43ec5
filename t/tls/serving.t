# t/tls/serving.t - files, bodies and connections over TLS, the same as in nginx
use Site;
use Certs;
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT% ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate %DIR%/a.crt;
        ssl_certificate_key %DIR%/a.key;
        root %DIR%/html;
        location /vars { return 200 "$scheme $https $request_uri\n"; }
        location /moved { return 301 /elsewhere; }
        location /proxied { proxy_pass http://%ORIGIN%; }
        location /nopush { tcp_nopush on; sendfile on; alias %DIR%/html/; }
        location /echo { proxy_pass http://%ORIGIN%; client_max_body_size 0; }
    }
CONF
my $big = join '', map { pack 'N', $_ } 1 .. 500_000;
my %files = ('html/small' => "small\n", 'html/empty' => '', 'html/big' => $big,
             'html/record' => 'r' x 16384, 'html/more' => 's' x 16385);
my $dir = File::Temp->newdir;
Certs::make("$dir", 'a');
my %pair = map { ("a.$_" => Procs::slurp("$dir/a.$_")) } qw(crt key);
my %option = (files => { %files, %pair }, tls => {},
              origin => sub ($origin) {
                  $origin->answer('/proxied', body => 'x' x 100_000);
                  $origin->answer('/echo', body => 'got it');
              });

for my $version (qw(TLSv1_2 TLSv1_3)) {
    my @requests = map { { what => $_, name => "$version: $_" } }
        'GET /small', 'HEAD /small', 'GET /empty', 'GET /big', 'GET /record', 'GET /more', 'GET /none',
        'GET /vars?a=b', 'GET /moved', 'GET /proxied', 'GET /nopush/big';
    push @requests, { what => 'GET /big', fields => [Range => 'bytes=16000-17000'], name => "$version: a range" };
    push @requests, { what => 'GET /big', version => '1.0', name => "$version: until the end" };
    push @requests, { what => 'POST /echo', body => 'b' x 300_000, name => "$version: a large body" };
    push @requests, { what => 'POST /echo', chunks => [map { 'c' x 20_000 } 1 .. 10], name => "$version: chunks" };
    differential_ok($conf, \@requests, %option, tls => { SSL_version => $version });
}

# More than a socket holds, to a reader that takes its time.
my $site = Site->start($conf, files => { %files, %pair }, tls => {});
my $slow = $site->connect({ rcvbuf => 4096 });
$slow->send('GET /big');
select undef, undef, undef, 0.2;
is length $slow->response->body, length $big, 'a slow reader gets all of it';
is $slow->get('/small')->body, "small\n", 'and goes on';

# Several requests in one record, several records for one request.
my $client = $site->connect;
$client->write(join '', map { Client::request_bytes("GET /$_") } qw(small record small));
is join(' ', map { length $client->response->body } 1 .. 3), '6 16384 6', 'pipelined requests';
$client->write($_) for split //, Client::request_bytes('GET /small');
is $client->response->body, "small\n", 'a request of one byte per record';

# The end of an answer without a length is marked by close_notify.
my $last = $site->connect;
$last->send('GET /small', Connection => 'close');
is $last->response->body, "small\n", 'Connection: close';
is $last->closed, 'eof', 'and the connection ends in good order';

# Small records.
$site->reload($conf =~ s/root/ssl_buffer_size 1k; root/r);
is $site->get('/big')->body, $big, 'ssl_buffer_size 1k';

done_testing;
