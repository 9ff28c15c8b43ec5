# t/proxy/early_hints.t - 103 (Early Hints) of an origin, passed on to clients that want it
use Site;
needs_weir('nginx before 1.29.0 knows no early_hints');

my $site = Site->start(<<'CONF');
    map $http_sec_fetch_mode $navigates { navigate 1; default ""; }
    server {
        listen %PORT%;
        listen %PORT2%;
        http2 on;
        proxy_buffer_size 1k;
        location / { early_hints $navigates; proxy_pass http://%ORIGIN%; }
        location /any/ { early_hints "" $navigates $arg_hints; proxy_pass http://%ORIGIN%; }
        location /hide/ { early_hints 1; proxy_hide_header X-Secret; proxy_pass_header Server; proxy_pass http://%ORIGIN%; }
        location /off/ { proxy_pass http://%ORIGIN%; }
        location /next/ { early_hints 1; proxy_next_upstream http_500; proxy_pass http://two; }
    }
    upstream two { server %ORIGIN%; server %ORIGIN2%; }
CONF
my $origin = $site->origin;
my $hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
$origin->answer('*', interim => $hints, body => 'final');

sub hints ($reply) { return join ' ', map { $_->status . ':' . ($_->header('Link') // '') } $reply->interim }
my $wanted = '103:</a.css>; rel=preload';
my @navigate = ('Sec-Fetch-Mode' => 'navigate');

my $reply = $site->get('/', @navigate);
is hints($reply), $wanted, 'hints are passed on';
is $reply->body, 'final', 'and the answer';
is hints($site->get('/')), '', 'not to one who does not want them';
is hints($site->get('/off/', @navigate)), '', 'nor without early_hints';
is hints($site->get('/any/')), '', 'all strings empty';
is hints($site->get('/any/?hints=0')), '', 'or 0';
is hints($site->get('/any/?hints=1')), $wanted, 'one is enough';
is hints($site->request('GET /', { version => '1.0' }, @navigate)), '', 'HTTP/1.0 knows no interim answers';
is $site->request('GET /', { version => '1.0' }, @navigate)->body, 'final', 'but gets the answer';

my $port = $site->port(2);
like scalar(`curl -sk --max-time @{[Wait::patience()]} --http2-prior-knowledge -D - -H 'Sec-Fetch-Mode: navigate' http://127.0.0.1:$port/`),
    qr/\AHTTP\/2 103 \r\nlink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/2 200 .*final\z/s, 'over HTTP/2';

# Its fields
$origin->answer('/hide/', interim => "HTTP/1.1 103 Early Hints\r\nLink: </b>\r\nX-Secret: 1\r\nServer: s\r\nDate: d\r\n"
    . "Connection: close\r\nTransfer-Encoding: chunked\r\nKeep-Alive: x\r\nSet-Cookie: a=b\r\nLink: </c>\r\n\r\n", body => 'final');
my ($interim) = $site->get('/hide/')->interim;
is join('|', map { "$_->[0]: $_->[1]" } $interim->fields), 'Link: </b>|Server: s|Link: </c>', 'fields that frame, or are hidden, stay here';
$origin->answer('/hide/', interim => "HTTP/1.1 103 Early Hints\r\n\r\n", body => 'final');
is join('', map { $_->status } $site->get('/hide/')->interim), '103', 'hints without a field';

# Several, and in pieces; the connection is good for more.
my $client = $site->connect;
$origin->script('/many', 'body', (map { ([write => "HTTP/1.1 103 Early Hints\r\nLink: </$_>\r\n\r\n"], [wait => "sent$_"]) } 1 .. 3),
    [answer => { body => 'final' }]);
$client->write("GET /many HTTP/1.1\r\nHost: a\r\nSec-Fetch-Mode: navigate\r\n\r\n");
my $seen = '';
for my $n (1 .. 3) {
    $seen .= $client->read_until(qr/<\/$n>\r\n\r\n/);
    $origin->go("sent$n");
}
is $seen, join('', map { "HTTP/1.1 103 Early Hints\r\nLink: </$_>\r\n\r\n" } 1 .. 3), 'each is sent at once';
is $client->read_response->body, 'final', 'then the answer';
$origin->answer('/long', interim => join('', map { "HTTP/1.1 103 Early Hints\r\nLink: </" . 'x' x 700 . ">\r\n\r\n" } 1 .. 20), body => 'final');
$reply = $client->send('GET /long', @navigate)->response;
is scalar(() = $reply->interim), 20, 'many long ones';
is $reply->body, 'final', 'fit as long as each does';
$origin->answer('/flood', interim => $hints x 100, body => 'final');
is $site->get('/flood', @navigate)->status, 502, 'a storm of them is an error';
$origin->answer('/bad', interim => "HTTP/1.1 103 Early Hints\r\nbad field\r\n\r\n", body => 'final');
is $site->get('/bad', @navigate)->status, 502, 'so is a malformed one';

# A try that fails after its hints
$origin->answer('/next/', interim => $hints, status => 500, body => 'no');
$site->origin(2)->answer('/next/', interim => $hints =~ s/a\.css/b.css/r, body => 'second');
$reply = $site->get('/next/');
is $reply->body, 'second', 'the next server answers';
is hints($reply), "$wanted 103:</b.css>; rel=preload", 'both have given hints';

done_testing;
