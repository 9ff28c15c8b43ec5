# t/tls/origin_cut.t - origins over TLS that break off, stall or talk nonsense: an answer whose end nobody vouched for
# does not look whole
use Site;
use Certs;
use IO::Socket::SSL;

needs_weir 'nginx takes any end of a connection for that of an answer';

my $dir = File::Temp->newdir;
Certs::make("$dir", 'o', cn => 'o');
Certs::make("$dir", 'c', cn => 'c');
my $site = Site->start(<<'CONF', log_level => 'crit', files => { map { ("c.$_" => Procs::slurp("$dir/c.$_")) } 'crt', 'key' });
    log_format reason '$request_uri $status $fail_reason';
    server { listen %PORT%; listen %PORT3% ssl; ssl_certificate %DIR%/c.crt; ssl_certificate_key %DIR%/c.key; access_log %DIR%/reason.log reason; location / { proxy_pass https://127.0.0.1:%PORT2%; } location = /silent { proxy_connect_timeout 500ms; proxy_pass https://127.0.0.1:%PORT2%; } }
CONF
$site->allow_log(qr/./);
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $site->port(2), Listen => 8, ReuseAddr => 1) or die $!;

# What one client sees of an origin that does so with its connection: "200 whole", "200 cut", "502 whole".
sub outcome ($uri, $version, $origin) {
    my $client = $site->send("GET $uri", { version => $version });
    my $taken  = $listener->accept or die "accept: $!";
    $origin->($taken);
    my $reply = $client->read_response;
    my $whole = $reply->complete && ($reply->framing ne 'close' || $client->closed eq 'eof');
    return $reply->status . ($whole ? ' whole' : ' cut');
}
sub secure ($taken) {
    IO::Socket::SSL->start_SSL($taken, SSL_server => 1, SSL_cert_file => "$dir/o.crt", SSL_key_file => "$dir/o.key") or die $SSL_ERROR;
    my $head = '';
    sysread $taken, $head, 4096, length $head until $head =~ /\r\n\r\n/;
    return $taken;
}
sub says ($bytes, $end) {
    return sub ($taken) {
        print { secure($taken) } $bytes;
        $taken->flush;
        $end eq 'notified' ? $taken->close : $taken->close(SSL_no_shutdown => 1, SSL_fast_shutdown => 1);
    };
}
my %answer = ('until the end' => "HTTP/1.1 200 OK\r\n\r\nsome", 'of a length' => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsome",
              'cut' => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
for my $version ('1.1', '1.0') {
    is outcome('/', $version, says($answer{'until the end'}, 'notified')), '200 whole', "HTTP/$version: an end that is announced";
    is outcome('/unannounced', $version, says($answer{'until the end'}, 'cut off')), '200 cut', 'one that is not may be anybody\'s';
    is outcome('/', $version, says($answer{'of a length'}, 'cut off')), '200 whole', 'what has a length needs no end';
    is outcome('/', $version, says($answer{cut}, 'notified')), '200 cut', 'and is not whole without it';
}
wait_until { ($site->slurp('reason.log') // '') =~ m{^/unannounced }m } 'its line';
like $site->slurp('reason.log'), qr{^/unannounced 200 upstream\.body_closed$}m, 'the reason';

# A client that speaks TLS itself, and an old HTTP: the end of its connection is none in peace either
my $client = $site->send('GET /', { version => '1.0', port => 3, tls => {} });
says($answer{'until the end'}, 'cut off')->(scalar $listener->accept);
my $got = eval { $client->read_all } // '';
my $error = $@ . $client->{end};
ok $error =~ /reset|unexpected|read:/, "a cut answer over TLS ends as such: $error";
$client = $site->send('GET /', { version => '1.0', port => 3, tls => {} });
says($answer{'until the end'}, 'notified')->(scalar $listener->accept);
like $client->read_all, qr/some\z/, 'a whole one does not';
is $client->closed, 'eof', 'but in peace';

# Handshakes that fail
my @held;
my %bad = ('closes at once' => sub ($taken) { close $taken }, 'says nothing' => sub ($taken) { push @held, $taken },
           'speaks plainly' => sub ($taken) { print $taken "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"; close $taken },
           'sends an alert' => sub ($taken) { print $taken "\x15\x03\x03\x00\x02\x02\x28"; close $taken },
           'sends noise' => sub ($taken) { print $taken "\x16\x03\x03\xff\xff" . 'x' x 70_000; close $taken });
for my $what (sort keys %bad) {
    like outcome($what eq 'says nothing' ? '/silent' : '/bad', '1.1', $bad{$what}), qr/\A50[24] whole\z/, "an origin that $what";
}
my @reasons;
wait_until { @reasons = $site->slurp('reason.log') =~ m{^(/(?:bad|silent) .*)$}mg; @reasons == keys %bad } 'a line for each';
is scalar(grep { $_ eq '/silent 504 upstream.connect_timeout' } @reasons), 1, 'silence is a timeout';
is scalar(grep { $_ eq '/bad 502 upstream.connect' } @reasons), 4, 'all else no connection';
done_testing;
