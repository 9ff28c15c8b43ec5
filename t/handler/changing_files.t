# t/handler/changing_files.t - files that change while they are known or sent; very many of them
use Site;
use Certs;
use Strace;
use File::Temp;

my $conf = <<'CONF';
    types { text/plain txt; }
    server {
        listen %PORT%;
        listen %PORT2% ssl;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        root %DIR%/html;
        keepalive_requests 1000000;
        location /sendfile/ { sendfile on; alias %DIR%/html/; }
        location /read/ { alias %DIR%/html/; }
        location /threads/ { sendfile on; aio threads; alias %DIR%/html/; }
        location /gzip/ { gzip on; gzip_types *; gzip_comp_level 1; alias %DIR%/html/; }
        location /list/ { autoindex on; alias %DIR%/many/; }
        location /list-few/ { autoindex on; alias %DIR%/few/; }
        location /cached/ { open_file_cache max=500 inactive=1h; alias %DIR%/html/; }
        location /random/ { location /random/in/ { random_index on; alias %DIR%/many/; } }
    }
CONF
my $site = Site->prepare($conf, files => { 'html/f.txt' => "first\n" });
Certs::make($site, 'a');
$site->up;
my $client = $site->connect;

# Whatever the change, it is seen by the next request -------------------------------------------------

my ($wrong, $n) = ('', 0);
sub follows ($name, $change, $times = 150) {
    my $seen = '';
    for my $i (1 .. $times) {
        my $text = $change->($i);
        for my $uri ('/f.txt', '/cached/f.txt') {
            my $reply = $client->get($uri);
            my $got = $reply->status == 200 ? $reply->body : $reply->status;
            $seen .= "$uri: '$got' for '$text'; " if $got ne $text;
        }
    }
    is substr($seen, 0, 200), '', "$name: each of $times changes is seen at once";
}
sub overwrite ($name, $text) {
    open my $file, '+<', $site->path("html/$name") or die;
    syswrite $file, $text;
}
follows('another size', sub ($i) { $site->file('html/f.txt', my $text = 'x' x ($i % 7 + 1)); $text });
follows('the same size, in place', sub ($i) { overwrite('f.txt', my $text = sprintf '%04d', $i); $site->slurp('html/f.txt') });
follows('the same size and time, by rename', sub ($i) {
    $site->file('html/next', my $text = sprintf('%05d', $i), mtime => 1_600_000_000);
    rename $site->path('html/next'), $site->path('html/f.txt');
    $text;
});
follows('removed and made again', sub ($i) {
    unlink $site->path('html/f.txt');
    return 404 if $i % 2;
    $site->file('html/f.txt', "back $i");
    "back $i";
});
follows('a directory in its place', sub ($i) {
    $i % 2 ? do { unlink $site->path('html/f.txt'); mkdir $site->path('html/f.txt'); 301 }
        : do { rmdir $site->path('html/f.txt'); $site->file('html/f.txt', "file $i"); "file $i" };
}, 40);
follows('unreadable', sub ($i) {
    $site->file('html/f.txt', "open $i") unless $i % 2;
    chmod $i % 2 ? 0 : 0644, $site->path('html/f.txt');
    $i % 2 ? 403 : "open $i";
}, 40);
# The same after its contents were taken into memory, which needs them to be a little old.
for my $turn (1 .. 3) {
    $site->file('html/f.txt', "old and known $turn");
    my $known = 0;
    my $worker = ($site->workers)[0];
    wait_until { time - (stat $site->path('html/f.txt'))[10] >= 1 } 'a file to be older';
    $client->get('/f.txt') for 1 .. 3;
    overwrite('f.txt', "new and known $turn");
    is $client->get('/f.txt')->body, "new and known $turn", "contents in memory, overwritten ($turn)";
    truncate $site->path('html/f.txt'), 3;
    is $client->get('/f.txt')->body, 'new', "and cut ($turn)";
    open my $file, '>>', $site->path('html/f.txt');
    syswrite $file, 'er';
    is $client->get('/f.txt')->body, 'newer', "and longer ($turn)";
}

# While it is sent -------------------------------------------------------------------------------------

$site->allow_log(qr/truncated/);
my $pattern = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 250_000;
my $large = $pattern x 8;
for my $uri (qw(/sendfile/l /read/l /threads/l)) {
    for my $version ('1.1', '1.0') {
        for my $tls (0, 1) {
            my $name = "$uri in HTTP/$version" . ($tls ? ' over TLS' : '');
            my $begin = sub {
                $site->file('html/l', $large);
                my $c = $site->connect({ port => $tls ? 2 : 1, rcvbuf => 16384, ($tls ? (tls => {}) : ()) });
                $c->send("GET $uri", { version => $version });
                $c->read_until(qr/\r\n\r\n/);
                $c->read_bytes(50_000) eq substr($large, 0, 50_000) or die 'not what is in the file';
                $c;
            };
            my $c = $begin->();
            truncate $site->path('html/l'), 60_000;
            my $rest = $c->read_all;
            cmp_ok length $rest, '<', length($large) - 50_000, "$name: cut short, when the file is";
            $c = $begin->();
            open my $file, '>>', $site->path('html/l') or die;
            syswrite $file, 'more' x 100_000;
            close $file;
            ok $c->read_bytes(length($large) - 50_000) eq substr($large, 50_000), "$name: a file that grows is sent as it was";
            ok !length $c->pending, "$name: and not more";
            $c = $begin->();
            rename $site->path('html/l'), $site->path('html/l.old');
            $site->file('html/l', 'another');
            ok $c->read_bytes(length($large) - 50_000) eq substr($large, 50_000), "$name: one that is replaced is sent to its end";
            is $site->get($uri)->body, 'another', "$name: while others get the new one";
            $c = $begin->();
            unlink $site->path('html/l');
            ok $c->read_bytes(length($large) - 50_000) eq substr($large, 50_000), "$name: one that is removed, too";
            is $site->get($uri)->status, 404, "$name: which is not there any more";
        }
    }
}
$site->file('html/l', $large);
my $c = $site->connect({ rcvbuf => 16384 })->send('GET /gzip/l', 'Accept-Encoding' => 'gzip');
$c->read_until(qr/\r\n\r\n/);
truncate $site->path('html/l'), 100_000;
unlike $c->read_all, qr/\r\n0\r\n\r\n\z/, 'compressed: a file that shrinks does not get a last chunk';

# Many -------------------------------------------------------------------------------------------------

sub memory ($pid) { return Procs::slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+) kB/m ? $1 : die }
my ($worker) = $site->workers;
mkdir $site->path('html/c');
my $many = File::Temp->newdir(DIR => -w '/dev/shm' ? '/dev/shm' : $site->dir); # in memory, for it is many
chmod 0755, $many;
symlink $many, $site->path('many');
my $block = 'm' x 4000;
for my $i (1 .. 6_000) {
    open my $file, '>', $site->path("html/c/$i") or die;
    syswrite $file, $block . $i;
}
$client->get("/c/$_") for 1 .. 100;
my $before = memory($worker);
my $same = 1;
for my $i (1 .. 6_000) {
    my $reply = $client->get('/' . ($i % 2 ? 'cached/' : '') . "c/$i");
    $same &&= $reply->body eq $block . $i;
}
ok $same, '6,000 files';
my $grown = memory($worker) - $before;
cmp_ok $grown, '<', 20_000, "and memory stays bounded (${grown} KB more)" unless $site->{binary} =~ /asan/;
my $open = () = glob "/proc/$worker/fd/*";
cmp_ok $open, '<', 1700, "and so do descriptors ($open)";

$site->file("few/$_", '') for 1 .. 200;
my $count = 100_000;
for my $i (1 .. $count) {
    open my $file, '>', "$many/f$i" or die;
}
my $listing = $site->send('GET /list/');
is $site->get('/f.txt')->status, 200, 'another request, while a directory of 100,000 is listed';
my $list = $listing->response;
is $list->status, 200, 'a directory of 100,000 files';
is scalar(() = $list->body =~ /<a href="f\d+">/g), $count, 'is listed whole';
is $site->get('/random/in/')->status, 200, 'a random file of them';
my $trace = Strace->attach($worker, 'getdents64,newfstatat');
if ($trace) {
    $site->get('/list-few/');
    $trace->stop;
    cmp_ok $trace->in_threads('newfstatat'), '>=', 200, 'read by a thread';
    cmp_ok $trace->in_loop('newfstatat|getdents64'), '<', 10, 'not by the loop';
}
my @leaving = map { $site->send('GET /list/') } 1 .. 3;
$_->reset for @leaving;
is $site->get('/list/')->status, 200, 'clients that do not wait for it';
done_testing;
