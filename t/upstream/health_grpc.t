# t/upstream/health_grpc.t - health checks of gRPC servers, by their Health Checking Protocol
use Site;
use H2;
use H2Origin;

needs_weir('nginx 1.22 has no health_check');

my $origin = H2Origin->listen;
my $serving = "\x08\x01";
my @services = (    # name, what is answered, further parameters, is it well?
    ['serving',  sub ($c, $n) { $c->grpc($n, [$serving]) },                                     '', 1],
    ['not',      sub ($c, $n) { $c->grpc($n, ["\x08\x02"]) },                                   '', 0, 'checking serving status'],
    ['silent',   sub ($c, $n) { $c->grpc($n, ['']) },                                           '', 0],
    ['nothing',  sub ($c, $n) { $c->grpc($n, []) },                                             '', 0],
    ['garbage',  sub ($c, $n) { $c->grpc($n, ["\x08"]) },                                       '', 0],
    ['two',      sub ($c, $n) { $c->grpc($n, [$serving, $serving]) },                           '', 0],
    ['failed',   sub ($c, $n) { $c->grpc($n, [$serving], 13) },                                 '', 0, 'checking grpc-status'],
    ['only',     sub ($c, $n) { $c->headers($n, [':status' => 200, 'content-type' => 'application/grpc', 'grpc-status' => 12],
                                            END_HEADERS | END_STREAM) },                        '', 0],
    ['known',    sub ($c, $n) { $c->headers($n, [':status' => 200, 'content-type' => 'application/grpc', 'grpc-status' => 12],
                                            END_HEADERS | END_STREAM) },           'grpc_status=12', 1],
    ['other',    sub ($c, $n) { $c->grpc($n, [], 5) },                             'grpc_status=12', 0],
    ['web',      sub ($c, $n) { $c->answer($n, H2Origin::message($serving), 'content-type' => 'text/html') }, '', 0, 'checking response header'],
    ['status',   sub ($c, $n) { $c->answer($n, 'no', ':status' => 503) },                       '', 0, 'checking status code'],
    ['unsaid',   sub ($c, $n) { $c->answer($n, H2Origin::message($serving), 'content-type' => 'application/grpc') }, '', 0],
    ['reset',    sub ($c, $n) { $c->rst($n, 2) },                                               '', 0],
);
my ($upstreams, $locations) = ('', '');
for my $s (@services) {
    $upstreams .= "upstream u_$s->[0] { server ${\$origin->address}; }\n";
    $locations .= "location /$s->[0] { grpc_pass grpc://u_$s->[0];
        health_check mandatory interval=1h type=grpc grpc_service=$s->[0] $s->[2]; }\n";
}
my $site = Site->prepare(<<"CONF");
    $upstreams
    upstream whole { server ${\$origin->address}; health_check type=grpc mandatory interval=1h; }
    server { listen %PORT%; http2 on; $locations location /whole { grpc_pass whole; } }
CONF
$site->allow_log(qr/./);
$site->up;

my %asked;
for (0 .. @services) {
    my ($c, $r) = $origin->serve;
    my $body = $c->body($r->{stream});
    my $name = length $body > 5 ? substr $body, 7 : 'whole';
    my ($service) = grep { $_->[0] eq $name } @services;

    $asked{$name} = { fields => $r->{fields}, body => $body };
    $service ? $service->[1]->($c, $r->{stream}) : $c->grpc($r->{stream}, [$serving]);
}
is "@{ $asked{serving}{fields} }{qw(:method :path te content-type)}", 'POST /grpc.health.v1.Health/Check trailers application/grpc',
    'the call';
is $asked{serving}{fields}{':authority'}, 'u_serving', 'to whom';
is $asked{serving}{body}, "\0\0\0\0\x09\x0a\x07serving", 'its message';
is $asked{whole}{body}, "\0\0\0\0\0", 'without a service: how the server is';
is "@{ $asked{whole}{fields} }{qw(:method te content-type)}", 'POST trailers application/grpc', 'in an upstream too';
wait_until { (() = $site->error_log =~ /peer is (?:un)?healthy/g) == @services + 1 } 'an outcome of each';
for my $s (@services) {
    my ($name, undef, undef, $well, $while) = @$s;
    my $said = $while ? qr/peer is unhealthy while $while,.*"u_$name"/ : $well ? qr/peer is healthy,.*"u_$name"/
                                                                              : qr/peer is unhealthy.*"u_$name"/;
    like $site->error_log, $said, $name . ($well ? ': well' : ': not well');
}
like $site->error_log, qr/peer is healthy,.*"whole"/, 'in an upstream: well';

# What is not well gets no calls.
my $h2 = H2->open($site);
$h2->get(1, '/not', ':method' => 'POST');
my ($head) = $h2->heads(@{ $h2->answer(1)->{frames} });
is $head->{':status'}, 502, 'what is not well gets no calls';
$h2->get(3, '/serving', ':method' => 'POST');
my ($c, $r) = $origin->serve;
is $r->{fields}{':path'}, '/serving', 'what is well does';
$site->stop;

done_testing;
