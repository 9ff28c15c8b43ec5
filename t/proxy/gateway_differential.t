# t/proxy/gateway_differential.t - FastCGI, SCGI and uwsgi as nginx speaks them: what applications are
# told, and what becomes of their answers
use Site;
use Differential;

my $protocol;

# A config written for FastCGI, for another protocol: what only that has is left out.
sub for_protocol ($conf) {
    return $conf if $protocol eq 'fastcgi';
    $conf =~ s/^.*fastcgi_(?:split_path_info|catch_stderr).*\n//mg;
    $conf =~ s/fastcgi_(?:index|keep_conn) \S+;//g;
    $conf =~ s/(?<!\$)fastcgi_/${protocol}_/g;
    $conf =~ s/%FASTCGI%/%\U$protocol%/g;
    $conf =~ s/^    scgi_param CONTENT_LENGTH.*\n//mg;   # it is sent anyway
    return $conf;
}

# nginx 1.22 sends Host as it came, later ones what was asked for: both are told what to send.
my $host = 'fastcgi_param HTTP_HOST $http_host;';

# Parameters -------------------------------------------------------------------------------------------

sub parameters {
differential_ok(for_protocol(<<"CONF"), [
    fastcgi_param QUERY_STRING \$query_string;
    fastcgi_param REQUEST_METHOD \$request_method;
    fastcgi_param CONTENT_TYPE \$content_type;
    fastcgi_param CONTENT_LENGTH \$content_length;
    fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
    fastcgi_param PATH_INFO \$fastcgi_path_info;
    fastcgi_param REQUEST_URI \$request_uri;
    fastcgi_param DOCUMENT_URI \$document_uri;
    fastcgi_param DOCUMENT_ROOT \$document_root;
    fastcgi_param SERVER_PROTOCOL \$server_protocol;
    fastcgi_param REQUEST_SCHEME \$scheme;
    fastcgi_param HTTPS \$https if_not_empty;
    fastcgi_param GATEWAY_INTERFACE CGI/1.1;
    fastcgi_param REMOTE_ADDR \$remote_addr;
    fastcgi_param SERVER_ADDR \$server_addr;
    fastcgi_param SERVER_PORT \$server_port;
    fastcgi_param SERVER_NAME \$server_name;
    $host
    server {
        listen %PORT%;
        server_name localhost;
        root %DIR%/html;
        location / { fastcgi_pass %FASTCGI%; }
        location /stream { fastcgi_request_buffering off; fastcgi_pass %FASTCGI%; }
        location /nobody { fastcgi_pass_request_body off; fastcgi_pass %FASTCGI%; }
        location /nofields { fastcgi_pass_request_headers off; fastcgi_pass %FASTCGI%; }
        location /index/ { fastcgi_index index.php; fastcgi_pass %FASTCGI%; }
        location /slash/ { fastcgi_pass %FASTCGI%; }
        location /var { set \$where %FASTCGI%; fastcgi_pass \$where; }
        location /unix { fastcgi_pass unix:%DIR%/gone.sock; }
        location /noport { set \$where localhost; fastcgi_pass \$where; }
        location /badport { fastcgi_pass 127.0.0.1:\$arg_x; }
        location /if { if (\$arg_x) { fastcgi_pass %FASTCGI%; } return 204; }
        location /rewrite { rewrite ^/rewrite(.*)\$ /new\$1?z=1 break; fastcgi_pass %FASTCGI%; }
        location ~ ^/(re[0-9])/ {
            fastcgi_split_path_info ^(.+?\\.php)(/.*)\$;
            fastcgi_index i.php;
            fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
            fastcgi_param PATH_INFO \$fastcgi_path_info;
            fastcgi_param CAPTURE \$1;
            $host
            fastcgi_pass %FASTCGI%;
        }
    }
CONF
    ['GET /', 'Accept' => 'a/b', 'Accept-Encoding' => 'gzip', 'Cookie' => 'a=b; c=d', 'User-Agent' => 'x'],
    ['GET /', 'X-Forwarded-For' => '1.2.3.4', 'X-Own' => 'v', 'x-lower-CASE' => 'v', 'X-1' => '2'],
    ['GET /', 'Referer' => 'http://a/', 'Range' => 'bytes=0-1', 'If-Modified-Since' => 'Tue, 01 Jan 2030 00:00:00 GMT'],
    ['GET /', 'If-None-Match' => '"x"', 'If-Range' => '"x"', 'Expect' => 'nothing', 'Upgrade' => 'x', 'TE' => 'trailers'],
    ['GET /', 'Authorization' => 'Basic eDp5', 'Proxy' => 'evil', 'Empty' => ''],
    ['GET /', 'Host' => 'localhost:81'], ['GET /', 'Host' => 'LOCALHOST'],
    { what => 'GET http://localhost/absolute', name => 'an absolute target' },
    ['POST /form', { body => 'a=b&c=d' }, 'Content-Type' => 'application/x-www-form-urlencoded'],
    ['POST /large', { body => 'x' x 100_000 }], ['POST /spilt', { body => 'y' x 3_000_000 }],
    ['POST /empty', { body => '' }], ['POST /chunked', { chunks => ['ab', 'cde'] }],
    ['POST /chunked-empty', { chunks => [] }],
    ['PUT /put', { body => 'data' }], 'DELETE /x', 'OPTIONS /x', ['PATCH /x', { body => 'p' }],
    'GET /q?a=b&c=%20d', 'GET /q?', 'GET /a%20b/%C3%A4?x', 'GET /a//b/../c', 'GET /%2e%2e/x', 'HEAD /head',
    { what => 'POST /stream', body => 'y' x 200_000, name => 'streamed' }, ['POST /stream', { chunks => ['ab', 'cde'] }], 'GET /stream',
    ['POST /stream', { body => 'a' }],
    # a body is announced, none is sent: only FastCGI can tell
    ($protocol eq 'fastcgi' ? ['POST /nobody', { body => 'abc' }] : ()), ['GET /nofields', 'X-A' => 'b'],
    'GET /index/', 'GET /index/a', 'GET /slash', 'GET /slash/', 'GET /var?q', 'GET /noport', 'GET /unix',
    'GET /badport', 'GET /badport?x=y', 'GET /badport?x=0', 'GET /badport?x=70000',
    'GET /if', 'GET /if?x=1', 'GET /rewrite/x?y=2', 'GET /re1/a.php/b/c', 'GET /re2/a.php', 'GET /re3/', 'GET /re4/x.php/',
    'GET /re5/a.php/b.php/c',
], hop => 1, allow_log => [qr/gone.sock/],
   allow => { $protocol eq 'scgi' ? (streamed => 'nginx 1.22 gives the length of what has come so far') : () });

differential_ok(for_protocol(<<"CONF"), [
    fastcgi_param SCRIPT_NAME outer;
    $host
    server {
        listen %PORT%;
        location /inherits { fastcgi_pass %FASTCGI%; }
        location /own {
            fastcgi_param HTTP_X_GONE "";
            fastcgi_param HTTP_X_OURS ours;
            fastcgi_param HTTP_X_EMPTY \$arg_x;
            fastcgi_param HTTP_X_UNLESS \$arg_x if_not_empty;
            fastcgi_param HTTP_ACCEPT "";
            fastcgi_param HTTP_USER_AGENT agent;
            fastcgi_param EMPTY "";
            fastcgi_param EMPTY_NOT "" if_not_empty;
            fastcgi_param VAR \$arg_x;
            fastcgi_param VAR_NOT \$arg_x if_not_empty;
            fastcgi_param TWICE 1;
            fastcgi_param TWICE 2;
            fastcgi_param lower "two words";
            fastcgi_param LONG "@{['l' x 200]}";
            $host
            fastcgi_pass %FASTCGI%;
        }
        location /underscores { fastcgi_param HTTP_X_U ours; $host fastcgi_pass %FASTCGI%; }
    }
CONF
    'GET /inherits', ['GET /own', 'X-Gone' => '1', 'X-Ours' => '1', 'X-Empty' => '1', 'X-Unless' => 1, 'Accept' => 'x', 'User-Agent' => 'y'],
    ['GET /own?x=v', 'x-gone' => '1', 'x-ours' => '1', 'x-empty' => '1', 'X-Unless' => 1, 'X_Ours' => 1],
    ['GET /underscores', 'X-U' => 1, 'X_U' => 2, 'x_u' => 3, 'X-U-More' => 4],
], hop => 1);
}

# Answers ----------------------------------------------------------------------------------------------

my %answer = (
    plain => { body => 'text' }, empty => { body => '' }, large => { fill => 300_000 },
    status => { status => '404 Not Found', body => 'no' }, bare => { status => '404', body => 'no' },
    odd => { status => '299 Odd Thing', body => 'x' }, code201 => { status => '201 Created', headers => [Location => '/new'] },
    e500 => { status => '500 Oh', body => 'broken' }, e503 => { status => '503 Busy', body => 'busy' },
    nocontent => { status => '204 No Content', body => '' }, notmodified => { status => '304 Not Modified', headers => [ETag => '"a"'] },
    redirect => { headers => [Location => 'http://example.com/x'] }, relative => { headers => [Location => '/x/y'] },
    redirect301 => { status => '301 Moved', headers => [Location => '/x'] },
    refresh => { headers => [Refresh => '5; url=/x'] },
    length => { body => 'text', length => 4 }, more => { body => 'text and more', length => 4 }, zero => { body => '', length => 0 },
    type => { headers => ['Content-Type' => 'text/html; charset=utf-8'], body => 'x' }, notype => { headers => ['content-type' => ''], body => 'x' },
    fields => { headers => [Server => 'app', Date => 'Tue, 01 Jan 2030 00:00:00 GMT', 'X-Pad' => 'p', 'X-Powered-By' => 'PHP', 'Set-Cookie' => 'a=b',
                            'Set-Cookie' => 'c=d; path=/', 'Cache-Control' => 'no-cache', Expires => 'Thu, 01 Jan 1970 00:00:01 GMT', Vary => 'x', Link => '</x>'] },
    hop => { headers => [Connection => 'close', 'Transfer-Encoding' => 'chunked', 'Keep-Alive' => 'x', Trailer => 'y'], body => 'x' },
    modified => { headers => ['Last-Modified' => 'Tue, 01 Jan 2019 00:00:00 GMT', ETag => '"e"', 'Accept-Ranges' => 'bytes'], body => 'x' },
    encoded => { headers => ['Content-Encoding' => 'gzip'], body => 'x' },
    cut1 => { body => 'b' x 300, most => 1 }, cut7 => { body => 'b' x 300, most => 7, padding => 3 }, padded => { body => 'b' x 20_000, padding => 255, most => 1000 },
    stderr => { stderr => "PHP message: something\n", body => 'x' },
    badstatus => { status => 'abc', body => 'x' }, nph => { line => "HTTP/1.1 200 OK\r\n", body => 'x' },
    nocolon => { line => "nonsense\r\n", body => 'x' }, body_to_head => { body => 'text', body_to_head => 1 },
    lf => { line => "Status: 202 Accepted\nX-A: b\n", body => 'x' },
    accel => { headers => ['X-Accel-Redirect' => '/inside/file?a=b', 'Set-Cookie' => 'k=v', 'Content-Type' => 'a/b', 'X-Other' => 1] },
    accelnamed => { headers => ['X-Accel-Redirect' => '@named'] }, accelbad => { headers => ['X-Accel-Redirect' => '/../x'] },
    accelrate => { headers => ['X-Accel-Limit-Rate' => '100000', 'X-Accel-Expires' => '0', 'X-Accel-Charset' => 'utf-8', 'X-Accel-Buffering' => 'no'], body => 'x' },
    auth => { status => '401 Unauthorized', headers => ['WWW-Authenticate' => 'Basic realm="x"'], body => 'x' },
);
my $answers = sub ($site) {
        my $origin = $site->origin($protocol);
        $origin->answer("/$_", %{ $answer{$_} }) for keys %answer;
        $origin->answer("/caught/$_", %{ $answer{$_} }) for keys %answer;
        $origin->answer("/hidden/$_", %{ $answer{$_} }) for keys %answer;
};
my $conf = <<"CONF";
    fastcgi_param REQUEST_METHOD \$request_method;
    fastcgi_param REQUEST_URI \$request_uri;
    $host
    server {
        listen %PORT%;
        location / { fastcgi_keep_conn KEEP; fastcgi_buffering BUFFERING; fastcgi_pass %FASTCGI%; }
        location /caught { fastcgi_intercept_errors on; error_page 404 /error.html; error_page 401 500 =200 /error.html; fastcgi_pass %FASTCGI%; }
        location /hidden {
            fastcgi_hide_header X-Powered-By; fastcgi_hide_header Set-Cookie; fastcgi_pass_header X-Accel-Expires; fastcgi_pass_header Status;
            fastcgi_ignore_headers X-Accel-Redirect X-Accel-Charset; fastcgi_pass %FASTCGI%;
        }
        location = /error.html { root %DIR%/html; }
        location /inside { internal; root %DIR%/html; }
        location \@named { return 201 named; }
    }
CONF
my %files = ('html/error.html' => 'an error', 'html/inside/file' => 'a file inside');
my @names = sort keys %answer;
my %allow = ('*: header Trailer' => 'it announces what does not come');
my @requests = ((map { "GET /$_" } @names), (map { "HEAD /$_" } grep { $_ ne 'more' } @names),
                (map { { what => "POST /$_", body => 'b' x 1000, name => "POST /$_" } } @names));
my @caught = map { ("GET /caught/$_", "GET /hidden/$_") } @names;
$allow{$_} = 'no field line of HTTP' for map { ref $_ ? $_->{name} : $_ } grep { (ref $_ ? $_->{name} : $_) =~ /nocolon/ } @requests, @caught;
sub answers {
for my $way (['off', 'on'], ['on', 'off']) {
    my $text = for_protocol($conf) =~ s/KEEP/$way->[0]/r =~ s/BUFFERING/$way->[1]/r;
    differential_ok($text, \@requests, files => \%files, prepare => $answers, allow => \%allow);
}
differential_ok(for_protocol($conf) =~ s/KEEP/off/r =~ s/BUFFERING/on/r, \@caught,
                files => \%files, prepare => $answers, allow => \%allow);
}

for my $name (qw(fastcgi scgi uwsgi)) {
    $protocol = $name;
    note $protocol;
    parameters();
    answers();
}
done_testing;
