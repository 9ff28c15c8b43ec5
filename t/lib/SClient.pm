# t/lib/SClient.pm - one run of openssl s_client, and what it says of the connection
#
#     my $seen = SClient::run($site->port, '-servername', 'a.example', { send => 'GET / HTTP/1.0', });
#     $seen->{subject}, {reused}, {version}, {cipher}, {key}, {text}; {ok} is 0 where the handshake failed
#
# It sends the request (nothing where send is undef) and reads to the end of the answer, so that
# tickets have come. { until => RE } stops at what matches instead.
package SClient;
use v5.36;
use Carp qw(croak);
use IPC::Open2;
use Time::HiRes qw(time);
use Wait qw(patience);

sub run ($port, @args) {
    my %option = ref $args[-1] ? %{ pop @args } : ();
    my $request = exists $option{send} ? $option{send} : "GET / HTTP/1.0\r\nHost: localhost";
    my $pid = open2(my $out, my $in, 'sh', '-c', 'exec openssl s_client "$@" 2>&1', 's_client', '-connect',
                    $port =~ /\D/ ? $port : "127.0.0.1:$port", '-ign_eof', @args);
    my ($text, $deadline) = ('', time + patience());

    local $SIG{PIPE} = 'IGNORE';
    print $in "$request\r\n\r\n" if defined $request;
    $in->flush;
    while (1) {
        my $bits = '';
        vec($bits, fileno $out, 1) = 1;
        croak "timed out reading s_client; so far: $text" if time > $deadline;
        next unless select $bits, undef, undef, 0.5;
        last unless sysread $out, $text, 65536, length $text;
        last if $option{until} && $text =~ $option{until};
    }
    close $in;
    kill KILL => $pid if $option{until};
    waitpid $pid, 0;
    my ($reused, $version, $cipher) = $text =~ /^(New|Reused), (\S+), Cipher is (\S+)/m;
    my ($subject) = $text =~ /^subject=(.*)/m;
    my ($key) = $text =~ /^Peer signature type: (\S+)/m;
    return { text => $text, ok => ($cipher // '(NONE)') ne '(NONE)' ? 1 : 0, version => $version // '',
             cipher => $cipher // '', subject => $subject // '', key => $key // '',
             reused => ($reused // '') eq 'Reused' ? 1 : 0 };
}

1;
