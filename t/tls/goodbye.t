# t/tls/goodbye.t - who is told of the end of a connection by close_notify, and who need not be
use Site;
use Certs;
use Net::SSLeay;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_CORK);

needs_weir 'what is left out is measured in records';

my $site = Site->prepare(<<'CONF', tls => {});
    server {
        listen %PORT% ssl;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        ssl_protocols TLSv1.2;
        location / { return 200 "fine\n"; }
        location /held { proxy_pass http://%ORIGIN%; proxy_ignore_client_abort on; }
    }
CONF
Certs::make($site->dir, 'a');
$site->up;

use constant { ALERT => 21, DATA => 23 };

# The types of all records up to the end, read below TLS.
sub records ($client) {
    my ($bytes, @types) = ('');
    while (1) {
        my $n = POSIX::read(fileno $client->socket, my $some, 65536);
        next if !defined $n && $!{EAGAIN} && $client->ready(0, Client::patience());
        push @types, 'reset' if !defined $n;
        last unless $n && $n > 0;
        $bytes .= substr $some, 0, $n;
    }
    while (length $bytes >= 5) {
        my ($type, $length) = unpack 'C x2 n', $bytes;
        push @types, $type;
        substr $bytes, 0, 5 + $length, '';
    }
    return "@types";
}

# Its close_notify, with the end of its direction of the socket in the same segment if it leaves.
sub end_of ($client, $leaves) {
    my $socket = $client->socket;
    setsockopt $socket, IPPROTO_TCP, TCP_CORK, 1 or die $! if $leaves;
    Net::SSLeay::shutdown($socket->_get_ssl_object);
    CORE::shutdown $socket, 1 if $leaves;
}

my $client = $site->connect;
is $client->get('/')->body, "fine\n", 'an answer';
end_of($client, 0);
is records($client), ALERT, 'close_notify is answered';

$client = $site->connect;
is $client->get('/')->body, "fine\n", 'another';
end_of($client, 1);
is records($client), '', 'but not to a client that has left';

$client = $site->connect;
end_of($client, 1);
is records($client), '', 'nor to one that asked nothing';

my $held = $site->origin->hold('/held');
$client = $site->connect;
$client->send('GET /held');
$held->reached;
end_of($client, 1);
$held->release;
is records($client), DATA . ' ' . ALERT, 'a client that has said all it had to say hears the rest, and its end';

done_testing;
