# t/differential/proxy_inside.t - requests proxied from within: if, limit_except, rewrites, named locations
# and error pages, the same as in nginx
#
# What the origin gets is compared byte by byte, order of fields included.
use Site;
use Differential;

my $upstreams = <<'CONF';
    proxy_http_version 1.0;
    upstream one { server %ORIGIN%; }
    upstream mixed.Case { server %ORIGIN%; keepalive 2; }
    upstream two { server %ORIGIN2%; }
    map $arg_up $chosen { default one; two two; none nosuch; addr %ORIGIN2%; }
CONF

sub at ($text, @requests) {
    my %option = ref $requests[-1] eq 'HASH' && $requests[-1]{option} ? %{ pop(@requests)->{option} } : ();
    differential_ok("$upstreams server { listen %PORT%; server_name site.example; $text }", \@requests,
                    hop => 1, order => 1, allow_log => [qr/./], %option,
                    origin => sub ($origin) { $origin->answer('*', body => 'an answer') });
}
sub gets (@uris) { return map { "GET $_" } @uris }

no warnings 'qw';
my @few = map { "/in$_" } qw(/a/b?c=d /a%20b/ side //x /%3F?%3f);

# if, limit_except, named locations, error pages
at('location / { if ($arg_up) { proxy_pass http://two; } proxy_pass http://one; }', gets('/a', '/a?up=1'));
at('location / { if ($arg_up) { set $x 1; } proxy_pass http://one/sub/; }', gets('/a', '/a?up=1'));
at('location / { if ($arg_up) { rewrite ^ /new%20x?y=z break; } proxy_pass http://one/sub/; }', gets('/a', '/a?up=1'));
at('location / { if ($arg_up) { break; } proxy_set_header X outer; proxy_pass http://one; }', gets('/a', '/a?up=1'));
at('location / { proxy_set_header X outer; if ($arg_up) { proxy_pass http://two; } proxy_pass http://one; }', gets('/a', '/a?up=1'));
at('location / { limit_except GET { proxy_pass http://two; } proxy_pass http://one; }', map { "$_ /a" } qw(GET HEAD POST DELETE));
at('location / { limit_except GET { deny all; } proxy_pass http://one; }', map { "$_ /a" } qw(GET HEAD POST DELETE OPTIONS));
at('location / { limit_except GET { proxy_pass http://two; } return 405; }', map { "$_ /a" } qw(GET POST));
at('location /in/ { try_files $uri @app; } location @app { proxy_pass http://one; }', gets(@few));
at('location /in/ { rewrite ^/in/(.*)$ /out/$1 break; proxy_pass http://%ORIGIN%; }', gets(@few));
at('location /in/ { rewrite ^/in/(.*)$ /out/$1 break; proxy_pass http://%ORIGIN%/sub/; }', gets(@few));
at('location /in/ { rewrite ^/in/(.*)$ /out/$1?x=y break; proxy_pass http://%ORIGIN%; }', gets(@few));
at('location /in/ { rewrite ^/in/(.*)$ /out/$1 last; } location /out/ { proxy_pass http://%ORIGIN%/sub/; }', gets(@few));
at('location /in/ { rewrite ^/in/(.*)$ /out/$1? last; } location /out/ { proxy_pass http://%ORIGIN%; }', gets(@few));
at('rewrite ^/in/(.*)$ /out/$1; location / { proxy_pass http://%ORIGIN%; }', gets(@few));
at('location / { set $args added=$arg_c; proxy_pass http://%ORIGIN%; }', gets(qw(/ /a%20b /a?c=d /a%3Fb?q)));
at('location /in/ { set $args added=$arg_c; proxy_pass http://%ORIGIN%/; }', gets(@few));
at('error_page 404 = @app; location / { return 404; } location @app { proxy_pass http://one; }', gets(qw(/ /a%20b /a?c=d /a%3Fb?q)), 'POST /x', 'HEAD /x',
   { what => 'POST /x', body => 'data' });
at('error_page 404 /page; location / { return 404; } location /page { proxy_pass http://one/y/; }', gets(qw(/ /a%20b /a?c=d /a%3Fb?q)), 'POST /x', 'HEAD /x',
   { what => 'POST /x', body => 'data' });
at('error_page 404 =200 /page?a=$arg_c; location / { return 404; } location /page { proxy_pass http://one; }', gets(qw(/ /a%20b /a?c=d /a%3Fb?q)));
at('error_page 404 502 /page; location / { proxy_intercept_errors on; proxy_pass http://127.0.0.1:%PORT3%; } location /page { proxy_pass http://one/y/; }',
   gets(qw(/ /a%20b /a?c=d /a%3Fb?q)), 'POST /x', 'HEAD /x', { what => 'POST /x', body => 'data' }, { what => 'PUT /x', body => 'data' });
at('error_page 502 @app; location / { proxy_pass http://127.0.0.1:%PORT3%; } location @app { proxy_pass http://one; }',
   gets(qw(/ /a%20b /a?c=d /a%3Fb?q)), 'POST /x', 'HEAD /x', { what => 'POST /x', body => 'data' }, { what => 'PUT /x', body => 'data' });
at('location / { index index.html; } location = /index.html { proxy_pass http://one/x; } root %DIR%;',
   gets('/', '/?a=b'), { option => { files => { 'index.html' => 'x' } } });
at('location /outer/ { proxy_set_header X o; location /outer/in/ { proxy_pass http://one/z/; } location ~ /re { proxy_pass http://one; } }',
   gets('/outer/in/a%20b', '/outer/in/', '/outer/x/re?a'));

done_testing;
