# t/differential/rewrite.t - rewriting, conditions and what they do to a location, the same as in nginx
use Site;
use Differential;

my @allow_log = (allow_log => [qr/rewrite or internal redirection cycle/, qr/the rewritten URI has a zero length/, qr/directory index of .* is forbidden/]);
my %files = ('html/index.html' => "index\n", 'html/a.txt' => "a\n", 'html/sub/index.html' => "sub index\n", 'html/sub/b.txt' => "b\n", 'other/a.txt' => "other a\n", 'other/sub/b.txt' => "other b\n",
             'html/err.html' => "error page\n", 'html/a b.txt' => "a b\n", 'html/p%q' => "percent\n", 'html/x?y' => "question\n", 'html/gif.gif' => 'gif', 'html/maint.html' => "maintenance\n");
my $show = 'return 200 "$uri|$args|$request_uri|$document_uri|$is_args|$query_string|$request_filename\n";';

# Flags and arguments, at the server's level and in locations
my @conf;
for my $flag ('', 'last', 'break', 'redirect', 'permanent') {
    for my $to ('/to/$1', '/to/$1?x=$2', '/to?a=$1&b=$2', '/to/$1?', '/to/$1?x?', '?only=$1', '/to/$1?x=$arg_q', '/to$uri', '/to?u=$uri', '/to?r=$request_uri', '/to#$1', '/to/$1/$2/$3', 'relative/$1', '/to/%41$1', '/to/$1%20x', '/to?x=%20$1',
                'http://h.example/$1', 'https://h.example/$1?', 'HTTP://h.example/$1', '$scheme://$host/$1', '//h.example/$1', '/to/$1$args', '/to/a b', '/to?$args&x', '/to?$args', '/to?$query_string?') {
        push @conf, [$flag, $to];
    }
}
my ($n, @places) = (0);
my %in_redirect; # of $uri, where nginx drops what is no code
my $places = join '', map { my ($flag, $to) = @$_; $n++; push @places, "/r$n/";
    $in_redirect{"GET /r$n/a%25zb%3Fc%23d%26e?q=a+b"} = 'what is no code stays' if $to eq '/to$uri' && $flag =~ /^(?:redirect|permanent)$/; "location /r$n/ { rewrite ^/r$n/([^/]*)/?(.*)\$ \"$to\" $flag; $show }\n" } @conf;
differential_ok("server { listen %PORT%; root %DIR%/html; $places location /to { $show } location / { return 200 \"root \$uri|\$args\\n\"; } }",
    [map { my $place = $_; map { "GET $place$_" } 'one/two', 'one?q=1', 'a%20b/c%2Fd?q=%20', 'a%25zb%3Fc%23d%26e?q=a+b' } @places], files => \%files, @allow_log, allow => \%in_redirect);
$n = 0;
my $server = join '', map { my ($flag, $to) = @$_; $n++; "rewrite ^/r$n/([^/]*)/?(.*)\$ \"$to\" $flag;\n" } @conf;
differential_ok("server { listen %PORT%; root %DIR%/html; $server location /to { $show } location / { return 200 \"root \$uri|\$args\\n\"; } }",
    [map { my $place = $_; map { "GET $place$_" } 'one/two', 'a%20b?q=1' } @places], files => \%files, @allow_log);

# Escaping of what is captured, in paths, arguments, redirects, headers and texts
my @odd = map { sprintf '%%%02X', $_ } 1 .. 47, 58 .. 64, 91 .. 96, 123 .. 130, 0xc3, 0xff;
# (nginx drops what is no code from a redirect, and sends a header that ends where a name says so.)
my @wild = map { { what => $_, name => $_, why => 'what is no code stays', weir => /0A/ ? 404 : 302 } } map { "GET /both/x${_}y?q=z" } '%0A', '%0D', '%25';
my @coded;
for my $place (qw(path arg redir redirarg set text ifarg both break test same after miss within)) {
    push @coded, map { "GET /$place/$_" } 'a+b?q=z', 'a&b?q=+', 'a&b;c?q=z', 'a%20b.txt', map { "x${_}y?q=z" } @odd;
}
differential_ok(<<'CONF', [@wild, grep { !m{/both/.*%(?:0A|0D|25)} } @coded], files => \%files, @allow_log);
    server {
        listen %PORT%;
        root %DIR%/html;
        location /path/ { rewrite ^/path/(.*)$ /to/$1 last; }
        location /arg/ { rewrite ^/arg/(.*)$ /to?v=$1 last; }
        location /redir/ { rewrite ^/redir/(.*)$ /to/$1 redirect; }
        location /redirarg/ { rewrite ^/redirarg/(.*)$ http://h/to?v=$1&w=$arg_q permanent; }
        location /set/ { if ($uri ~ ^/set/(.*)$) { set $x $1; } return 302 /to/$x; }
        location ~ ^/text/(.*)$ { return 200 "$1|$uri\n"; }
        location /ifarg/ { if ($request_uri ~ /x([^?]*)y) { rewrite ^ /to?c=$1 last; } }
        location ~ ^/both/(?<all>.*)$ { rewrite ^ /to/$all?v=$all redirect; }
        location /break/ { rewrite ^/break/(.*)$ /p$1 break; }
        location ~ ^/test/(.*)$ { if (-f $document_root/$1) { return 200 "a file\n"; } if (!-e %DIR%/html/$1) { return 200 "[$1] is not there\n"; } return 200 "$1\n"; }
        location ~ ^/same/(.*)$ { set $a $uri; set $b /same/$1; if ($a = $b) { return 200 "same $b\n"; } return 200 "other $b\n"; }
        location ~ ^/after/(.*)$ { rewrite ^/after/(.*)$ /after/$1; set $a "$1"; return 200 "$a\n"; }
        location ~ ^/miss/(.*)$ { rewrite ^/none/(.*)$ /after/$1; set $a "$1"; return 200 "$a\n"; }
        location ~ ^/within/(.*)$ { if ($arg_q ~ (.)) { set $a "$1"; set $b $uri; } set $c "$1"; return 200 "$a|$b|$c\n"; }
        location /to { return 200 "$uri|$args\n"; }
    }
CONF

# The limit of cycles, and what counts
differential_ok(<<'CONF', [map { "GET /$_" } qw(loop/ count/ count/aaaaaaaaa count/aaaaaaaaaa count/aaaaaaaaaaa break/ named/ err/ index/ two/ chain/1)], files => \%files, @allow_log);
    server {
        listen %PORT%;
        root %DIR%/html;
        location /loop/ { rewrite ^ /loop/ last; }
        location /count/ { rewrite ^/count/a(.*)$ /count/$1 last; return 200 "$uri\n"; }
        location /break/ { rewrite ^ /break/ break; }
        location /named/ { error_page 404 @n; return 404; }
        location @n { rewrite ^ /named/ last; }
        location /err/ { recursive_error_pages on; error_page 404 /err/; return 404; }
        location /aliasout/ { alias %DIR%/html/; if ($arg_a) { rewrite ^/aliasout/(.*)$ /sub/$1 break; } }
        location /index/ { index /index/; alias %DIR%/html/; }
        location /two/ { rewrite ^ /three/ last; }
        location /three/ { rewrite ^ /two/ last; }
        location /chain/ { rewrite ^/chain/1$ /chain/2; rewrite ^/chain/2$ /chain/3; rewrite ^/chain/3$ /chain/4 last; rewrite ^/chain/4$ /chain/5; return 200 "$uri\n"; }
    }
CONF

# The tests of `if`, one by one, over values
my @tests = ('$arg_v', '$arg_v = a', '$arg_v != a', '$arg_v = ""', '$arg_v ~ ^a', '$arg_v ~* ^a', '$arg_v !~ ^a', '$arg_v !~* ^a', '$arg_v = "a b"', '$arg_v ~ "a b"', '$arg_v ~ (a|b)', '$arg_v = $arg_w', '$arg_v ~ ^(?<named>.)',
    '-f $document_root/$arg_v', '!-f $document_root/$arg_v', '-d $document_root/$arg_v', '!-d $document_root/$arg_v', '-e $document_root/$arg_v', '!-e $document_root/$arg_v', '-x $document_root/$arg_v', '!-x $document_root/$arg_v', '$request_method = GET',
    '$request_method != HEAD', '$http_x ~ .', '$args', '$is_args', '$http_none', '$undefined', '$uri ~ \.txt$', '-f $request_filename', '!-e $request_filename', '$host = localhost', '$scheme = http', '$content_type ~ json', '$arg_v = A', '$cookie_c = 1', '$remote_addr = 127.0.0.1', '$server_port ~ ^\d+$', '$arg_v ~ ^\d{2}$' , '$arg_v = 0', '$arg_v != 0');
$n = 0;
my $ifs = join '', map { my $q = /\{/ ? s/~ (\S+)$/~ "$1"/r : $_; $n++; "location /i$n { set \$undefined ''; if ($q) { return 200 \"yes \$1 \$named\\n\"; } return 200 \"no\\n\"; }\n" } @tests;
my @values = ('', '?v', '?v=', '?v=0', '?v=00', '?v=a', '?v=A', '?v=ab&w=ab', '?v=a%20b', '?v=a.txt', '?v=sub', '?v=none', '?v=sub/b.txt', '?v=b', '?v=12', '?v=a/../a.txt');
differential_ok("server { listen %PORT%; root %DIR%/html; set \$named ''; $ifs }", [map({ my $i = $_; map { "GET /i$i$_" } @values } 1 .. $n), ['GET /i24', X => 'y'], ['GET /i36', Cookie => 'c=1'], 'HEAD /i23', 'HEAD /i22',
    { what => 'POST /i34', body => '{}', fields => ['Content-Type' => 'application/json'] }], files => \%files, prepare => sub ($site) { chmod 0755, $site->path('html/a.txt') });

# `if` in a location is a location: what it inherits, and which one wins
my $evil = <<'CONF';
    map $arg_m $mapped { default m0; 1 m1; }
    server {
        listen %PORT%;
        root %DIR%/html;
        add_header X-Server s;
        error_page 404 /err.html;
        location /one { add_header X-One 1; if ($arg_a) { add_header X-Two 2; } if ($arg_b) { add_header X-Three 3; } return 204; }
        location /two { add_header X-One 1; if ($arg_a) { add_header X-Two 2; } if ($arg_b) { add_header X-Three 3; } try_files /a.txt =404; }
        location /file { add_header X-One 1; if ($arg_a) { add_header X-Two 2; } if ($arg_b) { set $x 1; } alias %DIR%/html/a.txt; }
        location /noif { if ($arg_a) { } if ($arg_b) { } try_files /a.txt =404; add_header X-No if; }
        location /proxy { if ($arg_a) { set $x 1; } proxy_pass http://%ORIGIN%; proxy_set_header X-Loc loc; }
        location /proxyuri/ { if ($arg_a) { set $x 1; } proxy_pass http://%ORIGIN%/base/; }
        location /proxyif { if ($arg_a) { proxy_pass http://%ORIGIN%; } proxy_pass http://%ORIGIN2%; proxy_set_header X-Loc loc; }
        location /proxyboth { if ($arg_a) { proxy_pass http://%ORIGIN%; } if ($arg_b) { proxy_pass http://%ORIGIN2%; } return 200 "none\n"; }
        location /ret { if ($arg_a) { return 403; } if ($arg_b) { return 302 /b; } proxy_pass http://%ORIGIN%; }
        location /order { set $x 1; if ($arg_a) { set $x 2; } set $y "$x"; if ($x = 2) { set $z 3; } return 200 "$x$y$z\n"; }
        location /brk { if ($arg_a) { set $x in; break; set $x after; } set $x out; return 200 "[$x]\n"; }
        location /brkset { set $x 0; break; set $x 1; proxy_pass http://%ORIGIN%; proxy_set_header X-X "[$x]"; }
        location /rootif { if ($arg_a) { root %DIR%/other; } rewrite ^/rootif(.*)$ $1 break; }
        location /rootif2 { rewrite ^/rootif2(.*)$ $1 break; if ($arg_a) { root %DIR%/other; } }
        location /rw { if ($arg_a) { rewrite ^ /a.txt; } if ($arg_b) { rewrite ^ /sub/b.txt break; } if ($arg_c) { rewrite ^ /a.txt last; } return 200 "rw $uri\n"; }
        location /rwbreak { if ($arg_a) { rewrite ^ /a.txt break; add_header X-In if; } return 200 "not\n"; }
        location /nested { if ($arg_a) { set $x a; } if ($arg_b) { set $x "${x}b"; add_header X-X $x; } if ($x ~ ab) { return 200 "both\n"; } try_files /a.txt =404; }
        location /expires { expires 1h; if ($arg_a) { expires 2h; } try_files /a.txt =404; }
        location /errp { error_page 403 = @n403; if ($arg_a) { return 403; } return 200 "ok\n"; }
        location /errif { if ($arg_a) { error_page 404 =200 /a.txt; } error_page 404 =202 /sub/b.txt; rewrite ^ /gone break; }
        location @n403 { return 200 "named $uri\n"; }
        location /limit { if ($arg_a) { limit_rate 100k; } try_files /a.txt =404; }
        location /gz { gzip on; gzip_min_length 1; gzip_types *; if ($arg_a) { gzip off; } try_files /a.txt =404; }
        location /log { if ($arg_a) { access_log off; } return 204; }
        location /maps { if ($mapped = m1) { return 200 "mapped\n"; } return 200 "$mapped\n"; }
        location /cap { if ($arg_a ~ ^(.)(.)) { set $x "$2$1"; } if ($arg_b ~ ^(x)) { set $y $1; } return 200 "$x|$y|$1|$2\n"; }
        location ~ ^/capl/(\w+)$ { set $l $1; if ($arg_a ~ (.)$) { set $i $1; } return 200 "$l|$i|$1\n"; }
        location /tryif { if ($arg_a) { set $t 1; } try_files $uri /a.txt; add_header X-T "[$t]"; }
        location /aliasif/ { alias %DIR%/html/; if ($arg_a) { add_header X-A 1; } }
        location /aliasrw/ { alias %DIR%/html/; if ($arg_a) { rewrite ^/aliasrw/(.*)$ /aliasrw/sub/$1 break; } }
        location /index/ { alias %DIR%/html/; index none.html index.html; if ($arg_a) { set $x 1; } }
        location /dirredir { alias %DIR%/html/sub; if ($arg_a) { add_header X-A 1; } }
        location /basic { if ($arg_a) { set $realm x; } auth_basic closed; auth_basic_user_file %DIR%/users; try_files /a.txt =404; }
        location /deny { deny all; if ($arg_a) { return 200 "rewritten before access\n"; } }
        location /types { default_type a/loc; if ($arg_a) { set $t 1; } return 200 "t\n"; }
        location /inner/ { if ($arg_a) { add_header X-Outer 1; } location /inner/x { if ($arg_b) { add_header X-Inner 1; } return 200 "inner\n"; } return 200 "outer\n"; }
        if ($arg_srv) { return 200 "server if $uri\n"; }
        if ($arg_srvset) { set $fromserver "$uri"; }
        location /srvset { return 200 "[$fromserver]\n"; }
    }
CONF
my @evil;
for my $place (qw(one two file noif proxy proxyuri/x proxyif proxyboth ret order brk brkset rootif/a.txt rootif2/a.txt rw rwbreak nested expires errp errif limit gz log maps cap capl/word tryif aliasif/a.txt aliasrw/b.txt aliasout/b.txt index/ dirredir dirredir/ basic deny types inner/ inner/x srvset)) {
    push @evil, map { "GET /$place$_" } '', '?a=1', '?b=x1', '?a=ab&b=xy', '?c=1', '?m=1', '?srv=1', '?srvset=1';
}
push @evil, ['GET /gz', 'Accept-Encoding' => 'gzip'], ['GET /gz?a=1', 'Accept-Encoding' => 'gzip'], ['GET /basic', Authorization => 'Basic YTpi'], { what => 'POST /two', body => 'x' }, { what => 'POST /proxyif?a=1', body => 'x' }, 'HEAD /two?a=1';
my %alias = map { ("GET /aliasrw/b.txt?a=$_" => 'nginx has no answer to alias where a URI was rewritten', "GET /aliasout/b.txt?a=$_" => 'the same') } '1', 'ab&b=xy';
differential_ok($evil, \@evil, allow => \%alias, files => { %files, users => "a:{PLAIN}b\n" }, allow_log => [@{ $allow_log[1] }, qr/"alias" cannot be used/]);

# Variables that are set: of the request and its settings
differential_ok(<<'CONF', [map { "GET /$_" } qw(args?x=1 args2?x=1 args3 rate self never host query uri order?a=1 chain braces redir?x=1 noargs?x&y cookie nested?x=1 sub?x=1 proxied?x=1)], @allow_log);
    server {
        listen %PORT%;
        uninitialized_variable_warn off;
        location /args { set $args "new=$arg_x"; return 200 "$args|$arg_x|$arg_new|$query_string|$request_uri\n"; }
        location /args2 { set $args ""; return 200 "[$args][$is_args]\n"; }
        location /args3 { set $args a&b=c; return 200 "[$args][$is_args][$arg_b]\n"; }
        location /rate { set $limit_rate 10k; return 200 "$limit_rate\n"; }
        location /self { set $x a; set $x "$x$x"; set $x "$x$x"; return 200 "$x\n"; }
        location /never { return 200 "[$nowhere]\n"; }
        location /host { set $h "$host:$server_port"; return 200 "$h\n"; }
        location /query { set $args "q"; rewrite ^ /seen?r last; }
        location /uri { rewrite ^ /seen; set $u $uri; return 200 "$u\n"; }
        location /order { set $a $arg_a; set $arg_b x; return 200 "$a|$arg_b|$args\n"; }
        location /chain { set $a 1; set $b $a; set $a 2; return 200 "$a$b\n"; }
        location /braces { set $a x; return 200 "${a}y$a-z$a.${a}\n"; }
        location /redir { set $args "y=2"; return 301 /x$is_args$args; }
        location /noargs { rewrite ^ /seen? last; }
        location /cookie { set $cookie_x y; return 200 "$cookie_x\n"; }
        location /nested { set $args "a=$args"; rewrite ^ /seen last; }
        location /sub { rewrite ^ /seen?a=$args? last; }
        location /proxied { set $args "p=1"; proxy_pass http://%ORIGIN%; }
        location /seen { return 200 "$uri|$args|$arg_r|$request_uri\n"; }
        if ($arg_never) { set $nowhere 1; set $arg_c 1; }
    }
CONF

done_testing;
