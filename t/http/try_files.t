# t/http/try_files.t - try_files: the same as in nginx
use Site;
use Differential;

Test::More::plan(skip_all => 'try_files is not built in')
    unless Site->supports('server { listen %PORT%; try_files $uri =404; }');

my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        location /b/ { return 200 "b $uri [$args]\n"; }
        location /try/ { try_files $uri $uri/ /b/tried; }
        location /tryq/ { try_files $uri /b/tried?q=$args; }
        location /trycode/ { try_files $uri =410; }
        location /trynamed/ { try_files $uri @named; }
        location /tryhtml/ { try_files $uri $uri.html $uri/index.html =404; }
        location /trydir/ { try_files $uri/ =404; }
        location /tryalias/ { alias %DIR%/html/files/; try_files $uri =404; }
        location /trylast/ { try_files /nothing /files/a.txt /b/x; }
        location /tryself/ { try_files $uri /tryself/none; }
        location /tryproxy/ { try_files $uri @origin; }
        location @named { return 200 "named $uri [$args]\n"; }
        location @origin { proxy_pass http://%ORIGIN%; }
    }
CONF
my %files = ('html/files/a.txt' => "file a\n",
    'html/try/f' => 'try f',
    'html/try/d/index.html' => 'try index',
    'html/tryhtml/page.html' => 'a page',
    'html/tryhtml/d/index.html' => 'an index',
    'html/trydir/d/index.html' => 'dir',
    'html/trynamed/f' => 'named f',
    'html/tryq/f' => 'f',
    'html/trycode/f' => 'f');
my @requests = map { "GET $_" } qw(
    /try/f /try/d /try/d/ /try/none /try/none?q=1 /tryq/none?a=b /tryq/f /trycode/none /trycode/f
    /trynamed/none?a=b /trynamed/f /tryhtml/page /tryhtml/d /tryhtml/none /trydir/d /trydir/d/ /trydir/none
    /tryalias/a.txt /tryalias/none /trylast/x /tryself/x /tryproxy/x?y=z
);
push @requests, 'HEAD /try/f', { what => 'POST /try/none', body => 'data' };
differential_ok($conf, \@requests, files => \%files,
                allow_log => [qr/rewrite or internal redirection cycle/]);

done_testing;
