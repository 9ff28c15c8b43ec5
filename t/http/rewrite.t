# t/http/rewrite.t - rewrite, if, set, break: the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        rewrite_log on;
        set $stage server;
        rewrite ^/srv/(.*)$ /seen/$1;
        rewrite ^/srvlast/(.*)$ /seen/$1 last;
        rewrite ^/srvbreak/(.*)$ /seen/$1 break;
        rewrite ^/srvredir/(.*)$ /seen/$1 redirect;
        rewrite ^/srvperm/(.*)$ /seen/$1 permanent;
        rewrite ^/abs/(.*)$ http://other.example/$1;
        rewrite ^/scheme/(.*)$ $scheme://other.example/$1;
        if ($arg_block) { return 403 "blocked $arg_block\n"; }
        if ($http_x_maint = "on") { return 503; }
        if ($request_method = PURGE) { return 405; }

        location /seen/ { return 200 "$stage $uri $request_uri [$args]\n"; }
        location /a/ { rewrite ^/a/(\w+)$ /b/$1 last; return 200 "a stays $uri\n"; }
        location /b/ { return 200 "b $uri [$args]\n"; }
        location /brk/ { rewrite ^/brk/(.*)$ /files/$1 break; }
        location /brk2/ { rewrite ^/brk2/(.*)$ /files/$1 break; return 200 "not reached\n"; }
        location /chain/ { rewrite ^/chain/(.*)$ /c2/$1; rewrite ^/c2/(.*)$ /c3/$1; rewrite ^/c3/(.*)$ /b/$1 last; }
        location /args/ { rewrite ^/args/(\d+)$ /b/x?id=$1 last; }
        location /noargs/ { rewrite ^/noargs/(\d+)$ /b/x?id=$1? last; }
        location /onlyq/ { rewrite ^ /b/q? last; }
        location /redirargs/ { rewrite ^/redirargs/(.*)$ /new/$1?x=1 redirect; }
        location /redirnoargs/ { rewrite ^/redirnoargs/(.*)$ /new/$1? permanent; }
        location /case/ { rewrite (?i)^/CASE/(.*)$ /b/$1 last; return 200 "case\n"; }
        location /named/ { rewrite ^/named/(?<first>\w+)-(?<rest>\w+)$ /b/$rest/$first last; }
        location /encode/ { rewrite ^/encode/(.*)$ /b/$1 last; }
        location /encredir/ { rewrite ^/encredir/(.*)$ /to/$1 redirect; }
        location /encarg/ { rewrite ^/encarg/(.*)$ /to?v=$1 redirect; }
        location /loop/ { rewrite ^ /loop/x last; }
        location /noslash { rewrite ^ x last; }
        location /empty { rewrite ^/empty(.*)$ $1 last; }
        location /brace { rewrite "^/brace(\d{2,3})$" /b/braces$1 last; return 200 "no brace $uri\n"; }
        location /flags/ { rewrite ^/flags/(.*)$ /b/$1 last; break; return 500; }
        location /breaks/ { break; return 200 "after break\n"; }
        location /setcap/ { if ($uri ~ ^/setcap/(\w+)) { set $got $1; } return 200 "got [$got] [$1]\n"; }
        location /proxy/ { rewrite ^/proxy/(.*)$ /up/$1 break; proxy_pass http://%ORIGIN%; }
        location /proxyuri/ { rewrite ^/proxyuri/(.*)$ /up/$1 break; proxy_pass http://%ORIGIN%/base/; }

        location /if/eq { if ($arg_x = one) { return 200 "equal\n"; } return 200 "else\n"; }
        location /if/ne { if ($arg_x != one) { return 200 "not equal\n"; } return 200 "else\n"; }
        location /if/re { if ($arg_x ~ ^o(n)e$) { return 200 "match $1\n"; } return 200 "else\n"; }
        location /if/rei { if ($arg_x ~* ^one$) { return 200 "match\n"; } return 200 "else\n"; }
        location /if/nre { if ($arg_x !~ ^one$) { return 200 "no match\n"; } return 200 "else\n"; }
        location /if/nrei { if ($arg_x !~* ^one$) { return 200 "no match\n"; } return 200 "else\n"; }
        location /if/file { if (-f $document_root$arg_f) { return 200 "a file\n"; } return 200 "else\n"; }
        location /if/nfile { if (!-f $document_root$arg_f) { return 200 "no file\n"; } return 200 "else\n"; }
        location /if/dir { if (-d $document_root$arg_f) { return 200 "a dir\n"; } return 200 "else\n"; }
        location /if/ndir { if (!-d $document_root$arg_f) { return 200 "no dir\n"; } return 200 "else\n"; }
        location /if/exists { if (-e $document_root$arg_f) { return 200 "exists\n"; } return 200 "else\n"; }
        location /if/nexists { if (!-e $document_root$arg_f) { return 200 "missing\n"; } return 200 "else\n"; }
        location /if/exec { if (-x $document_root$arg_f) { return 200 "executable\n"; } return 200 "else\n"; }
        location /if/var { if ($arg_x) { return 200 "true\n"; } return 200 "false\n"; }
        location /if/set { set $r none; if ($arg_x) { set $r "x$arg_x"; } if ($arg_y) { set $r "${r}y"; } return 200 "$r\n"; }
        location /if/last { set $n 0; if ($arg_x) { set $n 1; rewrite ^ /b/iflast last; } return 200 "n$n\n"; }
        location /if/root { if ($arg_x) { root %DIR%/other; } }
        location /if/page { error_page 404 /b/page; if ($arg_x) { error_page 404 /b/ifpage; } }
        location /if/proxy { if ($arg_x) { proxy_pass http://%ORIGIN%; } return 200 "here\n"; }
        location /if/proxy2 { if ($arg_x) { set $u 1; } proxy_pass http://%ORIGIN%; }
        location /if/quoted { if ($arg_x = "two words") { return 200 "quoted\n"; } return 200 "else\n"; }
        location /if/paren { if ($arg_x ~ "\)$") { return 200 "paren\n"; } return 200 "else\n"; }
        location /if/empty { if ($arg_x = "") { return 200 "empty\n"; } return 200 "else\n"; }

    }
CONF
$conf =~ s/\brewrite_log on;// unless Site->supports('rewrite_log on; server { listen %PORT%; }');

my %files = ('html/files/a.txt' => "file a\n",
    'html/if/root' => 'root',
    'other/if/root' => 'other root');
my @uris = qw(
    /srv/x /srv/x?a=b /srvlast/x /srvbreak/x /srvredir/x?a=b /srvperm/x /abs/x?y /scheme/x /seen/x?block=1
    /seen/x /a/word /a/word?k=v /a/two/words /b/x /brk/a.txt /brk/none /brk2/a.txt /chain/x /args/12
    /args/12?k=v /args/x /noargs/12?k=v /onlyq/x?k=v /redirargs/x?k=v /redirargs/x /redirnoargs/x?k=v
    /case/x /CASE/x /named/one-two /encode/a%20b /encode/a%2Fb /encode/a%3Fb?x /encode/%E2%82%AC /encredir/a%20b
    /encredir/a%3Fb /encredir/%E2%82%AC /encredir/a%25b /encarg/a%20b /encarg/a&b=c /encarg/a%26b /loop/ /noslash
    /empty /empty/b/x /brace12 /brace1 /flags/x /breaks/x /setcap/word /setcap/ /proxy/x?y /proxyuri/x?y
    /proxy/a%20b /proxyuri/a%20b
    /if/eq?x=one /if/eq?x=two /if/eq /if/ne?x=one /if/ne?x=two /if/re?x=one /if/re?x=ONE /if/rei?x=ONE
    /if/nre?x=one /if/nre?x=two /if/nrei?x=ONE /if/nrei?x=x /if/file?f=/files/a.txt /if/file?f=/files
    /if/file?f=/none /if/nfile?f=/files/a.txt /if/nfile?f=/none /if/dir?f=/files /if/dir?f=/files/a.txt
    /if/ndir?f=/files /if/ndir?f=/none /if/exists?f=/files /if/exists?f=/none /if/nexists?f=/files
    /if/nexists?f=/none /if/exec?f=/files/a.txt /if/exec?f=/files /if/var?x=1 /if/var?x=0 /if/var?x= /if/var
    /if/var?x=00 /if/var?x=a /if/set /if/set?x=1 /if/set?y=1 /if/set?x=1&y=1 /if/last /if/last?x=1
    /if/root /if/root?x=1 /if/page /if/page?x=1 /if/proxy /if/proxy?x=1
    /if/proxy2 /if/proxy2?x=1 /if/quoted /if/paren?x=\) /if/paren?x=a /if/empty /if/empty?x=1
);
my @requests = map { "GET $_" } @uris;
push @requests, ['GET /seen/x', 'X-Maint' => 'on'], { what => 'PURGE /seen/x' }, 'HEAD /a/word',
    { what => 'POST /a/word', body => 'data' }, { what => 'POST /proxy/x', body => 'data' },
    { what => 'POST /brk/a.txt', body => 'data' }, { what => 'GET /srvredir/x', version => '1.0' };
differential_ok($conf, \@requests, files => \%files,
                allow_log => [qr/rewrite or internal redirection cycle/, qr/the rewritten URI has a zero length/]);

done_testing;
