# t/upstream/runtime_names.t - servers that are names are changed, added and removed while the server
# runs, and followed as those that are configured
use Site;
use Dns;

needs_weir('nginx has no control socket');
Test::More::plan(skip_all => 'built without c-ares')
    unless Site->supports('resolver 127.0.0.1; server { }');

my $site = Site->prepare(<<'CONF');
    resolver %DNS% ipv6=off valid=1s;
    upstream u { server app.test:%PORT2% resolve; server 127.0.0.9:%PORT2%; }
    server { listen %PORT%; location / { proxy_pass http://u; } }
    server { listen %PORT2%; location / { return 200 "$server_addr"; } }
CONF
my $dns = $site->dns;
$dns->set('app.test', A => ['127.0.0.1', '127.0.0.2']);
$dns->set('b.test', A => ['127.0.0.5']);
$site->up;
wait_until { -S $site->path('weir.ctl') } 'the control socket';
my $p = $site->port(2);

sub ctl (@words) { return $site->ctl('upstream', @words) }
sub seen {
    my %seen;
    $seen{ $site->get('/')->body }++ for 1 .. 12;
    return join ' ', map {"$_=$seen{$_}"} sort keys %seen;
}

wait_until { seen() =~ /0.1=4 127.0.0.2=4/ } 'names';
like ctl('show', 'u'), qr/^app.test:$p +127.0.0.2:$p +up .* dns$/m, 'each address of a name is shown';
ctl('set', 'u', "app.test:$p", 'down');
is seen(), '127.0.0.9=12', 'a name that is down has no address that is not';
ctl('set', 'u', "app.test:$p", 'up', 'weight=5');
like seen(), qr/127.0.0.9=[12]\z/, 'a weight is that of each address';
ctl('remove', 'u', "app.test:$p");
is seen(), '127.0.0.9=12', 'a name is removed';
ctl('add', 'u', "b.test:$p", 'resolve');
wait_until { seen() =~ /0.5=6/ } 'another name';
$dns->set('b.test', A => ['127.0.0.6']);
wait_until { seen() =~ /0.6=6/ } 'it to be another address';
$site->reload;
is seen(), '127.0.0.6=6 127.0.0.9=6', 'after a reload it is known still';
$dns->set('b.test', A => ['127.0.0.7']);
wait_until { seen() eq '127.0.0.7=6 127.0.0.9=6' } 'the name to be followed';
pass 'and followed';
ctl('remove', 'u', "b.test:$p");
is seen(), '127.0.0.9=12', 'one that was added is removed';
ctl('add', 'u', "app.test:$p", 'resolve');
wait_until { seen() =~ /0.1=4 127.0.0.2=4/ } 'the first name';
like ctl('list'), qr/^u +3 +3 +0 +0$/m, 'added as it was configured it is as configured';
$site->stop;
done_testing;
