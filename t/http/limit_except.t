# t/http/limit_except.t - limits by method, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        location /get/ { limit_except GET { deny all; } }
        location /several/ { limit_except get POST { deny all; } return 200 "code ran\n"; }
        location /allowed/ { limit_except GET { allow all; } return 200 "code ran\n"; }
        location /local/ { limit_except PUT { allow 127.0.0.1; deny all; } return 200 "code ran\n"; }
        location /proxied/ { limit_except GET { deny 192.0.2.1; } proxy_pass http://%ORIGIN%; }
        location /redirected/ { error_page 403 =200 /refused.txt; limit_except GET { deny all; } }
        location @named { limit_except GET { deny all; } return 200 "named\n"; }
        location /to-named/ { error_page 404 = @named; return 404; }
        location ~ \.re$ { limit_except GET { deny all; } return 200 "regex\n"; }
        location /outer/ { limit_except GET { deny all; } location /outer/inner/ { return 200 "inner\n"; } }
        location /if/ { limit_except GET { deny all; } if ($arg_a) { set $x 1; } }
    }
CONF
my %files = map { ("html/$_/f.txt" => "file\n") } qw(get redirected if);
my @methods = qw(GET HEAD POST PUT DELETE PATCH OPTIONS PROPFIND FOO);
my @requests = map { my $uri = $_; map { "$_ $uri" } @methods } qw(/get/f.txt /several/x /allowed/x /local/x
    /proxied/x /redirected/f.txt /to-named/x /a.re /outer/x /outer/inner/x /if/f.txt /if/f.txt?a=1);

differential_ok($conf, \@requests, files => { %files, 'html/refused.txt' => "refused\n" },
                origin => sub ($origin) { $origin->answer('/proxied/x', body => "origin\n") });

my %faults = (
    'limit_except BREW { }'                     => qr/invalid method "BREW"/,
    'limit_except { }'                          => qr/invalid number of arguments in "limit_except"/,
    'limit_except GET { } limit_except POST { }' => qr/"limit_except" directive is duplicate/,
    'limit_except GET { root /x; }'             => qr/"root" directive is not allowed here/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config("server { listen %PORT%; location / { $fault } }");
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
