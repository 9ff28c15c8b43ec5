# t/differential/proxy_tries.t - who is asked next, and what is logged of several tries, the same as in nginx
use Site;
use Differential;

my $times = join "\n", map { "map \$upstream_$_ \$t_$_ { '' none; - dash; '~^\\d+\\.\\d\\d\\d\$' one; '~^(\\d+\\.\\d\\d\\d|-)(, (\\d+\\.\\d\\d\\d|-))+\$' several; '~:' redirected; default odd; }" }
    qw(response_time connect_time header_time);
my $log = 'log_format up "$request $status $upstream_addr|$upstream_status|$upstream_response_length|$upstream_bytes_received|$upstream_bytes_sent|$upstream_http_x_n|$t_response_time $t_connect_time $t_header_time";';

sub at ($text, @requests) {
    my %option = ref $requests[-1] eq 'HASH' && $requests[-1]{option} ? %{ pop(@requests)->{option} } : ();
    differential_ok(<<"CONF", \@requests, logs => ['up.log'], hop => 1, allow_log => [qr/./], origin => \&answers, prepare => \&more_origins, %option);
    proxy_http_version 1.0;
    $times
    $log
    upstream gone  { server 127.0.0.1:%PORT5% max_fails=0; server %ORIGIN% max_fails=0; }
    upstream both  { server 127.0.0.1:%PORT5% max_fails=0; server 127.0.0.1:%PORT6% max_fails=0; }
    upstream three { server %ORIGIN2% max_fails=0; server %ORIGIN3% max_fails=0; server %ORIGIN% max_fails=0; }
    upstream back  { server %ORIGIN2% max_fails=0; server %ORIGIN% backup; }
    upstream down  { server %ORIGIN2% down; server %ORIGIN%; }
    upstream alldown { server %ORIGIN2% down; server %ORIGIN% down; }
    upstream one   { server %ORIGIN2%; }
    server {
        listen %PORT%; access_log %DIR%/up.log up;
        location = /e.html { return 200 "an error page\n"; }
        $text
    }
CONF
}
sub answers ($origin) {
    $origin->answer('*', headers => ['X-N' => 1], body => 'good');
}
sub more_origins ($site) {
    for my $n (2, 3) {
        my $origin = $site->origin($n);
        $origin->answer('*', headers => ['X-N' => $n], body => "of $n");
        $origin->answer("/$_", status => $_, headers => ['X-N' => $n], body => "$_ of $n") for 403, 404, 429, 500, 502, 503, 504;
        $origin->script('/close', 'body', 'close');
        $origin->script('/reset', 'body', 'reset');
        $origin->script('/bad', 'body', [write => "nonsense\r\n\r\n"], 'close');
        $origin->script('/half', 'body', [write => "HTTP/1.1 200 OK\r\nX-"], 'close');
        $origin->script('/cut', 'body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"], 'close');
        $origin->script('/stall', 'body', 'stall');
    }
}
sub body ($what) { return { what => $what, body => 'data', name => "$what with a body" } }

# Tries
my $three = 'location / { proxy_pass http://three;';
my $intercepted = { option => { allow => { 'log up.log' => sub ($nginx, $weir) {
    'what came with the head of an intercepted answer counts' if $nginx->{body} =~ s/\|500 : 200\|0/|500 : 200|8/r =~ s/\|0, 0\|118/|0, 8|118/r eq $weir->{body} } } } };
at("location / { proxy_pass http://gone; }", 'GET /', 'HEAD /', 'POST /', body('PUT /'));
at("location / { proxy_pass http://both; }", 'GET /', 'POST /');
at("error_page 502 /e.html; location / { proxy_pass http://both; }", 'GET /', 'POST /');
at("location / { proxy_pass http://back; }", 'GET /', 'GET /close', 'GET /500');
at("location / { proxy_pass http://down; }", 'GET /', 'GET /');
at("location / { proxy_pass http://alldown; }", 'GET /');
at("$three }", 'GET /close');
at("$three }", 'GET /half');
my $soon = 'proxy_read_timeout 500ms;';
my $probe = "location = /differential-probe { proxy_pass http://three; }"; # what is to be answered has its time
at("$three proxy_read_timeout 2s; } $probe", 'GET /stall'); # as has the last of them here
at("$three }", 'POST /close', 'POST /close');
at("$three }", map { "GET /$_" } 403, 404, 429, 500, 502, 503, 504);
for my $code (403, 404, 429, 500, 502, 503, 504) {
    at("$three proxy_next_upstream http_$code; }", "GET /$code");
}
at("$three proxy_next_upstream http_404; }", 'POST /404');
at("$three proxy_next_upstream http_404 non_idempotent; }", body('POST /404'));
at("$three $soon proxy_next_upstream error; } $probe", 'GET /stall');
at("$three proxy_next_upstream timeout; }", 'GET /close');
at("$three proxy_next_upstream off; }", 'GET /close');
at("$three proxy_next_upstream error http_500; proxy_next_upstream_tries 1; }", 'GET /500');
at("$three proxy_next_upstream error http_500; proxy_next_upstream_tries 2; }", 'GET /500');
at("$three $soon proxy_next_upstream error timeout; proxy_next_upstream_timeout 100ms; } $probe", 'GET /stall');
at("$three proxy_intercept_errors on; error_page 500 502 /e.html; proxy_next_upstream http_500; proxy_next_upstream_tries 2; }", 'GET /500', $intercepted);
at("location / { proxy_pass http://one; }", map { "GET /$_" } qw(close reset half 500));
at("location / { proxy_pass http://one; error_page 500 502 = \@fall; proxy_intercept_errors on; } location \@fall { proxy_pass http://three; }", (map { "GET /$_" } qw(half 500)), $intercepted);
at("location / { proxy_pass http://one; } location /a { proxy_pass http://one; auth_request /500; }", 'GET /a');

done_testing;
