# t/http/return.t - return, redirects, error pages, internal locations, the same as in nginx
use Site;
use Differential;

my @codes = (200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400 .. 418, 421, 422, 423, 424,
             426, 428, 429, 431, 444, 451, 494 .. 497, 499, 500 .. 507, 511, 599);
my $by_code = join "\n", map { "location = /c$_ { return $_; } location = /t$_ { return $_ 'text $_'; }" }
    @codes;
my $conf = <<"CONF";
    server {
        listen %PORT%;
        server_name site.example;
        root %DIR%/html;
        $by_code
CONF
$conf .= <<'CONF';
        location = /url { return http://other.example/x?y; }
        location = /urls { return https://other.example; }
        location = /path { return 301 /elsewhere; }
        location = /relative { return 302 elsewhere; }
        location = /vars { return 301 $scheme://$host/new$request_uri; }
        location = /query { return 301 /new?$args; }
        location = /text { return 200 "a $host b\n"; }
        location = /type { default_type application/json; return 200 '{"a":1}'; }
        location = /empty { return 200 ""; }
        location = /long { return 200 "$http_x_long"; }
        location /absolute/ { absolute_redirect off; return 301 /elsewhere; }
        location /named/ { server_name_in_redirect on; return 301 /elsewhere; }
        location /noport/ { port_in_redirect off; return 301 /elsewhere; }
        location /dirs/ { alias %DIR%/html/; }
        location /dirs2/ { alias %DIR%/html/; absolute_redirect off; }

        location /page/ { error_page 404 /missing.html; }
        location /page-code/ { error_page 404 =200 /missing.html; }
        location /page-own/ { error_page 404 = /handler; }
        location /page-handler-code/ { error_page 404 = /teapot; }
        location /page-url/ { error_page 404 http://other.example/lost; }
        location /page-url-code/ { error_page 404 =301 http://other.example/lost; }
        location /page-named/ { error_page 404 @fallback; }
        location /page-named-own/ { error_page 404 = @fallback; }
        location /page-several/ { error_page 403 404 405 /missing.html; error_page 500 /none.html; }
        location /page-lost/ { error_page 404 /not-there.html; }
        location /page-recursive/ { recursive_error_pages on; error_page 404 /first-lost; }
        location /page-method { error_page 405 =200 $uri/ok; return 405; }
        location /page-method/ok { return 200 "became $request_method\n"; }
        location /page-vars/ { error_page 404 /var-$arg_p.html; }
        location /moved/ { error_page 301 =200 /missing.html; return 301 /elsewhere; }
        location /moved-as-it-is/ { error_page 301 /missing.html; return 301 /elsewhere; }
        location /moved-own/ { error_page 302 = /handler; return 302 http://other.example/x; }
        location /moved-named/ { error_page 301 =404 @fallback; return 301 /elsewhere; }
        location /moved-on/ { error_page 301 = /path; return 301 /first; }
        location /moved-away/ { error_page 301 =302 http://other.example/y; return 301 /first; }
        location /moved-lost/ { error_page 301 =200 /not-there.html; return 301 /elsewhere; }
        location /moved-dir/ { error_page 301 =200 /missing.html; alias %DIR%/html/; }
        location = /page-inner { error_page 418 /missing.html; return 418; }
        location = /page-text { error_page 404 /missing.html; return 404 "own text\n"; }
        location = /handler { return 200 "handled $uri $request_uri\n"; }
        location = /teapot { return 418; }
        location = /first-lost { error_page 404 /second; return 404; }
        location = /second { return 200 "second\n"; }
        location @fallback { return 202 "fallback $uri\n"; }

        location /inside/ { internal; }
        location = /inside-text { internal; return 200 "inside\n"; }
        location = /to-inside { error_page 404 =200 /inside/file; return 404; }
        location = /to-inside-text { error_page 404 = /inside-text; return 404; }
        location = /loop { error_page 404 = /loop2; return 404; }
        location = /loop2 { recursive_error_pages on; error_page 404 = /loop2; return 404; }
        location /proxied/ { error_page 502 504 /missing.html; proxy_pass http://127.0.0.1:1; }
        location /proxied-errors/ { proxy_intercept_errors on; error_page 404 500 =503 /missing.html;
                                    proxy_pass http://%ORIGIN%; }
        location /proxied-plain/ { error_page 404 /missing.html; proxy_pass http://%ORIGIN%; }
    }
CONF
my %files = ('html/missing.html' => "missing page\n", 'html/inside/file' => "inside file\n",
             'html/d/index.html' => 'index', 'html/d/e/f' => 'x');
my @requests = map { ("GET /c$_", "GET /t$_") } @codes;
push @requests, map { "HEAD /$_" } qw(c404 c301 t200 t404 text page/x c204 c304 url c500);
push @requests, map { { what => "$_ /c405", body => 'x' } } qw(POST PUT DELETE);
push @requests, map { "GET /$_" } qw(url urls path relative vars vars?a=b query?a=b query text type empty
    absolute/ named/ noport/ dirs/d dirs/d?x=y dirs2/d dirs/d/e dirs/none d d?x d/e);
push @requests, { what => 'GET /path', host => 'h.example', name => 'redirect with a Host' };
push @requests, { what => 'GET /path', host => 'h.example:8080', name => 'redirect with a port in Host' };
push @requests, { what => 'GET /path', version => '1.0', name => 'redirect in HTTP/1.0 without Host' };
push @requests, { what => 'GET /d', version => '1.0', name => 'a directory in HTTP/1.0' };
push @requests, ['GET /long', 'X-Long' => 'abc' x 300];
push @requests, map { "GET /$_" } qw(page/x page-code/x page-own/x page-handler-code/x page-url/x
    page-url-code/x page-named/x page-named-own/x page-several/x page-lost/x page-recursive/x page-method
    page-vars/x?p=1 moved/x moved-as-it-is/x moved-own/x moved-named/x moved-on/x moved-away/x
    moved-lost/x moved-dir/d page-inner page-text inside/file inside-text to-inside to-inside-text loop proxied/x
    proxied-errors/404 proxied-errors/500 proxied-errors/200 proxied-plain/404);
push @requests, { what => 'POST /page-method', body => 'data' }, { what => 'POST /page/x', body => 'data' };
push @requests, ['GET /page/x', 'If-None-Match' => '*'], ['GET /page/x', Range => 'bytes=0-2'];

differential_ok($conf, \@requests, files => \%files, allow_log => [qr/rewrite or internal redirection cycle/],
    origin => sub ($origin) {
        $origin->answer('/proxied-errors/404', status => 404, body => 'from the origin');
        $origin->answer('/proxied-errors/500', status => 500, body => 'from the origin');
        $origin->answer('/proxied-errors/200', body => 'fine');
        $origin->answer('/proxied-plain/404', status => 404, body => 'from the origin');
    });

# server_tokens
for my $tokens (qw(on off)) {
    my $site = Site->start("server_tokens $tokens; server { listen %PORT%; location / { return 404; } }");
    my $reply = $site->get('/');
    my $version = $tokens eq 'on' ? qr{/[\d.]+} : qr{};
    like $reply->header('Server'), qr{\A(?:nginx|weir)$version\z}i, "server_tokens $tokens: the header";
    like $reply->body, qr{<center>(?:nginx|weir)$version</center>}i, "server_tokens $tokens: the page";
    $site->stop;
}

done_testing;
