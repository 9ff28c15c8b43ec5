# t/proxy/tries.t - variables over several tries say what nginx's do
use Site;
use Differential;

my $conf = <<'CONF';
    log_format tries '$uri: $upstream_status | $upstream_response_length | $upstream_bytes_sent | $upstream_bytes_received | $upstream_connect_time | $upstream_header_time | $upstream_response_time | $upstream_cache_status | $upstream_addr';
    access_log %DIR%/tries.log tries;
    upstream two { server %ORIGIN% max_fails=0; server %ORIGIN2% max_fails=0; }
    upstream gone { server 127.0.0.1:%PORT9% max_fails=0; server %ORIGIN2% max_fails=0; }
    upstream dead { server 127.0.0.1:%PORT9%; server 127.0.0.1:%PORT8%; }
    upstream down { server 127.0.0.1:%PORT9% down; }
    proxy_http_version 1.0;
    proxy_set_header Host origin;
    proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504 http_403 http_404 http_429;
    server {
        listen %PORT%;
        location / { proxy_pass http://two; }
        location /stalled { proxy_read_timeout 1500ms; proxy_pass http://two; }
        location /gone/ { proxy_pass http://gone; }
        location /dead/ { proxy_pass http://dead; }
        location /down/ { proxy_pass http://down; }
        location /once/ { proxy_next_upstream off; proxy_pass http://two; }
        location /tries/ { proxy_next_upstream_tries 1; proxy_pass http://two; }
        location /elsewhere/ { proxy_intercept_errors on; proxy_next_upstream off; error_page 404 500 = @other; proxy_pass http://two; }
        location @other { proxy_pass http://gone; }
        location /sent/ { proxy_pass http://two; }
        location /local/ { return 200 "here"; }
    }
CONF

my $bad = sub ($status) { ['body', [answer => { status => $status, body => "bad $status" }]] };
my $close = ['body', 'close'];
my @cases = (
    (map { my $status = $_; ["/$status", $bad->($status), $bad->($status)] } 403, 404, 429, 500, 502, 503, 504, 501, 400),
    ['/closed', $close, $close], ['/gone/x'], ['/dead/x'], ['/dead/y'], ['/down/x'], ['/fine'],
    ['/stalled', ['body', 'stall'], ['body', 'stall']],
    ['/half', ['body', [write => "HTTP/1.1 200 OK\r\nX: y"], 'close'], ['body', [write => "HTTP/1.1 200 OK\r\nX: y"], 'close']],
    ['/cut', ['body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], 'close'],
             ['body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], 'close']],
    ['/once/500', $bad->(500), $bad->(500)], ['/once/closed', $close, $close], ['/tries/500', $bad->(500), $bad->(500)],
    ['/elsewhere/404', $bad->(404), $bad->(404)], ['/sent/x', ['body', [answer => { headers => ['X-Accel-Redirect' => '/fine'] }]],
    ['body', [answer => { headers => ['X-Accel-Redirect' => '/fine'] }]]],
    ['/sent/local', (['body', [answer => { headers => ['X-Accel-Redirect' => '/local/'] }]]) x 2], ['/local/x'],
);

# The lines of the log, one per request, with addresses by their place and times as there or not.
sub lines ($binary) {
    my $site = Site->start($conf, binary => $binary);
    my %name = ($site->origin(1)->address => 'one', $site->origin(2)->address => 'two',
                map { ("127.0.0.1:" . $site->port($_) => "nobody") } 8, 9);
    my @got;

    for my $case (@cases) {
        my ($uri, @scripts) = @$case;
        for my $method ($uri =~ m{^/(?:50|closed|gone|once|half)} ? qw(GET POST) : 'GET') {
            for my $n (1, 2) {
                $scripts[$n - 1] ? $site->origin($n)->script($uri, @{ $scripts[$n - 1] }) : $site->origin($n)->answer('*', body => 'fine');
            }
            my $client = $site->connect;
            my $status = eval { $client->request("$method $uri")->status } // 'none';
            my $log;
            wait_until { $log = $site->slurp('tries.log') // ''; ($log =~ tr/\n//) == @got + 1 } "the line for $uri";
            my ($line) = $log =~ /([^\n]*)\n\z/;
            my @part = split / \| /, $line;
            s/[\d.]+/N/g for @part[4 .. 6];
            $part[8] =~ s/(127\.0\.0\.1:\d+)/$name{$1}/g;
            # Whose turn it is depends on what was before: both bring the same.
            $part[8] =~ s/\b(?:one|two)\b/origin/g;
            push @got, "$method $status " . join ' | ', @part;
        }
    }
    $site->allow_log(qr/./);
    $site->stop;
    return @got;
}

my $nginx = Differential::nginx_binary();
Test::More::plan(skip_all => 'nginx is not installed') if !defined $nginx;
my (@theirs, @ours);
@theirs = lines($nginx);
@ours = lines($ENV{WEIR});
for my $i (0 .. $#theirs) {
    is $ours[$i], $theirs[$i], $theirs[$i] =~ s/:.*//r;
}
done_testing;
