# t/http/fail_reason.t - $fail_reason names the cause of each error that is made here; all causes are documented
use Site;
use File::Path ();
use IO::Socket::INET;

needs_weir 'a variable of our own';

my $conf = <<'CONF';
    log_format reason '$request_uri $status $fail_reason';
    access_log %DIR%/reason.log reason;
    limit_req_zone $arg_k zone=rate:64k rate=1r/m;
    limit_req_zone $arg_k zone=tiny:32k rate=1r/m;
    limit_conn_zone $arg_k zone=places:64k;
    limit_conn_zone $arg_k zone=few:32k;
    upstream down { server 127.0.0.1:1 down; }
    upstream broken { server 127.0.0.1:%PORT9%; breaker consecutive=1; breaker_open 1h; }
    upstream waiting { queue 1; server %ORIGIN% max_conns=1; }
    upstream hasty { queue 1 timeout=100ms; server %ORIGIN% max_conns=1; }
    upstream mixed { server 127.0.0.1:%PORT9%; }
    server {
        listen %PORT%;
        root %DIR%/html;
        client_header_buffer_size 256;
        large_client_header_buffers 2 512;
        error_log %DIR%/noise.log crit;
        location /denied/ { deny all; }
        location /any/ { satisfy any; deny all; auth_basic x; auth_basic_user_file %DIR%/users; proxy_pass http://%ORIGIN%; }
        location /none/ { satisfy any; deny all; auth_request /said/403; }
        location /basic/ { auth_basic x; auth_basic_user_file %DIR%/users; }
        location /nousers/ { auth_basic x; auth_basic_user_file %DIR%/nowhere; }
        location /badusers/ { auth_basic x; auth_basic_user_file %DIR%/html; }
        location /ask401/ { auth_request /said/401; }
        location /ask403/ { auth_request /said/403; }
        location /ask500/ { auth_request /said/404; }
        location /said/401 { return 401; }
        location /said/403 { return 403; }
        location /small/ { client_max_body_size 10; proxy_pass http://%ORIGIN%; }
        location /stream/ { client_max_body_size 10; proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://%ORIGIN%; }
        location /p/ { proxy_pass http://%ORIGIN%; proxy_buffer_size 1k; }
        location /p/late { client_body_timeout 300ms; proxy_pass http://%ORIGIN%; }
        location /p/stalled { proxy_pass http://%ORIGIN%; proxy_read_timeout 300ms; }
        location ~ ^/p/(tunnel/silent|pause) { proxy_pass http://%ORIGIN%; proxy_read_timeout 3s; }
        location /intercept/ { proxy_pass http://%ORIGIN%; proxy_intercept_errors on; error_page 404 500 /page; }
        location /intercept/named/ { proxy_pass http://%ORIGIN%; error_page 418 = @theirs; return 418; }
        location @theirs { proxy_pass http://%ORIGIN%; }
        location = /page { return 200 "page"; }
        location /waiting/ { proxy_pass http://waiting; }
        location /hasty/ { proxy_pass http://hasty; }
        location /down/ { proxy_pass http://down; }
        location /certificate/ { proxy_pass https://127.0.0.1:%PORT2%; proxy_ssl_certificate %DIR%/no$arg_x.crt; proxy_ssl_certificate_key %DIR%/s.key; }
        location /deniedup/ { proxy_allow_upstream 0; proxy_pass http://%ORIGIN%; }
        location /broken/ { proxy_pass http://broken; }
        location /unbound/ { proxy_bind 192.0.2.1; proxy_pass http://%ORIGIN%; }
        location /total/ { proxy_pass http://%ORIGIN%; proxy_total_timeout 100ms; location /total/body { proxy_pass http://%ORIGIN%; proxy_total_timeout 3s; } }
        location /refused/ { proxy_pass http://127.0.0.1:%PORT9%; }
        location /unresolved/ { proxy_pass http://$arg_host; }
        location /nothing { empty_gif; }
        location /callback/ { autoindex on; autoindex_format jsonp; }
        location /inside/ { internal; }
        location /rate { limit_req zone=rate; return 200 ok; location /rate/f { limit_req zone=rate; empty_gif; } }
        location /room { limit_req zone=tiny; empty_gif; }
        location /places { limit_conn places 1; proxy_pass http://%ORIGIN%; }
        location /few { limit_conn few 1; proxy_pass http://%ORIGIN%; }
        location /lost { error_page 404 @nowhere; return 404; }
        location /loop { rewrite ^/loop(.*) /loop$1x last; }
        location /empty { rewrite ^ "$arg_none" last; }
        location /return { return 451; }
        location /returntext { return 403 "no"; }
        location /return200 { return 200 "yes"; }
        location /dav/ { dav_methods PUT MKCOL MOVE; client_body_temp_path %DIR%/dav; }
        location /try { try_files /x /y =410; }
        location /fallback/ { error_page 404 = /return200; }
        location /pageof/ { error_page 404 /page; }
        location /page403/ { error_page 404 /returntext; }
        location /emptied { try_files /x $arg_none; }
        location /stored/ { client_body_temp_path %DIR%/stored; client_body_buffer_size 1k; proxy_pass http://%ORIGIN%; }
        location /slow/ { proxy_pass http://127.0.0.1:%PORT8%; proxy_connect_timeout 300ms; }
        location /redirect { return 302 /x; }
        location /field { add_header X-Reason "$fail_reason" always; return 410; }
        location = /late { access_log %DIR%/late.log reason; proxy_pass http://%ORIGIN%; }
    }
    server { listen %PORT2% ssl; ssl_certificate %DIR%/s.crt; ssl_certificate_key %DIR%/s.key; return 200 ok; }
    server {
        listen %PORT2% ssl; server_name strict.example; ssl_certificate %DIR%/s.crt; ssl_certificate_key %DIR%/s.key;
        ssl_client_certificate %DIR%/s.crt; ssl_verify_client on; return 200 ok;
    }
    server { listen %PORT3%; access_log %DIR%/slow.log reason; client_header_timeout 3s; return 200 ok; }
CONF
use Certs;
my $dir = File::Temp->newdir;
Certs::make("$dir", 's', names => ['localhost']);
my $site = Site->start($conf, files => {
    'html/f' => "0123456789", 'html/dir/x' => 'x', 'html/callback/x' => 'x', 'html/secret' => 'x', users => "u:{PLAIN}p\n",
    's.crt' => Procs::slurp("$dir/s.crt"), 's.key' => Procs::slurp("$dir/s.key") });
$site->allow_log(qr/./);
chmod 0, $site->path('html/secret');
my $origin = $site->origin;
my %seen;

# The status and the cause of the next line that the log has for this URI.
my %lines;
sub logged ($uri) {
    my $line;
    my $n = $lines{$uri}++;
    wait_until { $line = (grep { /\A\Q$uri\E / } split /\n/, $site->slurp('reason.log') // '')[$n] } "$uri in the log";
    my ($status, $reason) = $line =~ /(\d+) (\S+)\z/;
    $seen{$reason}++;
    return "$status $reason";
}
sub reason_is ($what, $expected, @fields) {
    my $option = ref $fields[0] eq 'HASH' ? shift @fields : {};
    $site->request($what, $option, @fields);
    my ($uri) = $what =~ /(\S+)\z/;
    is logged($uri), $expected, "$what: $expected";
}

# Files and places
reason_is('GET /f', '200 -');
my $ws = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
my @ws = (Upgrade => 'websocket', Connection => 'upgrade', 'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==');

# Those that begin well and then are silent for longer than they may: what comes of them is looked at below.
my $slow = $site->connect({ port => 3 });
$slow->write('GET /');
my $begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n";
$origin->script('/p/tunnel/silent', [write => $ws], 'stall');
$origin->script('/p/pause', [write => $begun], 'stall');
$origin->script('/total/body', 'body', [write => $begun], 'stall');
my @silent = ($site->send('GET /p/tunnel/silent', @ws), map { $site->send("GET $_") } '/p/pause', '/total/body');

sub tunnel_is ($uri, $expected, @steps) {
    my $leave = ref $steps[-1] eq 'CODE' ? pop @steps : sub ($client) { $client->closed };
    $origin->script($uri, [write => $ws], @steps);
    my $client = $site->send("GET $uri", @ws);
    $client->read_until(qr/\r\n\r\n/);
    $leave->($client);
    is logged($uri), $expected, "a tunnel: $expected";
}
tunnel_is('/p/tunnel/end', '101 -', 'close');
is logged('/p/tunnel/silent'), '101 tunnel.timeout', 'a tunnel: 101 tunnel.timeout';
tunnel_is('/p/tunnel/reset', '101 tunnel.upstream', [read => 1], 'reset', sub ($client) { $client->write('x'); $client->closed });
tunnel_is('/p/tunnel/left', '101 tunnel.client', [read => 1], 'stall', sub ($client) { $client->write('x'); $client->reset });
$origin->script('/p/switch', [write => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], 'close');
reason_is('GET /p/switch', '502 upstream.switched');
reason_is('GET /missing', '404 file.missing');
reason_is('GET /dir/', '403 content.none');
reason_is('GET /secret', '403 file.forbidden');
reason_is('POST /f', '405 request.method');
reason_is('GET /callback/?callback=a(b', '400 request.callback');
reason_is('GET /inside/x', '404 location.internal');
reason_is('GET /f?r', '416 request.range', Range => 'bytes=99-');
reason_is('GET /f?c', '412 request.precondition', 'If-Unmodified-Since' => 'Mon, 01 Jan 1990 00:00:00 GMT');
POSIX::mkfifo($site->path('html/fifo'), 0666);
reason_is('GET /fifo', '404 file.kind');


# DAV
mkdir $site->path('html/dav');
chmod 0777, $site->path('html/dav');
$site->file('html/dav/f', 'x');
reason_is('PUT /dav/new', '201 -', { body => 'x' });
reason_is('PUT /dav/dir/', '409 dav.request', { body => 'x' });
reason_is('MKCOL /dav/f/', '405 dav.refused');
reason_is('MOVE /dav/f', '400 dav.destination', Destination => 'x');
reason_is('MOVE /dav/f', '400 dav.overwrite', Destination => '/dav/g', Overwrite => 'X');

# Access
reason_is('GET /denied/', '403 access.address');
reason_is('GET /none/', '403 access.denied');
reason_is('GET /basic/', '401 auth.basic');
reason_is('GET /nousers/', '403 auth.file', Authorization => 'Basic dTpw');
reason_is('GET /badusers/', '500 auth.file', Authorization => 'Basic dTpw');
reason_is('GET /ask401/', '401 auth.request');
reason_is('GET /ask403/', '403 auth.request');
reason_is('GET /ask500/', '500 auth.request');
$origin->answer('/any/x', status => 404);
reason_is('GET /any/x', '404 -', Authorization => 'Basic dTpw');

# Rewriting
reason_is('GET /return', '451 rewrite.return');
reason_is('GET /returntext', '403 rewrite.return');
reason_is('GET /return200', '200 -');
reason_is('GET /redirect', '302 -');
reason_is('GET /loop', '500 rewrite.cycle');
reason_is('GET /empty', '500 rewrite.empty');
reason_is('GET /emptied', '500 redirect.empty');
reason_is('GET /try', '410 try.none');
reason_is('GET /lost', '500 location.unknown');
reason_is('GET /fallback/x', '200 -');
reason_is('GET /pageof/x', '404 file.missing');
reason_is('GET /page403/x', '404 file.missing');
is $site->get('/field')->header('X-Reason'), 'rewrite.return', 'in a field';

# Origins
$origin->answer('/p/404', status => 404);
reason_is('GET /p/404', '404 -');
$origin->script('/p/closed', 'close');
reason_is('GET /p/closed', '502 upstream.closed');
$origin->script('/p/stalled', 'stall');
reason_is('GET /p/stalled', '504 upstream.timeout');
$origin->script('/p/junk', [write => "junk\x01\r\n\r\n"], 'close');
reason_is('GET /p/junk', '502 upstream.head_invalid');
$origin->answer('/p/huge', headers => ['X-Huge' => 'x' x 5000]);
reason_is('GET /p/huge', '502 upstream.head_too_big');
$origin->answer('/p/outside', headers => ['X-Accel-Redirect' => '/../x']);
reason_is('GET /p/outside', '404 upstream.redirect_unsafe');
$origin->answer('/p/nowhere', headers => ['X-Accel-Redirect' => '/missing']);
reason_is('GET /p/nowhere', '404 file.missing');
$origin->answer('/intercept/404', status => 404);
reason_is('GET /intercept/404', '404 upstream.status');
$origin->answer('/intercept/named/x', status => 404);
reason_is('GET /intercept/named/x', '404 -');
reason_is('GET /deniedup/', '403 upstream.denied');
reason_is('GET /certificate/', '500 upstream.certificate');
reason_is('GET /down/', '502 upstream.none_live');
{
    my $held = $origin->hold('/waiting/0');
    my @waiting = $site->send('GET /waiting/0');
    $held->reached;
    push @waiting, $site->send('GET /waiting/1');
    $site->get('/return200'); # the worker has seen what came before
    reason_is('GET /waiting/2', '502 upstream.queue_full');
    $held->release;
    is $_->response->status, 200, 'who waited is answered' for @waiting;
    $held = $origin->hold('/hasty/0');
    my $first = $site->send('GET /hasty/0');
    $held->reached;
    reason_is('GET /hasty/1', '502 upstream.queue_timeout');
    $held->release;
    is logged('/hasty/0'), '200 -', 'who had the place is answered';
}
reason_is('GET /unbound/', '500 upstream.local');
reason_is('GET /refused/', '502 upstream.connect');
reason_is('GET /broken/', '502 upstream.connect');
reason_is('GET /broken/', '502 upstream.breaker');
$origin->script('/total/', 'body', 'stall');
reason_is('GET /total/', '504 upstream.total_timeout');
$origin->script('/p/cut', [write => $begun], 'close');
reason_is('GET /p/cut', '200 upstream.body_closed');
$origin->script('/p/reset', [write => $begun], [wait => 'reset'], 'reset');
my $reset = $site->send('GET /p/reset');
$reset->read_until(qr/some/);
$origin->go('reset');
$reset->closed;
is logged('/p/reset'), '200 upstream.body_closed', 'a reset in the body';
$origin->script('/p/chunks', [write => "${begun}x\r\n"], 'close');
reason_is('GET /p/chunks', '200 upstream.body_invalid');
is logged('/p/pause'), '200 upstream.body_timeout', 'a body that stops';
is logged('/total/body'), '200 upstream.total_timeout', 'one that takes too long';
my $port = $site->port(8); # whose queue is full: nobody takes what comes
my $queue = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1) or die $!;
my @fill = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Blocking => 0) } 1 .. 6;
reason_is('GET /slow/', '504 upstream.connect_timeout');
reason_is('GET /unresolved/?host=no.such.invalid', '502 upstream.unresolved');

# Bodies
reason_is('POST /small/x', '413 body.too_large', { body => 'x' x 11 });
File::Path::remove_tree($site->path('stored'));
reason_is('POST /stored/x', '500 body.storage', { body => 'x' x 200_000 });
my $client = $site->connect;
$client->write("POST /small/chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n");
$client->response;
is logged('/small/chunked'), '413 body.too_large', 'a body in chunks';
$client = $site->connect;
$client->write("POST /p/broken HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
$client->response;
is logged('/p/broken'), '400 body.malformed', 'broken chunks';
$client = $site->connect;
$client->write("POST /p/late HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx");
is logged('/p/late'), '408 body.timeout', 'a body that does not come';

# Limits
my $held = $origin->hold('/places');
my $first = $site->send('GET /places?k=1&first');
$held->reached;
reason_is('GET /places?k=1', '503 limit.places');
$held->release;
$first->response;
reason_is('GET /rate/f?k=1', '200 -');
reason_is('GET /rate/f?k=1', '503 limit.rate');
my $full = $origin->hold('/few');
my @many = map { $site->send("GET /few?k=$_" . 'x' x 150) } 1 .. 150;
wait_until { ($site->slurp('reason.log') // '') =~ /^\/few\S+ 503 limit\.room$/m } 'a full zone';
$seen{'limit.room'}++;
pass '503 limit.room';
$_->close for @many;
$full->release;

# Heads
sub raw_is ($bytes, $expected, $what, $port = 1, %tls) {
    my $before = () = ($site->slurp('reason.log') // '') =~ /\n/g;
    my $client = $site->connect({ port => $port, %tls ? (tls => \%tls) : () });
    $client->write($bytes);
    $client->shutdown unless %tls;
    $client->read_all;
    my @lines;
    wait_until { @lines = split /\n/, $site->slurp('reason.log'); @lines > $before } "a line: $what";
    my ($reason) = $lines[-1] =~ /(\S+)\z/;
    $seen{$reason}++;
    like $lines[-1], qr/ \Q$expected\E\z/, "$what: $expected";
}
wait_until { my $n = () = $site->slurp('reason.log') =~ /^\/few/mg; $n >= @many } 'all others';
my $head = "Host: a\r\n\r\n";
raw_is("G\x01T / HTTP/1.1\r\n$head", '400 request.line', 'a method');
raw_is("GET / HTTP/1.x\r\n$head", '400 request.version', 'a version');
raw_is("GET / HTTP/7.1\r\n$head", '505 request.version', 'another version');
raw_is("GET /../x HTTP/1.1\r\n$head", '400 request.uri', 'above the root');
raw_is("GET /%0 HTTP/1.1\r\n$head", '400 request.uri', 'a code');
raw_is('GET /' . 'x' x 600 . " HTTP/1.1\r\n$head", '414 request.line_too_long', 'a long line');
raw_is("GET / HTTP/1.1\r\nX: " . 'x' x 600 . "\r\n$head", '400 request.head_too_large', 'a long field');
raw_is("GET / HTTP/1.1\r\n\r\n", '400 request.host', 'no host');
raw_is("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", '400 request.host', 'two hosts');
raw_is("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", '400 request.framing', 'a length');
raw_is("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", '501 request.framing', 'a coding');
raw_is("GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", '400 request.header', 'a field');
raw_is("GET / HTTP/1.1\r\nHost: a\r\n", '400 request.incomplete', 'half a head');
raw_is("TRACE / HTTP/1.1\r\n$head", '405 request.method', 'TRACE');
raw_is("GET / HTTP/1.1\r\n$head", '400 tls.plain', 'plain HTTP', 2);
my $strict = "GET / HTTP/1.1\r\nHost: strict.example\r\nConnection: close\r\n\r\n";
my @strict = (SSL_hostname => 'strict.example');
raw_is($strict, '400 tls.no_certificate', 'no certificate', 2, @strict);
raw_is($strict, '421 tls.misdirected', 'made to another server', 2, SSL_hostname => 'a.example');
Certs::make($site->dir, 'other');
raw_is($strict, '400 tls.certificate', 'a strange certificate', 2, @strict,
       map { ("SSL_$_->[0]_file" => $site->path("other.$_->[1]")) } [cert => 'crt'], [key => 'key']);
wait_until { ($site->slurp('slow.log') // '') =~ /\n/ } 'a timeout';
like $site->slurp('slow.log'), qr/\A\S* 408 request\.timeout\n\z/, 'a head that does not come';
$seen{'request.timeout'}++;

# A client that leaves
my $waits = $origin->hold('/late');
my $gone = $site->send('GET /late');
$waits->reached;
$gone->close;
wait_until { ($site->slurp('late.log') // '') =~ /\n/ } 'the client left';
is $site->slurp('late.log'), "/late 499 client.gone\n", 'a client that leaves';
$seen{'client.gone'}++;
$waits->release;

$site->stop;

# What is documented -------------------------------------------------------------------------------------
my $dump = Site::run_binary(Site::binary(), '--dump-fail-reasons');
is $dump->{exit}, 0, 'the table';
my @rows = map { [split /\t/, $_, -1] } split /\n/, $dump->{stdout};
my %known = map { $_->[0] => 1 } @rows;
is scalar(grep { @$_ != 3 || !length $_->[1] || $_->[2] !~ /\.\z/ } @rows), 0, 'each has a status and a text';
is_deeply [map { $_->[0] } @rows], [sort keys %known], 'sorted, each once';
is_deeply [grep { $_ ne '-' && !$known{$_} } sort keys %seen], [], 'all that were seen are there';

# In the sources: an argument of whatever makes a request fail, or what is returned or stored as its cause.
my (%used, $text);
my ($families) = map { qr/(?:$_)/ } join '|', sort keys %{ { map { /(\w+)\./ ? ($1 => 1) : () } keys %known } };
for my $path (split /\n/, `find worker -name '*.c'`) {
    $text = Procs::slurp($path);
    $used{$1} = $path while $text =~ /\b(?:\w*fail\w*|refuse|turn_away|return|fail_reason =|why =|\?|:)[^;"]*(?:"[^"]*"[^;"]*)*?"([a-z]+\.[a-z_]+)"/g;
    $used{$1} = $path while $text =~ /"($families\.[a-z_]+)"/g;
}
delete $used{$_} for grep { /\.(?:html|com|conf|org|c|h)\z/ } keys %used;
is_deeply [map { "$_ in $used{$_}" } grep { !$known{$_} } sort keys %used], [], 'all that the sources name are there';
is_deeply [grep { !$used{$_} } sort keys %known], [], 'and no others';

# Those that cannot be produced at will.
my %rare = map { $_ => 1 } qw(tunnel.shutdown upstream.body_storage auth.busy auth.subrequest threads.busy memory.low file.error upstream.request);
is_deeply [grep { !$seen{$_} && !$rare{$_} } sort keys %known], [], 'all others were produced';

done_testing;
