# t/h1/framing.t - one framing per message or a refusal: nothing ambiguous is answered or forwarded
#
# Every case is followed on the same connection by a request for /smuggled. It must get its status,
# the connection must end, and neither request may reach the origin.
use Site;

my $site = Site->start(<<'CONF');
    lingering_timeout 200ms;
    server {
        listen %PORT%;
        client_header_buffer_size 1k;
        location / { proxy_pass http://%ORIGIN%; }
        location /unbuffered { proxy_pass http://%ORIGIN%; proxy_request_buffering off;
                               proxy_http_version 1.1; }
        location /here { return 200 "here\n"; }
    }
CONF
my $smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

sub refused ($status, $bytes, $name, %option) {
    my $client = $site->connect;
    my $origin = $site->origin->forget;

    return if $option{weir} && !is_weir;
    $client->write($bytes . $smuggled);
    my $reply = eval { $client->read_response };
    like $reply ? $reply->status : $@ || 'closed', qr/\A$status\z/, $name;
    my $rest = eval { $client->read_all } // 'still open';
    is $rest, '', "$name: and the connection ends";
    my @forwarded = $origin->requests;
    @forwarded = grep { $_->complete || $_->uri eq '/smuggled' } @forwarded if $option{started};
    is scalar @forwarded, 0, "$name: nothing reached the origin"
        or diag map { $_->raw } @forwarded;
}

sub head ($line, @fields) { return join '', map { "$_\r\n" } $line, @fields, '' }
sub post (@fields) { return head('POST /p HTTP/1.1', 'Host: a', @fields) }

# Content-Length ---------------------------------------------------------------------------------------

for my $value ('abc', '-1', '+5', '5 5', '5, 5', '5,5', '0x5', '5a', '99999999999999999999999', '5.0') {
    refused 400, post("Content-Length: $value") . 'hello', "Content-Length: $value";
}
refused 400, post('Content-Length: 5', 'Content-Length: 5') . 'hello', 'Content-Length twice';
refused 400, post('Content-Length: 5', 'Content-Length: 6') . 'hello', 'two different Content-Length';
refused 400, post('Content-Length: 5', 'content-length: 5') . 'hello', 'twice in another case';

# Transfer-Encoding --------------------------------------------------------------------------------------

my $chunks = "5\r\nhello\r\n0\r\n\r\n";
refused 400, post('Content-Length: 5', 'Transfer-Encoding: chunked') . $chunks, 'length and coding';
refused 400, post('Transfer-Encoding: chunked', 'Content-Length: 5') . $chunks, 'coding and length';
refused 400, post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') . $chunks,
    'Transfer-Encoding twice';
for my $value ('gzip', 'gzip, chunked', 'chunked, gzip', 'xchunked', 'chunkedx', 'chunked, chunked',
               'identity', "chun\tked", '"chunked"', 'chunked;q=1') {
    refused 501, post("Transfer-Encoding: $value") . $chunks, "Transfer-Encoding: $value";
}
refused 400, head('POST /p HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked') . $chunks,
    'Transfer-Encoding in HTTP/1.0';

# Chunks -------------------------------------------------------------------------------------------------

sub chunked ($bytes) { return post('Transfer-Encoding: chunked') . $bytes }

refused 400, chunked("g\r\nhello\r\n0\r\n\r\n"), 'a chunk size that is no number';
refused 400, chunked("-5\r\nhello\r\n0\r\n\r\n"), 'a negative chunk size';
refused 400, chunked("0x5\r\nhello\r\n0\r\n\r\n"), 'a chunk size with 0x';
refused 400, chunked("\r\nhello\r\n0\r\n\r\n"), 'an empty chunk size';
refused 400, chunked("ffffffffffffffff1\r\nhello\r\n0\r\n\r\n"), 'a chunk size that overflows';
refused 400, chunked("5\r\nhelloX\r\n0\r\n\r\n"), 'a chunk longer than it says';
refused 400, chunked("5\r\nhello0\r\n\r\n"), 'a chunk without its end';
refused 400, chunked("5;a=\0\r\nhello\r\n0\r\n\r\n"), 'NUL in a chunk extension', weir => 1;
refused 400, chunked(" 5\r\nhello\r\n0\r\n\r\n"), 'space before a chunk size';
refused 400, chunked("5\nhello\r\n0\r\n\r\n"), 'bare LF after a chunk size', weir => 1;
refused 400, chunked("5\r\nhello\n0\r\n\r\n"), 'bare LF after chunk data', weir => 1;
refused 400, chunked("5\r\nhello\r\n0\n\r\n"), 'bare LF after the last size', weir => 1;
refused 400, chunked("5\r\nhello\r\n0\r\n\n"), 'bare LF as the end', weir => 1;
refused 400, chunked("5\rhello\r\n0\r\n\r\n"), 'bare CR after a chunk size';
refused 400, chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), 'bare LF in a chunk extension', weir => 1;
refused 400, head('POST /unbuffered HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')
    . "5\r\nhelloX\r\n0\r\n\r\n", 'a bad chunk, unbuffered', started => 1;

# Fields -------------------------------------------------------------------------------------------------

sub with (@fields) { return head('GET /p HTTP/1.1', 'Host: a', @fields) }

refused 400, with('X-A : b'), 'space before the colon';
refused 400, with("X-A\t: b"), 'tab before the colon';
refused 400, with('X-A: b', ' folded'), 'a folded line';
refused 400, with('X-A: b', "\tfolded"), 'a line folded with a tab';
refused 400, head('GET /p HTTP/1.1', ' X-A: b', 'Host: a'), 'a first line that is folded';
refused 400, with("X-A: b\0c"), 'NUL in a value';
refused 400, with("X-\0A: b"), 'NUL in a name';
refused 400, with("X-A: b\rX-B: c"), 'bare CR in a value';
refused 400, with(': b'), 'an empty name';
refused 400, with("X\x01A: b"), 'a control character in a name';
refused 400, with('X A: b'), 'a space in a name';
refused 400, head('GET /p HTTP/1.1'), 'no Host in HTTP/1.1';
refused 400, head('GET /p HTTP/1.1', 'Host: a', 'Host: a'), 'Host twice';
refused 400, head('GET /p HTTP/1.1', 'Host: a', 'Host: b'), 'two different Hosts';
for my $host ('a/b', 'a b', "a\x01b", 'a\\b/', '..') {
    refused 400, head('GET /p HTTP/1.1', "Host: $host"), "Host: $host";
}

# Request lines ------------------------------------------------------------------------------------------

refused 400, head('GET', 'Host: a'), 'a method alone';
refused 400, head('get /p HTTP/1.1', 'Host: a'), 'a method in lower case';
refused 400, head('G=T /p HTTP/1.1', 'Host: a'), 'a method with odd characters';
refused 400, head('GET p HTTP/1.1', 'Host: a'), 'a target without a slash';
refused 400, head('GET /p HTTP/1.1 x', 'Host: a'), 'words after the version';
refused 400, head('GET /p HTTP/x.y', 'Host: a'), 'a version that is no number';
refused 400, head('GET /p HTTX/1.1', 'Host: a'), 'another protocol';
refused 400, head('GET /p HTTP/1', 'Host: a'), 'half a version';
refused 505, head('GET /p HTTP/2.0', 'Host: a'), 'a version of the future';
refused 400, head("GET /p\0 HTTP/1.1", 'Host: a'), 'NUL in the target';
refused 400, head("GET /p\x01 HTTP/1.1", 'Host: a'), 'a control character in the target';
refused 400, head('GET /%00 HTTP/1.1', 'Host: a'), 'an encoded NUL';
refused 400, head('GET /%4 HTTP/1.1', 'Host: a'), 'half an escape';
refused 400, head('GET /%zz HTTP/1.1', 'Host: a'), 'an escape that is no number';
refused 400, head('GET /../p HTTP/1.1', 'Host: a'), 'a target above the root';
refused 400, head('GET http:///p HTTP/1.1', 'Host: a'), 'an absolute form without a host';
refused 405, head('TRACE /p HTTP/1.1', 'Host: a'), 'TRACE';
refused '40[05]', head('CONNECT a:80 HTTP/1.1', 'Host: a'), 'CONNECT';
refused 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 'a TLS hello on a plain port';

# And what is right goes through --------------------------------------------------------------------------

sub accepted ($bytes, $name, $body = undef) {
    $site->origin->forget;
    my $client = $site->connect;
    $client->write($bytes);
    is $client->read_response->status, 200, $name;
    $client->write("GET /here HTTP/1.1\r\nHost: a\r\n\r\n");
    is $client->read_response->body, "here\n", "$name: and the connection lives on";
    is $site->origin->request->body, $body, "$name: its body" if defined $body;
}

accepted post('Content-Length: 5') . 'hello', 'Content-Length: 5', 'hello';
accepted post('Content-Length: 0'), 'Content-Length: 0', '';
accepted post('content-LENGTH:5  ') . 'hello', 'names in any case, space after the value', 'hello';
accepted chunked($chunks), 'chunks', 'hello';
accepted post('transfer-encoding: CHUNKED') . $chunks, 'chunks, in any case', 'hello';
accepted chunked("5;a=b\r\nhello\r\n0;c\r\n\r\n"), 'chunk extensions', 'hello';
accepted chunked("0005\r\nhello\r\n000\r\n\r\n"), 'zeros before chunk sizes', 'hello';
accepted chunked("A\r\n0123456789\r\n1\r\nx\r\n0\r\nX-T: v\r\n\r\n"), 'trailers', '0123456789x';
accepted "\r\n" . with(), 'an empty line before the request';
accepted with('X-Empty:', 'X-Tabs:	a	b	'), 'empty values and tabs';
accepted "GET /p HTTP/1.1\nHost: a\n\n", 'bare LF between fields';

# A body that nobody wants is read to its end; where there is none, the answer is not lost to a reset.
for my $bytes ("zz\r\n" . 'x' x 300_000, "5\r\nhelloworld\r\n" . 'x' x 300_000) {
    my $client = $site->connect;
    $client->write(head('POST /here HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'));
    is $client->read_response->status, 200, 'an answer before the body';
    $client->write($bytes);
    is $client->closed, 'eof', 'bad chunks behind it: the connection ends without a reset';
}

done_testing;
