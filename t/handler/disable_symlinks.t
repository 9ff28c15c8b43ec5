# t/handler/disable_symlinks.t - links are followed only where they may be, and no race gets around it
use Site;
use Differential;
use POSIX ();

my $conf = <<'CONF';
    types { text/plain txt; text/html html; }
    server {
        listen %PORT%;
        root %DIR%/html;
        keepalive_requests 1000000;
        location / { }
        location /never/ { disable_symlinks on; alias %DIR%/html/; }
        location /owner/ { disable_symlinks if_not_owner; alias %DIR%/html/; }
        location /from/ { disable_symlinks on from=%DIR%/by-link; alias %DIR%/by-link/; }
        location /from-root/ { disable_symlinks on from=$document_root; root %DIR%/by-link; }
        location /from-slash/ { disable_symlinks on from=%DIR%/by-link/; alias %DIR%/by-link/; }
        location /from-no/ { disable_symlinks on from=/nowhere; alias %DIR%/by-link/; }
        location /from-all/ { disable_symlinks on from=$request_filename; alias %DIR%/html/; }
        location /from-part/ { disable_symlinks on from=%DIR%/by-l; alias %DIR%/by-link/; }
        location /from-empty/ { disable_symlinks on from=; alias %DIR%/html/; }
        location /from-owner/ { disable_symlinks if_not_owner from=%DIR%/by-link; alias %DIR%/by-link/; }
        location /try/ { disable_symlinks on; root %DIR%/html; rewrite ^/try/(.*)$ /$1 break;
                         try_files $uri $uri/ /fallback.txt; }
        location /gz/ { disable_symlinks on; gzip_static always; alias %DIR%/html/; }
        location /if/ { disable_symlinks on;
            if (-f %DIR%/html/$arg_f) { return 200 "a file\n"; }
            if (-d %DIR%/html/$arg_f) { return 200 "a directory\n"; }
            if (-e %DIR%/html/$arg_f) { return 200 "there\n"; }
            return 200 "nothing\n"; }
        location /if-owner/ { disable_symlinks if_not_owner;
            if (-e %DIR%/html/$arg_f) { return 200 "there\n"; }
            return 200 "nothing\n"; }
        location /index/ { disable_symlinks on; index a.txt link.txt; alias %DIR%/html/; }
        location /list/ { disable_symlinks on; autoindex on; index none; alias %DIR%/html/; }
        location /list-owner/ { disable_symlinks if_not_owner; autoindex on; index none; alias %DIR%/html/; }
        location /random/ { location /random/in/ { disable_symlinks on; random_index on; alias %DIR%/html/links/; } }
        location /cached/ { disable_symlinks on; open_file_cache max=10; alias %DIR%/html/; }
        location /uncached/ { disable_symlinks on; open_file_cache off; alias %DIR%/html/; }
    }
CONF
my $can_chown = $> == 0;
my $prepare = sub ($site) {
    my $dir = $site->dir;
    symlink $_->[0], $_->[1] or die "symlink @$_: $!" for
        ["$dir/html/a.txt" => "$dir/html/link.txt"], ['a.txt' => "$dir/html/short.txt"], ['d' => "$dir/html/dl"],
        ["$dir/outside.txt" => "$dir/html/out.txt"], ["$dir/html" => "$dir/by-link"], ['loop' => "$dir/html/loop"],
        ['nothing' => "$dir/html/dangling.txt"], ['link.txt' => "$dir/html/twice.txt"], ['../a.txt' => "$dir/html/d/up.txt"],
        ['a.txt' => "$dir/html/g.txt.gz"], ['../a.txt' => "$dir/html/links/only.txt"], ['..' => "$dir/html/d/parent"],
        ['foreign.txt' => "$dir/html/mine-to-foreign.txt"], ['a.txt' => "$dir/html/foreign-to-mine.txt"],
        ['d' => "$dir/html/foreign-dl"], ['foreign-to-mine.txt' => "$dir/html/via-foreign.txt"],
        ['foreign.txt' => "$dir/html/foreign-to-foreign.txt"], ['foreign-d' => "$dir/html/mine-to-foreign-d"];
    return unless $can_chown;
    my ($nobody) = (getpwnam 'nobody')[2];
    chown $nobody, -1, "$dir/html/foreign.txt", "$dir/html/foreign-d", "$dir/html/foreign-d/x.txt";
    # chown of a link itself
    system('chown', '-h', 'nobody', map { "$dir/html/$_" } qw(foreign-to-mine.txt foreign-dl foreign-to-foreign.txt)) == 0 or die;
};
my %files = ('html/a.txt' => "a\n", 'html/d/b.txt' => "b\n", 'outside.txt' => "outside\n", 'html/fallback.txt' => "fallback\n",
    'html/d/index.html' => "index\n", 'html/links/.keep' => '', 'html/foreign.txt' => "foreign\n", 'html/foreign-d/x.txt' => "x\n",
    'html/from-root/a.txt' => "from root\n", 'html/g.txt' => 'g', 'html/deep/er/est/f.txt' => "deep\n");
my @names = qw(a.txt link.txt short.txt d/b.txt dl/b.txt dl dl/ d/ d out.txt loop dangling.txt twice.txt d/up.txt none.txt
    d/parent/a.txt foreign.txt foreign-to-mine.txt foreign-dl/b.txt foreign-to-foreign.txt via-foreign.txt
    mine-to-foreign.txt mine-to-foreign-d/x.txt foreign-d/x.txt a.txt/ link.txt/ a.txt/x link.txt/x deep/er/est/f.txt);
my @where = qw(/ /never/ /owner/ /from/ /from-slash/ /from-no/ /from-all/ /from-part/ /from-empty/ /from-owner/ /cached/ /uncached/);
my @requests = map { my $where = $_; map { "GET $where$_" } @names } @where;
push @requests, map { "GET /try/$_" } @names;
push @requests, map { ("GET /if/?f=$_", "GET /if-owner/?f=$_") } @names;
push @requests, 'GET /from-root/a.txt', 'GET /gz/g.txt', 'GET /gz/a.txt', 'GET /index/', 'GET /index/d/', 'GET /index/dl/',
    'GET /list/dl/', 'GET /list/dl', 'HEAD /never/link.txt', { what => 'POST /never/link.txt', body => 'x' };
my $leaves = 'nginx opens each directory without following, and says "not a directory" of a link';
differential_ok($conf, \@requests, files => \%files, prepare => $prepare, allow_log => [qr/./]);

# What only we promise -----------------------------------------------------------------------------

my $site = Site->prepare($conf);
$site->file($_, $files{$_}) for keys %files;
$prepare->($site);
$site->up;
my $listed = sub ($uri) { return join ' ', $site->get($uri)->body =~ /<a href="([^"]+)">/g };
is $listed->('/list/'), '../ d/ deep/ foreign-d/ from-root/ links/ a.txt fallback.txt foreign.txt g.txt',
    'a listing leaves links out that cannot be followed';
my @mine = qw(dl/ mine-to-foreign-d/ link.txt mine-to-foreign.txt);
like $listed->('/list-owner/'), qr/ dl\/.* link\.txt/, 'and has those that can';
unlike $listed->('/list-owner/'), qr/ (?:foreign-dl|mine-to-foreign|foreign-to-mine)/, 'by their owners' if $can_chown;
is $site->get('/random/in/')->status, 403, 'a random file is none of the links';
is $site->get('/list/dl/')->status, 404, 'a directory behind a link is not listed';

# What was right a moment ago is looked at again.
for my $where (qw(/never/ /cached/ /uncached/ /from/)) {
    $site->file('html/turns', "a file\n");
    is $site->get("${where}turns")->status, 200, "$where: a file";
    is $site->get("${where}turns")->status, 200, "$where: again";
    rename $site->path('html/turns'), $site->path('html/elsewhere');
    symlink 'elsewhere', $site->path('html/turns');
    is $site->get("${where}turns")->status, 403, "$where: the same file behind a link";
    unlink $site->path('html/turns');
    rename $site->path('html/elsewhere'), $site->path('html/turns');
    is $site->get("${where}turns")->status, 200, "$where: and back";
    rename $site->path('html/deep/er'), $site->path('html/moved');
    symlink '../moved', $site->path('html/deep/er');
    is $site->get("${where}deep/er/est/f.txt")->status, 404, "$where: the directory above has become a link";
    unlink $site->path('html/deep/er');
    rename $site->path('html/moved'), $site->path('html/deep/er');
    is $site->get("${where}deep/er/est/f.txt")->body, "deep\n", "$where: and is none again";
}
is $site->get('/never/a.txt')->body, "a\n", 'another location';
is $site->get('/a.txt')->body, "a\n", 'may have the same file';
is $site->get('/link.txt')->body, "a\n", 'and follow links to it';
is $site->get('/never/link.txt')->status, 403, 'and what is known there';
is $site->get('/link.txt')->body, "a\n", 'is not mixed up';

# A racer puts a secret in the place of a file, and the file back, as fast as it can: the secret never
# comes out. Each turn of both is met.
sub race ($name, $turn, $refusal, $uris) {
    my $pid = fork // die;
    if ($pid == 0) {
        Procs::die_with_parent();
        chdir $site->path('html/race') or POSIX::_exit(1);
        while (1) { $turn->() }
    }
    my (%seen, %client);
    for my $round (1 .. 20_000) {
        for my $uri (@$uris) {
            my $reply = ($client{$uri} //= $site->connect)->get($uri);
            $seen{ $reply->status }++;
            $seen{secret}++ if $reply->body =~ /SECRET/;
        }
        last if $round >= 300 && $seen{200} && $seen{$refusal};
    }
    kill KILL => $pid;
    waitpid $pid, 0;
    ok !$seen{secret}, "$name: the secret stays one";
    ok $seen{200} && $seen{$refusal}, "$name: both were met (" . join(', ', map { "$_: $seen{$_}" } sort keys %seen) . ')';
}
$site->file('html/race/open/f', "open\n");
$site->file('secret/f', "SECRET\n");
sub put_in_place ($make) {
    unlink 'next';
    $make->();
    rename 'next', 'now';
}
race('a file and a link to a file', sub {
    put_in_place(sub { link 'open/f', 'next' });
    put_in_place(sub { symlink '../../secret/f', 'next' });
}, 403, ['/never/race/now', '/from/race/now', '/uncached/race/now']);
mkdir $site->path('html/race/dir');
$site->file('html/race/dir/f', "open\n");
race('a directory and a link to a directory', sub {
    rename 'dir', 'aside';
    symlink '../../secret', 'dir';
    unlink 'dir';
    rename 'aside', 'dir';
}, 404, ['/never/race/dir/f', '/from/race/dir/f']);
if ($can_chown) {
    my ($nobody) = (getpwnam 'nobody')[2];
    unlink $site->path('html/race/now');
    $site->file('html/race/open/mine', "mine\n");
    chown $nobody, -1, $site->path('html/race/open/mine');
    for (['good', 'open/mine'], ['bad', '../../secret/f']) {
        my ($name, $to) = @$_;
        symlink $to, $site->path("html/race/$name");
        system 'chown', '-h', 'nobody', $site->path("html/race/$name");
    }
    race('two links of one user', sub {
        put_in_place(sub { link 'good', 'next' });
        put_in_place(sub { link 'bad', 'next' });
    }, 403, ['/owner/race/now', '/from-owner/race/now']);
}

# Configuration
for (['off from=/x', qr/"from=" cannot be used with "off" parameter/], ['maybe', qr/invalid parameter "maybe"/],
     ['on on', qr/duplicate parameters "on on"/], ['from=/x', qr/must have "off", "on" or "if_not_owner" parameter/],
     ['on from=$nope', qr/unknown "nope" variable/]) {
    my ($text, $message) = @$_;
    like(Site->test_config("server { listen 127.0.0.1:%PORT%; disable_symlinks $text; }")->{stderr}, $message, "disable_symlinks $text");
}
$site->allow_log(qr/./);
done_testing;
