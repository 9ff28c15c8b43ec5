# t/tls/hostile.t - clients that break TLS after the handshake, or flood it: refused, bounded, told once
use Site;
use Certs;
use SClient;
use IO::Select;
use IPC::Open2;
use IO::Socket::SSL;
use POSIX ();

my $site = Site->prepare(<<'CONF');
    client_header_timeout 1h;
    server {
        listen %PORT% ssl; server_name a.example;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        ssl_conf_command MinProtocol TLSv1.2;
        return 200 "fine\n";
    }
    server {
        listen %PORT% ssl; server_name refused.example; ssl_reject_handshake on;
    }
    server {
        listen %PORT2% ssl;
        ssl_certificate %DIR%/old.crt; ssl_certificate_key %DIR%/old.key;
        ssl_verify_client on; ssl_client_certificate %DIR%/a.crt;
        return 200 "verified\n";
    }
    server {
        listen %PORT3% ssl;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        lingering_close always;
        root %DIR%/html;
    }
CONF
$site->file('html/big', "\1" x 3_000_000);
Certs::make($site, 'a');
Certs::make($site, 'old', days => -1);
Certs::make($site, 'stranger');
$site->up;

# A connection whose raw bytes we can send: through the handshake by OpenSSL, then below it.
sub shaken (%option) {
    my $sock = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $site->port) or die $@;
    my $ssl = IO::Socket::SSL->start_SSL($sock, SSL_verify_mode => 0, SSL_ca_file => $site->path('a.crt'),
                                         SSL_hostname => 'a.example', SSL_version => $option{version} // 'TLSv1_3')
        or die "no handshake: $IO::Socket::SSL::SSL_ERROR";
    return $ssl;
}
sub raw ($ssl, $bytes) { return POSIX::write(fileno $ssl, $bytes, length $bytes) }

# Reads until the server ends it; false when it does not.
sub ends ($ssl) {
    my $select = IO::Select->new(fileno $ssl);
    my $deadline = time + Client::patience();
    while (time < $deadline) {
        next unless $select->can_read(0.2);
        my $n = POSIX::read(fileno $ssl, my $bytes, 65536);
        return 1 if !defined $n || $n == 0 || $n eq '0 but true';
    }
    return 0;
}

my %damage = (
    'a record with a wrong tag'           => "\x17\x03\x03\x00\x20" . 'x' x 32,
    'a record that is too long'           => "\x17\x03\x03\x48\x00" . 'x' x 0x4800,
    'a record of a type there is not'     => "\x2a\x03\x03\x00\x10" . 'x' x 16,
    'a record of another version'         => "\x17\x09\x09\x00\x20" . 'x' x 32,
    'plain text'                          => "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    'an empty record'                     => "\x17\x03\x03\x00\x00",
    'a hello in the clear'                => "\x16\x03\x01\x00\x2c\x01\x00\x00\x28\x03\x03" . 'x' x 38,
);
for my $version ('TLSv1_3', 'TLSv1_2') {
    for my $name (sort keys %damage) {
        next if $version eq 'TLSv1_2' && $name eq 'an empty record'; # bad only there because it has no tag
        my $mark = $site->log_mark;
        my $ssl = shaken(version => $version);
        raw($ssl, $damage{$name});
        ok ends($ssl), "$version: $name ends the connection";
        like $site->wait_for_log(qr/SSL_read\(\) failed/, since => $mark), qr/\[info\].*SSL_read\(\) failed \(SSL: error:/, "$version: $name is told";
        is scalar(() = $site->log_since($mark) =~ /SSL_read\(\) failed/g), 1, 'once';
        $ssl->close(SSL_no_shutdown => 1);
    }
}

# Renegotiation is refused in TLS 1.2; in TLS 1.3 a change of keys is not one.
sub commanded ($version, $letter, $then) {
    my $pid = open2(my $out, my $in, 'sh', '-c', 'exec openssl s_client "$@" 2>&1', 's_client', '-connect',
                    '127.0.0.1:' . $site->port, '-servername', 'a.example', $version);
    my $text = '';
    my $read = sub ($until) { # true when it has come, false at the end
        while ($text !~ $until) { sysread $out, $text, 65536, length $text or return 0 }
        return 1;
    };
    $read->(qr/Verify return code.*---/s);
    $text = ''; # whatever letters were in the certificate and the session
    syswrite $in, "$letter\n";
    $read->(qr/RENEGOTIATING|KEYUPDATE/);
    syswrite $in, $then;
    $read->(qr/^fine$|:error:.*\n|^closed$|write:errno/m);
    close $in;
    kill TERM => $pid;
    waitpid $pid, 0;
    return $text;
}
my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
like commanded('-tls1_2', 'R', ''), qr/RENEGOTIATING.*no renegotiation/s, 'renegotiation is refused';
like commanded('-tls1_3', 'k', $get), qr/KEYUPDATE.*fine/s, 'a change of keys is fine';
like commanded('-tls1_3', 'K', $get), qr/KEYUPDATE.*fine/s, 'and one that asks for ours';

# Changes of keys and nothing else, more than one read can see the end of: nobody waits for that client to stop.
{
    my ($worker) = $site->workers;
    my $pid = open2(my $out, my $in, 'sh', '-c', 'exec openssl s_client "$@" 2>&1', 's_client', '-connect',
                    '127.0.0.1:' . $site->port, '-servername', 'a.example', '-tls1_3', '-record_padding', 4096);
    my ($text, $mark) = ('', $site->log_mark);
    my $read = sub ($until) { while ($text !~ $until) { sysread $out, $text, 65536, length $text or die "s_client: $text" } };
    $read->(qr/Verify return code.*---/s);
    kill STOP => $worker;
    wait_until { Procs::run_state($worker) eq 'T' } 'the worker to stand still';
    for (1 .. 24) { # of 4 KB each
        kill STOP => $worker; # whoever made it go on
        $text = '';
        syswrite $in, "k\n";
        $read->(qr/KEYUPDATE/);
    }
    kill CONT => $worker;
    $site->wait_for_log(qr/peer sent too many TLS records without data/, since => $mark);
    kill KILL => $pid;
    waitpid $pid, 0;
    is $site->get('/', { tls => { SSL_hostname => 'a.example' } })->body, "fine\n", 'changes of keys without end: the next client is served';
}

# A change of keys that wants an answer comes after our close_notify, while much of a body is still on its way (a relay holds
# it): there is no answer, for a write to a socket that is shut would end the connection with a reset.
{
    my $relay = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 1) or die $@;
    my $pid = open2(my $out, my $in, 'sh', '-c', 'exec openssl s_client "$@" 2>&1', 's_client', '-connect',
                    '127.0.0.1:' . $relay->sockport, '-tls1_3');
    syswrite $in, "GET /big HTTP/1.0\r\n\r\n";
    my $client = $relay->accept;
    my $server = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $site->port(3)) or die $@;
    my ($held, $passed, $bytes, $ended, $asked, $mark) = ('', 0, 0, 0, 0, $site->log_mark);
    my $ready = IO::Select->new($client, $server, $out);
    my $pass = sub { # a whole record: s_client waits within one
        my $n = length $held < 5 ? 5 : 5 + unpack 'x3n', $held;
        return 0 if $n > length $held;
        $passed += syswrite $client, substr $held, 0, $n, '';
        return 1;
    };
    my $count = sub { my $n = sysread $out, my $text, 65536; $bytes += $text =~ tr/\x01//; return $n };
    while ($asked < 3) { # the library answers the first when the second comes
        my @now = $ready->can_read(Client::patience()) or last;
        for my $from (@now) {
            if ($from == $server && !sysread $server, $held, 65536, length $held) {
                $ready->remove($server);
                $ended = 1;
                syswrite $in, "K\n";
            } elsif ($from == $client) {
                sysread $client, my $some, 65536 or last;
                syswrite $server, $some;
                syswrite $in, "K\n" if $ended;
                $asked += $ended;
            } elsif ($from == $out) {
                $count->();
            }
            1 while $passed < 100_000 && $pass->();
        }
    }
    is $asked, 3, 'our side has ended, and the client wants other keys';
    is $site->get('/', { tls => { SSL_hostname => 'a.example' } })->body, "fine\n", 'others are served' for 1, 2;
    while (length $held) { # s_client reads no more while nobody takes what it writes
        my ($read, $write) = IO::Select->select(IO::Select->new($out), IO::Select->new($client), undef, Client::patience())
            or die 'the relay stands still';
        $count->() if @$read;
        $pass->() or last if @$write;
    }
    $client->shutdown(1);
    while ($count->()) { }
    waitpid $pid, 0;
    is $bytes, 3_000_000, 'all of a body is there';
    unlike $site->log_since($mark), qr/send\(\) failed/, 'nothing was sent after the goodbye';
}

# Names that cannot be names: the line says so.
for my $name ("a\0.example", 'a' x 256, '') {
    my $list = pack 'C n/a', 0, $name;
    my $hello = pack 'n a32 C n/a C/a n/a', 0x0303, 'r' x 32, 0, "\xc0\x2b", "\0", pack 'n n/a', 0, pack 'n/a', $list;
    my $mark = $site->log_mark;
    my $sock = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $site->port) or die $@;
    syswrite $sock, pack 'C n n/a', 22, 0x0301, pack 'C C n/a', 1, 0, $hello;
    local $/;
    is unpack('H*', <$sock> // ''), '15030300020232', 'a server name that is none: an alert of decode_error';
    like $site->wait_for_log(qr/SSL handshaking/, since => $mark), qr/client sent an invalid server name/, 'and the cause is told';
    is scalar(() = $site->log_since($mark) =~ /SSL handshaking/g), 1, 'once';
}

# Rules about certificates.
is SClient::run($site->port, '-servername', 'refused.example')->{ok}, 0, 'a name that is refused';
is SClient::run($site->port(2), '-servername', 'x')->{ok}, 1, 'an expired certificate of our own is the client\'s to refuse';
like SClient::run($site->port(2), '-cert', $site->path('stranger.crt'), '-key', $site->path('stranger.key'))->{text},
    qr/The SSL certificate error/, "a stranger's certificate";
like SClient::run($site->port(2))->{text}, qr/No required SSL certificate was sent/, 'none';

# A thousand connections that say little, and a few that say noise, at once: those who behave are served meanwhile.
my @idle = map { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $site->port) } 1 .. 200;
syswrite $_, "\x16\x03\x01\x02\x00\x01" for grep { $_ } @idle;
srand 7;
for (1 .. 100) {
    my $noisy = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $site->port) or next;
    syswrite $noisy, "\x16\x03\x01" . join '', map { chr rand 256 } 1 .. 10 + rand 400;
    close $noisy;
}
is $site->get('/', { tls => { SSL_hostname => 'a.example' } })->body, "fine\n", 'who behaves is served';
close $_ for grep { $_ } @idle;

done_testing;
