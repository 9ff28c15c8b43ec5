# t/h2/window.t - bodies that nobody reads do not use up the window that all requests of a connection share
use Site;
use H2;

my $site = Site->start(<<'CONF');
    http2 on;
    server {
        listen %PORT%;
        location /refused { return 403; }
        location /taken { client_body_buffer_size 100k; proxy_pass http://%ORIGIN%; }
    }
CONF
$site->origin->answer('/taken', body => 'thank you');

my ($id, $window) = (-1, 65_535);
my $h2 = H2->open($site);
sub post ($path) {
    my @pieces = map { 'x' x $_ } (16_384) x 3, 10_848;
    $id += 2;
    $window -= length for @pieces;
    $h2->raw(join '', H2::frame_bytes(HEADERS, END_HEADERS, $id, H2::block(H2::request(':method' => 'POST', ':path' => $path))),
             map { H2::frame_bytes(DATA, $_ == 3 ? END_STREAM : 0, $id, $pieces[$_]) } 0 .. 3);
    my $answer = $h2->answer($id);
    for my $f (@{ $answer->{frames} }) {
        $window += unpack 'N', $f->{payload} if $f->{type} == WINDOW_UPDATE && $f->{stream} == 0;
    }
    return $answer;
}

is post('/taken')->{body}, 'thank you', 'a body that is read';
my $at_first = $window;
my $refused = 0;
while ($window > 60_000 && $refused < 1.1 * $at_first / 60_000) { # somewhat more than the window
    last if post('/refused')->{body} !~ /403 Forbidden/;
    $refused++;
}
cmp_ok $refused, '>=', 1.1 * $at_first / 60_000, 'bodies that are not, more than the window holds';
is post('/taken')->{body}, 'thank you', 'and the next that is';
done_testing;
