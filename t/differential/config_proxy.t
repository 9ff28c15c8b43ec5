# t/differential/config_proxy.t - what a configuration may say of proxies and upstreams, the same as in nginx
use Site;
use Differential;

my @refused = map { [server => $_] } (
    (map { "proxy_buffer_size $_" } '0;', '1;', '100;', '1k;', '4k;', 'x;', '4k 4k;', '1g;'),
    (map { "proxy_buffers $_" } '1 4k;', '2 4k;', '0 4k;', '8 0;', '8;', '2 1k;', 'x 4k;', '4k 8;', '100000 1m;'),
    (map { "proxy_buffers 4 4k; proxy_busy_buffers_size $_;" } '1k', '4k', '8k', '12k', '13k', '16k', '0'),
    (map { "proxy_buffer_size 8k; proxy_buffers 4 4k; proxy_busy_buffers_size $_;" } '4k', '8k', '12k'),
    (map { "proxy_buffer_size 8k; proxy_buffers 8 4k; proxy_temp_file_write_size $_;" } '4k', '8k', '0'),
    (map { "proxy_buffer_size 8k; proxy_buffers 8 4k; proxy_max_temp_file_size $_;" } '4k', '8k', '0', '1g'),
    'proxy_buffer_size 64k;', 'proxy_buffer_size 64k; proxy_buffers 4 64k;', 'proxy_buffers 2 8k; proxy_buffer_size 4k;', 'proxy_buffers 2 4k; proxy_buffer_size 8k;', 'proxy_buffers 3 4k; proxy_buffer_size 8k;',
    'proxy_next_upstream;', 'proxy_next_upstream error off;', 'proxy_next_upstream off error;', 'proxy_next_upstream http_418;', 'proxy_next_upstream error error;', 'proxy_next_upstream_tries x;',
    'proxy_next_upstream_timeout 1;', 'proxy_http_version 1.2;', 'proxy_http_version 1;', 'proxy_method;', 'proxy_set_header X;', 'proxy_set_header "" y;', 'proxy_redirect;', 'proxy_redirect x;', 'proxy_redirect x y z;',
    'proxy_redirect default;', 'proxy_redirect off; proxy_redirect default;', 'proxy_redirect ~( y;', 'proxy_redirect ~* y;', 'proxy_redirect off on;', 'proxy_cookie_path x;', 'proxy_cookie_path off;', 'proxy_cookie_path ~x;',
    'proxy_cookie_domain x;', 'proxy_cookie_domain off; proxy_cookie_domain a b;', 'proxy_cookie_flags a;', 'proxy_cookie_flags a b;', 'proxy_cookie_flags a $arg_a secure;', 'proxy_cookie_flags $arg_a $arg_b$arg_c;', 'proxy_cookie_flags off;', 'proxy_cookie_flags a secure secure;', 'proxy_cookie_flags a samesite=x;',
    'proxy_ignore_headers x;', 'proxy_ignore_headers Vary Vary;', 'proxy_ignore_headers vary;', 'proxy_hide_header;', 'proxy_bind x;', 'proxy_bind 127.0.0.1;', 'proxy_bind 127.0.0.1:80;', 'proxy_bind off;', 'proxy_bind 127.0.0.1 x;',
    'proxy_bind 127.0.0.1 transparent;', 'proxy_bind $remote_addr;', 'proxy_store on;', 'proxy_store off;', 'proxy_store %DIR%/$uri;', 'proxy_store x y;', 'proxy_store_access user:rw group:r;', 'proxy_store_access x:rw;', 'proxy_temp_path;',
    'proxy_temp_path x 4;', 'proxy_temp_path x 1 2 3;', 'proxy_temp_path x 1 2 3 3;', 'proxy_temp_path x 0;', 'proxy_limit_rate x;', 'proxy_limit_rate $arg_a;', 'proxy_send_lowat 1;', 'proxy_socket_keepalive x;', 'proxy_headers_hash_max_size 1;',
    'proxy_headers_hash_bucket_size 1;', 'proxy_connect_timeout 0;', 'proxy_connect_timeout -1;', 'proxy_read_timeout 1y;', 'proxy_read_timeout 1x;', 'proxy_intercept_errors x;', 'proxy_pass http://127.0.0.1;', 'proxy_set_body;', 'proxy_set_body "";',
);
push @refused, map { [location => $_] } ('proxy_pass x;', 'proxy_pass http://;', 'proxy_pass http:///;', 'proxy_pass http://127.0.0.1:;', 'proxy_pass http://127.0.0.1:0;', 'proxy_pass http://127.0.0.1:x;', 'proxy_pass http://127.0.0.1:80x/;',
    'proxy_pass http://[::1]:80;', 'proxy_pass http://[::1;', 'proxy_pass http://unix:/x;', 'proxy_pass http://unix:;', 'proxy_pass http://unix:/x:/y;', 'proxy_pass ftp://127.0.0.1;', 'proxy_pass $x;', 'proxy_pass http://$host;', 'proxy_pass http://127.0.0.1 x;',
    'proxy_pass http://127.0.0.1; proxy_pass http://127.0.0.1;', 'proxy_pass http://127.0.0.1; fastcgi_pass 127.0.0.1:9;', 'proxy_pass http://127.0.0.1/x; proxy_redirect default;', 'set $u 1; proxy_pass http://127.0.0.1/$u; proxy_redirect default;',
    'limit_except GET { proxy_pass http://127.0.0.1/x; }', 'limit_except GET { proxy_pass http://127.0.0.1; }', 'if ($args) { proxy_set_header X y; }', 'if ($args) { proxy_pass http://127.0.0.1; }', 'if ($args) { proxy_redirect off; }',
    'if ($args) { proxy_buffering off; }', 'if ($args) { proxy_set_body x; }', 'if ($args) { proxy_limit_rate 1; }', 'if ($args) { proxy_method POST; }', 'proxy_pass http://127.0.0.1?x;', 'proxy_pass http://127.0.0.1#x;', 'proxy_pass "http://127.0.0.1/a b";',
    'proxy_pass http://user@127.0.0.1;', 'proxy_pass http://127.0.0.1/%zz;', 'proxy_pass HTTP://127.0.0.1;', 'proxy_pass http:127.0.0.1;', 'proxy_pass //127.0.0.1;');
push @refused, map { [http => "upstream u { $_ }"] } ('server 127.0.0.1;', '', 'server;', 'server 127.0.0.1 x;', 'server 127.0.0.1 weight=x;', 'server 127.0.0.1 weight=2 weight=3;', 'server 127.0.0.1 max_fails=-1;', 'server 127.0.0.1 fail_timeout=x;',
    'server 127.0.0.1 backup;', 'server 127.0.0.1 backup; server 127.0.0.2;', 'server 127.0.0.1 down;', 'server unix:;', 'server unix:/x;', 'server 127.0.0.1/x;', 'server http://127.0.0.1;', 'server 127.0.0.1 max_conns=x;', 'keepalive 4; server 127.0.0.1;', 'server 127.0.0.1; keepalive 0;',
    'server 127.0.0.1; keepalive x;', 'server 127.0.0.1; keepalive 4; keepalive 5;', 'server 127.0.0.1; ip_hash; keepalive 4;', 'server 127.0.0.1; ip_hash; least_conn;', 'server 127.0.0.1; ip_hash; server 127.0.0.2 backup;', 'server 127.0.0.1; hash $uri consistent;',
    'server 127.0.0.1; hash $uri x;', 'server 127.0.0.1; hash;', 'server 127.0.0.1; random two;', 'server 127.0.0.1; random two least_conn;', 'server 127.0.0.1; random x;', 'server 127.0.0.1; least_conn x;', 'server 127.0.0.1; zone z 64k;', 'server 127.0.0.1; zone z;', 'server 127.0.0.1; zone z 1k;',
    'server 127.0.0.1 weight=0;', 'server 127.0.0.1:99999;', 'server 127.0.0.1:0;', 'server [::1]:1;', 'server 127.0.0.1; keepalive_requests 0;', 'server 127.0.0.1; keepalive_timeout 0;', 'server 127.0.0.1; keepalive_time 1h;', 'server 127.0.0.1 slow_start=3s;', 'proxy_pass http://x;');
configs_alike(\@refused, allow => {
    (map { ("proxy_buffer_size $_" => 'no head fits into so little') } '0;', '1;', '100;'),
    (map { ("proxy_buffer_size 8k; proxy_buffers 8 4k; proxy_temp_file_write_size $_;" => 'it has no effect here') } '4k', '8k', '0'),
    'proxy_buffer_size 8k; proxy_buffers 8 4k; proxy_max_temp_file_size 1g;' => 'sizes are the same everywhere',
    'proxy_temp_path x 4;' => 'three digits are a thousand directories', 'proxy_set_header "" y;' => 'a field has a name',
    'proxy_redirect default;' => 'it may be inherited', 'proxy_redirect off; proxy_redirect default;' => 'the last counts', 'proxy_cookie_domain off; proxy_cookie_domain a b;' => 'the last counts',
    (map { ("proxy_cookie_flags a $_;" => 'a word that is no flag') } 'b', 'samesite=x'),
    'upstream u { server 127.0.0.1; keepalive 0; }' => 'off, as since 1.29.7', 'upstream u { server 127.0.0.1 slow_start=3s; }' => 'not only for who pays',
});

done_testing;
