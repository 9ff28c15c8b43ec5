# t/h1/cut.t - a request cut at any byte harms nobody: it is not forwarded, the next client is served
use Site;

my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        root %DIR%/html;
        location /p { proxy_pass http://%ORIGIN%; }
    }
CONF
$site->file('html/a', 'file');

my %request = (
    'a GET' => "GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n",
    'a POST with a length' => "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
    'a chunked POST' => "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        . "5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: v\r\n\r\n",
);

# The client ends after N bytes, by FIN and by reset.
for my $name (sort keys %request) {
    my $bytes  = $request{$name};
    my $answers = 0;
    my @open;

    $site->origin->forget;
    for my $n (1 .. length($bytes) - 1) {
        for my $how (qw(shutdown reset)) {
            my $client = $site->connect;
            $client->write(substr $bytes, 0, $n);
            $client->$how;
            push @open, $client if $how eq 'shutdown';
        }
    }
    for my $client (@open) {
        my $reply = eval { $client->read_response };
        $answers++ if $@ || ($reply && $reply->status != 400);
    }
    is $answers, 0, "$name: no half request is answered";
    is scalar(grep { $_->complete } $site->origin->requests), 0, "$name: none is forwarded";
    is $site->get('/a')->body, 'file', "$name: and the next client is served";
}

# Whatever the pieces are in which a request comes, it means the same.
for my $name (sort keys %request) {
    my $bytes = $request{$name};
    my $wrong = 0;

    $site->origin->forget;
    my @halves = map { [substr($bytes, 0, $_), substr $bytes, $_] } 1 .. length($bytes) - 1;
    my @clients = map { my $c = $site->connect; $c->write($_->[0]); $c } @halves;
    for my $i (0 .. $#halves) {
        $clients[$i]->write($halves[$i][1]);
        my $reply = $clients[$i]->read_response;
        $wrong++ unless $reply && $reply->status == 200;
        $clients[$i]->close;
    }
    is $wrong, 0, "$name in two pieces, cut anywhere, is answered";
    my %bodies = map { $_->body => 1 } $site->origin->requests;
    is join(' ', keys %bodies), $name =~ /length/ ? '0123456789' : 'helloabc', "$name: its body"
        if $name =~ /POST/;

    my $client = $site->connect;
    for my $byte (split //, $bytes) { $client->write($byte) }
    is $client->read_response->status, 200, "$name byte by byte";
}

# Two requests in every split of their bytes: pipelining does not depend on the reads.
my $two = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy";
my $wrong = 0;
for my $n (1 .. length($two) - 1) {
    my $client = $site->connect;
    $client->write(substr $two, 0, $n);
    $client->write(substr $two, $n);
    my @status = map { my $r = $client->read_response; $r ? $r->status : 'none' } 1 .. 2;
    $wrong++ if "@status" ne '200 200';
    $client->close;
}
is $wrong, 0, 'two requests, cut anywhere';

done_testing;
