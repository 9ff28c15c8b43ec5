# t/differential/errors.t - error pages, internal redirects, redirects of every kind, the same as in nginx
use Site;
use Differential;

my @logs = (allow_log => [qr/rewrite or internal redirection cycle/, qr/is forbidden/, qr/could not find named location/]);
my %files = ('html/404.html' => "page of 404\n", 'html/50x.html' => "page of 50x\n", 'html/d/index.html' => "index of d\n", 'html/d/404.html' => "d's 404\n", 'html/e/x' => 'x', 'html/a.txt' => "text\n",
             'html/redirect.txt' => "r\n", 'html/empty' => '', 'html/in/secret' => "secret\n", 'html/err.json' => '{"error":1}', 'html/gif.gif' => "GIF89a", 'html/space d/index.html' => "space\n", 'html/perc%d/index.html' => "percent\n", "html/q?d/index.html" => "question\n");
my @methods = qw(GET HEAD POST PUT DELETE OPTIONS);
sub body ($method) { return $method =~ /POST|PUT/ ? (body => 'data') : () }

# error_page in all its forms, for each kind of error
my @forms = ('', 'error_page 404 /404.html;', 'error_page 404 = /404.html;', 'error_page 404 =200 /404.html;', 'error_page 404 =410 /404.html;', 'error_page 404 /nopage.html;', 'error_page 404 = /fallback;', 'error_page 404 =203 /fallback;', 'error_page 404 @named;',
    'error_page 404 = @named;', 'error_page 404 =205 @named;', 'error_page 404 http://h.example/gone;', 'error_page 404 =301 http://h.example/gone;', 'error_page 404 =303 https://h.example/gone;', 'error_page 404 =200 http://h.example/gone;', 'error_page 404 /err$uri;', 'error_page 404 =302 /elsewhere;',
    'error_page 404 =307 /elsewhere;', 'error_page 404 /d/;', 'error_page 404 /d;', 'error_page 404 /in/secret;', 'error_page 404 /internal;', 'error_page 404 403 500 502 =200 /a.txt;', 'error_page 404 /404.html?x=y;', 'error_page 404 /show?from=$uri;', 'error_page 404 $arg_page;', 'error_page 404 /e1; recursive_error_pages on;',
    'error_page 404 /e1;', 'error_page 404 =200 @nowhere;', 'error_page 404 /404.html; recursive_error_pages on;', 'error_page 404 =404 /50x.html;', 'error_page 404 =204 /empty;', 'error_page 404 /proxied;', 'error_page 404 = /proxied;', 'error_page 404 @proxied;', 'error_page 404 =299 @proxied;', 'error_page 404 =200 /err.json;',
    'error_page 404 /gif.gif;', 'error_page 404 =304 /404.html;', 'error_page 404 /teapot;', 'error_page 404 = /teapot;', 'error_page 404 /noread;', 'error_page 404 = /retmoved;', 'error_page 404 /retmoved;', 'error_page 404 =200 /ret404; recursive_error_pages on;', 'error_page 404 403 /404.html; error_page 404 /50x.html;', 'error_page 404 =200 /a.txt; error_page 500 /50x.html;');
my $n = 0;
my $forms = join '', map { $n++; "location /f$n/ { $_ } location /g$n { $_ return 404; } location /h$n { $_ return 404 'own text'; } location /p$n { $_ proxy_pass http://%ORIGIN%/404; } location /i$n { $_ proxy_intercept_errors on; proxy_pass http://%ORIGIN%/404; }\n" } @forms;
my $rest = <<'CONF';
        location = /fallback { return 202 "fallback $uri $request_uri $request_method $args\n"; }
        location = /internal { internal; return 200 "inside $uri\n"; }
        location = /show { return 200 "$uri|$args|$request_uri|$status|$request_method\n"; }
        location = /e1 { error_page 404 /e2; return 404; }
        location = /e2 { error_page 404 =200 /a.txt; return 404; }
        location = /proxied { proxy_pass http://%ORIGIN%/page; }
        location = /teapot { return 418; }
        location = /retmoved { return 301 /moved; }
        location = /ret404 { error_page 404 =201 /a.txt; return 404; }
        location = /noread { deny all; }
        location /in/ { internal; }
        location @named { return 206 "named $uri $request_method\n"; }
        location @proxied { proxy_pass http://%ORIGIN%; }
CONF
my @requests = map { my $i = $_; ("GET /f$i/x?page=/a.txt", "GET /g$i?page=http://x/", "GET /h$i", "GET /p$i", "GET /i$i", "HEAD /f$i/x", { what => "POST /g$i", body => 'data' }) } 1 .. $n;
my %option = (files => \%files, @logs, origin => sub ($origin) { $origin->answer('/404', status => 404, body => 'origin 404', headers => ['X-Origin' => 'yes']); $origin->answer('/page', body => "origin page\n"); });
my %allow = map { ("$_ /i26: header Location" => 'an empty Location leads nowhere', "$_ /f26/x: header Location" => 'the same', "$_ /g26: header Location" => 'the same') } qw(GET HEAD POST);
differential_ok("server { listen %PORT%; root %DIR%/html; $forms $rest }", \@requests, %option, allow => \%allow);

# error_page for every code, from every kind of place
my @codes = (300 .. 308, 400 .. 421, 422 .. 431, 444, 451, 494 .. 499, 500 .. 511);
my $codes = join '', map { "location = /r$_ { return $_; } location = /q$_ { error_page $_ = /show; return $_; } location = /k$_ { error_page $_ =200 /a.txt; return $_; } location = /w$_ { error_page $_ /404.html; return $_ 'text'; }\n" } grep { $_ != 499 } @codes;
differential_ok("server { listen %PORT%; root %DIR%/html; $codes $rest }", [map { my $c = $_; ("GET /q$c", "GET /k$c", "GET /w$c", { what => "POST /q$c", body => 'x' }) } grep { $_ != 499 && $_ != 444 } @codes], %option);

# Where an error comes from, and which level's error_page holds
differential_ok(<<"CONF", [map { my $m = $_; map { { what => "$m $_", body($m), name => "$m $_" } } qw(/none /d/none /d/own/none /deny /auth /big /method /e /e/ /bad/%2 /loc/none /loc/if?a=1 /loc/if /limit /upstream /nolocation /redir /dir /static.txt/x /a.txt/ /named) } @methods], %option);
    error_page 404 /404.html;
    error_page 403 =403 /d/404.html;
    server {
        listen %PORT%;
        root %DIR%/html;
        error_page 401 =401 /show;
        location /d/ { }
        location /d/own/ { error_page 404 = /show; }
        location /deny { deny all; error_page 403 = /show; }
        location /auth { auth_basic x; auth_basic_user_file %DIR%/html/empty; error_page 401 /show; }
        location /big { client_max_body_size 1; error_page 413 =200 /show; alias %DIR%/html/a.txt; }
        location /method { limit_except GET { deny all; } error_page 403 =405 /show; alias %DIR%/html/a.txt; }
        location /loc/ { error_page 404 \@named; location /loc/if { if (\$arg_a) { return 404; } error_page 404 = /show; return 404; } }
        location /limit { limit_rate 1k; return 503; }
        location /upstream { proxy_pass http://127.0.0.1:1; error_page 502 =503 /show; }
        location /redir { return 301 /elsewhere; error_page 301 = /show; }
        location /dir { alias %DIR%/html/d; }
        location /named { error_page 404 = \@named; try_files /nothere =404; }
        $rest
    }
CONF

# Redirects made by the server: host, port, scheme, escaping, relative ones
my @hosts = ('localhost', 'LOCALHOST', 'h.example:8080', 'h.example:80', '[::1]:81', '1.2.3.4', 'h.example.');
my @dirs = ('/d', '/d?x=y', '/space%20d', '/perc%25d', '/q%3Fd?x', '/e/../d', '//d', '/d%2F', '/return', '/rewrite?q', '/permanent', '/errurl', '/relative', '/rooted', '/scheme', '/absolute', '/proxy', '/proxy?q', '/index');
for my $setting ('', 'absolute_redirect off;', 'port_in_redirect off;', 'server_name_in_redirect on;', 'server_name_in_redirect on; port_in_redirect off;', 'absolute_redirect off; server_name_in_redirect on;') {
    for my $names ('server_name site.example www.site.example;', 'server_name *.wild.example;', 'server_name ~^(?<sub>.+)$;', 'server_name "";', '') {
        my %names = $setting =~ /name_in/ && $names !~ /example/ ? ('*: header Location' => 'a URL needs a host') : ();
        next if $setting =~ /absolute|^$/ && $names !~ /site/;
        differential_ok(<<"CONF", [(map { my $uri = $_; map { { what => "GET $uri", host => $_, name => "GET $uri at $_ with $setting $names" } } @hosts } $names =~ /site/ ? @dirs : @dirs[0, 8, 9]), { raw => "GET /d HTTP/1.0\r\n\r\n" }, { raw => "GET http://other.example:99/d HTTP/1.1\r\nHost: a\r\n\r\n" }], files => \%files, allow => \%names);
            server { # (a URL needs a host: where nginx has none to name, Weir has the address)
                listen %PORT%; root %DIR%/html; $setting $names
                location = /return { return 301 /to; }
                location = /rewrite { rewrite ^ /to redirect; }
                location = /permanent { rewrite ^ /to? permanent; }
                location = /errurl { error_page 404 =302 /to; return 404; }
                location = /relative { return 302 to; }
                location = /rooted { return 307 //to; }
                location = /scheme { return 302 \$scheme://\$host:\$server_port/to; }
                location = /absolute { return 308 http://h/to; }
                location /proxy/ { proxy_pass http://%ORIGIN%; }
                location = /index { index d; alias %DIR%/html/; }
            }
CONF
    }
}

# try_files
my @tries = ('/a.txt =404', '$uri /a.txt', '$uri $uri/ =404', '$uri/index.html $uri =404', '/none /also-none =410', '/none @named', '/none /fallback', '/none /fallback?x=$uri&$args', '$uri.txt $uri/ /d/', '/d/ =404', '/d =404', '/none =204', '/none =301', '/none =444x', '$arg_f /404.html', '/%61.txt =404', '/none $uri',
             '$uri/ @named', '/none /in/secret', '/in/secret =404', '/none /proxied', '/e/ =404', '/none =500', '/d/../a.txt =404', 'a.txt =404', '/none fallback', '$document_root/a.txt =404', '/none "/show?a b"', '/empty =404', '/none /none2', '$uri $uri/ /none/$uri');
@tries = grep { !/x$/ || !/=444x/ } @tries;
$n = 0;
my $try = join '', map { $n++; "location /t$n/ { try_files $_; } location /u$n/ { alias %DIR%/html/; try_files $_; } location ~ ^/v$n/(.*)\$ { alias %DIR%/html/\$1; try_files $_; } location /w$n { root %DIR%/html/d; try_files $_; error_page 404 =200 /a.txt; }\n" } @tries;
differential_ok("server { listen %PORT%; root %DIR%/html; $try $rest }", [map { my $i = $_; map { "GET $_" } "/t$i/", "/t$i/a.txt", "/t$i/a.txt?f=/a.txt&g", "/u$i/a.txt", "/u$i/a", "/u$i/d", "/u$i/d/", "/u$i/none", "/v$i/a.txt", "/v$i/d", "/v$i/none", "/w$i", "/w$i/index.html" } 1 .. $n], %option);

# limit_except, satisfy, internal, methods
differential_ok(<<'CONF', [map { my $m = $_; map { { what => "$m $_", body($m), name => "$m $_" } } qw(/get /post /getpost /none /nested/ /nested/in /proxy /proxyin /ret /rw /if /any /all /anydeny /in/secret /toin /d /d/ /empty /err) } @methods, qw(PATCH PROPFIND MKCOL COPY TRACE FOO)],
    server {
        listen %PORT%;
        root %DIR%/html;
        location /get { limit_except GET { deny all; } try_files /a.txt =404; }
        location /post { limit_except POST { deny all; } return 200 "$request_method\n"; }
        location /getpost { limit_except GET POST { allow 192.0.2.1; deny all; } proxy_pass http://%ORIGIN%; }
        location /none { limit_except GET { } try_files /a.txt =404; }
        location /nested/ { limit_except GET { deny all; } location /nested/in { try_files /a.txt =404; } alias %DIR%/html/d/; }
        location /proxy { limit_except GET { proxy_pass http://%ORIGIN%; } proxy_pass http://%ORIGIN%/one; }
        location /proxyin { proxy_pass http://%ORIGIN%; limit_except GET { auth_basic x; auth_basic_user_file %DIR%/html/empty; } }
        location /any { satisfy any; deny all; auth_basic x; auth_basic_user_file %DIR%/html/empty; try_files /a.txt =404; }
        location /all { satisfy all; allow all; auth_basic x; auth_basic_user_file %DIR%/html/empty; try_files /a.txt =404; }
        location /anydeny { satisfy any; deny all; try_files /a.txt =404; }
        location /in/ { internal; }
        location /toin { rewrite ^ /in/secret last; }
        location /err { error_page 405 =200 /a.txt; alias %DIR%/html/a.txt; }
    }
CONF
    %option);

done_testing;
