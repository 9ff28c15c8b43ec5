# t/grpc/real.t - a real gRPC client and server, plain and over TLS on each side, in all four shapes
use Site;
use Certs;
use Ports;

my ($python) = grep { -x && system("$_ -c 'import grpc' 2>/dev/null") == 0 } '/usr/bin/python3', '/usr/local/bin/python3';
Test::More::plan(skip_all => 'python3-grpcio is not installed') if !$python;

my ($plain, $tls) = (Ports::take(), Ports::take());
my $site = Site->prepare(<<"CONF");
    upstream app { server 127.0.0.1:$plain; keepalive 4; }
    client_max_body_size 0;
    error_page 504 = /late;         # whoever says first that the time is over, it is the same word
    server { listen %PORT% http2; location / { grpc_pass grpc://app; } location = /late { internal; default_type application/grpc; add_header grpc-status 4 always; return 204; } }
    server {
        listen %PORT2% ssl http2;
        ssl_certificate %DIR%/front.crt;
        ssl_certificate_key %DIR%/front.key;
        location = /late { internal; default_type application/grpc; add_header grpc-status 4 always; return 204; }
        location / {
            grpc_pass grpcs://127.0.0.1:$tls;
            grpc_ssl_verify on;
            grpc_ssl_name back.example;
            grpc_ssl_server_name on;
            grpc_ssl_trusted_certificate %DIR%/ca.crt;
        }
    }
    server { listen %PORT3% http2; error_page 502 = /down; location / { grpc_pass grpc://127.0.0.1:1; } location = /down { internal; default_type application/grpc; add_header grpc-status 14 always; add_header grpc-message gone always; return 204; } }
CONF
Certs::make($site, 'ca', ca => 1);
Certs::make($site, $_, by => 'ca', names => ["$_.example"]) for qw(front back);
$site->up;

pipe my $until, my $held or die "pipe: $!";
my $server = open(my $out, '-|') // die "fork: $!";
if (!$server) {
    Procs::die_with_parent();
    close $held;
    open STDIN, '<&', $until;
    exec $python, 't/grpc/peer.py', 'serve', $plain, $tls, $site->path('back.key'), $site->path('back.crt');
}
close $until;
is scalar(<$out>), "ready\n", 'a server';

sub calls ($what, @args) {
    open my $client, '-|', $python, 't/grpc/peer.py', 'call', @args or die "client: $!";
    my @lines = <$client>;
    close $client;
    ok /^ok/, "$what: $_" =~ s/\n//r =~ s/(not )?ok - //r for @lines;
    is scalar(@lines), 12, "$what: to the end";
}
calls('plain', '127.0.0.1:' . $site->port);
calls('TLS', '127.0.0.1:' . $site->port(2), $site->path('ca.crt'), 'front.example');
my $said = qx{$python - 2>&1 <<END
import grpc
try:
    grpc.insecure_channel('127.0.0.1:@{[ $site->port(3) ]}').unary_unary('/t.S/Echo')(b'x', timeout=60)
except grpc.RpcError as e:
    print(e.code().name, e.details())
END
};
is $said, "UNAVAILABLE gone\n", 'an error page tells a gRPC client what it understands';
close $held;
done_testing;
