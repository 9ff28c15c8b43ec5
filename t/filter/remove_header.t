# t/filter/remove_header.t - fields that the configuration takes away, wherever they come from
use Site;

my $conf = <<'CONF';
    remove_header X-Http;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /none/ { alias %DIR%/html/; }
        location /server/ { alias %DIR%/html/; remove_header Server date; }
        location /file/ { alias %DIR%/html/; remove_header ETag Last-Modified Accept-Ranges Content-Type; }
        location /replaced/ { alias %DIR%/html/; remove_header etag server content-type x-one date last-modified;
            add_header ETag '"mine"'; add_header Server me; add_header X-One 1; add_header Content-Type text/x; add_header Last-Modified "Mon, 01 Jan 2001 00:00:00 GMT"; }
        location /range/ { alias %DIR%/html/; remove_header Content-Range; }
        location /gzip/ { alias %DIR%/html/; gzip on; gzip_types *; gzip_min_length 1; gzip_vary on; remove_header Vary; }
        location /redirect { remove_header Location; return 302 /x; }
        location /error/ { remove_header Server Content-Type; return 404; }
        location /page/ { remove_header Server; add_header X-Page p always; error_page 404 /a; return 404; }
        location /auth/ { remove_header WWW-Authenticate; auth_basic x; auth_basic_user_file %DIR%/none; }
        location /outer/ { alias %DIR%/html/; remove_header ETag;
            location /outer/in/ { alias %DIR%/html/; }
            location /outer/own/ { alias %DIR%/html/; remove_header Date; }
            if ($arg_if) { remove_header Last-Modified; } }
        location /p/ { proxy_pass http://%ORIGIN%; remove_header X-Powered-By set-cookie SERVER x-other date; remove_header Cache-Control; add_header Set-Cookie ours=1; }
        location /phttp/ { proxy_pass http://%ORIGIN%; }
        location /ptokens/ { proxy_pass http://%ORIGIN%; proxy_pass_header Server; remove_header Server; }
    }
CONF
my $site = Site->start($conf, files => { 'html/a' => "content\n" x 20 });
my $origin = $site->origin;
$origin->answer($_, headers => ['X-Powered-By' => 'p', 'Set-Cookie' => 'a=1', 'Set-Cookie' => 'b=1', 'X-Other' => 1, 'X-Kept' => 1,
                             'X-Http' => 1, Server => 'theirs', 'Cache-Control' => 'no-cache', Date => 'Mon, 01 Jan 2001 00:00:00 GMT'])
    for qw(/p/a /phttp/a /ptokens/a);

# Names that a response has, of those asked for.
sub has ($reply, @names) { return join ' ', grep { defined $reply->header($_) } @names }

is has($site->get('/none/a'), qw(Server Date ETag Last-Modified Content-Type Accept-Ranges)), 'Server Date ETag Last-Modified Content-Type Accept-Ranges', 'nothing is gone by itself';
is has($site->get('/server/a'), qw(Server Date ETag)), 'ETag', 'Server and Date, in any case';
is has($site->get('/file/a'), qw(Server Date ETag Last-Modified Content-Type Accept-Ranges Content-Length)), 'Server Date Content-Length', 'what a file has';
is $site->get('/file/a')->body, "content\n" x 20, 'its body stays';
is $site->get('/file/a', 'If-Modified-Since' => $site->get('/none/a')->header('Last-Modified'))->status, 304, 'it is compared all the same';
my $reply = $site->get('/replaced/a');
is has($reply, qw(Server Date ETag Content-Type X-One Last-Modified)), 'Server ETag Content-Type X-One Last-Modified', 'add_header puts others there';
is $reply->header('Server'), 'me', 'another Server';
is $reply->header('ETag'), '"mine"', 'another ETag';
is $reply->header('Content-Type'), 'text/x', 'another Content-Type';
is $reply->header('Last-Modified'), 'Mon, 01 Jan 2001 00:00:00 GMT', 'another date';
$reply = $site->get('/range/a', Range => 'bytes=0-1');
is $reply->status . has($reply, 'Content-Range'), 206, 'what later filters add';
$reply = $site->get('/gzip/a', 'Accept-Encoding' => 'gzip');
is has($reply, qw(Content-Encoding Vary)), 'Content-Encoding', 'Vary of gzip_vary';
is has($site->get('/redirect'), qw(Location Server)), 'Server', 'Location';
$reply = $site->get('/error/x');
is $reply->status . has($reply, qw(Server Content-Type Date)), '404Date', 'of an error of ours';
is has($site->get('/page/x'), qw(Server X-Page)), 'Server', 'an error page is where it is';
$site->allow_log(qr/open\(\)/);
is has($site->get('/auth/x'), 'WWW-Authenticate'), '', 'a question for a password';
is has($site->get('/outer/in/a'), qw(ETag Date)), 'Date', 'inherited';
is has($site->get('/outer/own/a'), qw(ETag Date)), 'ETag', 'or replaced';
is has($site->get('/outer/a?if=1'), qw(ETag Last-Modified)), 'ETag', 'in an if';

$reply = $site->get('/p/a');
is has($reply, qw(Server Date X-Powered-By X-Other Cache-Control X-Kept X-Http)), 'X-Kept X-Http', 'of an origin';
is join(',', $reply->headers('Set-Cookie')), 'ours=1', 'all of a name, but not those added';
is has($site->get('/phttp/a'), qw(Server Date X-Http)), 'Server Date', 'of the enclosing level';
is has($site->get('/ptokens/a'), 'Server'), '', 'passed or not';
my $client = $site->connect;
$client->write("GET /server/a HTTP/1.1\r\nHost: a\r\n\r\nGET /none/a HTTP/1.1\r\nHost: a\r\n\r\n");
is has($client->response, 'Server'), '', 'on one connection';
is has($client->response, 'Server'), 'Server', 'each request has its own';
is $site->raw("GET / HTTP/9.9\r\n\r\n")->status, 505, 'a broken request';
$site->stop;

subtest 'over HTTP/2' => sub {
    my $site = Site->start(<<'CONF', files => { 'html/a' => 'x' });
        server { listen %PORT%; http2 on; root %DIR%/html;
                 location /server/ { alias %DIR%/html/; remove_header Server Date ETag; add_header Content-Type "a\n b"; }
                 location /tokens/ { alias %DIR%/html/; server_tokens "<$request_method>"; default_type "text/x\n y"; } }
CONF
    my $fetch = sub ($uri) { return scalar qx{curl -s -i --http2-prior-knowledge http://127.0.0.1:@{[$site->port]}$uri} };
    my $reply = $fetch->('/server/a');
    like $reply, qr/\AHTTP\/2 200/, 'answered';
    unlike $reply, qr/^(?:server|date|etag):/mi, 'without these';
    like $reply, qr/^content-type: a b\r$/m, 'one line';
    $reply = $fetch->('/tokens/a');
    like $reply, qr/^server: <GET>\r$/m, 'server_tokens';
    like $reply, qr/^content-type: text\/x y\r$/m, 'the type on one line';
    $site->stop;
};

for (['remove_header;', qr/invalid number of arguments in "remove_header"/], ['remove_header Content-Length;', qr/"Content-Length" cannot be removed/],
     ['remove_header X-A transfer-encoding;', qr/"transfer-encoding" cannot be removed/], ['remove_header Connection;', qr/cannot be removed/],
     ["remove_header 'a\nb';", qr/invalid field name/], ['remove_header "";', qr/invalid field name ""/]) {
    my ($conf, $fault) = @$_;
    my $result = Site->test_config($conf);
    isnt $result->{exit}, 0, "refused: $conf";
    like $result->{stderr}, $fault, 'and said why';
}

done_testing;
