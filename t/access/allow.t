# t/access/allow.t - allow and deny: the first rule that names the address decides, as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT%;
        listen [::1]:%PORT2% ipv6only=on;
        deny 127.0.0.9;
        location / { return 200 "rules of the server\n"; }
        location /root/ { alias %DIR%/html/; }
        location /deny/ { alias %DIR%/html/; deny all; }
        location /allow/ { alias %DIR%/html/; allow 127.0.0.1; deny all; }
        location /order/ { alias %DIR%/html/; deny 127.0.0.0/8; allow 127.0.0.1; }
        location /net/ { alias %DIR%/html/; allow 127.0.0.0/8; deny all; }
        location /wide/ { alias %DIR%/html/; allow 0.0.0.0/0; deny all; }
        location /bits/ { alias %DIR%/html/; deny 127.0.0.2/31; }
        location /v6/ { alias %DIR%/html/; allow ::1; deny all; }
        location /v6net/ { alias %DIR%/html/; allow ::/64; deny all; }
        location /unix/ { alias %DIR%/html/; allow unix:; deny all; }
        location /none/ { alias %DIR%/html/; allow 192.0.2.1; }
        location /any/ { alias %DIR%/html/; satisfy any; deny all; allow 127.0.0.1; }
        location /page/ { alias %DIR%/html/; deny all; error_page 403 /denied.html; }
        location = /denied.html { root %DIR%/html; allow all; }
        location /outer/ { deny all; alias %DIR%/html/; location /outer/in/ { alias %DIR%/html/; } location /outer/own/ { allow all; alias %DIR%/html/; } }
    }
CONF
my @uris = map { "GET /$_/a" } qw(root deny allow order net wide bits v6 v6net unix none any page outer outer/in outer/own);
differential_ok($conf, \@uris, files => { 'html/a' => 'content', 'html/denied.html' => 'a page' });

my $site = Site->start($conf, files => { 'html/a' => 'content' });
is $site->connect({ port => 2, host => "::1" })->get("/v6/a")->status, 200, "an IPv6 address";
$site->get('/deny/a');
like $site->wait_for_log(qr/forbidden/), qr/\[error\] \S+ \*\d+ access forbidden by rule, client: 127\.0\.0\.1, server: /, 'a refusal is logged';
for (['deny 1.2.3;', qr/invalid parameter "1.2.3"/], ['allow host.example;', qr/invalid parameter "host.example"/],
     ['deny;', qr/invalid number of arguments/]) {
    like(Site->test_config($_->[0])->{stderr}, $_->[1], "refused: $_->[0]");
}
like(Site->test_config('deny 10.0.0.1/8; server { listen %PORT%; }')->{stderr}, qr/low address bits of 10\.0\.0\.1\/8 are meaningless/, 'a warning');

done_testing;
