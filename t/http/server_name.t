# t/http/server_name.t - which server a Host finds, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    server_names_hash_bucket_size 128;
    server { listen %PORT%; server_name first.example; return 200 "first $server_name $host\n"; }
    server { listen %PORT% default_server; server_name def.example; return 200 "default $host\n"; }
    server { listen %PORT%; server_name a.example www.a.example; return 200 "a $server_name $host\n"; }
    server { listen %PORT%; server_name *.wild.example; return 200 "*.wild $server_name $host\n"; }
    server { listen %PORT%; server_name *.deep.wild.example; return 200 "*.deep.wild $host\n"; }
    server { listen %PORT%; server_name exact.wild.example; return 200 "exact.wild $host\n"; }
    server { listen %PORT%; server_name .dot.example; return 200 ".dot $server_name $host\n"; }
    server { listen %PORT%; server_name mail.*; return 200 "mail.* $server_name $host\n"; }
    server { listen %PORT%; server_name mail.more.*; return 200 "mail.more.* $host\n"; }
    server { listen %PORT%; server_name ~^r(?<n>\d+)\.example$; return 200 "~ $n $host\n"; }
    server { listen %PORT%; server_name ~^r(1)\.; return 200 "~ second $1 $host\n"; }
    server { listen %PORT%; server_name "~^q{2}\.example$"; return 200 "~ quoted\n"; }
    server { listen %PORT%; server_name ""; return 200 "empty $host\n"; }
    server { listen %PORT%; server_name UPPER.example; return 200 "upper $server_name $host\n"; }
    server { listen %PORT%; server_name 192.0.2.1; return 200 "ip $host\n"; }
    server { listen %PORT%; server_name _; return 200 "underscore $host\n"; }
    server { listen %PORT2%; server_name a.example; return 200 "second port a $host\n"; }
    server { listen %PORT2%; server_name b.example; return 200 "second port b $host\n"; }
    server { listen 127.0.0.1:%PORT3%; server_name a.example; return 200 "specific\n"; }
    server { listen %PORT3%; server_name a.example; return 200 "any address\n"; }
    server { listen 127.0.0.1:%PORT3%; server_name b.example; return 200 "specific b\n"; }
CONF
my @hosts = qw(
    first.example def.example unknown.example a.example www.a.example A.Example a.example. a.example:80
    a.example:99999 a.example.:1 x.wild.example y.x.wild.example wild.example x.deep.wild.example
    deep.wild.example exact.wild.example EXACT.wild.example dot.example x.dot.example y.x.dot.example
    xdot.example mail.com mail.example mail.a.b mail mail. mail.more.x mail.more smail.com r1.example
    r23.example rx.example R1.EXAMPLE qq.example upper.example Upper.Example 192.0.2.1 192.0.2.1:80 _
    [::1] [::1]:80 a_b.example -a.example a..example .a.example a.example.. a%2eexample localhost
);
my @requests = map { { what => 'GET /', host => $_, name => "Host: $_" } } @hosts;
push @requests, { what => 'GET /', version => '1.0', name => 'no Host in HTTP/1.0' };
push @requests, { raw => "GET / HTTP/1.1\r\nHost:\r\n\r\n", name => 'an empty Host' };
push @requests, { raw => "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", name => 'only a port' };
push @requests, map { { raw => "GET $_ HTTP/1.1\r\nHost: first.example\r\n\r\n", name => "target $_" } }
    'http://a.example/', 'http://a.example:81/x', 'http://x.wild.example', 'http://unknown/';
push @requests, { raw => "GET http://a.example/ HTTP/1.0\r\n\r\n", name => 'absolute without Host, 1.0' };
push @requests, { raw => "GET http://a.example/ HTTP/1.1\r\n\r\n", name => 'absolute without Host, 1.1' };
# A port that cannot exist is no port.
differential_ok($conf, \@requests, allow => { 'Host: a.example:99999' => 'may be refused' });

my $site = Site->start($conf);
for my $try ([2, 'a.example', "second port a a.example\n"], [2, 'x.example', "second port a x.example\n"],
             [2, 'b.example', "second port b b.example\n"], [3, 'a.example', "specific\n"],
             [3, 'b.example', "specific b\n"], [3, 'c.example', "specific\n"]) {
    my ($port, $host, $body) = @$try;
    is $site->get('/', { port => $port, host => $host })->body, $body, "port $port, $host";
}
my $mapped = Client->connect(host => (split ' ', qx(hostname -I) || '127.0.0.1')[0], port => $site->port(3));
like $mapped->get('/')->body, qr/any address|specific/, 'another address of the same port';

done_testing;
