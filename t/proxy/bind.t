# t/proxy/bind.t - the address that connections to origins come from
use Site;

my $transparent = $> == 0 ? 'transparent' : '';
my $site = Site->start(<<"CONF");
    upstream self { server 127.0.0.1:%PORT2%; keepalive 8; }
    server {
        listen %PORT%;
        location /any { proxy_pass http://self/; }
        location /fixed { proxy_bind 127.0.0.7; proxy_pass http://127.0.0.1:%PORT2%/; }
        location /port { proxy_bind 127.0.0.7:%PORT3%; proxy_http_version 1.0; proxy_pass http://127.0.0.1:%PORT2%/port; }
        location /off { proxy_bind off; proxy_pass http://self/; }
        location /var { proxy_bind \$arg_a; proxy_pass http://self/; }
        location /if { if (\$arg_x) { proxy_pass http://127.0.0.1:%PORT2%; } proxy_bind 127.0.0.8; }
        location /client { proxy_bind \$remote_addr $transparent; proxy_pass http://self/; }
        location /app { fastcgi_bind 127.0.0.9; fastcgi_param REMOTE_ADDR \$remote_addr; fastcgi_pass %FASTCGI%; }
        location /unix { proxy_bind 127.0.0.7; proxy_pass http://%ORIGIN_UNIX%; }
    }
    server { listen %PORT2%; location / { return 200 \$remote_addr; } location /port { return 200 \$remote_addr:\$remote_port; } }
CONF
my $port3 = $site->port(3);
is $site->get('/any')->body, '127.0.0.1', 'any';
is $site->get('/fixed')->body, '127.0.0.7', 'a fixed one';
is $site->get('/port')->body, "127.0.0.7:$port3", 'with a port';
is $site->get('/off')->body, '127.0.0.1', 'off';
is $site->get('/if?x=1')->body, '127.0.0.8', 'in an if';
is join(' ', map { $site->get("/var?a=127.0.0.$_")->body } 11, 12, 11), '127.0.0.11 127.0.0.12 127.0.0.11', 'worked out for each request';
is $site->get('/any')->body, '127.0.0.1', 'such connections serve nobody else';
is $site->get('/var')->body, '127.0.0.1', 'no value: any';
is $site->get('/var?a=nonsense')->body, '127.0.0.1', 'nonsense: any';
like $site->error_log, qr/\[error\].*invalid local address "nonsense"/, 'and a line in the log';
my $client = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $site->port, LocalHost => '127.0.0.77') or die $@;
print $client "GET /client HTTP/1.0\r\n\r\n";
like join('', readline $client), qr/\r\n\r\n127\.0\.0\.77\z/, "the client's own";
is $site->get('/app')->status, 200, 'towards FastCGI';
is $site->get('/unix')->status, 200, 'a unix socket is not bound';
if ($transparent) {
    my ($worker) = grep { Procs::title($_) =~ /worker/ } Procs::descendants($site->{pid});
    is Procs::status_field($worker, 'CapEff') =~ s/^0+//r, '2000', 'workers keep the capability to do so, and no other';
    is Procs::status_field($worker, 'CapPrm') =~ s/^0+//r, '2000', 'nor may they get one';
}
$site->stop;

$site = Site->start('server { listen %PORT%; location / { proxy_bind 127.0.0.7; proxy_pass http://%ORIGIN%; } }');
if ($> == 0) {
    my ($worker) = grep { Procs::title($_) =~ /worker/ } Procs::descendants($site->{pid});
    is Procs::status_field($worker, 'CapPrm') =~ s/^0+//r, '', 'without "transparent" they keep none';
}
$site->stop;

for my $case (['127.0.0.1 opaque', qr/invalid parameter "opaque"/], ['localhost', qr/invalid address "localhost"/], ['80', qr/invalid address "80"/],
              ['unix:/tmp/x', qr/invalid address/], ['off transparent', qr/invalid address "off"/]) {
    my ($args, $why) = @$case;
    my $result = Site->test_config("server { listen %PORT%; location / { proxy_bind $args; proxy_pass http://127.0.0.1:1; } }");
    ok $result->{exit} != 0 && $result->{stderr} =~ $why, "refused: $args" or diag $result->{stderr};
}
done_testing;
