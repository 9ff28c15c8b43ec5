# t/differential/proxy_answer.t - what becomes of an origin's answer on its way to the client, the same as in
# nginx: redirects, cookies, fields hidden and passed, framing
use Site;
use Differential;
use OddOrigin;

sub gets ($prefix, @names) { return map { "GET $prefix/$_" } @names }
my @locations = map({ "GET /in/l$_" } 0 .. 13, 20), map { "GET /in/r$_" } 0 .. 13, 20, 21;
my $pass = 'proxy_pass http://%ORIGIN%';

# proxy_redirect
odd_origin_ok("location /in/ { $pass/app/; }", @locations);
odd_origin_ok("location /in/ { $pass/app/; proxy_redirect off; }", @locations[0 .. 5]);
odd_origin_ok("location /in/ { $pass/app/; proxy_redirect default; }", @locations[0 .. 5]);
odd_origin_ok("location /in/ { $pass/app/; proxy_redirect http://other/ /away/; }", @locations);
odd_origin_ok("location /in/ { $pass/app/; proxy_redirect http://other/ http://\$host:\$server_port/\$arg_x/; proxy_redirect default; proxy_redirect / /root/; }", @locations);
odd_origin_ok("location /in/ { $pass/app/; proxy_redirect ~^http://re\\.example/(\\d+)/ /digit/\$1/; proxy_redirect ~*^HTTP://OTHER(?<p>.*) http://new\$p; }", @locations);
odd_origin_ok("location /in/ { $pass/app/; proxy_redirect http://\$arg_none%ORIGIN%/ /v/; }", @locations);
odd_origin_ok("proxy_redirect http://other/ /up/; location /in/ { $pass/app/; } location /own/ { proxy_redirect off; $pass/app/; }", @locations[0, 8], 'GET /own/l0', 'GET /own/l8');
odd_origin_ok("location ~ ^/in/(.*) { $pass/app/\$1; }", @locations[0 .. 5]);
odd_origin_ok("location ~ ^/in/(.*) { rewrite ^/in/(.*) /app/\$1 break; $pass; proxy_redirect / /root/; }", @locations);
odd_origin_ok("absolute_redirect off; location /in/ { $pass/app/; }", @locations[0 .. 5]);
odd_origin_ok("server_name_in_redirect on; port_in_redirect off; location /in/ { $pass/app/; proxy_redirect http://other/ /x/; }", @locations[0 .. 8]);

# Cookies
odd_origin_ok("location / { $pass; }", 'GET /a/cookie');
odd_origin_ok("location / { $pass; proxy_cookie_domain origin.example client.example; proxy_cookie_path /app/ /; }", 'GET /a/cookie');
odd_origin_ok("location / { $pass; proxy_cookie_domain ~\\.?(origin)\\.example\$ \$1.new; proxy_cookie_path ~*^/APP(/?) \$1x\$arg_y; }", 'GET /a/cookie', 'GET /a/cookie?y=z');
odd_origin_ok("location / { $pass; proxy_cookie_domain other \$host; proxy_cookie_domain origin.example \$arg_none; proxy_cookie_path / /sub/; }", 'GET /a/cookie');
odd_origin_ok("proxy_cookie_path / /x/; location / { proxy_cookie_domain off; proxy_cookie_path off; $pass; } location /a/ { $pass; }", 'GET /a/cookie', 'GET /b/cookie');
odd_origin_ok("location / { $pass; proxy_cookie_domain .origin.example .client.example; proxy_cookie_domain ~^origin never; proxy_cookie_path '' x; }", 'GET /a/cookie');
odd_origin_ok("location / { $pass; proxy_cookie_flags ~ httponly samesite=lax; }", 'GET /a/cookie');
odd_origin_ok("location / { $pass; proxy_cookie_flags a \$arg_one secure \$arg_two; }", map { "GET /a/cookie?$_" } 'one=httponly', 'one=nosecure&two=nosamesite', 'one=secure&two=', 'one=unknown');
odd_origin_ok("location / { $pass; proxy_cookie_flags a secure samesite=strict nohttponly; proxy_cookie_flags ~^t nosecure httponly samesite=none; proxy_cookie_flags e nosamesite; }", 'GET /a/cookie');
odd_origin_ok("location / { $pass; proxy_cookie_flags \$arg_n httponly; proxy_cookie_flags ~ secure; }", 'GET /a/cookie?n=plain', 'GET /a/cookie');

# Fields
my @fields = gets('/a', qw(plain odd twice hop type typeless link auth s206 range retry redirect nolocation s299 digit reason none toclose old trailers chunked));
my %more = ((map { ("$_ /a/hop: header Upgrade" => 'RFC 9110, 7.8: it is for the next hop only') } 'GET'), 'GET /a/trailers: header Trailer' => 'it announces what does not come', 'GET /a/hop: header Trailer' => 'it announces what does not come');
my $listed = { option => { allow => { %more } } };
odd_origin_ok("location / { $pass; }", @fields, $listed);
odd_origin_ok("location / { $pass; }", (map { s/GET/HEAD/r } @fields), { option => { allow => { map { s/GET/HEAD/r => $more{$_} } keys %more } } });
odd_origin_ok("location / { $pass; }", (map { { what => $_, version => '1.0' } } @fields), $listed);
odd_origin_ok("location / { $pass; }", (map { { what => $_, version => '1.0', fields => [Connection => 'keep-alive'] } } @fields), $listed);
odd_origin_ok("location / { $pass; proxy_hide_header X-A; proxy_hide_header x-t; proxy_hide_header Set-Cookie; proxy_hide_header ETag; proxy_hide_header Content-Language; }", @fields[0, 2]);
odd_origin_ok("location / { $pass; proxy_pass_header Server; proxy_pass_header Date; proxy_pass_header X-Pad; proxy_pass_header X-Accel-Expires; }", $fields[0], 'GET /a/file', 'GET /a/expires');
odd_origin_ok("location / { $pass; proxy_hide_header Last-Modified; proxy_hide_header Location; proxy_hide_header Content-Type; proxy_hide_header WWW-Authenticate; }", gets('/a', qw(plain redirect type auth)));
odd_origin_ok("location / { $pass; add_header X-Seen \$upstream_http_x_a,\$upstream_cookie_a,\$upstream_status,\$upstream_http_server always; add_header X-Got \$sent_http_content_type; }",
   gets('/a', qw(plain e404 twice none s204)), 'HEAD /a/plain');
odd_origin_ok("location / { $pass; expires 1h; add_header Cache-Control extra; etag off; if_modified_since off; }", gets('/a', qw(plain expires e404)));
odd_origin_ok("location / { $pass; chunked_transfer_encoding off; }", gets('/a', qw(plain chunked toclose old s304)));
odd_origin_ok("location / { $pass; proxy_force_ranges on; }", map { ["GET /a/$_", Range => 'bytes=1-2'] } qw(plain chunked toclose e404 s206 long));
odd_origin_ok("location / { $pass; }", (map { ["GET /a/$_", Range => 'bytes=1-2'] } qw(plain chunked s206)), ['GET /a/plain', 'If-None-Match' => '"o"'], ['GET /a/plain', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'],
   ['GET /a/plain', 'If-Match' => '"x"']);
odd_origin_ok("location / { $pass; sub_filter plain PLAIN; sub_filter_types *; ssi on; gzip on; gzip_types *; gzip_min_length 1; }", gets('/a', qw(plain chunked long s204)), ['GET /a/long', 'Accept-Encoding' => 'gzip']);

done_testing;
