# t/harness/origin.t - scripted origins: they do what they are told and tell what they saw
use Site;
use Client;

my $origin = Origin->start;
my $to = sub { Client->connect(port => $origin->port) };

my $client = $to->();
is $client->get('/x')->body, "GET /x\n", 'the answer without a rule';
is $client->get('/y?a=b')->body, "GET /y?a=b\n", 'another on the same connection';
is $origin->connections, 1, 'one connection';
is $origin->request->nth, 2, 'its second request';
is $origin->request->header('host'), 'localhost', 'headers are recorded';
like $origin->request->raw, qr{\AGET /y\?a=b HTTP/1\.1\r\n.*\r\n\r\n\z}s, 'so is the raw head';

$origin->answer('/404', status => 404, body => 'no', headers => ['X-A' => 'b']);
is $client->get('/404')->status, 404, 'a canned status';
is $client->get('/404?q')->header('X-A'), 'b', 'found by path; a canned header';
$origin->answer('/seq', { body => 'first' }, { body => 'later' });
is join(' ', map { $client->get('/seq')->body } 1 .. 3), 'first later later', 'answers in turn';
is $client->send('HEAD /404')->response->header('Content-Length'), 2, 'HEAD';
is $client->request('GET /x', Connection => 'close')->status, 200, 'asked to close';
is $client->closed, 'eof', 'it closes';

$client = $to->();
my $reply = $client->request('POST /b', { chunks => ['abc', 'defg'] });
is $origin->request->body, 'abcdefg', 'a chunked body';
ok $origin->request->chunked && $origin->request->complete, 'known as such';
$client->request('POST /b', { body => 'x' x 300000 });
is length $origin->request->body, 300000, 'a large body';

$origin->answer('/chunked', chunks => ['ab', 'cd'], trailers => ['X-T' => 'v']);
$reply = $client->get('/chunked');
is $reply->body, 'abcd', 'a chunked answer';
is join(',', $reply->chunks), '2,2,0', 'its chunks';
is $reply->trailer('x-t'), 'v', 'its trailer';
$origin->answer('/fill', fill => 1_000_003);
ok $client->get('/fill')->body eq Origin::pattern(1_000_003), 'a generated body';
$origin->script('/at_once', [write => "HTTP/1.1 200 OK\r\n\r\n" . 'y' x 4_000_000], 'close');
is scalar(grep { length $to->()->get('/at_once')->body == 4_000_000 } 1 .. 200), 200, 'what was written is followed by its end, however fast it is read';
$origin->answer('/lie', body => 'short', length => 100, close => 1);
$reply = $client->get('/lie');
ok !$reply->complete, 'a lie about the length is seen';
is $reply->body, 'short', 'with what came';

my $held = $origin->hold('/held');
my $first = $to->()->send('GET /held');
my $second = $to->()->send('GET /held');
$held->reached(2);
is $first->pending, '', 'no answer yet';
$held->release;
is $first->response->status, 200, 'then one';
is $second->response->status, 200, 'and the other';
is $to->()->get('/held')->status, 200, 'released for good';

$origin->script('/script', 'body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"],
                [wait => 'more'], [write => 'cd']);
$client = $to->()->send('GET /script');
like $client->read_until(qr/\r\n\r\nab/), qr/200/, 'the script writes';
is $client->pending, '', 'and waits';
$origin->go('more');
is $client->read_bytes(2), 'cd', 'and goes on';
is $client->get('/x')->status, 200, 'the connection lives on';
$origin->script('/reset', [write => "HTTP/1.1 200 OK\r\n"], 'reset');
is $client->send('GET /reset')->read_all, "HTTP/1.1 200 OK\r\n", 'half a head';
is $client->closed, 'reset', 'and a reset';
$origin->script('/stall', 'stall');
$client = $to->()->send('GET /stall');
wait_until { $origin->request->uri eq '/stall' } 'the request';
is $origin->traffic->{ $origin->connections }{end}, '', 'a stalled connection is open';

$origin->script('/deaf', 'deaf', [wait => 'hear'], 'hear', 'body', [answer => { body => 'all' }]);
$client = $to->();
$client->write("POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n");
wait_until { $origin->request->uri eq '/deaf' } 'the request';
my $sent = 0;
wait_until {
    my $n = $client->write_some('x' x 65536);
    $sent += $n;
    !$n;
} 'the pipe to fill up';
cmp_ok $sent, '<', 30_000_000, 'an upload backs up';
$origin->go('hear');
$client->write('x' x (30_000_000 - $sent));
is $client->read_response->body, 'all', 'and goes on';

$origin->on_accept([write => "garbage\r\n\r\n"], 'close');
is $to->()->read_all, "garbage\r\n\r\n", 'words before any request';
$origin->on_accept;
$origin->refuse;
ok !eval { $to->() }, 'refused';
$origin->accept;
is $to->()->get('/x')->status, 200, 'accepted again';
$origin->forget;
is $origin->count, 0, 'forgotten';

my $dir = File::Temp->newdir;
my $local = Origin->start(unix => "$dir/o.sock");
is(Client->connect(unix => "$dir/o.sock")->get('/u')->body, "GET /u\n", 'a unix socket');

done_testing;
