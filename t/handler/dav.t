# t/handler/dav.t - WebDAV methods: the same answers as nginx, the same files, and nothing by halves
use Site;
use Differential;
use File::Find ();
use File::Temp;
use POSIX ();

my $conf = <<'CONF';
    client_max_body_size 100m;
    server {
        listen %PORT%;
        root %DIR%/html;
        location / { dav_methods PUT DELETE MKCOL COPY MOVE; }
        location /full/ { dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; dav_access user:rw group:rw all:r; }
        location /deep/ { dav_methods DELETE; min_delete_depth 3; }
        location /only-put/ { dav_methods PUT; }
        location /off/ { }
        location /alias/ { alias %DIR%/html/; dav_methods PUT DELETE MKCOL COPY MOVE; }
        location /small/ { client_max_body_size 10; dav_methods PUT; }
        location /gap { alias %DIR%/html/in/; dav_methods PUT DELETE MKCOL COPY MOVE; }
    }
CONF
my %files = ('html/f' => "f\n", 'html/g' => "g\n", 'html/d/1' => "one\n", 'html/d/2' => "two\n", 'html/d/sub/3' => "three\n", 'html/e/x' => "x\n",
    'html/del/a/b/c' => "c\n", 'html/deep/a/b/c/d' => "d\n", 'html/empty/.keep' => '', 'html/only-put/f' => "f\n", 'html/off/f' => "f\n",
    'html/m1' => "m1\n", 'html/m2' => "m2\n", 'html/md/y' => "y\n", 'html/full/.keep' => '', 'html/big/f' => 'b' x 200_000, 'html/ro/f' => "ro\n",
    'html/sp ace' => "space\n", 'html/in/i' => "i\n", 'outside' => "OUTSIDE\n", 'html/small/.keep' => '');
my $prepare = sub ($site) {
    return if $> != 0;
    system 'chown', '-R', 'nobody', $site->path('html');
    chown 0, 0, map { $site->path("html/$_") } 'ro', 'ro/f';
};
sub asks ($what, @rest) { return { what => $what, fields => [@rest], name => join ' ', $what, map { $_ // 'undef' } @rest } }
sub puts ($uri, $body, @rest) { return { what => "PUT $uri", body => $body, fields => [@rest], name => "PUT $uri, " . length($body) . " bytes @rest" } }
my $host = 'http://localhost';
my @requests = (
    # PUT
    puts('/new', "new\n"), 'GET /new', puts('/new', "newer\n"), 'GET /new', puts('/empty-file', ''), 'GET /empty-file', puts('/big-file', 'x' x 300_000),
    'GET /big-file', puts('/none/x', 'x'), puts('/f/x', 'x'), puts('/d', 'x'), puts('/d/', 'x'), puts('/ro/x', 'x'), puts('/ro/f', 'x'), puts('/sp%20ace%3f', 'x'),
    puts('/caf%c3%a9', 'x'), puts('/full/p/q/r', 'deep'), 'GET /full/p/q/r', puts('/full/p/q/r', 'deeper'), puts('/p/q/r', 'x'), puts('/only-put/g', 'x'), puts('/off/g', 'x'),
    puts('/new', 'x', 'Content-Range' => 'bytes 0-0/1'), puts('/small/ok', 'x' x 10), puts('/small/no', 'x' x 11), 'GET /small/no',
    { what => 'PUT /chunked', chunks => ['ab', 'cd'], name => 'PUT in chunks' }, 'GET /chunked', { what => 'PUT /chunked0', chunks => [], name => 'PUT in no chunks' }, 'GET /chunked0',
    puts('/dated', 'x', Date => 'Sun, 06 Nov 1994 08:49:37 GMT'), 'GET /dated', puts('/dated', 'xy', Date => 'nonsense'), puts('/' . 'n' x 255, 'x'), puts('/' . 'n' x 256, 'x'),
    puts('/a/../b', 'x'), puts('/../b', 'x'), puts('/%2e%2e/b', 'x'), puts('/b%00', 'x'), puts('/b?args', 'x'), 'GET /b', puts('/alias/by-alias', 'x'), 'GET /by-alias',
    { what => 'PUT /v10', version => '1.0', body => 'x', name => 'PUT in HTTP/1.0' }, puts('/' . 'y/' x 100 . 'z', 'x'),
    # MKCOL
    asks('MKCOL /m'), asks('MKCOL /m/'), asks('MKCOL /m/'), asks('MKCOL /no/m/'), asks('MKCOL /f/'), asks('MKCOL /ro/m/'), asks('MKCOL /d/'), asks('MKCOL /m/n/'), asks('MKCOL /m/n/o/p/'),
    { what => 'MKCOL /body/', body => 'x', name => 'MKCOL with a body' }, asks('MKCOL /'), asks('MKCOL /full/p2/q2/'), asks('MKCOL /only-put/m/'), asks('MKCOL /m%20m/'), 'GET /m', asks('MKCOL /f/m/'),
    # DELETE
    asks('DELETE /nothing'), asks('DELETE /f/'), asks('DELETE /f/x'), asks('DELETE /del'), asks('DELETE /del/', Depth => 0), asks('DELETE /del/', Depth => 1), asks('DELETE /del/', Depth => 'Infinity'),
    asks('DELETE /del/', Depth => ''), asks('DELETE /del/', Depth => 'infinity'), 'GET /del/a/b/c', asks('DELETE /del/'), asks('DELETE /by-alias', Depth => 1), asks('DELETE /by-alias', Depth => 'x'),
    asks('DELETE /by-alias', Depth => 0), asks('DELETE /chunked', Depth => 'infinity'), { what => 'DELETE /f', body => 'x', name => 'DELETE with a body' },
    { what => 'DELETE /f', chunks => ['x'], name => 'DELETE with chunks' }, asks('DELETE /ro/f'), asks('DELETE /only-put/f'), asks('DELETE /deep/a'), asks('DELETE /deep/a/'), asks('DELETE /deep/a/b/'), asks('DELETE /deep/a/b'),
    asks('DELETE /deep/a/b/c/'), asks('DELETE /deep/a/b/c'), asks('DELETE /m/'), asks('DELETE /empty'), asks('DELETE /empty/'), 'GET /empty/',
    # COPY and MOVE
    asks('COPY /f'), asks('COPY /f', Destination => "$host/f2"), 'GET /f2', asks('COPY /f', Destination => "$host/f2"), asks('COPY /f', Destination => "$host/f2", Overwrite => 'F'),
    asks('COPY /f', Destination => "$host/f3", Overwrite => 'F'), asks('COPY /f', Destination => "$host/f2", Overwrite => 'T'), asks('COPY /f', Destination => "$host/f2", Overwrite => 't'),
    asks('COPY /f', Destination => "$host/f2", Overwrite => 'f'), asks('COPY /f', Destination => "$host/f2", Overwrite => 'x'), asks('COPY /f', Destination => "$host/f2", Overwrite => 'true'), asks('COPY /f', Destination => "$host/f2", Overwrite => ''),
    asks('COPY /f', Destination => '/f4'), asks('COPY /f', Destination => 'f4'), asks('COPY /f', Destination => ''), asks('COPY /f', Destination => 'http://other/f4'), asks('COPY /f', Destination => 'https://localhost/f4'),
    asks('COPY /f', Destination => 'HTTP://localhost/f4'), asks('COPY /f', Destination => 'http://localhost'), asks('COPY /f', Destination => 'http://localhost:8080/f4'), asks('COPY /f', Destination => 'http://localhostx/f4'),
    asks('COPY /f', Destination => '//localhost/f4'), asks('COPY /f', Destination => '/f5?args'), 'GET /f5', asks('COPY /f', Destination => '/f%206'), 'GET /f%206', asks('COPY /f', Destination => '/f7#frag'), 'GET /f7',
    asks('COPY /f', Destination => "$host/d"), asks('COPY /f', Destination => "$host/d/"), asks('COPY /f', Destination => "$host/none/f"), asks('COPY /nothing', Destination => "$host/x"), asks('COPY /nothing', Destination => "$host/d"),
    asks('COPY /nothing', Destination => "$host/f2", Overwrite => 'F'), asks('COPY /f', Destination => "$host/ro/f2"), asks('COPY /f', Destination => "$host/f/x"), asks('COPY /f/', Destination => "$host/f8/"), asks('COPY /f', Destination => "$host/f8", Depth => 0),
    asks('COPY /f', Destination => "$host/f8", Depth => 1), asks('COPY /f', Destination => "$host/f8", Depth => 'infinity'), asks('COPY /f', Destination => "$host/f8", Depth => 'x'), { what => 'COPY /f', body => 'x', fields => [Destination => '/f9'], name => 'COPY with a body' },
    asks('COPY /d', Destination => "$host/d2"), asks('COPY /d/', Destination => "$host/d2"), asks('COPY /d/', Destination => "$host/d2/"), 'GET /d2/sub/3', asks('COPY /d/', Destination => "$host/d2/"), asks('COPY /d/', Destination => "$host/d2/", Overwrite => 'F'),
    asks('COPY /d/', Destination => "$host/d3/", Depth => 0), 'GET /d3/1', 'GET /d3', asks('COPY /d/', Destination => "$host/none/d2/"), asks('COPY /d/', Destination => "$host/f8/"), 'GET /f8/1', asks('COPY /d/', Destination => "$host/ro/d/"),
    asks('COPY /e/', Destination => "$host/d2/"), 'GET /d2/1', 'GET /d2/x', asks('COPY /ro/', Destination => "$host/ro2/"), asks('COPY /big/', Destination => "$host/big2/"), 'GET /big2/f',
    asks('MOVE /m1', Destination => "$host/m1b"), 'GET /m1', 'GET /m1b', asks('MOVE /m2', Destination => "$host/m1b"), 'GET /m1b', asks('MOVE /m1b', Destination => "$host/new/dir/m1c"), 'GET /new/dir/m1c', asks('MOVE /m1b', Destination => "$host/nw/dir/m1c"), 'GET /nw/dir/m1c',
    asks('MOVE /g', Destination => "$host/f", Overwrite => 'F'), asks('MOVE /g', Destination => "$host/f"), 'GET /f', asks('MOVE /f', Destination => "$host/fm", Depth => 0), asks('MOVE /f', Destination => "$host/fm", Depth => 'infinity'), asks('MOVE /nothing', Destination => "$host/x"),
    asks('MOVE /md/', Destination => "$host/md2/"), 'GET /md2/y', 'GET /md', asks('MOVE /md2/', Destination => "$host/d/"), 'GET /d/y', 'GET /d/1', asks('MOVE /d/', Destination => "$host/none/d/"), asks('MOVE /d', Destination => "$host/dd"), asks('MOVE /d/', Destination => "$host/dd/", Depth => 0),
    asks('MOVE /ro/f', Destination => "$host/rof"), asks('MOVE /fm', Destination => "$host/ro/fm"), asks('COPY /only-put/f', Destination => "$host/x"), asks('COPY /alias/fm', Destination => "$host/alias/fa"), 'GET /fa', asks('MOVE /sp%20ace', Destination => "$host/sp%20ace%202"), 'GET /sp%20ace%202',
    # out of the root
    (map { asks('COPY /fm', Destination => $_) } '/../stolen', "$host/../stolen", '/%2e%2e/stolen', '/d/../../stolen', '/%2e%2e%2fstolen', '/..', '/.', '/d/..', '/%00', '/st%00olen', '/%', '/%zz', '/./stolen', '//stolen', '/a//b'),
    (map { asks('MOVE /fm', Destination => $_) } '/../stolen', '/%2e%2e/stolen', '/%2e%2e%2f%2e%2e%2fstolen'), 'GET /fm', 'OPTIONS /fm', { what => 'PROPFIND /fm', name => 'PROPFIND' }, { what => 'POST /fm', body => 'x', name => 'POST' }, 'HEAD /fm',
);
my %allow = (
    '*: header Last-Modified' => 'of a file that was just put',
    "COPY /f Destination HTTP://localhost/f4" => 'a scheme has no case (RFC 3986, 3.1)',
    'GET /f7' => 'a fragment is no part of a name',
    'GET /d3/1' => 'Depth: 0 copies no members (RFC 4918, 9.8.3)',
    (map { ("COPY /fm Destination /$_" => 'not an encoding') } '%', '%zz'),
);
differential_ok($conf, \@requests, files => \%files, prepare => $prepare, allow_log => [qr/./], allow => \%allow);

# What can be seen on disk only ------------------------------------------------------------------------

my $shm = -w '/dev/shm' ? File::Temp->newdir(DIR => '/dev/shm') : undef;   # another file system
my $site = Site->prepare($conf . <<'CONF', files => \%files);
    server {
        listen %PORT2%;
        root %DIR%/shm;
        location / { dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; dav_access group:r; }
        location /links/ { disable_symlinks on; root %DIR%/html; dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }
        location /from/ { disable_symlinks on from=%DIR%/html; root %DIR%/html; dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }
        location /slow/ { root %DIR%/html; dav_methods PUT; client_body_timeout 1s; }
        location /read-before/ { root %DIR%/html; dav_methods PUT; auth_request /auth; create_full_put_path on; }
        location /auth { return 204; }
    }
CONF
$prepare->($site);
if ($shm) {
    chmod 0777, $shm;
    symlink $shm, $site->path('shm');
} else {
    mkdir $site->path('shm'), 0777;
    chmod 0777, $site->path('shm');
}
$site->up;
$site->allow_log(qr/dav|failed|leads out/);
my %answer;
sub does ($what, $want, @rest) {
    my $option = ref $rest[0] eq 'HASH' ? shift @rest : {};
    my $reply = $site->request($what, $option, @rest);
    is $reply && $reply->status, $want, join ' ', "$what: $want", map { ref ? () : $_ // '' } @rest;
    return $reply;
}
sub mode_of ($name) { return sprintf '%o', (stat $site->path($name))[2] & 07777 }
sub names_in ($name) {
    opendir my $dir, $site->path($name) or return 'none';
    return join ' ', sort grep { !/\A\.\.?\z/ } readdir $dir;
}
sub all_names ($name) {
    my @found;
    File::Find::find({ wanted => sub { push @found, $File::Find::name }, no_chdir => 1 }, $site->path($name));
    return map { s/\A\Q$site->{dir}\E\///r } sort @found;
}
sub all_names_of ($other) {
    my @found;
    File::Find::find({ wanted => sub { push @found, $File::Find::name }, no_chdir => 1 }, $other->path('html'));
    return @found;
}
sub temporary () { return grep { -f } glob $site->path('temp/client_body/*') }

does('PUT /new', 201, { body => 'new' });
is mode_of('html/new'), '600', 'dav_access: by default for the user alone';
does('PUT /full/x/y', 201, { body => 'y' });
is mode_of('html/full/x/y'), '664', 'dav_access';
is mode_of('html/full/x'), '775', 'and of directories on the way';
does('PUT /y', 201, { body => 'y', port => 2 });
is mode_of('shm/y'), '640', 'the user may always';
does('MKCOL /c/', 201, { port => 2 });
is mode_of('shm/c'), '750', 'a collection';
is $site->slurp('shm/y'), 'y', 'from one file system to another';
my $big = join '', map { pack 'N', $_ } 1 .. 500_000;
does('PUT /big', 201, { body => $big, port => 2 });
ok $site->slurp('shm/big') eq $big, 'a large one too';
wait_until { !temporary() } 'no temporary file to be left';
is names_in('shm'), 'big c y', 'nor beside it';
is does('PUT /dated', 201, { body => 'x' }, Date => 'Sun, 06 Nov 1994 08:49:37 GMT')->header('Location'),
    "http://localhost:" . $site->port . '/dated', 'Location';
is $site->get('/dated')->header('Last-Modified'), 'Sun, 06 Nov 1994 08:49:37 GMT', 'Date';
does('PUT /dated', 204, { body => 'y', port => 1 }, 'Last-Modified' => 'Mon, 07 Nov 1994 08:49:37 GMT');
is $site->get('/dated')->header('Last-Modified'), 'Mon, 07 Nov 1994 08:49:37 GMT', 'or Last-Modified';
does('PUT /nothing-said', 201);
is -s $site->path('html/nothing-said'), 0, 'PUT without a body: an empty file';
does('PUT /read-before/f', 201, { body => 'a body that somebody else saw', port => 2 });
is $site->slurp('html/read-before/f'), 'a body that somebody else saw', 'a body that was read before';

# Copies and moves
$site->file('html/tree/a/b/f', 'f', mtime => 1_500_000_000, mode => 0640);
symlink 'b/f', $site->path('html/tree/a/link');
symlink '..', $site->path('html/tree/a/b/up');
POSIX::mkfifo($site->path('html/tree/a/fifo'), 0666);
system 'chown', '-hR', 'nobody', $site->path('html/tree') if $> == 0;
chmod 0751, $site->path('html/tree/a');
utime 1_400_000_000, 1_400_000_000, $site->path('html/tree/a');
does('COPY /tree/', 201, Destination => '/tree2/');
is join(' ', all_names('html/tree2')), join(' ', map { "html/tree2$_" } '', qw(/a /a/b /a/b/f /a/b/up /a/link)), 'COPY: all but the fifo';
is mode_of('html/tree2/a') . ' ' . mode_of('html/tree2/a/b/f'), '751 640', 'with their permissions';
is((stat $site->path('html/tree2/a/b/f'))[9], 1_500_000_000, 'and times');
is((stat $site->path('html/tree2/a'))[9], 1_400_000_000, 'those of directories too');
is readlink $site->path('html/tree2/a/b/up'), '..', 'links are copied as links';
does('DELETE /tree2/', 204);
ok -e $site->path('html/tree/a/b/f'), 'DELETE follows none';
ok !-e $site->path('html/tree2'), 'and removes all';
does('COPY /tree/', 403, Destination => '/tree/a/in/');
does('MOVE /tree/', 403, Destination => '/tree/a/in/');
does('COPY /tree/', 403, Destination => '/tree/');
does('MOVE /tree/', 403, Destination => '/tree/');
does('COPY /f', 403, Destination => '/f');
does('MOVE /f', 403, Destination => '/f');
is $site->slurp('html/f'), "f\n", 'onto itself: nothing is lost';
does('COPY /tree/a/b/', 201, Destination => '/tree/');
is $site->slurp('html/tree/f'), 'f', 'a collection in place of the one it was in';
does('MOVE /tree/', 201, Destination => '/tree3/');
does('MKCOL /tree3/in/', 201);
does('PUT /tree3/in/g', 201, { body => 'g' });
does('MOVE /tree3/in/', 201, Destination => '/tree3/');
is names_in('html/tree3'), 'g', 'moved in place of the one it was in';
link $site->path('html/f'), $site->path('html/f-too');
does('MOVE /f-too', 204, Destination => '/f');
ok -e $site->path('html/f') && !-e $site->path('html/f-too'), 'two names of one file';
symlink 'f', $site->path('html/link-to-f');
does('COPY /link-to-f', 204, Destination => '/copied');
ok !-l $site->path('html/copied') && $site->slurp('html/copied') eq "f\n", 'COPY of a link copies the file';
does('PUT /link-to-f', 204, { body => 'new' });
ok !-l $site->path('html/link-to-f') && $site->slurp('html/f') eq "f\n", 'PUT replaces a link, not what it leads to';
does('COPY /tree3/a', 404, Destination => '/x');
symlink $site->path('outside'), $site->path('html/out');
does('DELETE /out', 204);
is $site->slurp('outside'), "OUTSIDE\n", 'DELETE of a link leaves alone what it leads to';
mkdir $site->path('outdir'), 0777;
chmod 0777, $site->path('outdir');
$site->file('outdir/f', 'f');
symlink $site->path('outdir'), $site->path('html/outdir');
does('DELETE /outdir/', 409);
ok -e $site->path('outdir/f'), 'nor what is behind it';
my $pid_fifo = POSIX::mkfifo($site->path('html/fifo'), 0666);
chmod 0666, $site->path('html/fifo');
does('COPY /fifo', 500, Destination => '/x');
does('DELETE /fifo', 204);

# Between file systems
if ($shm) {
    symlink $shm, $site->path('html/other');
    does('COPY /tree3/', 201, Destination => '/other/t/');
    is names_in('shm/t'), 'g', 'COPY of a collection to another file system';
    does('MOVE /tree3/', 201, Destination => '/other/t2/');
    ok -e $site->path('shm/t2/g') && !-e $site->path('html/tree3'), 'MOVE';
    does('MOVE /other/t2/', 201, Destination => '/other/t/');
    does('MOVE /other/t/', 201, Destination => '/tree3/');
    is $site->slurp('html/tree3/g'), 'g', 'and back';
    does('MOVE /copied', 204, Destination => '/other/copied');
    ok -e $site->path('shm/copied') && !-e $site->path('html/copied'), 'MOVE of a file';
    is mode_of('shm/copied'), '644', 'with its permissions';
}

# disable_symlinks
mkdir $site->path("html/$_"), 0777 for 'links', 'from', 'elsewhere';
chmod 0777, $site->path("html/$_") for 'links', 'from', 'elsewhere';
for my $where ('links', 'from') {
    symlink '../elsewhere', $site->path("html/$where/l");
    my @port = { port => 2 };
    does("PUT /$where/l/f", 500, { body => 'x', port => 2 });
    does("PUT /$where/l/x/f", 500, { body => 'x', port => 2 });
    does("MKCOL /$where/l/m/", 409, @port);
    does("PUT /$where/f", 201, { body => 'x', port => 2 });
    does("PUT /$where/x/y/f", 201, { body => 'x', port => 2 });
    does("COPY /$where/f", 404, @port, Destination => "/$where/l/f");
    does("MOVE /$where/f", 404, @port, Destination => "/$where/l/f");
    does("COPY /$where/l/f", 404, @port, Destination => "/$where/g");
    $site->file('html/elsewhere/f', 'f');
    does("DELETE /$where/l/f", 409, @port);
    symlink 'f', $site->path("html/$where/lf");
    does("COPY /$where/lf", 500, @port, Destination => "/$where/g");
    does("DELETE /$where/l", 204, @port);
    is names_in('html/elsewhere'), 'f', 'nothing happened behind the link';
    unlink $site->path('html/elsewhere/f');
}

# An alias that ends in the middle of a name
for my $request (['PUT /gap../stolen', { body => 'x' }], ['MKCOL /gap../stolen/'], ['DELETE /gap../f'], ['COPY /gapi', Destination => '/gap../stolen'],
                 ['MOVE /gapi', Destination => '/gap../stolen'], ['COPY /gap../f', Destination => '/gapj']) {
    my ($what, @rest) = @$request;
    does($what, 404, @rest);
}
does('COPY /gapi', 400, Destination => '/elsewhere/stolen');
does('COPY /alias/f', 400, Destination => '/stolen');
ok -e $site->path('html/f') && !-e $site->path('html/stolen') && !-e $site->path('stolen'), 'nothing outside was touched';

# Conditions
my $etag = $site->get('/g')->header('ETag');
does('PUT /g', 412, { body => 'x' }, 'If-Match' => '"x"');
does('PUT /g', 412, { body => 'x' }, 'If-None-Match' => '*');
does('PUT /g', 412, { body => 'x' }, 'If-None-Match' => "W/$etag");
does('PUT /g', 412, { body => 'x' }, 'If-Unmodified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT');
does('PUT /not-there', 412, { body => 'x' }, 'If-Match' => '*');
does('DELETE /g', 412, 'If-Match' => '"x"');
is $site->slurp('html/g'), "g\n", 'unchanged';
does('PUT /g', 204, { body => 'x' }, 'If-Match' => "\"y\", $etag");
does('PUT /not-there', 201, { body => 'x' }, 'If-None-Match' => '*');
does('DELETE /not-there', 204, 'If-Match' => $site->get('/not-there')->header('ETag'));
wait_until { !temporary() } 'the temporary files to be gone';

# Nothing by halves ------------------------------------------------------------------------------------

$site->file('html/kept', 'old');
system 'chown', '-R', 'nobody', $site->path('html/kept') if $> == 0;
my $before = join ' ', all_names('html');
my @puts = map { $site->connect->send("PUT /$_", { body => 'half' }, 'Content-Length' => 1_000_000) } 'kept', 'never';
$_->write('x' x 300_000) for @puts;
wait_until { temporary() == 2 } 'the bodies to be written';
is $site->get('/kept')->body, 'old', 'while a body comes the old file is there';
is $site->get('/never')->status, 404, 'and no new one';
is join(' ', all_names('html')), $before, 'nor anything else';
$puts[0]->close;
$puts[1]->reset;
wait_until { !temporary() } 'the temporary files to be gone';
is join(' ', all_names('html')), $before, 'clients that vanish leave nothing';
my $slow = $site->connect({ port => 2 })->send('PUT /slow/f', { body => 'half' }, 'Content-Length' => 1_000);
is $slow->response, undef, 'a body that never ends: the connection is closed';
wait_until { !temporary() } 'its temporary file to be gone';
my $cut = $site->connect;
$cut->write("PUT /cut HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
is $cut->response->status, 400, 'broken chunks';
does('PUT /too-large', 413, { body => '' }, 'Content-Length' => 200_000_000);
is join(' ', all_names('html')), $before, 'leave nothing';
my $expect = $site->connect;
$expect->write("PUT /d/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n");
my $refused = $expect->response;
is $refused->status . ' ' . scalar($refused->interim), '409 0', 'what would be refused is not asked for';

# A writer and readers: each sees one version whole.
my @versions = map { chr(64 + $_) x 200_000 } 1 .. 8;
does('PUT /versions', 201, { body => $versions[0] });
my $writer = fork // die;
if ($writer == 0) {
    Procs::die_with_parent();
    my $c = $site->connect;
    for my $round (1 .. 5) { $c->request('PUT /versions', { body => $_ }) for @versions }
    POSIX::_exit(0);
}
my ($mixed, $reads, $reader) = (0, 0);
while (waitpid($writer, POSIX::WNOHANG) == 0) {
    $reader = $site->connect if $reads++ % 500 == 0; # a connection has an end (keepalive_requests)
    my $body = $reader->get('/versions')->body;
    $mixed++ unless grep { $_ eq $body } @versions;
}
is $mixed, 0, 'readers see one version or another, never a mixture';

# Writers at once
my @writers = map { $site->connect->send('PUT /versions', { body => $versions[$_] }) } 0 .. 7;
is join(' ', map { $_->response->status } @writers), join(' ', (204) x 8), 'eight writers at once';
my $last = $site->slurp('html/versions');
ok scalar(grep { $_ eq $last } @versions), 'the file is one of them';

# Disks that are full
my $pid = ($site->workers)[0];
SKIP: {
    my $short = Site->start($conf, files => { 'html/long/f' => 'x' x 200_000, 'html/f' => 'x' x 200_000 }, $> == 0 ? (main => 'user root root;') : ());
    my ($short_worker) = $short->workers;
    if (system "prlimit --fsize=100000:unlimited --pid $short_worker 2>/dev/null") {
        $short->stop;
        skip 'needs prlimit(1)', 5;
    }
    $short->allow_log(qr/failed/);
    is $short->request('PUT /too-long', { body => 'x' x 200_000 })->status, 500, 'a body that does not fit into a temporary file';
    is $short->request('COPY /f', Destination => '/too-long')->status, 507, 'a copy that may not grow';
    is $short->request('COPY /long/', Destination => '/too-long/')->status, 507, 'nor in a collection';
    is join(' ', grep { /too-long|\.weir/ } all_names_of($short)), '', 'leaves nothing, seen or hidden';
    is $short->request('PUT /fits', { body => 'x' x 50_000 })->status, 201, 'what fits is taken';
    $short->stop;
}
SKIP: {
    my $full = $site->path('html/full-disk');
    mkdir $full;
    skip 'needs mount(8) and root', 8 unless $> == 0 && !system "mount -t tmpfs -o size=1m,mode=777 none $full 2>/dev/null";
    does('PUT /full-disk/small', 201, { body => 'x' x 10_000 });
    does('PUT /full-disk/large', 507, { body => 'x' x 2_000_000 });
    does('COPY /big-enough', 404, Destination => '/full-disk/x');
    does('PUT /large', 201, { body => 'x' x 2_000_000 });
    does('COPY /large', 507, Destination => '/full-disk/large');
    does('MOVE /large', 507, Destination => '/full-disk/small');
    is -s "$full/small", 10_000, 'what was to be replaced is there';
    is -s $site->path('html/large'), 2_000_000, 'and what was to be moved';
    does('MKCOL /m3/', 201);
    does('MOVE /large', 204, Destination => '/m3/large');
    does('MOVE /m3/', 507, Destination => '/full-disk/m3/');
    is names_in('html/full-disk'), 'small', 'nothing is left of what did not fit';
    is -s $site->path('html/m3/large'), 2_000_000, 'and nothing is lost';
    system "umount $full";
}

# Killed in the middle
$before = join ' ', all_names('html');
my $killed = $site->connect->send('PUT /killed', { body => 'half' }, 'Content-Length' => 1_000_000);
$killed->write('x' x 300_000);
wait_until { temporary() == 1 } 'the body to be written';
$site->allow_log(qr/exited on signal 9/);
kill KILL => $pid;
wait_until { my @now = $site->workers; @now && $now[0] != $pid } 'another worker';
is join(' ', all_names('html')), $before, 'a worker that is killed leaves nothing where it could be seen';
unlink temporary();

# Deep and wide
my $deep = '/deep2/';
does('MKCOL /deep2/', 201);
my $c = $site->connect;
my $made = 1;
for my $i (1 .. 300) {
    $deep .= 'd/';
    $made &&= $c->request("MKCOL $deep")->status == 201;
}
ok $made, '300 collections in each other';
$site->file("html/wide/f$_", $_) for 1 .. 300;
system 'chown', '-R', 'nobody', $site->path('html/wide') if $> == 0;
does('COPY /deep2/', 201, Destination => '/deep3/');
my $copy = $site->connect->send('COPY /wide/', Destination => '/wide2/');
is $site->get('/kept')->body, 'old', 'others are served meanwhile';
is $copy->response->status, 201, 'a wide collection';
is scalar(all_names('html/wide2')), 301, 'is copied whole';
does('DELETE /deep3/', 204);
does('DELETE /wide2/', 204);
ok !-e $site->path('html/deep3') && !-e $site->path('html/wide2'), 'and removed';
my @leavers = map { $site->connect->send("COPY /wide/", Destination => "/wide$_/") } 3 .. 5;
$_->close for @leavers;
wait_until { 3 == grep { -e $site->path("html/wide$_/f300") } 3 .. 5 } 'copies that nobody waits for to be made';
is scalar(grep { /\.weir/ } all_names('html')), 0, 'nothing hidden is left';

# Configuration
for (['dav_methods PUT FOO', qr/invalid value "FOO"/], ['dav_methods', qr/invalid number of arguments/], ['dav_access rw', qr/invalid value "rw"/],
     ['dav_access all:w', qr/invalid value "all:w"/], ['min_delete_depth x', qr/invalid number/], ['min_delete_depth -1', qr/invalid number/]) {
    my ($text, $message) = @$_;
    like(Site->test_config("server { listen 127.0.0.1:%PORT%; $text; }")->{stderr}, $message, $text);
}
is(Site->test_config("server { listen 127.0.0.1:%PORT%; $_; }")->{exit}, 0, $_) for 'dav_methods off', 'dav_methods put Delete MKCOL', 'dav_access user:rw group:rw all:r';
done_testing;
