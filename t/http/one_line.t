# t/http/one_line.t - a value that the configuration writes over several lines is one line in a head
use Site;

my $conf = <<"CONF";
    default_type "text/x\n   y";
    types { "text/a\r\n b" a; }
    server {
        listen %PORT%;
        root %DIR%/html;
        location /policy { add_header Content-Security-Policy "
              default-src 'self';
              img-src \\*,
              data:
          "; return 200 ok; }
        location /variables { set \$v "a\r\n b"; add_header X-V "<\$v\n\$v>"; return 200 ok; }
        location /return { return 302 "/x\n y"; }
        location /text { return 200 "two\nlines"; }
        location /rewrite { rewrite ^ "http://h/x\n y" redirect; }
        location /error { error_page 404 "http://h/x\n y"; return 404; }
        location /realm { auth_basic "a\n b"; auth_basic_user_file %DIR%/users; }
        location /tokens { server_tokens "one\n two"; return 200 ok; }
        location /charset { charset "utf\n 8"; default_type text/html; return 200 ok; }
        location /trailer { add_trailer X-T "a\n  b"; return 200 ok; }
        location /etag { add_header ETag "\\"a\n b\\""; return 200 ok; }
        location /upstream { proxy_pass http://%ORIGIN%; proxy_set_header X-Long "
               one;
               two
           "; proxy_set_header X-V "\$arg_none\n"; }
        location /args { proxy_pass http://%ORIGIN%; proxy_set_header X-U \$uri; }
        location / { }
    }
CONF
my $site = Site->start($conf, files => { 'html/f.a' => 'x', 'html/f' => 'x', users => '' });

# The head as it came; every line of it is a field.
sub head_of ($uri) {
    my $client = $site->connect;
    $client->write("GET $uri HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    my $head = $client->response->head;
    my ($first, @lines) = split /\r\n/, $head =~ s/\r\n\r\n\z//r;
    is scalar(grep { !/\A[\w-]+: [^\r\n]*\z/ } @lines), 0, "$uri: all lines are fields";
    return $head;
}

like head_of('/policy'), qr/^Content-Security-Policy: default-src 'self'; img-src \\\*, data:\r$/m, 'a value in lines';
like head_of('/variables'), qr/^X-V: <a b a b>\r$/m, 'with variables';
like head_of('/return'), qr{^Location: \S+/x%0A y\r$}m, 'a redirect';
is $site->get('/text')->body, "two\nlines", 'a body keeps its lines';
head_of($_) for qw(/rewrite /error);
like head_of('/realm'), qr/^WWW-Authenticate: Basic realm="a b"\r$/m, 'a realm';
like head_of('/tokens'), qr/^Server: one two\r$/m, 'server_tokens';
like head_of('/charset'), qr/^Content-Type: text\/html; charset=utf\s+8\r$/m, 'a charset';
like head_of('/f'), qr/^Content-Type: text\/x\s+y\r$/m, 'a default type';
like head_of('/f.a'), qr/^Content-Type: text\/a\s+b\r$/m, 'a type';
like head_of('/etag'), qr/^ETag: "a b"\r$/m, 'an ETag';
my $client = $site->connect;
$client->write("GET /trailer HTTP/1.1\r\nHost: a\r\n\r\n");
is_deeply [$client->response->trailers], [['X-T', 'a b']], 'a trailer';
is $site->get('/upstream')->status, 200, 'proxied';
my $seen = $site->origin->request;
is $seen->header('X-Long'), 'one; two', 'towards an origin';
is $seen->header('X-V'), undef, 'nothing but a line end is nothing';
is $site->get('/args/%0d%0a%20%0aX-Bad:%20x')->status, 200, 'from a client';
is $site->origin->request->header('X-U'), '/args/ X-Bad: x', 'too';

subtest 'server_tokens' => sub {
    my $site = Site->start(<<'CONF');
        server {
            listen %PORT%;
            location /on { return 404; }
            location /build { server_tokens build; return 404; }
            location /off { server_tokens off; return 404; }
            location /empty { server_tokens ""; return 404; }
            location /text { server_tokens "mine/1.0 <x>"; return 404; location /text/in { return 404; } location /text/off { server_tokens off; return 404; } }
            location /var { server_tokens "$arg_s"; return 404; location /var/in { server_tokens on; return 404; } }
            location /p { proxy_pass http://%ORIGIN%; server_tokens "p $status"; }
        }
CONF
    my $version = qr/weir\/[\d.]+/;
    for (['/on', $version, $version], ['/build', $version, $version], ['/off', qr/weir/, qr/weir/], ['/empty', undef, qr/weir/],
         ['/text', qr/mine\/1\.0 <x>/, qr/mine\/1\.0 &lt;x&gt;/], ['/text/in', qr/mine\/1\.0 <x>/, qr/mine\/1\.0 &lt;x&gt;/], ['/text/off', qr/weir/, qr/weir/],
         ['/var?s=a<b', qr/a<b/, qr/a&lt;b/], ['/var?s=', undef, qr/weir/], ['/var', undef, qr/weir/], ['/var/in?s=x', $version, $version]) {
        my ($uri, $field, $page) = @$_;
        my $reply = $site->get($uri);
        defined $field ? like($reply->header('Server'), qr/\A$field\z/, "$uri: the field") : is($reply->header('Server'), undef, "$uri: no field");
        like $reply->body, qr/<hr><center>$page<\/center>/, "$uri: the page";
    }
    is $site->get('/p')->header('Server'), 'p 200', 'computed when the status is known';
    my $long = 'x' x 3000;
    is $site->get("/var?s=$long")->header('Server'), $long, 'a long one';
    $site->stop;
};

# Variables of the environment ------------------------------------------------------------------------

subtest 'the environment' => sub {
    local @ENV{qw(WEIR_T_TEXT WEIR_T_DIR WEIR_T_LINES WEIR_T_EMPTY)} = ('a; } "$arg_x" {', 'html', "a\n  b", '');
    delete local $ENV{WEIR_T_NONE};
    my $conf = <<'CONF';
        server {
            listen ${env:WEIR_T_PORT:-%PORT%};
            root %DIR%/${env:WEIR_T_DIR};
            include ${env:WEIR_T_NONE:-inner.conf};
            location /text { return 200 '<${env:WEIR_T_TEXT}>'; }
            location /bare { return 200 ${env:WEIR_T_TEXT}; }
            location /lines { add_header X-L "${env:WEIR_T_LINES}"; return 200 ok; }
            location /default { return 200 "${env:WEIR_T_NONE:-none here}${env:WEIR_T_EMPTY:-, nor here}${env:WEIR_T_EMPTY}"; }
            location /${env:WEIR_T_DIR}/x { return 200 name; }
        }
CONF
    my $site = Site->start($conf, files => { 'html/f' => 'file', 'inner.conf' => "location /inner { return 200 \"\${env:WEIR_T_DIR}\"; }\n" });
    is $site->get('/f')->body, 'file', 'in a path';
    is $site->get('/inner')->body, 'html', 'in an included file';
    is $site->get('/text?x=1')->body, '<a; } "1" {>', 'a value is not read again, but for variables';
    is $site->get('/bare?x=1')->body, 'a; } "1" {', 'without quotes too';
    is $site->get('/lines')->header('X-L'), 'a b', 'on one line in a field';
    is $site->get('/default')->body, 'none here, nor here', 'defaults';
    is $site->get('/html/x')->body, 'name', 'in a name';
    $site->reload;
    is $site->get('/f')->body, 'file', 'over a reload';
    $site->allow_log(qr/WEIR_T_NONE/);
    like $site->reload_refused($conf =~ s/:-none here//r), qr/environment variable "WEIR_T_NONE" is not set in \S+weir\.conf:\d+:\d+/, 'not set: refused, with the place';
    is $site->get('/f')->body, 'file', 'and the old one serves on';
    $site->stop;
};
my $result = Site->test_config("server {\n  listen 1;\n  server_name a \${env:WEIR_T_NONE};\n}");
isnt $result->{exit}, 0, 'a variable that is not set';
like $result->{stderr}, qr/environment variable "WEIR_T_NONE" is not set in %DIR%\/weir\.conf:\d+:17 \("\$\{env:WEIR_T_NONE:-text\}" gives it a default\)/, 'says where, and what helps';
for (["add_header 'a\nb' c;", qr/invalid field name/], ["add_trailer 'a\rb' c;", qr/invalid field name/], ["proxy_set_header 'a\nb' c;", qr/invalid field name/],
     ['add_header "" c;', qr/invalid field name ""/], ['add_header "a: b" c;', qr/invalid field name "a: b"/], ['server_tokens $no_such;', qr/unknown "no_such" variable/]) {
    my ($conf, $fault) = @$_;
    $result = Site->test_config($conf);
    isnt $result->{exit}, 0, "refused: " . $conf =~ s/\s/ /gr;
    like $result->{stderr}, $fault, 'and said why';
}

done_testing;
