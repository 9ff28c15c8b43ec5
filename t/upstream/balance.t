# t/upstream/balance.t - the same peers as under nginx: by key, by client, by turns, by connections
use Site;
use Differential;
use Names;
use Wait;

use constant KEYS => 10_000;

my $oracle = nginx_binary();

# Every address of 127.0.0.0/8 answers with its own name.
my $origin = Site->start(<<'CONF', binary => $oracle // Site::binary());
    server { listen 0.0.0.0:%PORT%; keepalive_requests 1000000; return 200 $server_addr; }
CONF
my $port = $origin->port;

sub servers (@weights) {
    my $n = 0;
    return join ' ', map { $n++; "server 127.0.0.$n:$port" . ($_ ? " $_" : '') . ';' } @weights;
}

my $names = Names->new;
$names->set('three.test' => ['127.0.0.21', '127.0.0.22', '127.0.0.23'], 'one.test' => '127.0.0.24') if $names;

# The servers are parameters for each of 127.0.0.1, 127.0.0.2 ..., or the text of the lines.
sub front ($balancing, $binary, @servers) {
    my $servers = @servers && $servers[0] =~ /\A\s*server / ? "@servers" : servers(@servers);
    my @named   = $names && $servers =~ /\.test:/ ? (env => $names->env) : ();
    my $site    = Site->prepare(<<"CONF", binary => $binary, @named);
        keepalive_requests 1000000;
        upstream group { $balancing $servers }
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Client;
        server {
            listen %PORT%;
            location / { proxy_pass http://group; add_header X-Peer \$upstream_addr; }
        }
CONF
    $names->settle($site) if @named;
    $site->allow_log(qr/Connection refused/);
    $site->up;
    return $site;
}

# The peer of each request. They are sent in bundles on one connection.
sub peers_of ($site, @requests) {
    my $client = $site->connect;
    my @peers;

    while (my @some = splice @requests, 0, 250) {
        my ($bytes, $seen) = ('', 0);
        my @found;
        $client->write(join '', map { "GET $_->[0] HTTP/1.1\r\nHost: x\r\n$_->[1]\r\n" } @some);
        while (@found < @some) {
            my $more = $client->read_some // last;
            $bytes .= $more;
            pos($bytes) = $seen;
            while ($bytes =~ /^X-Peer: (.*?)\r\n/mg) {
                push @found, $1;
                $seen = pos $bytes;
            }
        }
        die "only " . @found . " of " . @some . " answers" if @found != @some;
        push @peers, @found;
    }
    return @peers;
}

sub same_peers ($balancing, $servers, $requests, $what) {
    my $weir = front($balancing, Site::binary(), @$servers);
    my @weir = peers_of($weir, @$requests);
    $weir->stop;
    my %used = map { $_ => 1 } @weir;

    cmp_ok scalar keys %used, '>', 1, "$what: several peers are used";
    return ok(1, "# skip nginx is not installed") if !defined $oracle;
    my $front   = front($balancing, $oracle, @$servers);
    my @nginx   = peers_of($front, @$requests);
    $front->stop;
    my ($first) = grep { $weir[$_] ne $nginx[$_] } 0 .. $#nginx;
    is $first, undef, "$what: the same peer for all of " . @nginx . ' requests'
        or diag "$requests->[$first][0] $requests->[$first][1]: nginx $nginx[$first], Weir $weir[$first]";
}

my @keys    = map { ["/?k=" . $_ * 7919, ''] } 1 .. KEYS;
my @clients = map {
    my $n = $_;
    my $address = $n % 5 ? join '.', 1 + $n % 223, $n * 31 % 256, $n * 17 % 256, $n % 256
                         : sprintf '2001:db8:%x:%x::%x', $n % 65536, $n * 7 % 65536, $n;
    ['/', "X-Client: $address\r\n"];
} 1 .. KEYS;
my @uneven = ('', 'weight=5', '', 'weight=2', 'down', 'weight=3');

same_peers('', \@uneven, [@keys[0 .. 999]], 'in turn');
same_peers('ip_hash;', \@uneven, \@clients, 'ip_hash');
same_peers('hash $arg_k;', \@uneven, \@keys, 'hash');
same_peers('hash $arg_k consistent;', \@uneven, \@keys, 'hash consistent');
same_peers('hash $arg_none;', \@uneven, [@keys[0 .. 99]], 'hash without a key: in turn');
same_peers('least_conn;', \@uneven, [@keys[0 .. 999]], 'least_conn without load: in turn');

same_peers('', ['weight=3', 'down', '', 'weight=2 backup', 'backup'], [@keys[0 .. 499]], 'backups are for later');
same_peers('', ['down', 'down weight=9', 'weight=3 backup', 'backup'], [@keys[0 .. 499]], 'in turn among backups');
same_peers('least_conn;', ['down', 'weight=3 backup', 'backup'], [@keys[0 .. 499]], 'least_conn among backups');
same_peers('hash $arg_k consistent;', ['down weight=5', '', 'down', 'weight=9'], \@keys, 'a ring with those that are down');
same_peers('ip_hash;', ['down weight=5', '', 'down', 'weight=9'], \@clients, 'ip_hash with those that are down');

# Sockets, ports left out, and names with several addresses.
{
    my $here = File::Temp::tempdir(CLEANUP => 1);
    chmod 0755, $here;
    my $sockets = Site->start(join '', map { "server { listen unix:$here/$_; keepalive_requests 100000; return 200 x; }\n" } 'a', 'b', 'c');
    my $text = join ' ', "server unix:$here/a weight=2;", "server unix:$here/b;", "server unix:$here/c;", "server 127.0.0.3:$port;";
    same_peers($_, [$text], [@keys[0 .. 1999]], "$_ with sockets") for 'hash $arg_k consistent;', 'hash $arg_k;', '';
    if ($names) {
        my $named = "server three.test:$port weight=2; server one.test:$port; server 127.0.0.3:$port weight=3;";
        same_peers($_, [$named], [@keys[0 .. 1999]], "$_ with names") for 'hash $arg_k consistent;', 'hash $arg_k;', '', 'least_conn;';
        same_peers('ip_hash;', [$named], [@clients[0 .. 1999]], 'ip_hash with names');
    }
}

# Those that fail are left alone and lose weight; their failures are the same.
{
    my $dead = Ports::take();
    my %groups = (
        'one failure'       => "server 127.0.0.1:$port weight=2; server 127.0.0.9:$dead weight=3 fail_timeout=1h; server 127.0.0.2:$port;",
        'several failures'  => "server 127.0.0.1:$port; server 127.0.0.9:$dead weight=7 max_fails=4 fail_timeout=1h; server 127.0.0.2:$port weight=5;",
        'failures for ever' => "server 127.0.0.1:$port; server 127.0.0.9:$dead weight=4 max_fails=0; server 127.0.0.2:$port weight=2;",
        'then the backup'   => "server 127.0.0.9:$dead fail_timeout=1h; server 127.0.0.8:$dead weight=2 fail_timeout=1h; server 127.0.0.1:$port backup; server 127.0.0.2:$port backup weight=3;",
    );
    for my $what (sort keys %groups) {
        same_peers('', [$groups{$what}], [@keys[0 .. 199]], "in turn: $what");
        same_peers('least_conn;', [$groups{$what}], [@keys[0 .. 199]], "least_conn: $what");
    }
}

# After a reload weights are those of the new configuration.
{
    my $site = front('hash $arg_k consistent;', Site::binary(), '', 'weight=5', '');
    peers_of($site, @keys[0 .. 9]);
    (my $conf = $site->slurp('weir.conf')) =~ s/weight=5/weight=2/;
    $conf =~ s/127\.0\.0\.3:$port/127.0.0.3:$port weight=3/;
    $site->file('weir.conf', $conf);
    $site->reload;
    my @now  = peers_of($site, @keys[0 .. 1999]);
    my @then = peers_of(front('hash $arg_k consistent;', $oracle // Site::binary(), '', 'weight=2', 'weight=3'), @keys[0 .. 1999]);
    is_deeply \@now, \@then, 'the ring is made of new weights';
}

# A peer that refuses: the next one is the same too. 127.0.0.1 with another port is nobody's.
{
    my $dead = Ports::take();
    for my $method ('ip_hash', 'hash $arg_k', 'hash $arg_k consistent', 'least_conn') {
        my @requests = $method eq 'ip_hash' ? @clients[0 .. 499] : @keys[0 .. 499];
        my @seen;

        for my $binary (Site::binary(), $oracle // Site::binary()) {
            my $site = front("$method; server 127.0.0.9:$dead max_fails=0 weight=2;", $binary, ('') x 4);
            push @seen, [peers_of($site, @requests)];
            $site->stop;
        }
        is_deeply $seen[0], $seen[1], "$method: the same second choice";
    }
}

# Connections in flight decide; those of all workers count.
{
    my $site = Site->start(<<'CONF', main => 'worker_processes 2;');
        upstream least { least_conn; server %ORIGIN1%; server %ORIGIN2%; }
        upstream two   { random two; server %ORIGIN1%; server %ORIGIN2%; }
        server {
            listen %PORT%;
            location /least { proxy_pass http://least; }
            location /two { proxy_pass http://two; }
        }
CONF
    for my $way (qw(least two)) {
        my @held;
        for my $n (1 .. 6) {
            my $place = "/$way/$n";
            my %hold = map { $_ => $site->origin($_)->hold($place) } 1, 2;
            my $waiting = $site->send("GET $place");
            push @held, [\%hold, $waiting];
            wait_until { $hold{1}->count + $hold{2}->count } "request $n is at an origin";
        }
        my @count = map { my $n = $_; scalar grep { $_->[0]{$n}->count } @held } 1, 2;
        is "@count", '3 3', "$way: six slow requests are spread evenly";
        for (@held) { $_->release for values %{ $_->[0] } }
        is $_->[1]->response->status, 200, 'and answered' for @held;
    }
}

my %faults = (
    'upstream g { hash; server 127.0.0.1; }'                       => qr/"hash"/,
    'upstream g { hash $uri twice; server 127.0.0.1; }'            => qr/invalid parameter "twice"/,
    'upstream g { random three; server 127.0.0.1; }'               => qr/invalid parameter "three"/,
    'upstream g { random two most; server 127.0.0.1; }'            => qr/invalid parameter "most"/,
    'upstream g { ip_hash; server 127.0.0.1 backup; }'             => qr/does not support parameter "backup"/,
    'upstream g { hash $uri; server 127.0.0.1 backup; }'           => qr/does not support parameter "backup"/,
    'upstream g { random; server 127.0.0.1; server 127.1 backup; }' => qr/does not support parameter "backup"/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}
my $twice = Site->test_config('upstream g { ip_hash; least_conn; server 127.0.0.1; }');
is $twice->{exit}, 0, 'a second method is taken';
like $twice->{stderr}, qr/load balancing method redefined/, 'with a warning';

done_testing;
