# t/harness/differential.t - the comparison with nginx passes on the same and sees what differs
use Site;
use Differential;

Test::More::plan(skip_all => 'nginx is not installed') unless nginx_binary();

my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        location = /hi { return 200 "hi\n"; }
        location /old { return 301 /new; }
        location /p { proxy_pass http://%ORIGIN%; }
    }
CONF
my %files = (files => { 'html/a.txt' => "text\n", 'html/d/index.html' => 'index' });
my @requests = ('GET /hi', 'HEAD /hi', 'GET /a.txt', 'GET /d', 'GET /d/', 'GET /missing', 'GET /old',
                ['GET /a.txt', Range => 'bytes=1-2'], ['GET /a.txt', Connection => 'close'],
                'GET /p?q', { what => 'POST /p', body => 'data', fields => ['X-A' => 'b'] },
                { raw => "GET / HTTP/1.1\r\n\r\n", name => 'no host' });
differential_ok($conf, \@requests, %files);

# What it must notice: each of these makes the second side differ.
sub differs ($change, $request, $aspect) {
    my ($from, $to) = @$change;
    my $weir_conf = $conf;
    substr $weir_conf, index($weir_conf, $from), length $from, $to;
    my ($result) = differential_differences($conf, [$request], %files, weir_conf => $weir_conf);
    return scalar grep { /\A\Q$aspect\E: / } @{ $result->{unexpected} };
}

ok differs(['return 200', 'return 201'], 'GET /hi', 'status'), 'a status';
ok differs(['hi\n', 'ho\n'], 'GET /hi', 'body'), 'a body';
ok differs(['root', 'default_type a/b; root'], 'GET /hi', 'header Content-Type'), 'a header';
ok differs(['root', 'keepalive_timeout 0; root'], 'GET /hi', 'persists'), 'a connection that ends';
ok differs(['proxy_pass http://%ORIGIN%', 'proxy_pass http://%ORIGIN%/x'], 'GET /p', 'origin'), 'a uri';
ok differs(['proxy_pass', 'proxy_set_header X-B c; proxy_pass'], 'GET /p', 'origin'),
    'a header at the origin';
ok differs(['proxy_pass', 'proxy_set_body x; proxy_pass'],
           { what => 'POST /p', body => 'data' }, 'origin'), 'a body at the origin';

my ($result) = differential_differences($conf, ['GET /hi'], %files, weir_conf => $conf =~ s/200/201/r,
    allow => { 'GET /hi: status' => 'a reason' });
is scalar @{ $result->{unexpected} }, 0, 'an allowed difference is no failure';
is scalar @{ $result->{allowed} }, 1, 'but it is noted';

done_testing;
