# t/proxy/scgi_uwsgi.t - requests to SCGI and uwsgi applications, and what becomes of bad answers
use Site;
use Certs;
use IO::Socket::SSL;

sub site ($protocol, $location, %option) {
    my $upstream = $option{upstream} // "server %\U$protocol\E%;";
    return Site->start(<<"CONF", log_level => 'info');
    ${protocol}_param REQUEST_METHOD \$request_method;
    ${protocol}_param REQUEST_URI \$request_uri;
    @{[$protocol eq 'uwsgi' ? 'uwsgi_param CONTENT_LENGTH $content_length;' : '']}
    large_client_header_buffers 8 64k;
    upstream u { $upstream }
    server {
        listen %PORT%; access_log off;
        location / { $location ${protocol}_pass u; }
        location /soon { ${protocol}_read_timeout 300ms; ${protocol}_pass u; }
        location /later { ${protocol}_read_timeout 4s; ${protocol}_pass u; }
    }
CONF
}

sub outcome ($site, $what = 'GET /') {
    return seen_by($site->send($what));
}
sub seen_by ($client) {
    my $reply = $client->response;
    return $reply->status . ($reply->complete ? ' whole' : ' cut');
}

for my $protocol (qw(scgi uwsgi)) {
    my $site = site($protocol, '');
    my $app  = $site->origin($protocol);
    is $site->get('/a?b')->body, "GET /a?b\n", "$protocol: an answer";
    $site->get('/');
    is $app->connections, 2, 'a connection each';
    like $app->request->raw, $protocol eq 'scgi' ? qr/\A\d+:CONTENT_LENGTH\0000\0.*\0,\z/s : qr/\A\0..\0/s, 'the head';
    $site->request('POST /p', { body => 'x' x 200_000 });
    ok $app->request->body eq 'x' x 200_000, 'a large body';
    is $app->request->header('CONTENT_LENGTH'), 200_000, 'its length';
    $site->request('POST /p', { chunks => ['ab', 'c'] });
    is $app->request->header('CONTENT_LENGTH') . $app->request->body, '3abc', 'a body in chunks has a length';
    $app->answer('*', fill => 3_000_000);
    ok $site->get('/')->body eq Origin::pattern(3_000_000), 'a large answer';
    $app->answer('*', line => "HTTP/1.1 404 Not There\r\n", body => 'no', headers => [Status => '200 OK']);
    like $site->get('/')->head, qr{\AHTTP/1\.1 404 Not There\r\n}, 'a status line';
    $app->answer('*', status => '403 No', body => 'no');
    is $site->get('/')->status, 403, 'a status field';
    my $long = 'v' x 60_000;
    my $reply = $site->request('GET /', map { ("X-$_" => $long) } 1 .. 2);
    is $reply->status, $protocol eq 'scgi' ? 403 : 500, 'more parameters than a packet holds';
    like $site->error_log, qr/uwsgi request is too big: 12\d{4} bytes/, 'are refused' if $protocol eq 'uwsgi';
    $site->stop;

    # Stalls begin here, for they last: what comes of them is looked at below.
    my $stalling = site($protocol, '');
    my @stalled;
    for my $case (['before', '', '504 whole', '/soon/1'], ['in the head', 'A: b', '504 whole', '/soon/2'],
                  ['behind it', "A: b\r\n\r\n1", '200 cut', '/later']) {
        my ($name, $text, $expected, $uri) = @$case;
        $stalling->origin($protocol)->script($uri, 'body', [write => $text], 'stall');
        push @stalled, [$name, $expected, $stalling->send("GET $uri")];
    }

    # Cut anywhere
    $site = site($protocol, '');
    $app  = $site->origin($protocol);
    my $bytes = "Status: 200 OK\r\nX: y\r\nContent-Length: 3\r\n\r\nabc";
    $app->scripts('*', map { my $end = $_; map { ['body', [write => substr $bytes, 0, $_], $end] } 0 .. length $bytes } 'close', 'reset');
    my @bad;
    for my $end ('close', 'reset') {
        for my $cut (0 .. length $bytes) {
            my $got = outcome($site, 'POST /');
            next if $cut == length $bytes && $got eq '200 whole';
            next if ($cut < length $bytes || $end eq 'reset') && $got =~ /\A(?:502 whole|200 cut)\z/;
            push @bad, "$end at $cut: $got";
        }
    }
    is "@bad", '', 'an answer with a length, cut at each byte';
    $app->script('*', 'body', [write => "X: y\r\n\r\nabc"], 'close');
    is outcome($site), '200 whole', 'one without ends with its connection';
    $app->script('*', 'body', [write => "X: y\r\n\r\nabc"], [wait => 'seen'], 'reset');
    my $client = $site->connect->send('GET /');
    $client->read_until(qr/abc\r\n/);
    $app->go('seen');
    unlike $client->read_all, qr/0\r\n\r\n\z/, 'but not with a reset';
    for my $case (['nothing', ''], ['garbage', "\0\1\2" x 100], ['a page', "<html>\n<b>x</b>\n\n"], ['no end', 'A: ' . 'b' x 5000], ['many', "A: b\r\n" x 1000],
                  ['an interim status', "HTTP/1.1 100 Continue\r\n\r\n"], ['another protocol, not asked for', "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"],
                  ['two lengths', "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"], ['a bad length', "Content-Length: -1\r\n\r\nx"]) {
        my ($name, $text) = @$case;
        $app->script('*', 'body', [write => $text], 'close');
        is outcome($site), '502 whole', $name;
    }
    is seen_by($_->[2]), $_->[1], "it stalls $_->[0]" for @stalled;
    $stalling->stop;
    $app->script('*', 'body', [write => "Content-Length: 2\r\n\r\n1234"], 'close');
    is $site->get('/')->body, '12', 'more than was announced is cut off';
    $app->script('*', 'body', [write => "HTTP/1.1 101 Switching\r\nUpgrade: own\r\nConnection: Upgrade\r\n\r\nhello"],
                 [wait => 'said'], [write => 'bye'], 'close');
    $client = $site->connect;
    $client->send('GET /', Upgrade => 'own', Connection => 'Upgrade');
    ok $client->read_until(qr/hello/), 'a connection becomes a tunnel';
    $client->write('x');
    $app->go('said');
    ok $client->read_until(qr/bye/), 'in both directions';
    $site->stop;

    $site = site($protocol, "${protocol}_next_upstream invalid_header;", upstream => "server %\U$protocol\E%; server %\U${protocol}\E2%;");
    $site->origin($protocol)->script('*', 'body', [write => "nonsense\n\n"], 'close');
    is outcome($site), '200 whole', 'another is asked in place of one that talks nonsense';
    $site->stop;
    $site = Site->start("server { listen %PORT%; ${protocol}_param REQUEST_METHOD \$request_method; location / { ${protocol}_pass %\U${protocol}\E_UNIX%; } }");
    is $site->get('/')->status, 200, 'over a unix socket';
    $site->stop;
}

my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        location / { uwsgi_modifier1 7; uwsgi_modifier2 255; uwsgi_param A b; uwsgi_pass_request_headers off; uwsgi_pass uwsgi://%UWSGI%; }
        location /text { uwsgi_modifier1 5; uwsgi_string "some code"; uwsgi_pass_request_headers off; uwsgi_param HTTP_HOST ""; uwsgi_pass %UWSGI%; }
        location /var { set $to UWSGI://%UWSGI%; uwsgi_pass $to; }
    }
CONF
my $app = $site->origin('uwsgi');
$site->get('/');
is $app->request->header('modifiers'), '7 255', 'both modifiers';
$site->get('/text');
is $app->request->raw, "\5\x09\0\0some code", 'a text for a plugin';
is $site->get('/var')->status, 200, 'a scheme in a variable';
$site->stop;

# A user name with a NUL in it
$site = Site->start("server { listen %PORT%; location / { scgi_param REMOTE_USER \$remote_user; scgi_param SCGI 1; scgi_pass_request_headers off; scgi_pass %SCGI%; } }");
require MIME::Base64;
$site->get('/', Authorization => 'Basic ' . MIME::Base64::encode_base64("a\0ADMIN\0yes:pw", ''));
is $site->origin('scgi')->request->header('ADMIN'), undef, 'a value brings no parameters of its own';
$site->stop;

# Over TLS ------------------------------------------------------------------------------------------------

my $certs = File::Temp->newdir;
Certs::make("$certs", 'app', cn => 'app.example');
my $listener = IO::Socket::SSL->new(LocalAddr => '127.0.0.1', Listen => 5, SSL_cert_file => "$certs/app.crt", SSL_key_file => "$certs/app.key")
    or die "listen: $IO::Socket::SSL::SSL_ERROR";
my $secure = fork // die "fork: $!";
if ($secure == 0) {
    Procs::die_with_parent();
    while (1) {
        my $sock = $listener->accept or next;
        my %conn = (in => '');
        my $request;
        while (!$request) {
            sysread($sock, $conn{in}, 65536, length $conn{in}) or last;
            $request = Origin::Gateway::head('uwsgi', \%conn);
        }
        print $sock "Content-Length: 6\r\n\r\nsecret" if $request;
        close $sock;
    }
}
$site = Site->start(<<"CONF");
    uwsgi_param REQUEST_METHOD \$request_method;
    uwsgi_ssl_trusted_certificate $certs/app.crt;
    server {
        listen %PORT%;
        location / { uwsgi_pass suwsgi://127.0.0.1:@{[$listener->sockport]}; }
        location /good { uwsgi_ssl_verify on; uwsgi_ssl_name app.example; uwsgi_pass suwsgi://127.0.0.1:@{[$listener->sockport]}; }
        location /wrong { uwsgi_ssl_verify on; uwsgi_ssl_name other.example; uwsgi_pass suwsgi://127.0.0.1:@{[$listener->sockport]}; }
        location /var { set \$how suwsgi; uwsgi_pass \$how://127.0.0.1:@{[$listener->sockport]}; }
    }
CONF
is $site->get("/$_")->body, 'secret', "over TLS: /$_" for '', 'good', 'var';
is $site->get('/wrong')->status, 502, 'not to somebody else';
$site->stop;
kill TERM => $secure;
waitpid $secure, 0;

for my $case (['uwsgi_pass suwsgi://127.0.0.1;', qr/no port in upstream/], ['uwsgi_modifier1 256;', qr/uwsgi_modifier1/],
              ['scgi_pass localhost;', qr/no port in upstream/], ['scgi_param A b c;', qr/invalid parameter "c"/],
              ['uwsgi_pass suwsgi://127.0.0.1:1; uwsgi_ssl_verify on;', qr/no uwsgi_ssl_trusted_certificate for uwsgi_ssl_verify/], ['scgi_cache x;', qr/scgi_cache/]) {
    my ($text, $why) = @$case;
    my $result = Site->test_config("server { listen %PORT%; location / { $text } }");
    ok $result->{exit} != 0 && $result->{stderr} =~ $why, "refused: $text";
}
done_testing;
