# t/differential/proxy_buffers.t - what the client gets with buffers of many sizes, temp files and limits, the same
# as in nginx
use Site;
use Differential;

sub answers ($origin) {
    $origin->answer('*', body => 'good');
    $origin->answer('/long', fill => 300_000);
    $origin->answer('/chunks', chunks => ['x' x 20_000, 'y' x 5]);
    $origin->answer('/close', no_length => 1, body => 'z' x 30_000);
    $origin->answer('/head', headers => ['X-Long' => 'h' x 3000]);
    $origin->answer('/huge', headers => ['X-Long' => 'h' x 9000]);
    $origin->answer('/many', headers => [map { ("X-$_" => 'h' x 50) } 1 .. 60]);
}

sub at ($text, @requests) {
    differential_ok("proxy_http_version 1.0; server { listen %PORT%; $text }", \@requests, hop => 1, allow_log => [qr/./], origin => \&answers);
}

my @sizes = map { "GET /$_" } qw(long chunks close head many x);
my $pass = 'proxy_pass http://%ORIGIN%;';
for my $with ('', 'proxy_buffering off;', 'proxy_buffer_size 4k; proxy_buffers 4 4k;', 'proxy_buffers 8 1k; proxy_busy_buffers_size 4k;', 'proxy_max_temp_file_size 0;',
              'proxy_buffers 4 4k; proxy_max_temp_file_size 16k; proxy_temp_file_write_size 8k;', 'proxy_temp_path %DIR%/temp 1 2; proxy_buffers 4 4k;', 'proxy_limit_rate 10m;', 'limit_rate 10m; limit_rate_after 1k;',
              'proxy_force_ranges on;', 'sendfile on; output_buffers 1 4k;', 'tcp_nopush on; sendfile on; sendfile_max_chunk 16k;') {
    at("location / { $pass $with }", @sizes, 'GET /huge', ['GET /long', Range => 'bytes=10-20']);
}
at("location / { $pass proxy_buffer_size 2k; proxy_buffers 4 4k; }", 'GET /head', 'GET /many', 'GET /x');
at("location / { $pass proxy_buffer_size 16k; proxy_buffers 8 16k; }", 'GET /huge', 'GET /many');

done_testing;
