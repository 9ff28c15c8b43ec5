# t/differential/proxy_send.t - method, fields and body as an origin gets them, the same as in nginx
#
# One config for each way to say it; what the origin gets is compared byte by byte, order of fields
# included.
use Site;
use Differential;

sub at ($text, @requests) {
    my %option = ref $requests[-1] eq 'HASH' && $requests[-1]{option} ? %{ pop(@requests)->{option} } : ();
    my $version = $text =~ /proxy_http_version/ ? '' : 'proxy_http_version 1.0;';
    differential_ok("$version client_body_buffer_size 4k; server { listen %PORT%; $text }", \@requests,
                    hop => 1, order => 1, allow_log => [qr/./], %option,
                    origin => sub ($origin) { $origin->answer('*', body => 'an answer') });
}
sub raw ($name, $bytes) { return { raw => $bytes, name => $name } }
sub body ($what, $body, @fields) { return { what => $what, body => $body, fields => \@fields, name => "$what with " . length $body } }
sub chunks ($what, @parts) { return { what => $what, chunks => \@parts, name => "$what with chunks of " . join ',', map { length } @parts } }

my $to = 'proxy_pass http://%ORIGIN%;';
my @fields = ('User-Agent' => 'test', 'X-Twice' => '1', Cookie => 'a=b', 'X-Empty' => '', 'X-Twice' => '2', 'x-lower' => 'l', Connection => 'keep-alive',
    'Keep-Alive' => 'timeout=5', TE => 'gzip', 'Accept-Encoding' => 'gzip', 'X-Forwarded-For' => '192.0.2.1', Authorization => 'Basic eDp5');
my @bodies = (['GET /', @fields], 'HEAD /a', 'POST /none', body('POST /', ''), body('POST /', 'data', @fields), body('PUT /x', 'b' x 5000), chunks('POST /', qw(abc def)),
    chunks('POST /', 'x' x 5000, 'y' x 100), chunks('POST /'), body('DELETE /', 'data'));

# Fields
at("location / { $to }", @bodies);
at("proxy_http_version 1.1; location / { proxy_set_header Connection ''; $to }", @bodies);
at("proxy_http_version 1.1; location / { proxy_set_header Connection close; $to }", @bodies);
at("proxy_http_version 1.1; location / { proxy_set_header Connection keep-alive; proxy_set_header Host \$host:\$server_port; $to }", @bodies);
at("location / { proxy_set_header Host \$http_host; proxy_set_header X-Twice \$http_x_twice; $to }", @bodies,
   { option => { allow => { 'GET /' => 'lines of a name are joined since 1.23', 'GET / ' . join(' ', @fields) => 'lines of a name are joined since 1.23', 'POST / with 4' => 'lines of a name are joined since 1.23' } } });
at("location / { proxy_set_header Host ''; proxy_set_header User-Agent ''; $to }", @bodies);
at("location / { proxy_set_header x-twice one; proxy_set_header X-Twice two; proxy_set_header X-Twice three; $to }", @bodies);
at("location / { proxy_set_header Content-Length ''; $to }", @bodies[0 .. 2]);
at("location / { proxy_set_header Content-Type a/b; proxy_set_header X-\$none v; $to }", @bodies[0, 4]);
at("location / { proxy_set_header X 'a  b'; proxy_set_header Y \"\$arg_a;\$arg_b\"; proxy_set_header Z \$arg_z; $to }", map { "GET /?$_" } qw(a=1 b=2 a=%20 z=z), 'a=%0d%0aX:y');
at("location / { proxy_pass_request_headers off; $to }", @bodies);
at("location / { proxy_pass_request_headers off; proxy_set_header Cookie \$http_cookie; $to }", @bodies);
at("proxy_set_header X-Server s; location / { $to } location /own { proxy_set_header X-Own o; $to }", 'GET /', 'GET /own');
at("proxy_set_header X-Server s; location / { if (\$arg_x) { set \$y 1; } $to location /in/ { $to } }", 'GET /', 'GET /?x=1', 'GET /in/');
at("underscores_in_headers on; location / { $to }", ['GET /', 'X_Y' => 'a', '_' => 'b', 'X-Y' => 'c']);
at("ignore_invalid_headers off; location / { $to }", ['GET /', 'X.Y' => 'a', 'X!' => 'b', 'X-Y' => 'c', 'X_Y' => 'd']);
at("location / { $to }", ['GET /', 'X.Y' => 'a', 'X!' => 'b', 'X-Y' => 'c', 'X_Y' => 'd']);
at("location / { $to }", map { raw($_->[0], "GET / HTTP/1.1\r\nHost: a\r\n$_->[1]\r\n\r\n") } ['high bytes', "X: \xe9\xff\x80"], ['blanks within', 'X: a   b'],
   ['blanks around', "X:   a   "], ['no blank', 'X:a'], ['a long value', 'X: ' . 'a' x 3000], ['many fields', join "\r\n", map { "X-$_: $_" } 1 .. 80],
   ['a quote', 'X: "a'], ['no value', 'X:'], ['names in capitals', "ACCEPT: a\r\nX-CAPS: b"], ['Host twice over', "X: a\r\nVia: b\r\nVia: c"],
   ['ranges', "Range: bytes=0-1\r\nIf-Range: x"], ['conditions', "If-Match: x\r\nIf-None-Match: y\r\nIf-Modified-Since: z\r\nIf-Unmodified-Since: Sun, 13 Sep 2020 12:26:40 GMT"]);

at("location / { $to }", raw('an upgrade to h2c', "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
   { option => { allow => { '*: origin' => sub ($nginx, $weir) {
       'RFC 7540, 3.2.1: not meant for the origin' if $weir->{origin}[0] eq $nginx->{origin}[0] =~ s/^HTTP2-Settings: .*\n//mr } } } });

# Who asks, and for which host
at("location / { proxy_set_header X '\$proxy_host|\$proxy_port|\$host|\$http_host|\$server_name|\$scheme|\$request_method|\$request_uri|\$is_args'; $to }",
   raw('an absolute target', "GET http://Some.Host:99/x?y HTTP/1.1\r\nHost: other\r\n\r\n"), raw('no host', "GET /x HTTP/1.0\r\n\r\n"),
   raw('a port', "GET /x? HTTP/1.1\r\nHost: A.b:81\r\n\r\n"), raw('HTTP/0.9', "GET /x\r\n"), raw('an empty host', "GET /x HTTP/1.1\r\nHost:\r\n\r\n"));
at("location / { $to }", raw('an absolute target', "GET http://Some.Host:99/x?y HTTP/1.1\r\nHost: other\r\n\r\n"), raw('without a path', "GET http://Some.Host HTTP/1.1\r\nHost: other\r\n\r\n"),
   raw('only a query', "GET http://Some.Host?x HTTP/1.1\r\nHost: other\r\n\r\n"), raw('no host', "GET /x HTTP/1.0\r\n\r\n"), raw('HTTP/0.9', "GET /x\r\n"),
   raw('line feeds', "GET /x HTTP/1.1\nHost: a\nX: b\n\n"), raw('1.0 kept alive', "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), raw('1.2', "GET /x HTTP/1.2\r\nHost: a\r\n\r\n"));
at("location / { proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; $to }", 'GET /', ['GET /', 'X-Forwarded-For' => '192.0.2.1'], ['GET /', 'X-Forwarded-For' => ''],
   ['GET /', 'X-Forwarded-For' => '192.0.2.1', 'X-Forwarded-For' => '192.0.2.2']);

# Methods
my @methods = qw(GET HEAD POST PUT DELETE PATCH OPTIONS PROPFIND MKCOL COPY MOVE LOCK UNLOCK PROPPATCH REPORT PURGE M_X LINK A QUERY);
at("location / { $to }", map { "$_ /x?y" } @methods);
at("location / { proxy_method POST; $to }", @bodies);
at("location / { proxy_method \$arg_m; $to }", map { "GET /?m=$_" } qw(POST purge), '');
at("location / { $to }", raw('OPTIONS *', "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));

# Bodies
my @unbuffered = (body('POST /', ''), body('POST /', 'data'), body('PUT /x', 'b' x 50_000), chunks('POST /', 'x' x 50_000, 'y' x 100), 'GET /',
    { raw => "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", name => 'a body that comes later' });
at("location / { proxy_set_body 'fixed \$arg_x'; $to }", @bodies, 'GET /?x=1');
at("location / { proxy_set_body ''; $to }", @bodies);
at("location / { proxy_set_body \$request_body; $to }", @bodies);
at("location / { proxy_pass_request_body off; $to }", 'GET /', 'HEAD /', 'POST /none', body('POST /', ''));
at("location / { proxy_pass_request_body off; proxy_set_header Content-Length ''; $to }", @bodies);
at("location / { proxy_pass_request_body off; proxy_set_body set; $to }", @bodies);
at("location / { proxy_pass_request_body off; proxy_pass_request_headers off; proxy_set_header Content-Length ''; $to }", @bodies);
at("location / { proxy_request_buffering off; $to }", @unbuffered[0 .. 2, 4], chunks('POST /', 'x' x 50_000));
at("client_body_in_file_only clean; location / { proxy_set_header X-File-Length \$content_length; $to }", @bodies);
at("client_body_in_single_buffer on; location / { $to }", @bodies);
at("client_max_body_size 10; location / { $to }", @bodies);
at("proxy_http_version 1.1; location / { proxy_set_header Connection ''; proxy_set_header Transfer-Encoding ''; $to }", @bodies);
at("location / { proxy_set_header Expect ''; $to }", (map { raw("$_->[0], expected", "POST / HTTP/1.$_->[1]\r\nHost: a\r\nExpect: $_->[2]\r\nContent-Length: 4\r\n\r\ndata") }
   ['a continue', 1, '100-continue'], ['a CONTINUE', 1, '100-Continue'], ['in 1.0', 0, '100-continue'], ['something', 1, 'nothing']),
   { option => { allow => { '*: interim' => 'RFC 9110, 10.1.1: none is needed where the body is here already' } } });
at("location / { $to }", map { raw("$_->[0]", "POST / HTTP/1.1\r\nHost: a\r\n$_->[1]\r\n\r\n$_->[2]") }
   ['length with zeros', 'Content-Length: 0004', 'data'], ['a length of 0', 'Content-Length: 0', ''], ['chunked in capitals', 'Transfer-Encoding: CHUNKED', "4\r\ndata\r\n0\r\n\r\n"],
   ['a trailer', "Transfer-Encoding: chunked\r\nTrailer: X", "4\r\ndata\r\n0\r\nX: y\r\n\r\n"], ['an extension', 'Transfer-Encoding: chunked', "4;a=b\r\ndata\r\n0\r\n\r\n"],
   ['small chunks', 'Transfer-Encoding: chunked', join('', map { "1\r\nx\r\n" } 1 .. 300) . "0\r\n\r\n"]);
at("location / { $to }", { raw => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ", later => "", name => 'a body that looks like a request' });
at("location / { $to }", { all => 1, raw => join('', map { "POST /$_ HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ndat$_" } 1 .. 3), name => 'three in a row' });

at("location / { $to }", map { { raw => "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n$_->[0]\r\n\r\n", later => $_->[1], name => "$_->[0], told to go on" } }
       ['Content-Length: 4', 'data'], ['Content-Length: 100000', 'x' x 100_000], ['Transfer-Encoding: chunked', "4\r\ndata\r\n0\r\n\r\n"]);
at("location / { proxy_request_buffering off; $to }", { raw => "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", later => 'data', name => 'told to go on, unbuffered' });

# In passing: subrequests and the like
at("location / { auth_request /auth; $to } location = /auth { internal; proxy_pass_request_body off; proxy_set_header Content-Length ''; proxy_set_header X-Original-URI \$request_uri; proxy_pass http://%ORIGIN%; }",
   @bodies[0, 4, 5, 6]);
at("location / { auth_request /auth; $to } location = /auth { internal; $to }", @bodies[0, 1]);

done_testing;
