# t/handler/static.t - files, types, ranges, conditionals, index: the same as nginx, over and over
use Site;
use Differential;

my $conf = <<'CONF';
    types { text/html html htm; text/plain txt; image/gif gif; application/x-long.type+x lng; text/css CSS; }
    default_type application/octet-stream;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /alias/ { alias %DIR%/other/; }
        location /alias-file { alias %DIR%/html/a.txt; }
        location ~ ^/re-alias/(.*)$ { alias %DIR%/other/$1; }
        location /type/ { default_type text/x-special; types { } alias %DIR%/html/; }
        location /notype/ { types { } default_type ""; alias %DIR%/html/; }
        location /noetag/ { etag off; alias %DIR%/html/; }
        location /before/ { if_modified_since before; alias %DIR%/html/; }
        location /ims-off/ { if_modified_since off; alias %DIR%/html/; }
        location /one-range/ { max_ranges 1; alias %DIR%/html/; }
        location /no-range/ { max_ranges 0; alias %DIR%/html/; }
        location /sendfile/ { sendfile on; alias %DIR%/html/; }
        location /nopush/ { sendfile on; tcp_nopush on; alias %DIR%/html/; }
        location /vars/ { root %DIR%/$arg_root; }
        location /index/ { index first.html second.html /absolute.html; }
        location /index-var/ { index $arg_i.html index.html; }
        location /index-none/ { }
        location = /index/second.html { return 200 "the index is a redirect: $uri\n"; }
        location = /absolute.html { return 200 "absolute index $uri\n"; }
        location /lognot/ { log_not_found off; }
    }
CONF
my $text = join '', map { "line $_ of a file\n" } 1 .. 50;
my %files = (
    'html/a.txt' => $text, 'html/empty' => '', 'html/page.html' => "<html></html>\n", 'html/x.GIF' => 'gif',
    'html/style.css' => 'css', 'html/b.lng' => 'long type', 'html/no-extension' => 'x', 'html/.hidden' => 'h',
    'html/two.html.txt' => 't', 'html/dot.' => 'dot', 'html/big' => 'abcdefghij' x 30_000,
    'html/sp ace.txt' => 'space', "html/caf\xc3\xa9.txt" => 'utf-8', 'html/100%.txt' => 'percent',
    'html/q?.txt' => 'question', 'html/back\slash.txt' => 'backslash', 'html/+plus+.txt' => 'plus',
    'other/a.txt' => "other\n", 'other/d/index.html' => 'other index', 'html/d/index.html' => "index\n",
    'html/index/d/.keep' => '', 'html/index/second.html' => 'second', 'html/index/both/first.html' => 'first',
    'html/index-var/x.html' => 'var x', 'html/index-var/index.html' => 'var index',
    'html/index-none/.keep' => '', 'html/vars/f' => 'f', 'special/vars/f' => 'special f',
);
my @requests = map { ("GET $_", "HEAD $_") } qw(
    /a.txt /empty /page.html /x.GIF /style.css /b.lng /no-extension /.hidden /two.html.txt /dot. /big
    /sp%20ace.txt /caf%C3%A9.txt /100%25.txt /q%3F.txt /back%5Cslash.txt /+plus+.txt /%2bplus%2B.txt
    /d /d/ /d/index.html /d/index.html/ /a.txt/ /a.txt/x /none /none/ /d/none /index/ /index/both/ /index/d/
    /index/d /index-var/?i=x /index-var/ /index-none/ /index-none /alias/a.txt /alias/ /alias /alias/d
    /alias/d/ /alias-file /alias-file/ /alias-filex /re-alias/a.txt /re-alias/d/ /re-alias/d /re-alias/
    /type/a.txt /type/page.html /notype/a.txt /noetag/a.txt /sendfile/a.txt /sendfile/empty /sendfile/big
    /nopush/big /vars/f?root=special /vars/f?root=html /vars/f?root=none /vars/f /lognot/x
);
push @requests, map { { what => "$_ /a.txt", body => 'x' } } qw(POST PUT DELETE PATCH OPTIONS);
push @requests, map { { what => "$_ /d/", body => 'x' } } qw(POST PUT);
push @requests, { what => 'POST /none', body => 'x' };

my @ranges = ('bytes=0-0', 'bytes=0-', 'bytes=5-9', 'bytes=-1', 'bytes=-5', 'bytes=-0', 'bytes=0-99999',
    'bytes=-99999', 'bytes=100-', 'bytes=899-', 'bytes=900-', 'bytes=99999-', 'bytes=9-5', 'bytes=0-1,3-4',
    'bytes=0-1, 3-4 ,6-7', 'bytes=0-1,0-1', 'bytes=0-,0-,0-', 'bytes=5-9,0-2', 'bytes=0-4,2-8',
    'bytes=0-0,-1', 'bytes=0-0,99999-', 'bytes=99999-,0-0', 'bytes=a-b', 'bytes=', 'bytes=-', 'bytes',
    'bytes=1', 'bytes=1-2-3', 'bytes = 0-1', 'bytes=0 -1', 'bytes= 0-1', 'BYTES=0-1', 'lines=0-1', '0-1',
    'bytes=0-1;', 'bytes=0-1,', 'bytes=,0-1', 'bytes=18446744073709551615-', 'bytes=0-18446744073709551616',
    'bytes=-18446744073709551616', 'bytes=99999999999999999999-1', 'bytes=0-1,a', join(',', 'bytes=0-0', map { "$_-$_" } 1 .. 30));
push @requests, map { ['GET /a.txt', Range => $_] } @ranges;
push @requests, map { ['GET /sendfile/big', Range => $_] } 'bytes=5-9', 'bytes=0-1,299990-', 'bytes=-100';
push @requests, map { ['HEAD /a.txt', Range => $_] } 'bytes=0-4', 'bytes=0-1,3-4', 'bytes=99999-';
push @requests, ['GET /empty', Range => 'bytes=0-'], ['GET /empty', Range => 'bytes=-1'],
    ['GET /one-range/a.txt', Range => 'bytes=0-1'], ['GET /one-range/a.txt', Range => 'bytes=0-1,3-4'],
    ['GET /no-range/a.txt', Range => 'bytes=0-1'], ['GET /none', Range => 'bytes=0-1'],
    ['GET /d/', Range => 'bytes=0-1'], { what => 'GET /a.txt', version => '1.0', fields => [Range => 'bytes=0-1'] };

# The oracle's own validators: what it says of the file, weir must say too (the sides share mtimes).
my $modified = 'Sun, 13 Sep 2020 12:26:40 GMT';
my $earlier  = 'Sun, 13 Sep 2020 12:26:39 GMT';
my $later    = 'Sun, 13 Sep 2020 12:26:41 GMT';
my $etag     = sprintf '"%x-%x"', 1_600_000_000, length $text;
push @requests, map { ['GET /a.txt', @$_] }
    ['If-Modified-Since' => $modified], ['If-Modified-Since' => $earlier], ['If-Modified-Since' => $later],
    ['If-Modified-Since' => 'nonsense'], ['If-Modified-Since' => ''],
    ['If-Modified-Since' => 'Sunday, 13-Sep-20 12:26:40 GMT'], ['If-Modified-Since' => 'Sun Sep 13 12:26:40 2020'],
    ['If-Unmodified-Since' => $modified], ['If-Unmodified-Since' => $earlier],
    ['If-Unmodified-Since' => $later], ['If-Unmodified-Since' => 'nonsense'],
    ['If-None-Match' => $etag], ['If-None-Match' => "W/$etag"], ['If-None-Match' => '"x"'],
    ['If-None-Match' => "\"x\", $etag"], ['If-None-Match' => "\"x\",$etag, \"y\""], ['If-None-Match' => '*'],
    ['If-None-Match' => $etag =~ s/"//gr], ['If-None-Match' => '"x" ' . $etag], ['If-None-Match' => ''],
    ['If-Match' => $etag], ['If-Match' => '"x"'], ['If-Match' => '*'], ['If-Match' => "W/$etag"],
    ['If-Match' => "\"x\", $etag"],
    ['If-None-Match' => '"x"', 'If-Modified-Since' => $modified],
    ['If-None-Match' => $etag, 'If-Modified-Since' => $earlier],
    ['If-None-Match' => $etag, 'If-Modified-Since' => $modified],
    ['If-Match' => $etag, 'If-Unmodified-Since' => $earlier],
    ['If-Range' => $etag, Range => 'bytes=0-3'], ['If-Range' => '"x"', Range => 'bytes=0-3'],
    ['If-Range' => $modified, Range => 'bytes=0-3'], ['If-Range' => $later, Range => 'bytes=0-3'],
    ['If-Range' => $earlier, Range => 'bytes=0-3'], ['If-Range' => "W/$etag", Range => 'bytes=0-3'],
    ['If-Range' => 'x', Range => 'bytes=0-3'], ['If-None-Match' => $etag, Range => 'bytes=0-3'],
    ['If-Match' => '"x"', Range => 'bytes=0-3'];
push @requests, map { ["GET /$_/a.txt", 'If-Modified-Since' => $later] } qw(before ims-off noetag);
push @requests, ['GET /before/a.txt', 'If-Modified-Since' => $earlier],
    ['GET /ims-off/a.txt', 'If-Modified-Since' => $modified], ['GET /noetag/a.txt', 'If-None-Match' => $etag],
    ['HEAD /a.txt', 'If-None-Match' => $etag], ['GET /none', 'If-None-Match' => '*'],
    { what => 'POST /a.txt', body => 'x', fields => ['If-None-Match' => $etag] };

# nginx closes after a 412, for reasons of its own.
my @refused = grep { ref eq 'ARRAY' && "@$_" =~ /If-(?:Unmodified-Since|Match)/ } @requests;
differential_ok($conf, \@requests, files => \%files,
    allow => { map { join(' ', @$_) . ': persists' => 'a 412 is no reason to close' } @refused });

# What only one side can show --------------------------------------------------------------------------

my $site = Site->start($conf);
$site->file($_, $files{$_}, mtime => 1_600_000_000) for keys %files;
is $site->get('/a.txt')->header('ETag'), $etag, 'the ETag is made as nginx makes it';
is $site->get('/a.txt')->header('Last-Modified'), $modified, 'Last-Modified';

# A changed file is served changed, at once.
for my $turn (1 .. 5) {
    $site->file('html/changing', "version $turn" . 'x' x $turn);
    is $site->get('/changing')->body, "version $turn" . 'x' x $turn, "change $turn is seen";
}
$site->file('html/same-size', 'old');
is $site->get('/same-size')->body, 'old', 'a file';
$site->file('html/new-name', 'new');
rename $site->path('html/new-name'), $site->path('html/same-size');
is $site->get('/same-size')->body, 'new', 'replaced by rename';
unlink $site->path('html/same-size');
is $site->get('/same-size')->status, 404, 'removed';
$site->file('html/same-size', 'back');
is $site->get('/same-size')->body, 'back', 'made again';

symlink $site->path('other/a.txt'), $site->path('html/link');
is $site->get('/link')->body, "other\n", 'a symbolic link is followed';
symlink '/nowhere', $site->path('html/dangling');
is $site->get('/dangling')->status, 404, 'a dangling link';
$site->file('html/unreadable', 'secret', mode => 0);
is $site->get('/unreadable')->status, 403, 'an unreadable file';
like $site->error_log, qr/unreadable" failed \(13: Permission denied\)/, 'is logged with its reason';
mkdir $site->path('html/closed'), 0;
is $site->get('/closed/x')->status, 403, 'a closed directory';
like $site->error_log, qr/open\(\) ".*none" failed \(2: No such file or directory\)/, 'a missing file is logged'
    if $site->get('/none')->status == 404;
$site->allow_log(qr/is not a regular file/);
POSIX::mkfifo($site->path('html/fifo'), 0666);
is $site->get('/fifo')->status, 404, 'a fifo is not read';
is $site->get('/index-none/')->status, 403, 'a directory without an index';
like $site->error_log, qr/directory index of ".*index-none\/" is forbidden/, 'is logged as forbidden';
is $site->get('/' . 'x' x 300)->status, 404, 'a name that is too long';

# Large files arrive whole whatever the way they take.
my $large = 'abcdefghijklmnop' x 500_000;
$site->file('html/large', $large);
for my $uri (qw(/large /sendfile/large /nopush/large)) {
    ok $site->get($uri)->body eq $large, "$uri, 8 MB";
}
my $slow = $site->send('GET /sendfile/large', { rcvbuf => 16384 });
is $slow->read_until(qr/\r\n\r\n/) =~ /200 OK/, 1, 'a slow reader';
ok $slow->read_bytes(length $large) eq $large, 'gets it too';

done_testing;
