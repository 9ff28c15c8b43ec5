# t/h2/stall.t - clients that stand still at a bad moment, or will not go: each wait has its bound, whatever else comes
use Site;
use H2;
use Wait qw(wait_until);

needs_weir 'bounds that nginx has not';

use constant { REFUSED_STREAM => 7, CANCEL => 8 };

my $site = Site->start(<<'CONF');
    http2 on;
    send_timeout 1s;
    client_header_timeout 3s;
    server {
        listen %PORT%;
        root %DIR%/html;
        keepalive_timeout 100s;
        return 200 fine;
    }
    server {
        listen %PORT2%;
        http2_max_concurrent_streams 5;
        root %DIR%/html;
        location /origin { proxy_pass http://%ORIGIN%; proxy_ignore_client_abort on; }
        location /huge { }
    }
    server {
        listen %PORT3%;
        keepalive_timeout 100s;
        keepalive_requests 1000000;
        keepalive_min_timeout 500ms;
        return 200 fine;
    }
CONF
$site->file('html/huge', '');
truncate $site->path('html/huge'), 64 << 20 or die $!;

# The head of a request that does not end: no frame behind it can be told from it.
my $block = H2::block(H2::request());
my %begun = (
    'a frame of it'      => H2::frame_bytes(HEADERS, END_STREAM, 3, $block),
    'a part of a frame'  => substr(H2::frame_bytes(HEADERS, END_STREAM | END_HEADERS, 3, $block), 0, 20),
    'frames without end' => H2::frame_bytes(HEADERS, END_STREAM, 3, $block) . H2::frame_bytes(CONTINUATION, 0, 3, '') x 3,
);
my %standing;
for my $what (sort keys %begun) {
    my $h2 = $standing{$what} = H2->open($site);
    is $h2->get(1, '/')->answer(1)->{body}, 'fine', 'a request before it';
    $h2->raw($begun{$what});
}
for my $what (sort keys %standing) {
    my $h2 = $standing{$what};
    ok !grep({ $_->{type} == HEADERS } $h2->until(sub ($) { 0 })), "$what: no answer";
    ok $h2->{client}{end}, 'but the end';
}
$site->wait_for_log(qr/client timed out .*while reading client request headers/);

# A client that reads nothing and says something now and then: from one write to the next, send_timeout.
{
    my $h2 = H2->open($site, where => { port => 2 }, settings => pack 'nN', 4, 0x7fffffff);
    $h2->frame(WINDOW_UPDATE, 0, 0, pack 'N', 0x7fff0000 - 65535);
    $h2->get(1, '/huge');
    wait_until {
        $h2->frame(PING, 0, 0, 'x' x 8);
        grep { /huge/ } $site->access_log;
    } 'the request to end';
    my ($line) = grep { /huge/ } $site->access_log;
    cmp_ok +($line =~ /" 200 (\d+)/)[0], '<', 64 << 20, 'a client that takes nothing is given up, though it talks';
}

# Requests that the client gave up and that run on all the same are as many as those it may have open, not more.
{
    my $held = $site->origin->hold('/origin');
    my $h2 = H2->open($site, where => { port => 2 });
    for (map { 2 * $_ + 1 } 0 .. 9) {
        $h2->get($_, '/origin');
        $h2->frame(RST_STREAM, 0, $_, pack 'N', CANCEL);
    }
    $held->reached(10);
    is $h2->get(21, '/origin')->answer(21)->{reset}, REFUSED_STREAM, 'what is given up and runs on still counts';
    $held->release;
    wait_until { 10 == grep { m{/origin} } $site->access_log } 'ten requests in the log';
    is $h2->get(23, '/origin')->answer(23)->{status}, 200, 'until it has ended';
}

# A client that does not hear that it should go hears it again, and the last requests are answered.
{
    my $h2 = H2->open($site, where => { port => 3 });
    my ($id, $answered, @goaway) = (1, 0);
    $site->reload;
    while (@goaway < 2) {
        my $answer = $h2->get($id, '/')->answer($id);
        $answered++ if ($answer->{body} // '') eq 'fine';
        push @goaway, map { unpack 'N', $_->{payload} } grep { $_->{type} == GOAWAY } @{ $answer->{frames} };
        last if $h2->{client}{end};
        $id += 2;
    }
    is $goaway[0], 0x7fffffff, 'first that it should';
    cmp_ok $goaway[-1] // 0x7fffffff, '<', 0x7fffffff, 'then that nothing new begins, though it never was idle';
    is $answered, (($goaway[-1] // -1) + 1) / 2, 'every request before that is answered';
}

done_testing;
