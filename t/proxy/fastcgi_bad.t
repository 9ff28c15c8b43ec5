# t/proxy/fastcgi_bad.t - FastCGI applications that break off, stall, or talk nonsense
use Site;

use constant { OUT => 6, ERR => 7 };
sub record { return Origin::Gateway::record(@_) }

sub site ($location, %option) {
    my $upstream = $option{upstream} // 'server %FASTCGI%;';
    return Site->start(<<"CONF", log_level => 'warn');
    fastcgi_param REQUEST_METHOD \$request_method;
    fastcgi_param REQUEST_URI \$request_uri;
    upstream u { $upstream }
    server {
        listen %PORT%; access_log off;
        location / { $location fastcgi_pass u; }
        location /soon { $location fastcgi_read_timeout 300ms; fastcgi_pass u; }
        location /later { $location fastcgi_read_timeout 4s; fastcgi_pass u; }
    }
CONF
}
sub app ($site, $n = '') { return $site->origin("fastcgi$n") }

# "200 whole", "200 cut", "502 whole" ...
sub outcome ($site, $what = 'GET /') {
    return seen_by($site->send($what));
}
sub seen_by ($client) {
    my $reply = $client->response;
    return $reply->status . ($reply->complete ? ' whole' : ' cut');
}

# Stalls begin here, for they last: what comes of them is looked at below --------------------------

my $head = record(OUT, "A: b\r\n\r\n12");
my $stalling = site('');
app($stalling)->on_accept('stall');
my $unread = $stalling->send('GET /soon/unread');
wait_until { app($stalling)->connections } 'a connection on which nothing is read';
app($stalling)->on_accept;
my @stalled;
for my $case (['before an answer', '', '504 whole'], ['in a header of a record', substr($head, 0, 5), '504 whole'],
              ['in a head', record(OUT, 'A: '), '504 whole'], ['in a complaint', record(ERR, 'x', padding => 3), '504 whole'],
              ['behind a head', $head, '200 cut'], ['in a record', substr($head, 0, -1), '200 cut'],
              ['before the end', $head . record(OUT, ''), '200 cut']) {
    my ($name, $bytes, $expected) = @$case;
    my $uri = ($expected =~ /504/ ? '/soon/' : '/later/') . @stalled;
    app($stalling)->script($uri, 'body', [write => $bytes], 'stall');
    push @stalled, [$name, $expected, $stalling->send("GET $uri")];
}
my @next = ('server %FASTCGI% max_fails=0; server %FASTCGI2% backup;');
my $passed_on = site('fastcgi_next_upstream timeout;', upstream => @next);
app($passed_on)->script('*', 'body', 'stall');
my $waiting = $passed_on->send('GET /later');

# Cut anywhere: the end of the connection is never taken for that of an answer ---------------------

my %answer = (
    'until the end'  => "X: y\r\n\r\nabc",
    'of a length'    => "Content-Length: 3\r\n\r\nabc",
);
for my $name (sort keys %answer) {
    for my $keep ('off', 'on') {
        my $site  = site("fastcgi_keep_conn $keep;");
        my $bytes = record(ERR, 'oh', padding => 6) . record(OUT, substr($answer{$name}, 0, 9), padding => 7)
            . record(OUT, substr $answer{$name}, 9) . record(OUT, '') . Origin::Gateway::end_record();
        my $done = length($bytes) - 16;            # the body is known to be complete from there on
        $done -= 8 if $name eq 'of a length';
        my @scripts;
        for my $end ('close', 'reset') {
            push @scripts, map { ['body', [write => substr $bytes, 0, $_], $end] } 0 .. length $bytes;
        }
        app($site)->scripts('*', @scripts);
        my @got;
        for my $end ('close', 'reset') {
            for my $cut (0 .. length $bytes) {
                my $got = outcome($site, 'POST /');
                next if $cut >= $done && $got eq '200 whole';
                next if $end eq 'reset' && $got =~ /\A(?:502 whole|200 cut)\z/;
                next if $cut < $done && $got =~ /\A(?:502 whole|200 cut)\z/;
                push @got, "$end at $cut: $got";
            }
        }
        is "@got", '', "an answer $name, keep_conn $keep, cut at each byte";
        $site->stop;
    }
}

# Nonsense ---------------------------------------------------------------------------------------------

my @bad = (
    ['another version'           => record(OUT, "A: b\r\n\r\nx", version => 2)],
    ['another request id'        => record(OUT, "A: b\r\n\r\nx", id => 2)],
    ['id 0'                      => record(OUT, "A: b\r\n\r\nx", id => 0)],
    ['a high request id'         => record(OUT, "A: b\r\n\r\nx", id => 257)],
    ['an unknown type'           => record(99, "A: b\r\n\r\nx")],
    ['a record of a client'      => record(5, "A: b\r\n\r\nx")],
    ['an answer of HTTP'         => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"],
    ['zeros'                     => "\0" x 100],
    ['no output'                 => record(OUT, '')],
    ['an end'                    => Origin::Gateway::end_record()],
    ['it is overloaded'          => Origin::Gateway::end_record(0, 2)],
    ['it cannot multiplex'       => Origin::Gateway::end_record(0, 1)],
    ['it is no responder'        => Origin::Gateway::end_record(0, 3)],
    ['an end without content'    => record(3, '')],
    ['half a head and an end'    => record(OUT, "A: b\r\n") . Origin::Gateway::end_record()],
    ['a head without fields'     => record(OUT, 'just text') . Origin::Gateway::end_record()],
    ['a folded field'            => record(OUT, "A: b\r\n c\r\n\r\nx")],
    ['a space before the colon'  => record(OUT, "A : b\r\n\r\nx")],
    ['a control in a name'       => record(OUT, "A\1: b\r\n\r\nx")],
    ['a NUL in a value'          => record(OUT, "A: b\0\r\n\r\nx")],
    ['a bare CR'                 => record(OUT, "A: b\rc\r\n\r\nx")],
    ['a status of two digits'    => record(OUT, "Status: 20\r\n\r\nx")],
    ['a status of no digits'     => record(OUT, "Status: abc\r\n\r\nx")],
    ['a status without a space'  => record(OUT, "Status: 200OK\r\n\r\nx")],
    ['an interim status'         => record(OUT, "Status: 101 Switching\r\n\r\nx")],
    ['a length of no digits'     => record(OUT, "Content-Length: x\r\n\r\nx")],
    ['a negative length'         => record(OUT, "Content-Length: -1\r\n\r\nx")],
    ['a huge length'             => record(OUT, "Content-Length: 99999999999999999999\r\n\r\nx")],
    ['two lengths'               => record(OUT, "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx")],
    ['a field that never ends'   => record(OUT, 'A: ' . 'b' x 5000)],
    ['a head that never ends'    => record(OUT, "A: b\r\n" x 1000)],
    ['a head in a thousand parts' => join '', map { record(OUT, "Name-$_: b\r\n", padding => 255) } 1 .. 1000],
);
my @later = (
    ['another version'       => record(OUT, 'x', version => 2)],
    ['another request id'    => record(OUT, 'x', id => 2)],
    ['an unknown type'       => record(11, 'x')],
    ['output behind its end' => record(OUT, '') . record(OUT, 'x')],
    ['garbage'               => 'g' x 100],
);
for my $buffering ('on', 'off') {
    my $site = site("fastcgi_buffering $buffering;");
    for my $case (@bad) {
        my ($name, $bytes) = @$case;
        app($site)->script('*', 'body', [write => $bytes], 'stall');
        is outcome($site), '502 whole', "$name, buffering $buffering";
    }
    for my $case (@later) {
        my ($name, $bytes) = @$case;
        app($site)->script('*', 'body', [write => $head . $bytes], 'stall');
        is outcome($site), '200 cut', "$name behind the head, buffering $buffering";
        app($site)->script('*', 'body', [write => $head], [wait => 'seen'], [write => $bytes], 'stall');
        my $client = $site->connect->send('GET /');
        $client->read_until(qr/\r\n\r\n.*12/s);
        app($site)->go('seen');
        unlike $client->read_all, qr/0\r\n\r\n\z/, "$name later, buffering $buffering";
    }
    app($site)->script('*', 'body', [out => "Content-Length: 10\r\n\r\n12345"], 'end');
    is outcome($site), '200 cut', "an end before the length, buffering $buffering";
    $site->stop;
}

# Stalls ---------------------------------------------------------------------------------------------------

is seen_by($unread), '504 whole', 'it never reads';
is seen_by($_->[2]), $_->[1], "it stalls $_->[0]" for @stalled;
$stalling->stop;
my $site = site('');
app($site)->on_accept('reset');
is outcome($site), '502 whole', 'it resets at once';
app($site)->on_accept('close');
is outcome($site), '502 whole', 'or closes';
app($site)->on_accept->script('*', [read => 8], 'reset');
is outcome($site, 'POST /'), '502 whole', 'or in the middle of a request';
app($site)->refuse;
is outcome($site), '502 whole', 'it refuses';
$site->stop;

# The next one ------------------------------------------------------------------------------------------------

is seen_by($waiting), '200 whole', 'a stall: the next one is asked';
is app($passed_on, 2)->count, 1, 'once';
isnt outcome($passed_on, 'POST /soon'), '200 whole', 'a stall: POST is not repeated';
$passed_on->stop;
for my $case (['nonsense', [write => 'x' x 100], 'invalid_header'], ['a reset', 'reset', 'error'],
              ['an early end', ['end'], 'invalid_header'], ['503', [answer => { status => '503 No' }], 'http_503'],
              ['404', [answer => { status => '404 No' }], 'http_404']) {
    my ($name, $step, $cause) = @$case;
    $site = site("fastcgi_next_upstream $cause;", upstream => @next);
    app($site)->script('*', 'body', $step);
    is outcome($site, 'GET /'), '200 whole', "$name: the next one is asked";
    is app($site, 2)->count, 1, 'once';
    isnt outcome($site, 'POST /'), '200 whole', "$name: POST is not repeated";
    $site->stop;
}

# Clients that go --------------------------------------------------------------------------------------------

$site = site('fastcgi_ignore_client_abort off;');
app($site)->script('*', 'body', [wait => 'never'], 'end');
my $client = $site->connect->send('GET /');
wait_until { app($site)->count } 'a request arrives';
$client->close;
wait_until { app($site)->open == 0 } 'its connection ends with the client\'s';
app($site)->script('*', 'body', [out => "A: b\r\n\r\n"], [fill => 50_000_000], 'end');
$client = $site->connect->send('GET /');
$client->read_until(qr/\r\n\r\n/);
$client->close;
wait_until { app($site)->open == 0 } 'in the middle of an answer too';
ok 1, 'clients may go';
$site->stop;
done_testing;
