# t/differential/proxy_instead.t - answers of an origin in whose place something else is sent, the same as in
# nginx: X-Accel-*, error pages, auth_request
use Site;
use Differential;
use OddOrigin;

sub gets ($prefix, @names) { return map { "GET $prefix/$_" } @names }
my $pass = 'proxy_pass http://%ORIGIN%';

# X-Accel-*
my @accel = qw(file args code named again unsafe unknown noslash emptyaccel accel404 loop buffering limit charset expires);
odd_origin_ok("location / { $pass; }", gets('/a', @accel), ['GET /a/file', Range => 'bytes=0-2'], ['GET /a/file', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT']);
odd_origin_ok("location / { $pass; }", (map { "HEAD /a/$_" } @accel[0 .. 4]), (map { { what => "POST /a/$_", body => 'data', name => "POST /a/$_" } } @accel[0 .. 4]));
odd_origin_ok("location / { $pass; proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset Expires Cache-Control Set-Cookie Vary; }", gets('/a', @accel));
odd_origin_ok("location / { $pass; proxy_pass_header X-Accel-Redirect; proxy_pass_header X-Accel-Charset; }", gets('/a', @accel));
odd_origin_ok("location /a/ { auth_request /b/none; $pass; } location /b/ { $pass; }", gets('/a', 'plain', 'file'));
odd_origin_ok("location /a/ { auth_request /b/file; $pass; } location /b/ { $pass; }", gets('/a', 'plain'));

# Errors: intercepted, covered, passed on
my $challenges = { option => { allow => { '*: header WWW-Authenticate' => 'all of them, as since 1.23' } } };
my @errors = map { "e$_" } 400, 401, 403, 404, 405, 410, 412, 416, 429, 500, 502, 503, 504;
odd_origin_ok("location / { $pass; }", gets('/a', @errors), 'GET /down/', 'HEAD /down/', 'POST /down/');
odd_origin_ok("location / { $pass; proxy_intercept_errors on; }", gets('/a', @errors, qw(auth range retry redirect)), $challenges);
odd_origin_ok("error_page 400 401 403 404 405 410 412 416 429 500 502 503 504 302 /e.html; location / { $pass; }", gets('/a', @errors), 'GET /down/');
odd_origin_ok("error_page 400 401 403 404 405 410 412 416 429 500 502 503 504 302 /e.html; location / { $pass; proxy_intercept_errors on; }", gets('/a', @errors, qw(auth range retry redirect)), 'HEAD /a/e404', 'POST /a/e500', 'GET /down/', $challenges);
odd_origin_ok("error_page 404 = /e.html; error_page 500 =200 /e.html; error_page 503 =302 http://else.example/x; error_page 403 \@named; error_page 502 = \@named; location / { $pass; proxy_intercept_errors on; }", gets('/a', @errors), 'POST /a/e403');
odd_origin_ok("error_page 404 = /b/plain; error_page 500 /b/e404; location / { $pass; proxy_intercept_errors on; }", gets('/a', 'e404', 'e500'), 'POST /a/e500');
odd_origin_ok("recursive_error_pages on; error_page 404 /e.html; error_page 500 /b/e404; error_page 503 /b/e503; location / { $pass; proxy_intercept_errors on; }", gets('/a', 'e404', 'e500', 'e503'));
odd_origin_ok("error_page 404 = \@fall; location / { $pass; proxy_intercept_errors on; } location \@fall { proxy_pass http://%ORIGIN%; add_header X-Fall \$upstream_status; proxy_intercept_errors off; }", gets('/a', 'e404', 'e500'));
odd_origin_ok("error_page 401 /b/plain; location /a/ { auth_request /b/auth; $pass; } location /b/ { $pass; }", gets('/a', 'plain'), $challenges);
for my $by (qw(e401 e403 e404 e500 plain auth s204 redirect)) {
    odd_origin_ok("location /a/ { auth_request /b/$by; auth_request_set \$u \$upstream_http_x_a; add_header X-User \$u always; $pass; } location /b/ { $pass; }", gets('/a', 'plain'), $challenges);
}
odd_origin_ok("location / { $pass; if (\$request_method = POST) { return 403; } }", 'GET /a/plain', 'POST /a/plain');
odd_origin_ok("location / { $pass; proxy_store %DIR%/stored\$uri; } location /stored/ { root %DIR%; }", gets('/a', qw(plain chunked e404 none)), 'GET /stored/a/chunked', 'GET /stored/a/e404', { option => { allow => { 'GET /stored/a/chunked: header Last-Modified' => 'when it was stored' }, prepare => sub ($site) { chmod 0777, $site->dir } } });

done_testing;
