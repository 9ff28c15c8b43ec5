# t/lib/Certs.pm - keys and certificates for a test, made by the openssl command
#
#     Certs::make($site, 'a', cn => 'a.example');                  # a.crt, a.key: signed by itself
#     Certs::make($site, 'ca', ca => 1);
#     Certs::make($site, 'b', by => 'ca', names => ['b.example', '*.b.example'], kind => 'rsa');
#
# $site is a Site that is not up yet (Site->prepare), or a directory. kind: ec (the default), rsa,
# ed25519; days => N (negative: expired). The paths come back: (certificate, key).
package Certs;
use v5.36;
use Carp qw(croak);

my %new_key = (ec      => [qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256)],
               rsa     => [qw(-newkey rsa:2048)],
               ed25519 => [qw(-newkey ed25519)]);

sub make ($where, $name, %option) {
    my $dir = ref $where ? $where->dir : $where;
    my @names = @{ $option{names} // [$option{cn} // "$name.example"] };
    my $ca = $option{by} ? "$dir/$option{by}" : undef;
    my $days = $option{days} // 30;
    my $extensions = $option{ca} ? "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n"
                                 : 'subjectAltName=' . join(',', map { "DNS:$_" } @names) . "\n";

    write_file("$dir/$name.ext", $extensions);
    openssl('req', '-new', '-nodes', @{ $new_key{ $option{kind} // 'ec' } }, '-keyout', "$dir/$name.key",
            '-out', "$dir/$name.csr", '-subj', $option{subject} // '/CN=' . ($option{cn} // $names[0]));
    openssl('x509', '-req', '-in', "$dir/$name.csr", '-out', "$dir/$name.crt", '-days', $days,
            '-extfile', "$dir/$name.ext",
            $ca ? ('-CA', "$ca.crt", '-CAkey', "$ca.key", '-CAcreateserial') : ('-signkey', "$dir/$name.key"));
    chmod 0644, "$dir/$name.key";
    return ("$dir/$name.crt", "$dir/$name.key");
}

sub write_file ($path, $text) {
    open my $file, '>', $path or croak "$path: $!";
    print $file $text;
    close $file or croak "$path: $!";
}

# Runs openssl; its output comes back, a failure dies.
sub openssl (@args) {
    my $pid = open(my $out, '-|') // croak "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        exec 'openssl', @args or exit 127;
    }
    local $/;
    my $text = <$out>;
    close $out or croak "openssl @args:\n$text";
    return $text;
}

1;
