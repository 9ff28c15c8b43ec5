# t/h1/expect.t - Expect: 100-continue, and bodies that nobody wants
use Site;

my $site = Site->start(<<'CONF');
    lingering_timeout 500ms;
    server {
        listen %PORT%;
        client_max_body_size 1k;
        location /p { proxy_pass http://%ORIGIN%; }
        location /refuse { return 403; }
        location /hi { return 200 "hi\n"; }
    }
CONF
sub head ($uri, @fields) {
    return join "\r\n", "POST $uri HTTP/1.1", 'Host: a', 'Expect: 100-continue', @fields, '', '';
}

my $client = $site->connect;
$client->write(head('/p', 'Content-Length: 5'));
is $client->read_until(qr/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n", '100 before the body is sent';
is $site->origin->count, 0, 'the origin waits for the body';
$client->write('hello');
is $client->read_response->status, 200, 'then the answer';
is $site->origin->request->body, 'hello', 'the body arrived';
is $site->origin->request->header('Expect'), undef, 'the expectation is not passed on';
$client->write(head('/p', 'Transfer-Encoding: chunked'));
is $client->read_until(qr/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n", 'with chunks too';
$client->write("3\r\nabc\r\n0\r\n\r\n");
is $client->read_response->status, 200, 'answered on the same connection';

# A body that came along needs no invitation, and if it gets one the answer still follows.
$client = $site->connect;
$client->write(head('/p', 'Content-Length: 5') . 'hello');
my $reply = $client->read_response;
is $reply->status, 200, 'a body sent at once';

$client = $site->connect;
$client->write(head('/p', 'Content-Length: 5000'));
$reply = $client->read_response;
is $reply->status, 413, 'a body that is too large is refused';
is scalar($reply->interim), 0, 'without asking for it';

$client = $site->connect;
$client->write(head('/refuse', 'Content-Length: 5'));
$reply = $client->read_response;
is $reply->status, 403, 'a refused request';
is scalar($reply->interim), 0, 'does not ask for its body';

$client = $site->connect;
$client->write(join "\r\n", 'POST /p HTTP/1.0', 'Host: a', 'Expect: 100-continue', 'Content-Length: 2',
               '', '');
is $client->pending, '', 'HTTP/1.0 gets no 100';
$client->write('ab');
$reply = $client->read_response;
is $reply->status, 200, 'just the answer';
is scalar($reply->interim), 0, 'and nothing before it';

# A body that no handler reads is thrown away, and the connection can be used again.
for my $body ('small', 'x' x 900) {
    $client = $site->connect->send('POST /hi', { body => $body });
    is $client->response->status, 200, 'an unread body of ' . length $body;
    is $client->get('/hi')->body, "hi\n", 'the next request is found behind it';
}
$client = $site->connect->send('POST /hi', { chunks => ['abc', 'de'] });
is $client->response->status, 200, 'an unread chunked body';
is $client->get('/hi')->body, "hi\n", 'and what follows';

done_testing;
