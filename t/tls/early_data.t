# t/tls/early_data.t - requests within the handshake of a resumed session, and what tells of them
use Site;
use Certs;
use SClient;

my $site = Site->prepare(<<'CONF');
    ssl_early_data on;
    server {
        listen %PORT% ssl; server_name a.example;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        location / { return 200 "[$ssl_early_data] $uri $ssl_session_reused\n"; }
        location /origin/ { proxy_pass http://%ORIGIN%; proxy_set_header Early-Data $ssl_early_data; }
        location /big { root %DIR%; }
    }
    server {
        listen %PORT% ssl; server_name off.example; ssl_early_data off;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        location / { return 200 "off [$ssl_early_data] $uri\n"; }
    }
    server {
        listen %PORT2% ssl; ssl_early_data off;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        location / { return 200 "other [$ssl_early_data] $uri\n"; }
    }
CONF
Certs::make($site, 'a');
$site->file('big', join '', map { sprintf "%07d\n", $_ } 1 .. 50_000);
$site->origin->answer('/origin/late', status => 425, body => 'too early');
$site->up;

my $kept = $site->path('session');
sub with_early ($text, %option) {
    my $port = $site->port($option{port} // 1);
    my $name = $option{name} // 'a.example';
    unlink $kept;
    SClient::run($port, '-tls1_3', '-servername', $name, '-sess_out', $kept);
    $site->file('early', $text);
    return SClient::run($port, '-tls1_3', '-servername', $name, '-sess_in', $kept, '-early_data', $site->path('early'),
                        { send => exists $option{send} ? $option{send} : "GET /second HTTP/1.1\r\nHost: a.example\r\nConnection: close" });
}
sub get ($uri, $more = '') { return "GET $uri HTTP/1.1\r\nHost: a.example\r\n$more\r\n" }

my $first = SClient::run($site->port, '-tls1_3', '-servername', 'a.example', { send => "GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close" });
like $first->{text}, qr/\[\] \/x \./, 'a full handshake: no early data';
like $first->{text}, qr/Max Early Data: 16384/, 'but leave for the next time';

my $early = with_early(get('/first'))->{text};
like $early, qr/Early data was accepted/, 'accepted';
like $early, qr/\[1\] \/first r.*\[\] \/second r/s, 'the request within the handshake is told, the one behind it is not';

$early = with_early(get('/first') . get('/more') . get('/third'))->{text};
like $early, qr/\[1\] \/first.*\[1\] \/more.*\[1?\] \/third.*\[\] \/second/s, 'several';
$early = with_early("GET /fir", send => "st HTTP/1.1\r\nHost: a.example\r\nConnection: close")->{text};
like $early, qr/\[\] \/first r/, 'half a request within the handshake, and the rest behind it';
$early = with_early(get('/big', "Connection: close\r\n"), send => '')->{text};
cmp_ok scalar(() = $early =~ /\d{7}/g), '>', 49_990, 'a long answer'; # s_client talks in the middle of it

# The handshake's end comes while we linger: tickets and the goodbye still go in their order, and to an open socket.
my $ended = with_early(get('/first', "Connection: close\r\n"), send => undef)->{text};
like $ended, qr/\[1\] \/first r.*^closed$/sm, 'an answer that ends the connection within the handshake';
unlike $ended, qr{errno=|:error:|SSL alert}, 'in peace';
unlike $site->slurp('error.log'), qr/Broken pipe|send\(\) failed/, 'nothing is written behind the end';

like with_early(get('/origin/late'))->{text}, qr{HTTP/1.1 425.*too early}s, "an origin's 425 goes to the client";
is $site->origin->request->header('Early-Data'), '1', 'because it was told';

my $elsewhere = with_early(get('/first'), name => 'off.example')->{text};
unlike $elsewhere, qr/Early data was accepted/, 'not at a server where it is off';
my $other = with_early(get('/first'), port => 2)->{text};
unlike $other, qr/Early data was accepted/, 'off';
like $other, qr/other \[\] \/second/, 'the request behind it is answered';

# Too much, and cut off.
$site->file('huge', 'x' x 40_000);
SClient::run($site->port, '-tls1_3', '-servername', 'a.example', '-sess_out', $kept);
my $huge = eval { SClient::run($site->port, '-tls1_3', '-servername', 'a.example', '-sess_in', $kept, '-early_data', $site->path('huge')) };
is $site->get('/after', { tls => { SSL_hostname => 'a.example' } })->body, "[] /after .\n", 'too much of it harms nobody else';

# Sessions without tickets.
$site->reload($site->slurp('weir.conf') && <<'CONF');
    ssl_early_data on; ssl_session_tickets off; ssl_session_cache shared:one:1m;
    server {
        listen %PORT% ssl; server_name a.example;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        location / { return 200 "[$ssl_early_data] $uri $ssl_session_reused\n"; }
    }
CONF
like with_early(get('/first'))->{text}, qr/\[1\] \/first r/, 'with sessions in a zone';

done_testing;
