# t/differential/heads.t - request heads in every shape, right and wrong, the same as in nginx
use Site;
use Differential;

my $answer = 'return 200 "$request_method|$uri|$args|$host|$http_host|$server_protocol|$request|$http_x|$http_x_y\n";';
my $plain = <<"CONF";
    server { listen %PORT%; server_name first.example; $answer }
    server { listen %PORT%; server_name localhost a; $answer }
CONF

sub raw ($bytes, $name = undef) { return { raw => $bytes, $name ? (name => $name) : () } }
sub line ($line) { return raw("$line\r\nHost: localhost\r\n\r\n") }
sub field (@lines) { return raw(join '', "GET / HTTP/1.1\r\n", map({ "$_\r\n" } @lines), "\r\n") }

# The request line
my @lines = map { line($_) } 'GET / HTTP/1.1', ' GET / HTTP/1.1',
    'GET / HTTP/1.0', 'GET / HTTP/1.2', 'GET / HTTP/1.9', 'GET / HTTP/1.10', 'GET / HTTP/1.99', 'GET / HTTP/1.100',
    'GET / HTTP/2.0', 'GET / HTTP/0.9', 'GET / HTTP/3.0', 'GET / HTTP/10.0', 'GET / HTTP/1', 'GET / HTTP/1.', 'GET / HTTP/.1',
    'GET / HTTP/', 'GET / HTTP', 'GET / HTT', 'GET / http/1.1', 'GET / HTTP/1.1x', 'GET / HTTP/11', 'GET / HTTP/01.1',
    'GET / HTTP/1.01', 'GET / HTTP /1.1', 'GET / XTTP/1.1', 'GET / a HTTP/1.1', 'GET /a b HTTP/1.1', 'GET /a b c HTTP/1.0',
    'GET /a HTTP/1.1 HTTP/1.1', 'GET HTTP/1.1', 'GET', 'GET ', '', 'get / HTTP/1.1', 'Get / HTTP/1.1', 'GeT / HTTP/1.1',
    'G / HTTP/1.1', 'A_B / HTTP/1.1', 'A-B / HTTP/1.1', 'A1 / HTTP/1.1', 'M-SEARCH / HTTP/1.1', '"GET" / HTTP/1.1', 'GE\'T / HTTP/1.1',
    'GET	/ HTTP/1.1', "GET /\tHTTP/1.1", "GET /a\tb HTTP/1.1", "GET\0 / HTTP/1.1", "GET /\0 HTTP/1.1", "GET /a\0b HTTP/1.1",
    "GET /a\x01b HTTP/1.1", "GET /a\x1fb HTTP/1.1", "GET /a\x7fb HTTP/1.1", "GET /a\x80b HTTP/1.1", "GET /a\xffb HTTP/1.1",
    "GET /a\rb HTTP/1.1", "GET /?a\x01b HTTP/1.1", "GET /?a\0b HTTP/1.1", "GET /?a\x7fb HTTP/1.1", "GET /?a\xffb HTTP/1.1",
    'GET . HTTP/1.1', 'GET a HTTP/1.1', 'GET ?a HTTP/1.1', 'GET * HTTP/1.1', 'OPTIONS * HTTP/1.1', 'OPTIONS / HTTP/1.1',
    'CONNECT localhost HTTP/1.1', 'TRACE / HTTP/1.1', 'TRACK / HTTP/1.1',
    'PROPFIND / HTTP/1.1', 'PATCH / HTTP/1.1', 'DELETE / HTTP/1.1', 'MKCOL / HTTP/1.1', 'COPY / HTTP/1.1', 'MOVE / HTTP/1.1',
    'LOCK / HTTP/1.1', 'UNLOCK / HTTP/1.1', 'PROPPATCH / HTTP/1.1', 'FOO / HTTP/1.1', 'HEAD / HTTP/1.1', 'POST / HTTP/1.1',
    'PUT / HTTP/1.1', 'PRI * HTTP/2.0', 'X' x 40 . ' / HTTP/1.1', 'GETX / HTTP/1.1', 'HEADER / HTTP/1.1', 'LINK / HTTP/1.1';

# Targets
my @targets = map { line("GET $_ HTTP/1.1") } 'http://localhost/', 'http://localhost', 'http://localhost/a/../b', 'http://other/x?y',
    'http://first.example/x', 'http://FIRST.EXAMPLE/', 'http://first.example:8080/x', 'http://first.example:/x', 'http://first.example:x/',
    'http://first.example?x', 'http://first.example#x', 'http://first.example/#x', 'http://first.example/?#x',
    'http:///x', 'http://', 'http:/', 'http:', 'http', '://a/', 'h-t/', 'ht+p://a/b', '1http://a/', 'HTTPS://a/b', 'ftp://a/b', 'x://a/b',
    'http://user@a/b', 'http://user:pw@a/b', 'http://[::1]/', 'http://[::1]:80/', 'http://[::1/', 'http://[a]/', 'http://[::1]x/',
    'http://a-b.c/', 'http://a..b/', 'http://.a/', 'http://a./x', 'http://a/b c', 'http://1.2.3.4/',
    '/a/./b', '/a/../b', '/../a', '/a/../../b', '/a/..', '/a/.', '/.', '/..', '/...', '/.a', '/a/.b', '/a/..b', '/a.', '/a/b..', '/a//b', '//a',
    '///', '/a///b//c', '/%2e%2e/a', '/a/%2e%2e/b', '/a/%2E%2e/b', '/a/.%2e/b', '/a%2fb', '/a%2Fb', '/a%2f..%2fb', '/a/..%2fb', '/%2f', '/%2f%2f',
    '/a%5cb', '/a\\b', '/a\\..\\b', '/%41%62', '/%', '/%4', '/%4x', '/%xx', '/%%41', '/%25', '/%2525', '/%00', '/a%00b', '/%0a', '/%0d%0a',
    '/%7f', '/%80', '/%ff', '/%C3%A9', '/%c0%ae%c0%ae/', '/%u0041', '/a+b', '/a%2bb', '/a%20b', '/a%3fb', '/a%23b', '/a%26b', '/a&b', '/a=b',
    '/a;b', '/a,b', '/a:b', '/a@b', '/a!b', '/a$b', '/a(b)', '/a*b', '/a\'b', '/a"b', '/a<b>', '/a[b]', '/a{b}', '/a|b', '/a^b', '/a`b', '/a~b',
    '/?', '/??', '/?a', '/?a?b', '/?a#b', '/#a', '/#a?b', '/a#', '/?%41', '/?%4', '/?a=b&c', '/?&', '/?=', '/?/../x', '/?a//b', '/a?b/./c',
    '/a/?', '/a/..?x', '/a/.?x', '/%3f?x', '/./', '/././a', '/a/b/c/../../d', '/a/b/../../../c', '/a/%2e/b', '/a/%2e', '/a/%2e%2e', '/a%', '/a%2',
    '/.%00', '/a/..%00/b', '/%2e%2e%2f', '/a/./../b/', '/a/.//b', '/a/..//b', '//..', '//../a', '/a//../b', '/a//./b', '/' . 'a' x 3000, '/?' . 'b' x 3000;

# Fields
my @fields = map { ref ? field(@$_) : field('Host: localhost', $_) }
    'X: a', 'X:a', 'X:   a', 'X: a  ', 'X: a b', 'X :a', 'X : a', ' X: a', "\tX: a", 'X:', 'X: ', ': a', ':', 'X y: a',
    "X\0: a", "X: a\0b", "X: \0", "X: a\x80b", "X: a\rb", "X\r: a", "X\x7f: a", "X\x80: a", "X\xc3\xa9: a",
    'X_Y: a', 'X-Y: a', '_: a', '-: a', 'X.Y: a', 'X@: a', 'X(: a', 'X/: a', 'X": a', 'X{}: a', "X': a", 'X!#$%&*+.^`|~: a', 'X;: a', '0: a', '0X: a',
    ['Host: localhost', 'X: a', ' b'], ['Host: localhost', 'X: a', "\tb"], ['Host: localhost', 'X: a', 'X: b'], ['Host: localhost', 'x: a'],
    ['X: a', 'Host: localhost'],
    ['Host: localhost', 'X: ' . 'a' x 1500], ['Host: localhost', 'X' . 'a' x 1500 . ': b'],
    (map { ["X-$_: a", 'Host: localhost'] } '', 'Y', 'y', 'Y-'),
    map({ [$_] } 'Host: localhost', 'Host:localhost', 'host: LOCALHOST', 'HOST: first.example', 'Host: first.example:80', 'Host: first.example:',
        'Host: first.example.', 'Host: first.example.:80', 'Host: .first.example', 'Host: a..b', 'Host: a.b..', 'Host: .', 'Host: ..',
        'Host:', 'Host: ', 'Host: a b', 'Host: a/b', 'Host: a%20b', 'Host: a_b', 'Host: -a', 'Host: :80', 'Host: ::1',
        'Host: [::1]', 'Host: [::1]:80', 'Host: 127.0.0.1', 
        "Host: a\0b", "Host: a\x01", "Host: a\tb", 'Host: a,b', 'Host: a;b', "Host: 'a'", 'Host: a(b)', 
        'Host: *', 'Host: $a', 'Host: ~a', 'Host: a!b', 'Host: a*b', 'Host: a+b', 'Host: a=b', 'Host: ' . 'a' x 300),
    [], ['X: a'], ['Host: localhost', 'Host: localhost'], ['Host: localhost', 'Host: first.example'], ['Host:', 'Host: localhost'], ['Host: localhost', 'Host:'];

# Whole heads, line ends, versions without a host
my @heads = map { raw($_) } "GET / HTTP/1.1\nHost: localhost\n\n", "GET / HTTP/1.1\nHost: localhost\r\n\n", "GET / HTTP/1.1\r\nHost: localhost\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n\r\n\n\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "\rGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\n\n",
    "GET /\r\n", "GET /\n", "GET /a?b\r\n", "GET http://localhost/\r\n", "GET *\r\n",
    "GET a\r\n", "GET /a/../b\r\n", "GET /%\r\n", "GET /\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: localhost\r\n\r\n", 
    "GET / HTTP/1.1\r\nHost: localhost\r\n\rX", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\r\n", "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
    "GET http://first.example/ HTTP/1.0\r\n\r\n", "GET http://first.example/ HTTP/1.1\r\n\r\n", "GET http://first.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET http://first.example/ HTTP/1.1\r\nHost: a b\r\n\r\n", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . 'x' x 300,
    "\0\0\0\0\r\n\r\n", "\xff\xfe\r\n\r\n", "{\"a\":1}\r\n\r\n", "SSH-2.0-x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HELO a\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n";

# Where Weir is stricter, or newer than Debian's nginx
sub differs ($why, $status, @requests) { return map { { %$_, why => $why, weir => $status } } @requests }
sub host ($host) { return field("Host: $host") }

my @strict = (
    differs('RFC 9112, 3: one space between the parts of a request line', 400, map({ line($_) } 'GET  / HTTP/1.1', 'GET /  HTTP/1.1',
        'GET / HTTP/1.1 '), raw("GET / \r\n"), raw("GET  /\r\n")),
    differs('HTTP/0.9 has no other method: the answer is for who speaks HTTP', 400, map { raw("$_ /\r\n") } qw(POST HEAD)),
    differs('RFC 9112, 3.2.2: a path may be missing in any version', 'none', raw("GET http://localhost\r\n")),
    differs('RFC 9112, 3.2.3: CONNECT has a host and a port, as since 1.29', 400, line('CONNECT / HTTP/1.1')),
    differs('RFC 9112, 3.2.3: CONNECT has a host and a port, as since 1.29', 405, line('CONNECT localhost:80 HTTP/1.1')),
    differs('RFC 3986, 3.2.2: what a host may be, as since 1.29', 200, map { line("GET http://$_/ HTTP/1.1") } 'a_b', 'a%20b', 'a,b'),
    differs('RFC 3986, 3.2.2: what a host may be, as since 1.29', 400, map({ line("GET http://$_/ HTTP/1.1") } 'a:123456', '[]'),
        map { host($_) } 'a:x', 'a\\b', 'a@b', 'a:80:80', '[::1', '[]', '[a]b', '[a]:b', 'a[b]', 'a:99999', "\x80", '"a"', 'a<b>', 'a?b', 'a#b',
        'a|b', 'a^b', 'a`b', '{a}'),
    differs('RFC 9110, 5.5: white space around a value is no part of it', 200, map { field('Host: a', $_) } "X:\ta", "X: a\t"),
    differs('RFC 9110, 5.5: no control characters in a value', 400, map { field('Host: a', $_) } map { "X: a${_}b" } "\x01", "\x1f", "\x7f"),
    differs('RFC 9112, 5: a field line has a colon', 400, field('Host: a', 'X')),
    differs('RFC 9112, 2.2: no CR without LF', 400, field('Host: a', "X: a\r"), field("Host: a\r")),
);
my @odd_names = differs('RFC 9110, 5.6.2: what is no token is no name', 400, map { field('Host: a', "$_: a") }
    "X\x80", "X\xc3\xa9", 'X@', 'X(', 'X/', 'X"', 'X{}', 'X;');

# Each on a connection of its own, under several settings
my %allow = ('GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\nX: b\r\n\r\n' => 'lines of a name are joined since 1.23');
differential_ok($plain, [@lines, @targets, @fields, @heads, @strict], allow => \%allow);

my @some = grep { $_->{raw} !~ /X(?:[\x80@(\/"{;]|\xc3)/ } @fields[0 .. 55];
my @both = (@some, @odd_names);
differential_ok($plain =~ s/listen/underscores_in_headers on; listen/gr, \@some, allow => \%allow);
differential_ok($plain =~ s/listen/ignore_invalid_headers off; listen/gr, \@both, allow => \%allow);
differential_ok($plain =~ s/listen/ignore_invalid_headers off; underscores_in_headers on; listen/gr, \@both, allow => \%allow);
differential_ok($plain =~ s/listen/merge_slashes off; listen/gr, [@targets], allow => \%allow);

done_testing;
