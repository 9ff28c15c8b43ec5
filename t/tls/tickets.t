# t/tls/tickets.t - how many tickets of TLS 1.3 a connection gets, and when
use Site;
use Certs;
use SClient;
use IO::Select;
use IO::Socket::SSL;

my $site = Site->prepare(<<'CONF');
    ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
    server { listen %PORT% ssl; server_name a.example; location / { return 200 "$ssl_session_reused\n"; } }
    server { listen %PORT2% ssl; ssl_conf_command NumTickets 3; location / { return 200 x; } }
    server { listen %PORT3% ssl; ssl_conf_command NumTickets 0; location / { return 200 x; } }
    server { listen %PORT4% ssl; ssl_session_tickets off; ssl_session_cache shared:one:1m; location / { return 200 "$ssl_session_reused\n"; } }
    server { listen %PORT5% ssl; ssl_session_tickets off; location / { return 200 x; } }
    server { listen %PORT4% ssl; server_name two.example; ssl_conf_command NumTickets 2; location / { return 200 x; } }
    server { listen %PORT5% ssl; server_name one.example; http2 on; ssl_early_data on; location / { return 200 x; } }
CONF
Certs::make($site, 'a');
$site->up;

sub tickets ($port, @args) {
    my $seen = SClient::run($site->port($port), '-tls1_3', @args, { send => "GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\nConnection: close" });
    return scalar(() = $seen->{text} =~ /Session Ticket arrived/g);
}
is tickets(1), 1, 'one for a connection, with the first of its answers';
is tickets(2), 3, 'as many as the configuration says';
is tickets(3), 0, 'or none';
is tickets(4), 1, 'a session in the cache is named by one';
is tickets(5), 0, 'no tickets and no cache';
is tickets(4, -servername => 'two.example'), 2, 'the server that SNI chose decides';
is tickets(5, -servername => 'one.example'), 1, 'where early data are accepted too';

# The next connection uses it and gets another.
my $kept = $site->path('session');
for my $port (1, 4) {
    unlink $kept;
    SClient::run($site->port($port), '-tls1_3', '-sess_out', $kept);
    for (1 .. 3) {
        my $seen = SClient::run($site->port($port), '-tls1_3', '-sess_in', $kept, '-sess_out', $kept);
        like $seen->{text}, qr/^r$/m, 'resumed';
        is scalar(() = $seen->{text} =~ /Session Ticket arrived/g), 1, 'with a ticket for the next';
    }
}

# Who asks nothing is told nothing but the handshake.
my $client = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $site->port, SSL_verify_mode => 0, SSL_version => 'TLSv1_3')
    or die "TLS handshake: $SSL_ERROR";
ok !IO::Select->new($client)->can_read(0.3), 'nothing is sent behind the handshake';
$client->close;
is $site->get('/', { tls => {} })->status, 200, 'and the next is served';
done_testing;
