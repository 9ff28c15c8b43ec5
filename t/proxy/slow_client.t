# t/proxy/slow_client.t - a slow client costs neither memory beyond what is configured nor, where files may be used, the origin
use Site;

my $conf = <<'CONF';
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_socket_rcvbuf 64k;
    upstream one { server %ORIGIN%; keepalive 4; }
    server {
        listen %PORT% sndbuf=256k;
        sendfile on;
        location / { proxy_pass http://one; }
        location /memory/ { proxy_pass http://one; proxy_max_temp_file_size 0; }
        location /some/ { proxy_pass http://one; proxy_max_temp_file_size 2m; }
        location /direct/ { proxy_pass http://one; proxy_buffering off; }
    }
CONF
my $site = Site->start($conf, main => 'worker_processes 1;');
my $origin = $site->origin;
my $size = 9_000_000;
my $spare = Procs::slurp($ENV{WEIR}) =~ /__asan_init/ ? 3_000_000 : 0; # what AddressSanitizer keeps of freed memory

# What the worker holds that is its own, in bytes.
sub anonymous () {
    my ($pid) = $site->workers;
    my ($kb) = Procs::slurp("/proc/$pid/smaps_rollup") =~ /^Anonymous:\s+(\d+) kB/m;
    return 1024 * $kb;
}
# Bytes that the origin has got rid of, ever.
sub written () {
    my $all = 0;
    $all += $_->{written} for values %{ $origin->traffic };
    return $all;
}
# Until nothing moves any more.
sub settled () {
    my ($last, $same) = (-1, 0);
    wait_until { my $now = written(); $same = $now == $last ? $same + 1 : 0; $last = $now; select undef, undef, undef, 0.03; $same >= 5 } 'the origin to rest';
    return $last;
}
sub begin ($uri) {
    $origin->answer($uri, fill => $size);
    my $client = $site->connect({ rcvbuf => 524288 });
    $client->write("GET $uri HTTP/1.1\r\nHost: a\r\n\r\n");
    $client->read_until(qr/\r\n\r\n/);
    return $client;
}
$site->get('/warm');

for ('/memory/x', '/direct/x', '/some/x') {
    my ($before, $sent) = (anonymous(), written());
    my $client = begin($_);
    my $there  = settled() - $sent;
    my $more   = anonymous() - $before;
    cmp_ok $there, '<', $size, "$_: the origin waits for the client";
    my $limit = 1_000_000 + $spare;
    cmp_ok $more, '<', $limit, "$_: within the buffers";
    next if m{/direct};
    ok $client->read_bytes($size) eq Origin::pattern($size), "$_: all of it comes";
    cmp_ok anonymous() - $before, '<', $limit, "$_: still within the buffers";
}
my ($before, $sent) = (anonymous(), written());
my @clients = map { begin("/file/$_") } 1 .. 3;
wait_until { written() - $sent >= 3 * $size } 'the origin to be free';
pass 'files take it from the origin';
cmp_ok anonymous() - $before, '<', 3_000_000, 'which costs no memory';
$origin->answer('/next', close => 1);       # none that were made for it are kept
wait_until { my $used = $origin->connections; $site->get('/next'); $origin->connections == $used } 'a connection to be released';
pass 'another request goes over a connection that was released';
ok $clients[0]->read_bytes($size) eq Origin::pattern($size), 'and all of it comes';

# The client leaves: nothing stays behind.
$_->close for @clients, begin('/file/4'), begin('/memory/5');
wait_until { !grep { readlink($_) && readlink($_) =~ /proxy_temp/ } glob '/proc/' . ($site->workers)[0] . '/fd/*' } 'files to be closed';
cmp_ok anonymous() - $before, '<', 3_000_000, 'nor memory';

done_testing;
