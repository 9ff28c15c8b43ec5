# t/log/variables.t - what variables say when a request is logged, the same as in nginx
use Site;
use Differential;
use JSON::PP ();

my @names = qw(
    args arg_a body_bytes_sent connection_requests content_length content_type cookie_a cookie_none
    document_root document_uri host hostname http_cookie http_host http_none http_referer http_user_agent
    http_via http_x_forwarded_for http_x_multi https is_args limit_rate
    pipe proxy_protocol_addr proxy_protocol_port proxy_add_x_forwarded_for
    proxy_host proxy_port query_string realip_remote_addr realpath_root remote_addr remote_user request request_body
    request_body_file request_completion request_filename request_length request_method request_uri scheme
    sent_http_accept_ranges sent_http_allow sent_http_cache_control sent_http_connection sent_http_content_encoding
    sent_http_content_length sent_http_content_type sent_http_etag sent_http_expires sent_http_keep_alive
    sent_http_last_modified sent_http_link sent_http_location sent_http_none sent_http_transfer_encoding
    sent_http_vary sent_http_www_authenticate sent_http_x_multi sent_trailer_x_trailer
    server_name server_protocol status upstream_status uri gzip_ratio invalid_referer limit_conn_status limit_req_status
);
# Those that cannot be the same: what they look like is.
my %looks = (
    bytes_sent => qr/\A\d+\z/, connection => qr/\A\d+\z/, connection_time => qr/\A\d+\.\d{3}\z/, msec => qr/\A\d{10}\.\d{3}\z/,
    pid => qr/\A\d+\z/, remote_port => qr/\A\d+\z/, request_id => qr/\A[0-9a-f]{32}\z/, request_time => qr/\A\d+\.\d{3}\z/,
    server_addr => qr/\A127\.0\.0\.1\z/, server_port => qr/\A\d+\z/, nginx_version => qr/\A\d+\.\d+\.\d+\z/, tcpinfo_rtt => qr/\A\d+\z/,
    tcpinfo_rttvar => qr/\A\d+\z/, tcpinfo_snd_cwnd => qr/\A\d+\z/, tcpinfo_rcv_space => qr/\A\d+\z/,
    time_iso8601 => qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\z/, time_local => qr/\A\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\z/,
    binary_remote_addr => qr/\A\x7f\0\0\x01\z/, sent_http_date => qr/GMT\z/, sent_http_server => qr/./,
);
my $format = join ',', map { "\"$_\":\"\$$_\"" } @names, sort keys %looks;
my $conf = <<"CONF";
    log_format all escape=json '{$format}';
    access_log %DIR%/all.log all;
    map \$arg_rate \$rate { default ''; 4k 4k; }
    server {
        listen %PORT%;
        %TOKENS%
        server_name a.example;
        root %DIR%/html;
        valid_referers none a.example;
        location /gzip/ { gzip on; gzip_types *; gzip_min_length 1; alias %DIR%/html/; }
        location /trailer/ { add_trailer X-Trailer "t \$status"; alias %DIR%/html/; }
        location /return { return 302 /elsewhere; }
        location /text { add_header X-Multi 1; add_header X-Multi 2; add_header Cache-Control a; add_header Cache-Control b;
                         add_header Link one; add_header Link two; expires epoch; keepalive_timeout 10s 9s; return 200 "text"; }
        location /none { return 204; }
        location /auth { auth_basic x; auth_basic_user_file %DIR%/users; }
        location /p { proxy_pass http://%ORIGIN%; }
        location /page/ { error_page 404 /f; }
        location /named/ { error_page 404 = \@named; }
        location \@named { return 200 "named"; }
        location /try { try_files /none /f; }
        location /dir/ { autoindex on; }
        location /rate { limit_rate \$rate; set \$limit_rate 8k; return 200 x; }
        location /silent { return 444; }
        location /body { client_body_in_file_only clean; proxy_pass http://%ORIGIN%; }
        location /nokeep { keepalive_timeout 0; return 200 ok; }
        location /old { chunked_transfer_encoding off; add_trailer X-Trailer t; return 200 ok; }
    }
CONF
my %files = ('html/f' => 'x' x 500, 'html/dir/y' => 'y', users => "u:{PLAIN}p\n");
my @fields = (Host => 'A.example:81', Cookie => 'a=1; b=2', 'X-Multi' => 'one', 'X-Multi' => 'two', Referer => 'http://b/',
              'X-Forwarded-For' => '192.0.2.1', Via => '1.1 v', 'User-Agent' => 'test "q"');
my @requests = (
    ['GET /f?a=b', @fields], 'HEAD /f', ['GET /f', Range => 'bytes=0-9'], ['GET /f', Range => 'bytes=0-1,5-9'], ['GET /f', Range => 'bytes=999-'],
    ['GET /f', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'], ['GET /gzip/f', 'Accept-Encoding' => 'gzip'], 'GET /gzip/f', 'GET /trailer/f',
    'GET /return', 'GET /text', 'GET /none', 'GET /auth', ['GET /auth', Authorization => 'Basic dTpw'], 'GET /missing', 'GET /dir', 'GET /dir/',
    'GET /p', { what => 'POST /p', body => 'abc', fields => ['Content-Type' => 'a/b'] }, { what => 'POST /text', body => 'abc' },
    { what => 'POST /p', chunks => ['a', 'bc'] }, 'GET /page/x', 'GET /named/x', 'GET /try', 'GET /rate?rate=4k', 'DELETE /f', 'OPTIONS /f',
    { what => 'GET /f', version => '1.0' }, { what => 'GET /text', version => '1.0', fields => [Connection => 'keep-alive'] },
    { what => 'GET /p', version => '1.0' }, 'GET /nokeep', ['GET /text', Connection => 'close'], 'GET /old',
    { raw => "GET //x/../f?%41 HTTP/1.1\r\nHost: b\r\n\r\n", name => 'a uri to normalise' },
    { raw => "BAD\r\n\r\n", name => 'a bad line' }, { raw => "GET / HTTP/1.1\r\n\r\n", name => 'no host' },
    { raw => "GET / HTTP/1.1\r\nHost: a\r\nX: " . 'x' x 40000 . "\r\n\r\n", name => 'a large header' },
    { raw => "GET /" . 'x' x 40000 . " HTTP/1.1\r\nHost: a\r\n\r\n", name => 'a long line' },
    { raw => "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", name => 'a bad code' }, { raw => "GET / HTTP/3.1\r\nHost: a\r\n\r\n", name => 'a version' },
    { raw => "GET /f\r\n", name => 'HTTP/0.9' }, { raw => "\r\n\r\nGET /f HTTP/1.1\r\nHost: a\r\n\r\n", name => 'blank lines' },
    { what => 'POST /body', body => 'abc' },
);

# Lines of the log, one per request, on both sides.
my %lines;
my $nginx = nginx_binary() or do { plan(skip_all => 'nginx is not installed'); };
for my $side ([nginx => $nginx], [weir => Site::binary()]) {
    my ($name, $binary) = @$side;
    my $tokens = 'server_tokens ' . ($name eq 'nginx' ? 'off' : 'nginx') . ';'; # names of the same length
    my $site = Differential::start_side($conf =~ s/%TOKENS%/$tokens/r, $binary, files => \%files, allow_log => [qr/open\(\)/],
        origin => sub ($origin) { $origin->answer('*', headers => ['X-Multi' => 'o'], body => 'origin') });
    for my $n (0 .. $#requests) {
        my $client = $site->connect;
        my $bytes = Differential::bytes_of($requests[$n]);
        my ($method) = $bytes =~ /\A([A-Z]+) /;
        $client->write($bytes);
        eval { $client->read_response(method => $method // 'GET') };
        $client->close;
        wait_until { (() = ($site->slurp('all.log') // '') =~ /\n/g) > $n } "line $n of $name";
    }
    my $port = join '|', $site->port, map { $_->port } values %{ $site->{origins} };
    $lines{$name} = [map { s/\b(?:$port)\b/PORT/gr =~ s/\Q@{[$site->dir]}\E/DIR/gr } split /\n/, $site->slurp('all.log')];
    $site->stop;
}

# Where we differ for a reason: by name, then what nginx has and what we have.
my @allowed = (
    # Since 1.23.0 nginx joins all fields of a name.
    ['GET /f?a=b', http_x_multi => qr/^one$/, qr/^one, two$/],
    ['/text', sent_http_x_multi => qr/^1$/, qr/^1, 2$/],
    # When nginx logs it has forgotten that the connection lives on.
    ['', sent_http_connection => qr/^close$/, qr/^keep-alive$/],
    # Boundaries and file names that cannot be foretold.
    ['', sent_http_content_type => qr/^multipart.*=\d{20}$/, qr/^multipart.*=\d{20}$/],
    ['/body', request_body_file => qr/client_body\/\d{10}$/, qr/client_body\/\d{10}$/],
    # The body came with the head, and nobody read it; it was part of the request all the same.
    ['POST /text', request_length => qr/^59$/, qr/^62$/],
    # Without chunks no trailer is sent.
    ['GET /old', sent_trailer_x_trailer => qr/^t$/, qr/^$/],
    # The rest of the head is read before the URI is looked at.
    ['a bad code', host => qr/^a.example$/, qr/^a$/], ['a bad code', http_host => qr/^$/, qr/^a$/],
    ['a bad code', request_length => qr/^19$/, qr/^30$/], ['a bad code', request_uri => qr/^$/, qr/^\/%zz$/],
);
sub is_allowed ($request, $name, $theirs, $ours) {
    return grep { index($request, $_->[0]) >= 0 && $name eq $_->[1] && $theirs =~ $_->[2] && $ours =~ $_->[3] } @allowed;
}

for my $n (0 .. $#requests) {
    my ($theirs, $ours) = map { eval { JSON::PP->new->latin1->decode($_) } // { broken => $_ } } $lines{nginx}[$n], $lines{weir}[$n];
    my $name = Differential::name_of($requests[$n]);
    my @differences = map { "$_: \"" . ($theirs->{$_} // 'none') . "\" in nginx, \"" . ($ours->{$_} // 'none') . '"' }
        grep { ($theirs->{$_} // 'none') ne ($ours->{$_} // 'none') && !is_allowed($name, $_, $theirs->{$_}, $ours->{$_}) } @names, 'broken';
    my @odd = map { "$_: \"" . ($ours->{$_} // 'none') . "\"; nginx: \"" . ($theirs->{$_} // 'none') . '"' }
        grep { ($ours->{$_} // '') !~ $looks{$_} && ($theirs->{$_} // '') =~ $looks{$_} } sort keys %looks;
    ok !@differences && !@odd, "like nginx: $name";
    diag "  $_" for @differences, @odd;
}

done_testing;
