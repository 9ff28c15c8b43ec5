# t/h2/rest.t - connections that rest take little memory, and go on as if they had not
use Site;
use H2;
use Procs;
use Wait qw(wait_until patience);

my $site = Site->start(<<'CONF', log_level => 'debug', events => 'worker_connections 2000;');
    http2 on;
    keepalive_timeout 300s;
    server {
        listen %PORT%;
        add_header X-Same "said again and again";
        location / { return 200 "$http_x_one $http_x_two\n"; }
        location /up { proxy_pass http://%ORIGIN%; }
    }
    server { listen %PORT2%; keepalive_timeout 2s; location / { return 200 "short\n"; } }
CONF
my $origin = $site->origin;

# How many connections are at rest, by the last word of each in the log.
sub resting {
    my %last = $site->slurp('error.log') =~ /(\d+#\d+: \*\d+) h2: (rests|wakes)/g;
    return scalar grep { $_ eq 'rests' } values %last;
}
sub wait_resting ($n = 1) { wait_until { resting() == $n } "$n at rest" }

# A field block as bytes: indexed fields by number, literals that enter the table by name and value.
sub packed (@fields) {
    return join '', map { ref $_ ? "\x40" . join('', map { H2::integer(length, 7, 0) . $_ } @$_) : H2::integer($_, 7, 0x80) } @fields;
}
sub ask ($h2, $stream, @fields) { # GET / http
    return $h2->frame(HEADERS, END_HEADERS | END_STREAM, $stream, packed(2, 4, 6, @fields))->answer($stream);
}

my $h2 = H2->open($site);
my $answer = ask($h2, 1, [':authority' => 'a.example'], ['x-one' => 'first'], ['x-two' => 'second']);
is $answer->{body}, "first second\n", 'fields that enter the table';
my @heads = $h2->heads(@{ $answer->{frames} });
for my $n (1 .. 3) {
    wait_resting();
    $answer = ask($h2, 1 + 2 * $n, 64, 63, 62);
    is $answer->{body}, "first second\n", 'are still in it after a rest';
    @heads = $h2->heads(@{ $answer->{frames} });
    is $heads[0]{'x-same'}, 'said again and again', 'and so are ours';
    is $heads[0]{':status'}, 200, 'whole';
}

wait_resting();
$h2->frame(PING, 0, 0, 'pingpong');
my ($pong) = grep { $_->{type} == PING } $h2->until(sub ($f) { $f->{type} == PING });
is $pong->{payload}, 'pingpong', 'a ping wakes it';
wait_resting();
$origin->answer('/up', body => 'taken');
$h2->headers(11, [H2::request(':method' => 'POST', ':path' => '/up')], END_HEADERS);
$h2->frame(DATA, $_ == 3 ? END_STREAM : 0, 11, "x" x 16384) for 1 .. 3;
is $h2->answer(11)->{body}, 'taken', 'a request with a body, and windows';
is length $origin->request->body, 3 * 16384, 'that is all there';
wait_resting();
$h2->frame(WINDOW_UPDATE, 0, 0, pack 'N', 0x7fffffff);
is $h2->goodbye, 3, 'an error ends it as ever'; # FLOW_CONTROL_ERROR

# Its end.
$h2 = H2->open($site, where => { port => 2 });
is $h2->get(1, '/')->answer(1)->{body}, "short\n", 'a short keepalive_timeout';
wait_resting();
is $h2->goodbye, 0, 'ends a connection that rests';
$h2 = H2->open($site);
wait_resting();
undef $h2; # gone without a word
wait_resting(0);
my @resting = map { my $c = H2->open($site); $c->get(1, '/')->answer(1); $c } 1 .. 3;
wait_resting(3);
$site->reload;
is_deeply [map { $_->goodbye } @resting], [0, 0, 0], 'a reload tells those that rest';

# Memory: fields as a browser has them.
my @browser = (['user-agent' => 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'], ['accept' => 'text/html,application/xml;q=0.9,*/*;q=0.8'],
               ['accept-language' => 'en-US,en;q=0.5'], ['accept-encoding' => 'gzip, deflate, br, zstd'], map { ["x-field-$_" => "its value $_"] } 1 .. 5);
sub memory { return Procs::slurp('/proc/' . ($site->workers)[0] . '/smaps_rollup') =~ /^Anonymous:\s+(\d+)/m ? 1024 * $1 : die 'no Anonymous' }
my @open;
sub open_more ($n) {
    for (1 .. $n) {
        push @open, H2->open($site);
        ask($open[-1], 1, @browser);
    }
    wait_resting(scalar @open);
}
if (Procs::slurp($ENV{WEIR}) =~ /__asan_init/) {
    pass 'AddressSanitizer has memory of its own # skip';
} else {
    open_more(50);
    my $at_first = memory();
    open_more(300);
    my $each = (memory() - $at_first) / 300;
    cmp_ok $each, '<', 9_000, 'bytes of a connection that rests';
    note "$each bytes";
}
done_testing;
