# t/http/subrequest.t - what is included may be anything: every handler in a subrequest, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    map $uri $mapped { default none; ~^/map/(.*)$ "map of $1"; }
    map $uri $fresh { volatile; default none; ~^/map/(.*)$ "fresh $1"; }
    limit_req_zone $uri zone=one:1m rate=1000r/s;
    geo $geo { default here; }
    server {
        listen %PORT%; root %DIR%/html; index index.html;
        types { text/html html; text/plain txt; }
        location / { ssi on; }
        location /page/ { ssi on; ssi_types *; alias %DIR%/html/; }
        location /vars/ { return 200 "[$uri|$request_uri|$args|$is_args|$arg_a|$request_method|$request|$document_uri|$query_string|$host|$http_x_a|$cookie_c|$content_length|$server_protocol|$scheme|$request_filename|$document_root]"; }
        location /map/ { return 200 "[$mapped|$fresh]"; }
        location /geo/ { return 200 "[$geo]"; }
        location /rewrite/ { rewrite ^/rewrite/(.*)$ /vars/$1?r=$1 last; }
        location /break/ { rewrite ^/break/(.*)$ /sub/$1 break; }
        location /redirect/ { return 301 /elsewhere; }
        location /code/ { return 418 "teapot"; }
        location /error/ { error_page 404 /sub/f.txt; return 404; }
        location /error200/ { error_page 404 =200 /vars/e; return 404; }
        location /named/ { error_page 404 = @named; return 404; }
        location @named { return 200 "named $uri"; }
        location /try/ { try_files $uri.txt /sub/none /sub/f.txt =404; }
        location /try2/ { try_files /sub/none @named; }
        location /internal/ { internal; alias %DIR%/html/sub/; }
        location /auth/ { auth_basic "who"; auth_basic_user_file %DIR%/users; alias %DIR%/html/sub/; }
        location /deny/ { deny all; alias %DIR%/html/sub/; }
        location /limited/ { limit_req zone=one; alias %DIR%/html/sub/; }
        location /dir/ { autoindex on; autoindex_format json; alias %DIR%/html/empty/; }
        location /gif/ { empty_gif; }
        location /headers/ { add_header X-Sub yes; expires 1h; etag off; alias %DIR%/html/sub/; }
        location /if/ { if ($arg_a) { return 200 "if $arg_a"; } return 200 "not"; }
        location /set/ { set $mine $uri; return 200 "$mine"; }
        location /mine/ { return 200 "[$mine]"; }
        location /px/ { proxy_pass http://%ORIGIN%/; proxy_set_header X-Sub $uri; }
        location /accel/ { proxy_pass http://%ORIGIN%/accel; }
        location /intercept/ { proxy_pass http://%ORIGIN%/status; proxy_intercept_errors on; error_page 503 /sub/f.txt; }
        location /dead/ { proxy_pass http://127.0.0.1:1; }
        location /status/ { return 200 "$status $body_bytes_sent $request_length"; }
    }
CONF
my %files = ('html/sub/f.txt' => 'the file', 'html/sub/index.html' => 'the index', 'html/sub/page.html' => '(<!--# echo var="uri" -->)',
    'html/empty/.keep' => '', 'html/try/x.txt' => 'tried', users => "joe:{PLAIN}x\n");
my @uris = ('/vars/x', '/vars/x?a=b&c=d', '/vars/a%20b%3Fc?q=%20', '/map/x', '/map/y', '/geo/', '/rewrite/x', '/rewrite/x?a=b', '/break/f.txt', '/break/none',
    '/redirect/', '/code/', '/error/', '/error200/', '/named/', '/try/x', '/try/none', '/try2/', '/internal/f.txt', '/auth/f.txt', '/deny/f.txt', '/limited/f.txt',
    '/sub/', '/sub', '/sub/page.html', '/dir/', '/gif/', '/headers/f.txt', '/if/?a=1', '/if/', '/set/x', '/px/a', '/px/a?b=c', '/px/status', '/px/chunks', '/px/close', '/px/big',
    '/accel/', '/intercept/', '/dead/', '/none', '/page/sub/page.html');
my %pages = map { ("html/p$_.html" => "[<!--# include virtual=\"$uris[$_]\" -->]") } 0 .. $#uris;
my @requests = ((map { { what => "GET /p$_.html", name => "include of $uris[$_]" } } 0 .. $#uris),
    (map { { what => "GET /p$_.html?own=args", fields => ['X-A' => 'field', Cookie => 'c=d'], name => "with fields, of $uris[$_]" } } 0 .. 12),
    (map { { what => "GET $uris[$_]", fields => [Host => 'x'], name => "$uris[$_] itself" } } grep { $uris[$_] !~ /vars|px/ } 0 .. $#uris));
# What is shared: variables of the whole request
my @shared = ('/map/x /map/y', '/set/x /mine/', '/mine/ /set/x', '/geo/ /map/x /set/y /mine/');
for my $n (0 .. $#shared) {
    $pages{"html/s$n.html"} = join '', map { "<!--# include virtual=\"$_\" wait=\"yes\" -->" } split / /, $shared[$n];
    push @requests, { what => "GET /s$n.html", name => "shared: $shared[$n]" };
}
differential_ok($conf, \@requests, files => { %files, %pages }, dirs => ['html/empty'], allow_log => [qr/open\(\)|directory index|limiting/],
    origin => sub ($origin) {
        my @html = (headers => ['Content-Type' => 'text/html', 'Set-Cookie' => 'a=b', 'X-Origin' => 'yes']);
        $origin->answer('/a', body => 'from a', @html);
        $origin->answer('/a?b=c', body => 'from a with b', @html);
        $origin->answer('/status', status => 503, body => 'busy', @html);
        $origin->answer('/accel', body => 'not seen', headers => ['X-Accel-Redirect' => '/vars/accel?a=1', 'Content-Type' => 'text/x']);
        $origin->answer('/chunks', chunks => ['a' x 1000, 'b' x 1000], @html);
        $origin->script('/close', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nuntil the end"], 'close');
        $origin->answer('/big', body => 'big ' x 50_000, @html);
    });

# Over HTTP/2
subtest 'over HTTP/2' => sub {
    needs_weir('this nginx may have no HTTP/2 without TLS');
    plan skip_all => 'no curl with HTTP/2' unless (`curl --version` // '') =~ /HTTP2/;
    my $site = Site->start(<<'END');
        http2 on;
        server { listen %PORT%; root %DIR%/html; types { text/html html; } ssi on;
                 location / { add_after_body /px/after; mirror /copy; }
                 location /px/ { proxy_pass http://%ORIGIN%/; }
                 location = /copy { proxy_pass http://%ORIGIN2%; } }
END
    my ($origin, $mirror) = map { $site->origin($_) } 1, 2;
    my @curl = ('curl', '-s', '--http2-prior-knowledge', '-m', Client::patience(), 'http://127.0.0.1:' . $site->port . '/p.html');
    $site->file('html/p.html', '[<!--# include virtual="/px/1" --><!--# include virtual="/px/2" -->]');
    my @held = map { $origin->hold("/$_") } 1, 2;
    $origin->answer("/$_", body => $_) for 1, 2, 'after';
    open my $pipe, '-|', @curl or die "curl: $!";
    $_->reached for @held;
    pass 'includes run at the same time';
    $_->release for reverse @held;
    is do { local $/; <$pipe> }, '[12]after', 'and are shown in order';
    $mirror->wait_for(1);
    pass 'a request is mirrored';

    my $held = $origin->forget->hold('/1');
    my $pid = open $pipe, '-|', @curl or die "curl: $!";
    $held->reached;
    wait_until { $origin->count == 2 } 'both includes';
    my $open = $origin->open;
    kill KILL => $pid;
    wait_until { $origin->open < $open } 'a client that leaves takes its includes with it';
    $held->release;
    $site->stop;
};
done_testing;
