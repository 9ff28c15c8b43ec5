# t/differential/config_syntax.t - accepted and refused as by nginx: the syntax, the main and events blocks, values of every type
use Site;
use Differential;

my %files = ('mime.types' => 'types { text/html html; }', 'empty.conf' => '', 'half.conf' => 'server {', 'users' => "a:b\n", 'a.geo' => '10.0.0.0/8 a;',
             'a.map' => 'a b;', 'bad.map' => 'a;', 'html/x' => 'x', 'd/1.conf' => 'server_tokens off;', 'd/2.conf' => 'keepalive_timeout 10;');
my @all;
sub at ($where, @texts) { push @all, map { [$where => $_] } @texts }

# Syntax
at main => '', ';', 'user nobody', 'user nobody;;', 'user "nobody";', "user 'nobody';", 'user nobody nogroup;', 'user nobody nogroup x;', 'user;', 'user no-such-user;', '}', '{', 'x;', 'x {}',
    'worker_processes 1;', 'worker_processes auto;', 'worker_processes 0;', 'worker_processes -1;', 'worker_processes x;', 'worker_processes 1; worker_processes 2;', 'worker_processes "1";',
    'worker_processes 1 2;', 'worker_rlimit_nofile 1024;', 'worker_rlimit_nofile x;', 'worker_rlimit_core 1m;', 'worker_rlimit_core x;', 'worker_shutdown_timeout 5s;', 'worker_shutdown_timeout x;',
    'worker_priority 5;', 'worker_priority -5;', 'worker_priority x;', 'worker_cpu_affinity auto;', 'worker_cpu_affinity 01 10;', 'worker_cpu_affinity 2;', 'worker_cpu_affinity auto 01;', 'working_directory /tmp;', 'timer_resolution 100ms;',
    'timer_resolution x;', 'daemon off;', 'daemon maybe;', 'daemon;', 'master_process on;', 'master_process 1;', 'pcre_jit on;', 'env A;', 'env A=b;', 'env A B;', 'env;', 'debug_points stop;', 'debug_points x;', 'lock_file x.lock;',
    'thread_pool a threads=4;', 'thread_pool a;', 'thread_pool a threads=0;', 'thread_pool a threads=x;', 'thread_pool a threads=1 max_queue=5;', 'thread_pool default threads=4;', 'thread_pool a threads=1; thread_pool a threads=1;', 'thread_pool a threads=1 x=y;',
    'error_log stderr;', 'error_log %DIR%/e.log crit;', 'error_log %DIR%/e.log nonsense;', 'error_log;', 'error_log %DIR%/e.log info notice;', 'error_log syslog:server=127.0.0.1:5140 warn;', 'error_log syslog:server=;', 'error_log syslog:x=y;', 'error_log memory:32k debug;',
    'include %DIR%/empty.conf;', 'include %DIR%/none.conf;', 'include %DIR%/no*.conf;', 'include;', 'include a b;', 'include %DIR%/half.conf;', 'http {}', 'events {}', 'server {}', 'location / {}', 'listen 80;', 'gzip on;', '# comment', "# comment\nuser nobody;", "user nobody; # x",
    'user nobody;#x', 'user nobody#x;', 'pcre_jit "on";', 'pcre_jit on', 'pcre_jit "on', "pcre_jit 'on;", 'pcre_jit "on"x;', 'pcre_jit on"x";', 'pcre_jit "o\"n";', 'pcre_jit on\;', 'pcre_jit ${x};', 'pcre_jit $x;', "pcre_jit\non\n;", "pcre_jit\ton;", "pcre_jit on;\r\n", 'PCRE_JIT on;',
    'pcre_jit ON;', 'pcre_jit On;', 'pid %DIR%/other.pid;', 'ssl_engine none;', 'load_module none.so;', 'a{b}', 'user nobody{}', 'user {}', '"user" nobody;', "'user' nobody;", 'events', 'events;', 'events x {}', '"events" {}';
at events => '', 'worker_connections 100;', 'worker_connections 0;', 'worker_connections x;', 'worker_connections 100; worker_connections 100;', 'use epoll;', 'use select;', 'use poll;', 'use kqueue;', 'use x;', 'multi_accept on;', 'accept_mutex on;', 'accept_mutex_delay 100ms;', 'debug_connection 127.0.0.1;',
    'debug_connection 10.0.0.0/8;', 'debug_connection unix:;', 'debug_connection x y;', 'epoll_events 512;', 'worker_aio_requests 32;', 'server {}', 'listen 80;', 'use epoll; use epoll;', 'multi_accept maybe;', 'connections 10;';

# Values of every type in places that take them
for my $flag (qw(sendfile tcp_nopush tcp_nodelay gzip etag absolute_redirect port_in_redirect server_name_in_redirect msie_padding log_not_found log_subrequest chunked_transfer_encoding recursive_error_pages
                 reset_timedout_connection client_body_in_single_buffer ignore_invalid_headers underscores_in_headers merge_slashes)) {
    at http => "$flag on;", "$flag off;", "$flag ON;", "$flag 1;", "$flag;", "$flag on off;", "$flag on; $flag on;";
}
for my $time (qw(client_header_timeout client_body_timeout send_timeout lingering_time lingering_timeout keepalive_time auth_delay)) {
    at http => map { "$time $_;" } '5', '5s', '500ms', '1m', '1h', '1d', '1M', '1y', '1w', '1m30s', '"1m 30s"', '30s1m', 'x', '-1', '1.5s', '5 s', '', '0', '1ms500', '99999999999d', '5S', '5sec';
}
for my $size (qw(client_max_body_size client_body_buffer_size client_header_buffer_size connection_pool_size request_pool_size limit_rate limit_rate_after sendfile_max_chunk postpone_output)) {
    at http => map { "$size $_;" } '1k', '1K', '1m', '1M', '1g', '1G', '4096', '0', 'x', '-1', '1.5k', '1kb', '1 k', '', '99999999999999999999', 'k', '1t', '0x10';
}
for my $number (qw(keepalive_requests max_ranges types_hash_max_size types_hash_bucket_size variables_hash_max_size server_names_hash_max_size server_names_hash_bucket_size)) {
    at http => map { "$number $_;" } '1', '100', '0', '-1', 'x', '1k', '', '1 2', '99999999999999999999', '01', '1.5';
}
at http => map { "large_client_header_buffers $_;" } '4 8k', '4', '4 8k 1', '0 8k', 'x 8k', '4 x', '1 1k', '4 100';
at http => map { "output_buffers $_;" } '2 32k', '1', '0 32k', 'x y';
at http => map { "keepalive_timeout $_;" } '5', '5 6', '5 6 7', 'x', '5 x', '0', '75s 60s', '';
at http => map { "keepalive_disable $_;" } 'none', 'msie6', 'safari', 'msie6 safari', 'none msie6', 'x', '', 'msie6 msie6';
at http => map { "lingering_close $_;" } qw(on off always x);
at http => map { "server_tokens $_;" } qw(on off build x), '$host', '"my server"', '';
at http => map { "if_modified_since $_;" } qw(off exact before x);
at http => map { "satisfy $_;" } qw(all any x), 'all any';
at http => map { "client_body_in_file_only $_;" } qw(on off clean x);
at http => map { "client_body_temp_path $_;" } '%DIR%/bodies', '%DIR%/bodies 1', '%DIR%/bodies 1 2', '%DIR%/bodies 1 2 3', '%DIR%/bodies 1 2 3 4', '%DIR%/bodies x', '%DIR%/bodies 0', '%DIR%/bodies 4', '%DIR%/bodies 10', '%DIR%/bodies -1', '';
at http => map { "open_file_cache $_;" } 'off', 'max=10', 'max=10 inactive=5s', 'inactive=5s', 'max=x', 'max=0', 'max=10 inactive=x', 'x', '';
at http => map { "open_file_cache_$_;" } 'valid 5s', 'min_uses 2', 'errors on', 'valid x', 'min_uses x', 'errors x';
at http => map { "resolver_timeout $_;" } '5s';
at http => map { "default_type $_;" } 'a/b', '""', '', 'a b', '$host', 'nonsense';
at http => map { "types { $_ }" } '', 'a/b c;', 'a/b c d;', 'a/b;', 'a/b c; d/e c;', 'a/b c; a/b c;', 'include %DIR%/empty.conf;', 'include %DIR%/mime.types;', 'a/b { c d; }', 'a/b .c;', 'a/b C;', '"a/b" "c";', 'a/b c';
at http => 'types { a/b c; } types { a/b d; }', 'include %DIR%/mime.types;', 'include %DIR%/mime.types; include %DIR%/mime.types;', 'include %DIR%/d/*.conf;', 'include %DIR%/d/*.none;', 'include %DIR%/d/none.conf;', 'include d/none/*.conf;', 'server_tokens on; include %DIR%/d/1.conf;';

# What differs, and why
my %allow = ('worker_processes 0;' => 'nobody would serve', 'thread_pool a threads=1 x=y;' => 'nginx does not look at it',
    'error_log memory:32k debug;' => 'documented as missing', 'client_header_buffer_size 0;' => 'nothing could be read',
    'server_tokens $host;' => 'a string since 1.31', 'server_tokens x;' => 'a string since 1.31', 'server_tokens "my server";' => 'a string since 1.31');
sub allowed ($where, $text) {
    return $allow{$text} // ($text =~ /^user "?'?nobody"?'?;|\nuser nobody;|^["']user["'] nobody;/ ? "no group needs to have the user's name"
        : $text =~ /^(?:\w+_size|limit_rate\w*|sendfile_max_chunk|postpone_output) 1[gG];/ ? 'g is a unit of every size'
        : $text =~ /^(?:types|variables|server_names)_hash_|^(?:connection|request)_pool_size/ ? 'without effect here'
        : $text =~ /^\w+ 1ms500;/ ? 'a number behind milliseconds has no unit'
        : $text =~ /^client_body_temp_path \S+ (?:4|10);/ ? 'as documented: levels have one to three digits' : undef);
}
configs_alike(\@all, files => \%files, allow => \&allowed);
done_testing;
