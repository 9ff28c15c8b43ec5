# t/handler/aio.t - files read in threads, past the page cache, in pieces: always the same bytes
use Site;
use Certs;
use Strace;
use Compress::Zlib ();

my $conf = <<'CONF';
    types { text/plain txt; }
    sendfile on;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /plain/ { alias %DIR%/html/; }
        location /threads/ { aio threads; alias %DIR%/html/; }
        location /on/ { aio on; alias %DIR%/html/; }
        location /named/ { aio threads=disk; alias %DIR%/html/; }
        location /var/ { aio threads=$arg_pool; alias %DIR%/html/; }
        location /read/ { aio threads; sendfile off; alias %DIR%/html/; }
        location /small-buffers/ { aio threads; sendfile off; output_buffers 1 1k; alias %DIR%/html/; }
        location /direct/ { directio 1; alias %DIR%/html/; }
        location /direct-512/ { directio 100k; directio_alignment 512; aio threads; alias %DIR%/html/; }
        location /direct-4k/ { directio 100k; directio_alignment 4k; aio threads=disk; alias %DIR%/html/; }
        location /direct-odd/ { directio 100k; directio_alignment 1000; alias %DIR%/html/; }
        location /ahead/ { read_ahead 100k; alias %DIR%/html/; }
        location /chunk/ { sendfile_max_chunk 10k; alias %DIR%/html/; }
        location /chunk0/ { sendfile_max_chunk 0; alias %DIR%/html/; }
        location /gzip/ { aio threads; gzip on; gzip_types *; alias %DIR%/html/; }
        location /limited/ { aio threads; limit_rate 100m; alias %DIR%/html/; }
        location /nopush/ { aio threads; tcp_nopush on; alias %DIR%/html/; }
    }
CONF
my @wheres = qw(plain threads on named read small-buffers direct direct-512 direct-4k direct-odd ahead chunk chunk0 limited nopush);
my $pattern = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 100_000;
my %files = ('html/empty' => '', 'html/one' => 'x', 'html/small' => substr($pattern, 0, 5000), 'html/k64' => substr($pattern, 0, 65536),
    'html/k64-1' => substr($pattern, 0, 65537), 'html/k300' => substr($pattern, 0, 300_001), 'html/m9' => substr($pattern x 30, 0, 9_000_000));
my @main = (main => "thread_pool disk threads=2 max_queue=100;\n");
my $site = Site->start($conf, @main, files => \%files);
sub same ($got, $want, $name) { ok $got eq $want, $name or diag length($got) . ' bytes of ' . length $want }

for my $where (@wheres) {
    my $client = $site->connect;
    for my $file (sort keys %files) {
        my $name = $file =~ s/^html\///r;
        my $reply = $client->get("/$where/$name");
        is $reply->header('Content-Length'), length $files{$file}, "/$where/$name: its length";
        same($reply->body, $files{$file}, "/$where/$name: its bytes");
    }
    for my $range ('0-0', '1-70000', '65535-65536', '4095-4097', '123456-234567', '-1', '-70000', '299999-') {
        my ($from, $to) = $range =~ /(\d*)-(\d*)/;
        my $want = $from eq '' ? substr $files{'html/k300'}, -$to
            : substr $files{'html/k300'}, $from, ($to eq '' ? 300_001 : $to + 1) - $from;
        same($client->get("/$where/k300", Range => "bytes=$range")->body, $want, "/$where: bytes $range");
    }
    my $parts = $client->get("/$where/k300", Range => 'bytes=0-99999,200000-299999,100000-100099');
    is $parts->status, 206, "/$where: parts";
    my @bodies = map { s/\A.*?\r\n\r\n//sr } split /\r\n--\d{20}(?:--\r\n|(?=\r\n))/, $parts->body;
    shift @bodies if $bodies[0] eq '';
    same(join('', @bodies), substr($files{'html/k300'}, 0, 100_000) . substr($files{'html/k300'}, 200_000, 100_000)
        . substr($files{'html/k300'}, 100_000, 100), "/$where: are the parts asked for");
    is $client->send("HEAD /$where/m9")->response->header('Content-Length'), 9_000_000, "/$where: a head";
}
same($site->get("/var/k300?pool=$_")->body, $files{'html/k300'}, "a pool by a variable: $_") for 'disk', 'default', 'none', '';
like $site->error_log, qr/thread pool "none" not found/, 'one that is not there is told of';
same(Compress::Zlib::memGunzip($site->get('/gzip/k300', 'Accept-Encoding' => 'gzip')->body), $files{'html/k300'}, 'compressed');

# Slow readers, many at once, and some that go away in the middle.
for my $where (qw(threads read direct-512 chunk nopush)) {
    my @clients = map { $site->send("GET /$where/m9", { rcvbuf => 16384 }) } 1 .. 6;
    $_->read_until(qr/\r\n\r\n/) for @clients;
    $_->read_bytes(100_000) for @clients;
    $_->reset for @clients[0, 1];
    $_->close for $clients[2];
    for my $client (@clients[3 .. 5]) {
        same($client->read_bytes(8_900_000), substr($files{'html/m9'}, 100_000), "/$where: a slow reader among those that leave");
    }
    my $again = $clients[3]->get('/plain/small');
    same($again->body, $files{'html/small'}, "/$where: the connection goes on");
}

# Two requests in a row on one connection, the second sent while the first is under way.
my $pipelined = $site->connect;
$pipelined->write(Client::request_bytes('GET /threads/m9') . Client::request_bytes('GET /read/k300') . Client::request_bytes('GET /threads/k300'));
same($pipelined->read_response->body, $files{"html/$_"}, "pipelined: $_") for qw(m9 k300 k300);

# A file that shrinks is never a response that looks whole.
for my $where (@wheres) {
    next if $where eq 'direct' || $where eq 'plain';
    $site->allow_log(qr/truncated/);
    $site->file('html/shrinks', $files{'html/m9'});
    my $client = $site->send("GET /$where/shrinks", { rcvbuf => 16384 });
    $client->read_until(qr/\r\n\r\n/);
    truncate $site->path('html/shrinks'), 1_000;
    my $got = $client->read_all;
    cmp_ok length $got, '<', 9_000_000, "/$where: a file that shrinks is cut off, not made whole";
    ok $client->{end}, "/$where: and the connection ends";
}

# While a disk is slow others are served: a fifo in place of a disk is refused, so it is a lock here --
# the pool's two threads are both kept busy by readers whose sockets are full, and nobody waits.
my @stalled = map { $site->send('GET /named/m9', { rcvbuf => 4096 }) } 1 .. 8;
$_->read_until(qr/\r\n\r\n/) for @stalled;
same($site->get('/named/k300')->body, $files{'html/k300'}, 'readers that stall hold no thread');
same($_->read_bytes(9_000_000), $files{'html/m9'}, 'and get all in the end') for @stalled;

# What is buffered of a proxied response
my $relay = Site->prepare(<<'CONF', @main);
    sendfile on;
    server {
        listen %PORT%;
        listen %PORT2% ssl;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        location / { proxy_pass http://%ORIGIN%; aio threads; aio_write on; }
        location /sync/ { proxy_pass http://%ORIGIN%; aio threads; }
    }
CONF
Certs::make($relay, 'a');
$relay->up;
$relay->origin->answer('*', body => $files{'html/m9'});
for my $where (['/', 1], ['/', 2], ['/sync/', 1]) {
    my ($uri, $port) = @$where;
    my $trace = Strace->attach(($relay->workers)[0], 'pwrite64,sendfile');
    my $mark = $relay->log_mark;
    my @slow = map { $relay->send("GET $uri", { rcvbuf => 4096, port => $port, ($port == 2 ? (tls => {}) : ()) }) } 1 .. 3;
    $relay->wait_for_log(qr/buffered to a temporary file/, since => $mark);
    for my $client (@slow) {
        $client->read_until(qr/\r\n\r\n/);
        same($client->read_bytes(9_000_000), $files{'html/m9'}, "$uri, port $port: buffered in a file");
    }
    my @leaving = map { $relay->send("GET $uri", { rcvbuf => 4096, port => $port, ($port == 2 ? (tls => {}) : ()) }) } 1 .. 3;
    $_->read_until(qr/\r\n\r\n/) for @leaving;
    $_->close for @leaving;
    same($relay->send("GET $uri")->response->body, $files{'html/m9'}, "$uri, port $port: some that leave");
    next unless $trace;
    $trace->stop;
    if ($uri eq '/sync/') {
        cmp_ok $trace->in_loop('pwrite64'), '>=', 1, 'without aio_write the loop writes';
    } else {
        cmp_ok $trace->in_threads('pwrite64'), '>=', 1, 'aio_write: threads write';
        is $trace->in_loop('pwrite64'), 0, 'not the loop';
    }
    is $trace->in_loop('sendfile'), 0, 'and threads send it' if $port == 1;
}

# Ends: a quit while threads work.
my @last = map { $site->send('GET /threads/m9', { rcvbuf => 4096 }) } 1 .. 4;
$_->read_until(qr/\r\n\r\n/) for @last;
$site->signal('QUIT');
same($_->read_bytes(9_000_000), $files{'html/m9'}, 'a response under way is completed') for @last;

my $secure = Site->prepare(<<'CONF', @main, files => \%files, tls => {});
    sendfile on;
    server {
        listen %PORT% ssl;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        location /threads/ { aio threads; alias %DIR%/html/; }
        location /direct/ { directio 1; alias %DIR%/html/; }
    }
CONF
Certs::make($secure, 'a');
$secure->up;
same($secure->get($_->[0])->body, $files{"html/$_->[1]"}, "TLS: $_->[0]") for map { ["/threads/$_", $_], ["/direct/$_", $_] } qw(k300 m9);

for (['aio maybe', qr/"aio" directive invalid value|invalid value "maybe"/], ['aio threads=nope', qr/unknown thread pool "nope"/],
     ['directio x', qr/"directio" directive invalid value/]) {
    my ($text, $message) = @$_;
    like(Site->test_config("server { listen 127.0.0.1:%PORT%; $text; }")->{stderr}, $message, $text);
}
for my $text ('aio threads', 'aio on', 'aio off', 'aio threads=default', 'aio_write on', 'directio off', 'read_ahead 1m', 'open_file_cache_events on') {
    is(Site->test_config("server { listen 127.0.0.1:%PORT%; $text; }")->{exit}, 0, $text);
}
done_testing;
