# t/differential/config_cgi.t - what a configuration may say of FastCGI, uwsgi and SCGI, the same as in nginx
use Site;
use Differential;

my @all;
for my $p (qw(fastcgi uwsgi scgi)) {
    push @all, map { [server => s/\bp_/${p}_/gr] } (
        (map { "p_buffer_size $_" } '4k;', 'x;', '4k 4k;'), (map { "p_buffers $_" } '1 4k;', '2 4k;', '0 4k;', '8 0;', '8;', '2 1k;', 'x 4k;'),
        (map { "p_buffers 4 4k; p_busy_buffers_size $_;" } '1k', '4k', '8k', '12k', '13k', '16k'), (map { "p_buffer_size 8k; p_buffers 8 4k; p_max_temp_file_size $_;" } '4k', '8k', '0'),
        'p_next_upstream;', 'p_next_upstream error off;', 'p_next_upstream http_418;', 'p_next_upstream_tries x;', 'p_ignore_headers x;', 'p_ignore_headers Vary;', 'p_hide_header;', 'p_bind x;', 'p_bind 127.0.0.1;', 'p_bind off;', 'p_bind $remote_addr transparent;',
        'p_store on;', 'p_store %DIR%/$uri;', 'p_store_access user:rw;', 'p_temp_path x 1 2 3;', 'p_limit_rate 1k;', 'p_param a b;', 'p_param a;', 'p_param a b if_not_empty;', 'p_param a b x;', 'p_param "" b;', 'p_pass_request_body off;', 'p_pass_request_headers off;', 'p_request_buffering off;',
        'p_intercept_errors on;', 'p_force_ranges on;', 'p_read_timeout 1x;', 'p_socket_keepalive on;', 'p_buffering off;', 'p_ignore_client_abort on;', 'p_connect_timeout 5s;', 'p_send_timeout;',
    );
    push @all, map { [location => s/\bp_/${p}_/gr] } ('p_pass 127.0.0.1:9;', 'p_pass x;', 'p_pass unix:/x;', 'p_pass unix:;', 'p_pass $host;', 'p_pass 127.0.0.1:x;', 'p_pass 127.0.0.1:9 x;', 'p_pass 127.0.0.1:9; p_pass 127.0.0.1:9;', 'if ($args) { p_pass 127.0.0.1:9; }', 'if ($args) { p_param a b; }', 'limit_except GET { p_pass 127.0.0.1:9; }', "p_pass $p://127.0.0.1:9;", 'p_pass http://127.0.0.1:9;', 'p_pass 127.0.0.1:0;', 'p_pass [::1]:9;', 'p_pass 127.0.0.1:9/x;');
}
configs_alike(\@all, allow => { map { ("${_}_pass $_://127.0.0.1:9;" => 'the scheme may be said') } qw(fastcgi scgi) });
done_testing;
