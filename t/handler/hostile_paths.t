# t/handler/hostile_paths.t - whatever a client asks for, no file outside the root is ever sent
#
# Everything that must not be seen holds the word SECRET; everything else does not.
use Site;
use Differential;

my $locations = <<'CONF';
        location / { }
        location /list/ { autoindex on; alias %DIR%/html/; }
        location /unmerged/ { alias %DIR%/html/; }
        location /try/ { try_files $uri $uri/ $uri/index.html /index.html; }
        location /gz/ { gzip_static always; alias %DIR%/html/; }
        location /slashes/ { alias %DIR%/data/img/; }
        location /exact-file { alias %DIR%/html/a.txt; }
        location = /exact { alias %DIR%/html/a.txt; }
        location ~ ^/re/(.*)$ { alias %DIR%/data/img/$1; }
        location ~ ^/named/(?<rest>.*)$ { alias %DIR%/data/img/$rest; }
        location /nested/ { location ~ ^/nested/(.*)\.txt$ { alias %DIR%/data/img/$1.txt; } alias %DIR%/data/img/; }
        location /random/ { location /random/in/ { random_index on; alias %DIR%/html/one/; } }
        location /links/ { disable_symlinks on; alias %DIR%/html/; }
        location /host/ { root %DIR%/sites/$host; }
        location /regex { rewrite ^/regex(/.*)$ $1 break; }
CONF
# Here nginx sends what is outside.
my $risky = <<'CONF';
        location /gap { alias %DIR%/data/img/; autoindex on; }
        location /gap-gz { alias %DIR%/data/img/; gzip_static always; }
        location /gap-links { alias %DIR%/data/img/; disable_symlinks on; }
        location /gap-try { alias %DIR%/data/img/; try_files $uri =404; }
        location /gap-uncached { alias %DIR%/data/img/; open_file_cache off; }
        location /gap-var { alias %DIR%/data/$img/; }
        location /gap-index/ { location /gap-index/i { alias %DIR%/data/img/; index secret.txt; } }
        location /bare { alias %DIR%/data/img; autoindex on; }
        location /bare-try { alias %DIR%/data/img; try_files $uri $uri/ =404; }
        location /bare-slash/ { alias %DIR%/data/img; }
        location ~ ^/cutnamed(?<tail>.*)$ { alias %DIR%/data/img/$tail; }
        location ~ ^/cutset(.*)$ { set $x $1; alias %DIR%/data/img/$x; }
        location ~ ^/cutroot(?<dir>.*)/f$ { root %DIR%/data/img/$dir; rewrite ^ /secret.txt break; }
        location ~ ^/cut(.*)$ { alias %DIR%/data/img/$1; autoindex on; }
        location /arg-root/ { root %DIR%/data/$arg_d; rewrite ^ /secret.txt break; }
        location /arg-alias { alias %DIR%/data/img/$arg_f; }
        location /arg-index/ { alias %DIR%/data/img/; index $arg_f; }
        location /arg-try/ { alias %DIR%/data/img/; try_files /$arg_f =404; }
        location /arg-root-try/ { root %DIR%/data/img; try_files /$arg_f =404; }
        location /arg-rewrite/ { root %DIR%/data/img; rewrite ^ /$arg_f? break; }
        location /arg-last/ { rewrite ^ /in/$arg_f? last; }
        location /in/ { root %DIR%/data/img; }
        location /arg-error/ { root %DIR%/data/img; error_page 404 /in/$arg_f; return 404; }
        location /arg-list/ { root %DIR%/data/img; autoindex on; rewrite ^ /$arg_f/ break; }
        location /header/ { root %DIR%/data/img/$http_x_dir; rewrite ^ /secret.txt break; }
        location /gap-name { alias %DIR%/data/img/; return 200 "name '$request_filename'\n"; }
        location /cookie/ { root %DIR%/data/img/$cookie_dir; rewrite ^ /secret.txt break; }
CONF
my $head = <<'CONF';
    types { text/plain txt; text/html html; }
    map $uri $img { default img; }
CONF
my $server = "server { listen %PORT%; root %DIR%/html;";
my %files = ('html/a.txt' => "a\n", 'html/index.html' => "index\n", 'html/d/b.txt' => "b\n", 'html/one/b.txt' => "b\n", 'html/d/index.html' => "d\n",
    'html/re/x.txt' => "x\n", 'html/..x/f.txt' => "dots\n", 'html/.../f.txt' => "three dots\n", 'html/x../f.txt' => "behind\n",
    'html/try/t.txt' => "t\n", 'html/%2e%2e/f.txt' => "quoted dots\n", 'html/\..\f.txt' => "backslashes\n",
    "html/\xc0\xae\xc0\xae/f.txt" => "overlong\n", 'data/img/p.txt' => "p\n", 'data/img/..p.txt' => "dotted p\n",
    'data/img/in/i.txt' => "i\n", 'data/img/q/r.txt' => "r\n", 'sites/localhost/host/h.txt' => "h\n",
    'secret.txt' => "SECRET\n", 'secret.txt.gz' => "SECRET gz\n", 'html.txt' => "SECRET next to the root\n",
    'html-private/secret.txt' => "SECRET sibling\n", 'data/secret.txt' => "SECRET data\n", 'data/secret.txt.gz' => "SECRET gz\n",
    'data/img-private/secret.txt' => "SECRET sibling\n", 'data/img.txt' => "SECRET continued\n", 'data/imgs/index.html' => "SECRET\n",
    'sites/secret.txt' => "SECRET\n", 'sites/host/secret.txt' => "SECRET\n", 'data/d/SECRET.txt' => "SECRET\n");

my @ups = ('..', '%2e%2e', '%2E.', '.%2e', '%252e%252e', '%25%32%65%25%32%65', '%c0%ae%c0%ae', '%e0%80%ae%e0%80%ae', '%f0%80%80%ae%f0%80%80%ae',
    '%uff0e%uff0e', '..%00', '..%20', '..;', '..%3b', '...', '....', '. .', '.%09.', '..%ff', '%c0%2e%c0%2e', '%2e%2e%2e', '..%5c', '..\\',
    '%2e%2e%5c', '\\..', '%5c..', '..%2f', '%2e%2e%2f', '..%c0%af', '..%c1%9c', '..%252f', '..%255c', '/..', './..', '.././.', "..\xc0\xaf",
    "\xc0\xae\xc0\xae", '..%0d', '..%0a', '..%0d%0a', '%%32%65%%32%65', '..//', './/..', '..?', '..#', '%2e%2e?', '%2e%2e#');
my @targets = map { my $up = $_; map { sprintf $_, $up } '/%s/secret.txt', '/d/%1$s/%1$s/secret.txt', '/d/%1$s/%1$s/%1$s/secret.txt' } @ups;
push @targets, '/' . '../' x 50 . 'etc/passwd', '/' . '%2e%2e/' x 50 . 'etc/passwd', '//../secret.txt', '//..//secret.txt', '///../../secret.txt',
    '/.../f.txt', '/..x/f.txt', '/x../f.txt', '/%252e%252e/f.txt', '/%5c..%5cf.txt', '/%c0%ae%c0%ae/f.txt', '/./a.txt', '/d/./../a.txt',
    '/d/../a.txt', '/d//..//a.txt', '/a.txt.', '/a.txt..', '/a.txt/.', '/a.txt/..', '/a.txt/../a.txt', '/a.txt%20', '/a.txt%00', '/a.txt%00.html', '/%00',
    '/a.txt%', '/a.txt%2', '/a.txt%g0', '/%', '/%%', '/a%', '/.', '/..', '/./', '/../', '/%2e', '/%2e/', '/%2e%2e', '/%2f', '/%2f%2e%2e%2f',
    '/d/%2e%2e', '/d%2f..%2fa.txt', '/d%2fb.txt', '/d%2f%2fb.txt', '//a.txt', '///d///b.txt', '/d/', '/d', '/d/.', '/d/..', '/d/../', '/d/../d/b.txt',
    '/~root/', '/a.txt:stream', '/a.txt::$DATA', '/A.TXT', '/con', '/aux', '/html.txt', '/html-private/secret.txt', '/-private/secret.txt',
    '/%ff%fe', '/%80', '/%c3%28', '/%ed%a0%80', '/%f8%88%80%80%80', '/caf%c3%a9', '/a.txt%0d%0aX:%20y', '/a.txt%09', '/%7f', '/%1b[0m',
    '/a.txt?../../secret.txt', '/a.txt#/../secret.txt', '/?/../secret.txt', '/a.txt?%00', '/a.txt?..%2f..%2f';
my @wheres = qw(/list /unmerged /try /gz /slashes /exact-file /exact /re /named /nested /random/in /links /host /regex);
push @targets, map { my $where = $_; map { "$where$_" } '', '/', '/..', '/../', '/../secret.txt', '/%2e%2e/secret.txt', '..', '../', '../secret.txt',
    '%2e%2e/secret.txt', '/../../secret.txt', '/..%2f..%2fsecret.txt', '/x/../../secret.txt', '/p.txt', '/./p.txt', '//p.txt', '/..p.txt' } @wheres;
push @targets, '/' . 'x' x 4000, '/' . 'x/' x 2000, '/' . '%41' x 1000, '/' . './' x 3000, '/' . 'x' x 255, '/' . 'x' x 256, '/d/' . '../d/' x 1000 . 'b.txt';

my @raw = map { { raw => "GET $_ HTTP/1.1\r\nHost: localhost\r\n\r\n", name => 'GET ' . (s/([^!-~])/sprintf '\\x%02x', ord $1/ger) } }
    @targets, "/\x80", "/d/\xff/../b.txt", "\\..\\secret.txt", '../secret.txt', 'secret.txt', '/../secret.txt HTTP/1.0', 'http://localhost/../secret.txt',
    'http://localhost/d/../a.txt', 'http://localhost/%2e%2e/secret.txt', 'http://localhost', 'http://localhost?x', 'file:///etc/passwd', '*', '//', '//localhost/a.txt';
$_->{name} = substr($_->{name}, 0, 120) for @raw;
my $n = @raw;
cmp_ok $n, '>=', 200, "$n request lines";
for my $merge ('', 'merge_slashes off;') {
    differential_ok("$head $server $merge $locations }", \@raw, files => \%files, allow_log => [qr/./]);
}

# Ranges that ask too much, or nothing, or nonsense
my $long = join '', map { chr 97 + $_ % 26 } 1 .. 5000;
my @ranges = ((map { 'bytes=' . $_ } join(',', map { 2 * $_ . '-' . 2 * $_ } 0 .. 299), join(',', map { "$_-$_" } 0 .. 299), join(',', map { '0-' } 1 .. 300),
    join(',', map { '-1' } 1 .. 900), join(',', map { "$_-" } 0 .. 300), join(',', map { (4999 - $_) . '-' . (4999 - $_) } 0 .. 300), join(',', map { "0-$_" } 0 .. 200),
    join(',', map { '9999-' } 1 .. 300), join(',', '0-0', map { '9999-' } 1 .. 300), join(',', map { '-0' } 1 .. 300), join(', ', map { "$_-$_" } 0 .. 99), ',' x 300, ',' x 300 . '0-0',
    '0-' . '9' x 300, '9' x 300 . '-', '-' . '9' x 300, '0' x 300 . '1-2', '0-0' . ' ' x 300, '0-0,' x 300, '4999-', '5000-', '4999-4999', '5000-5000', '-5000', '-5001', '0-4999', '0-5000',
    '2-1', '-', '--', '-1-', '1--2', '0x0-0x1', '+0-+1', '0-1;', "0-1\t,3-4", "0\xc0\xae1-2", '0-1,,3-4', 'a', '0-0,a', '0-0,-', '0-1-2'),
    'bytes', 'bytes:0-1', 'bytes=0-1=', 'bytes 0-1', '=0-1', 'octets=0-1', 'BYTES=0-1', ' bytes=0-1', 'bytes=0-1, bytes=3-4', 'none');
my @parts = map { { what => 'GET /long.txt', fields => [Range => $_], name => 'Range: ' . substr $_, 0, 60 } } @ranges;
push @parts, { what => 'GET /long.txt', fields => [Range => 'bytes=0-1', Range => 'bytes=3-4'], name => 'two fields of ranges' };
differential_ok("$head $server $locations }", \@parts, files => { 'html/long.txt' => $long });

# The same, and more, against us alone -----------------------------------------------------------------

my $site = Site->start("$head $server $locations $risky }", files => \%files);
$site->allow_log(qr/./);
my ($asked, @leaks, %status);
sub ask ($target, @fields) {
    my $reply = $site->raw("GET $target HTTP/1.1\r\nHost: localhost\r\n" . join('', map { "$_\r\n" } @fields) . "Connection: close\r\n\r\n");
    $asked++;
    $status{ $reply->status // 'none' }++ if $reply;
    push @leaks, $target if $reply && ($reply->body . $reply->head) =~ /SECRET|root:x:/;
    return $reply;
}
my @gaps = qw(/gap /gap-gz /gap-links /gap-try /gap-uncached /gap-var /gap-index/i /bare /bare-try /bare-slash/ /cut /cutnamed /cutset);
for my $gap (@gaps) {
    ask("$gap$_") for '..', '../', '../secret.txt', '%2e%2e/secret.txt', '.%2e/secret.txt', '..%2fsecret.txt', '../img-private/secret.txt', '-private/secret.txt',
        '.txt', 's', 's/', 's/index.html', '/../secret.txt', '/..', '../../secret.txt', '..//secret.txt', './../secret.txt', 'x/../../secret.txt', '../img/../secret.txt',
        '../d/', '../d', '..%5csecret.txt', '%2e%2e%2fsecret.txt';
    ask("$gap/q/../../secret.txt");
}
ask("/cutroot$_/f") for '..', '/..', '../..', 'q/../..', '%2e%2e', '-private';
for my $to ('..', '../..', '../secret.txt', 'q/../../secret.txt', '/../secret.txt', '..//secret.txt', './../secret.txt', '../img-private/secret.txt', '../../secret.txt',
            '../../../../../../../../etc/passwd', '..%2fsecret.txt', '%2e%2e/secret.txt', '../d', '../d/', 'q/../../d') {
    ask("/$_/?f=$to&d=$to"), ask("/$_?f=$to&d=$to") for qw(arg-root arg-alias arg-index arg-try arg-root-try arg-rewrite arg-last arg-error arg-list);
    ask('/header/', "X-Dir: $to");
    ask('/cookie/', "Cookie: dir=$to");
}
ask($_) for @targets;
ask('/host/secret.txt', 'Host: ..'), ask('/host/../secret.txt') for 1;
$site->raw("GET /host/secret.txt HTTP/1.1\r\nHost: $_\r\nConnection: close\r\n\r\n") for '..', '../', 'a/../..', '%2e%2e', '..:80', '.', '';
is "@leaks", '', "no secret in $asked answers";
ok $status{200} > 20, "$status{200} files were sent";

# What is inside is still there.
is $site->get($_->[0])->body, $_->[1], "$_->[0] is inside" for ['/gap/p.txt', "p\n"], ['/gapp.txt', "p\n"], ['/gap..p.txt', "dotted p\n"], ['/bare/p.txt', "p\n"],
    ['/bare-try/p.txt', "p\n"], ['/cutp.txt', "p\n"], ['/cut/p.txt', "p\n"], ['/re/p.txt', "p\n"], ['/arg-try/?f=q/../p.txt', "p\n"], ['/arg-try/?f=p.txt', "p\n"],
    ['/arg-alias?f=q/r.txt', "r\n"], ['/arg-root-try/?f=q/r.txt', "r\n"], ['/cutset/q/r.txt', "r\n"], ['/host/h.txt', "h\n"], ['/gap-var/p.txt', "p\n"];
is $site->get('/gap-namep.txt')->body, "name '" . $site->path('data/img/p.txt') . "'\n", '$request_filename';
is $site->get('/gap-name../secret.txt')->body, "name ''\n", '$request_filename is empty where it would lead out: others are not led there either';
like $site->error_log, qr/leads out of its root/, 'the log says why';

# What the configuration itself says is not questioned.
my $trusting = Site->start(<<'CONF', files => \%files);
    map $host $mapped { default %DIR%/data/../html; }
    server {
        listen %PORT%;
        location /literal/ { alias %DIR%/html/../data/img/; }
        location /variable/ { alias %DIR%/html/../data/$arg_d/; }
        location /mapped/ { root $mapped; rewrite ^ /a.txt break; }
        location /set/ { set $where %DIR%/html/../data; alias $where/img/; }
        location /prefix/t_ { alias %DIR%/data/img/p; }
    }
CONF
is $trusting->get($_->[0])->body, $_->[1], "$_->[0]" for ['/literal/p.txt', "p\n"], ['/variable/p.txt?d=img', "p\n"], ['/mapped/', "a\n"], ['/set/p.txt', "p\n"],
    ['/prefix/t_.txt', "p\n"];
$trusting->stop;

# -t points at the gap.
my $test = sub ($conf) { Site->test_config("server { listen 127.0.0.1:%PORT%; $conf }") };
like $test->('location /i { alias /data/; }')->{stderr}, qr/\[warn\].*location "\/i" has no "\/" at its end, its "alias" has/, 'a location without the slash is warned of';
unlike $test->($_)->{stderr}, qr/\[warn\]/, "$_: fine" for 'location /i/ { alias /data/; }', 'location /i { alias /data; }', 'location = /i { alias /data/; }',
    'location ~ /i { alias /data/; }';
done_testing;
