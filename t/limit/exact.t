# t/limit/exact.t - limits are of all workers together: exact to 1 %, over a reload too; full zones
#
# WEIR_SECONDS says for how long the rate is measured (4).
use Site;
use Differential;
use IO::Poll qw(POLLIN POLLHUP);
use List::Util ();
use Time::HiRes qw(time);

my $seconds = $ENV{WEIR_SECONDS} // 4;
my ($rate, $burst) = (300, 300);
my $conf = <<"CONF";
    limit_req_zone \$server_name zone=all:1m rate=${rate}r/s;
    limit_conn_zone \$server_name zone=few:1m;
    keepalive_requests 10000000;
    limit_req_log_level info;
    limit_conn_log_level info;
    server {
        listen %PORT% reuseport;
        server_name a;
        add_header X-Pid \$pid always;
        location /rate { limit_req zone=all burst=$burst nodelay; empty_gif; }
        location /delay { limit_req zone=all burst=$burst; empty_gif; }
        location /few { limit_conn few 10; proxy_pass http://%ORIGIN%; }
    }
CONF
my $site = Site->start($conf, main => 'worker_processes 4; error_log %DIR%/crit.log crit;');

# Connections that always have `depth` requests in flight, for so many seconds; what came: by status,
# and by worker.
#
# Who is refused shows that the bucket is full: the burst has passed, and all that the rate allows passes from
# the first refusal to the last. Unless there is none for so long that the bucket may be empty (burst / rate):
# what might have passed after that is `idle`.
my %full;
sub refused_at ($asked) {
    my $now = time;
    $full{first} //= $now;
    my $gap = $now - ($full{last} // $now) - $burst / $rate;
    $full{idle} += $gap if $gap > 0;
    $full{last} = $asked if $asked > ($full{last} // 0);
}
sub least { return $burst + 1 + $rate * List::Util::max(0, $full{last} - $full{first} - ($full{idle} // 0)) }

sub flood ($connections, $depth, $seconds) {
    my ($poll, %got, %rest, %left, %asked) = IO::Poll->new;
    my $end = time + $seconds;
    my $ask = sub ($sock) {
        $left{$sock} = $depth;
        $asked{$sock} = time;
        syswrite $sock, "GET /rate HTTP/1.1\r\nHost: a\r\n\r\n" x $depth;
    };
    my $open = sub {
        my $sock = $site->connect->socket;
        $sock->blocking(0);
        $poll->mask($sock => POLLIN);
        $rest{$sock} = '';
        $ask->($sock);
    };
    $open->() for 1 .. $connections;
    while ($poll->handles) {
        $poll->poll(1);
        for my $sock ($poll->handles(POLLIN | POLLHUP)) {
            my $n = sysread $sock, $rest{$sock}, 1 << 16, length $rest{$sock};
            next if !defined $n && $!{EAGAIN};
            while ($rest{$sock} =~ s/\A(HTTP.*?\r\n\r\n)(?:GIF.{40}|<html>.*?<\/html>\r\n)//s) {
                my $head = $1;
                $got{ substr $head, 9, 3 }++;
                refused_at($asked{$sock}) if $head =~ /\A\S+ 503/;
                $got{workers}{$1}++ if $head =~ /X-Pid: (\d+)/;
                $left{$sock}--;
            }
            if (!$n || ($left{$sock} == 0 && time >= $end)) {
                $poll->remove($sock);
                $open->() if !$n && time < $end;
            } elsif ($left{$sock} == 0) {
                $ask->($sock);
            }
        }
    }
    return \%got;
}

my $begin = time;
my $got = flood(16, 10, $seconds);
my $took = time - $begin;
my $most = $burst + 1 + $rate * $took;
cmp_ok $got->{200}, '<=', $most * 1.01, sprintf 'of %d requests in %.2f s %d passed: no more than %.0f', $got->{200} + ($got->{503} // 0), $took, $got->{200}, $most;
SKIP: {
    skip 'the machine is too busy to ask for more than the rate', 1 if !$got->{503};
    cmp_ok $got->{200}, '>=', least() * 0.99, sprintf 'and no fewer than %.0f', least();
}
cmp_ok scalar(keys %{ $got->{workers} }), '>', 1, keys(%{ $got->{workers} }) . ' workers served them';

# A reload under way: the bucket is where it was, and what passes in all is what it allows.
my $before = $got->{200};
$site->signal('HUP');
my $more = flood(16, 1, 2);
$took = time - $begin;
$most = $burst + 1 + $rate * $took;
cmp_ok $before + $more->{200}, '<=', $most * 1.01, sprintf 'over a reload: %d passed in %.2f s, no more than %.0f', $before + $more->{200}, $took, $most;
SKIP: {
    skip 'the machine is too busy to ask for more than the rate', 1 if !$more->{503};
    cmp_ok $before + $more->{200}, '>=', least() * 0.99, sprintf 'and no fewer than %.0f', least();
}

# Places: ten at once, however many ask through however many workers.
wait_until { !$site->draining && $site->workers == 4 } 'the reload to be over';
my $origin = $site->origin;
for my $round (1 .. 5) {
    my $held = $origin->hold('/few');
    my @clients = map { $site->send('GET /few') } 1 .. 60;
    my @refused;
    wait_until { @refused = grep { $_->pending } @clients; @refused >= 50 } "50 of 60 refused, round $round";
    is scalar(@refused), 50, "exactly ten have places, round $round";
    $held->release;
    my %status;
    $status{ $_->response->status }++ for @clients;
    is_deeply \%status, { 200 => 10, 503 => 50 }, 'and are served';
    wait_until { $site->idle_workers == $site->workers } 'all places to be given back';
}
$site->stop;

# Full zones -----------------------------------------------------------------------------------------------

# Of the rate: the key that was used longest ago is forgotten, nobody is refused for lack of room.
my $full = <<'CONF';
    limit_req_zone $arg_k zone=rate:32k rate=1r/m;
    limit_req_log_level info;
    server { listen %PORT%; location / { limit_req zone=rate; empty_gif; } }
CONF
sub key ($n) { return { what => sprintf('GET /?k=%03d%s', $n, 'x' x 200), name => "a full zone: key $n" } }
my @requests = map { key($_) } 0, 0, 1, 1, 2 .. 150, 150, 0, 0, 149, 1;
differential_ok($full, \@requests, allow_log => [qr/no memory/]);

# Of places: who finds no room is refused.
my $places = Site->start(<<'CONF');
    limit_conn_zone $arg_k zone=places:32k;
    server { listen %PORT%; location / { limit_conn places 1; proxy_pass http://%ORIGIN%; } }
CONF
my $held = $places->origin->hold('/');
my @clients = map { $places->send("GET /?k=$_" . 'x' x 200) } 1 .. 200;
my @refused;
wait_until { @refused = grep { $_->pending } @clients; @refused >= 60 } 'a full zone';
like $places->wait_for_log(qr/could not allocate node in limit_conn zone "places"/), qr/\[error\]/, 'is logged';
$held->release;
my %status;
$status{ $_->response->status }++ for @clients;
is join(' ', sort keys %status), '200 503', "$status{200} have a place, $status{503} do not";
wait_until { $places->get('/?k=1' . 'x' x 200)->status == 200 } 'room again';
is $places->get("/?k=$_" . 'x' x 200)->status, 200, 'places are given back' for 150, 200;
$places->stop;

done_testing;
