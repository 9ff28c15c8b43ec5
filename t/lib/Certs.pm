# t/lib/Certs.pm - keys and certificates for a test, made by the openssl command
#
#     Certs::make($site, 'a', cn => 'a.example');                  # a.crt, a.key: signed by itself
#     Certs::make($site, 'ca', ca => 1);
#     Certs::make($site, 'b', by => 'ca', names => ['b.example', '*.b.example'], kind => 'rsa');
#
#     Certs::make($site, 'c', by => 'ca', responder => 'http://127.0.0.1:81/');  # who answers for its status
#     Certs::ocsp($site, 'c', by => 'ca', status => 'good');       # such an answer, in DER
#
# $site is a Site that is not up yet (Site->prepare), or a directory. kind: ec (the default), rsa,
# ed25519; days => N (negative: expired). The paths come back: (certificate, key). chain => 1 appends the issuer to
# the certificate's file. Of answers: status good, revoked or unknown; minutes => N (until its end), signer =>
# NAME (the issuer by default). extension => one more line for openssl's extension file.
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
    $extensions .= "authorityInfoAccess=OCSP;URI:$option{responder}\n" if $option{responder};
    $extensions .= "extendedKeyUsage=OCSPSigning\n" if $option{signs_ocsp};

    $extensions .= "$option{extension}\n" if $option{extension};

    write_file("$dir/$name.ext", $extensions);
    openssl('req', '-new', '-nodes', @{ $new_key{ $option{kind} // 'ec' } }, '-keyout', "$dir/$name.key",
            '-out', "$dir/$name.csr", '-subj', $option{subject} // '/CN=' . ($option{cn} // $names[0]));
    openssl('x509', '-req', '-in', "$dir/$name.csr", '-out', "$dir/$name.crt", '-days', $days,
            '-extfile', "$dir/$name.ext",
            $ca ? ('-CA', "$ca.crt", '-CAkey', "$ca.key", '-CAcreateserial') : ('-signkey', "$dir/$name.key"));
    chmod 0644, "$dir/$name.key";
    write_file("$dir/$name.crt", slurp("$dir/$name.crt") . slurp("$ca.crt")) if $option{chain};
    return ("$dir/$name.crt", "$dir/$name.key");
}

# What a responder would say of the certificate NAME.
sub ocsp ($where, $name, %option) {
    my $dir = ref $where ? $where->dir : $where;
    my $ca = "$dir/$option{by}";
    my $signer = $option{signer} ? "$dir/$option{signer}" : $ca;
    my $serial = openssl('x509', '-in', "$dir/$name.crt", '-noout', '-serial') =~ s/.*=//sr =~ s/\s//gr;
    my $status = $option{status} // 'good';
    my %line = (good => "V\t300101000000Z\t\t$serial\tunknown\t/CN=x\n",
                revoked => "R\t300101000000Z\t200101000000Z\t$serial\tunknown\t/CN=x\n", unknown => '');

    write_file("$dir/$name.index", $line{$status});
    openssl('ocsp', '-issuer', "$ca.crt", '-cert', "$dir/$name.crt", '-no_nonce', '-reqout', "$dir/$name.req");
    openssl('ocsp', '-index', "$dir/$name.index", '-CA', "$ca.crt", '-rsigner', "$signer.crt", '-rkey',
            "$signer.key", '-reqin', "$dir/$name.req", '-respout', "$dir/$name.ocsp", '-nmin', $option{minutes} // 60);
    return slurp("$dir/$name.ocsp");
}

sub slurp ($path) {
    open my $file, '<:raw', $path or croak "$path: $!";
    local $/;
    return scalar <$file>;
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
