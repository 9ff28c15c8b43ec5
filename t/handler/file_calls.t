# t/handler/file_calls.t - what sending files costs in system calls, and who makes them
use Site;
use Strace;
use Time::HiRes ();

my %files = ('html/small' => 's' x 1000, 'html/large' => 'l' x 300_000, 'html/huge' => 'h' x 5_000_000, 'html/d/index.html' => 'index');
my $site = Site->start(<<'CONF', files => \%files);
    access_log off;
    server {
        listen %PORT%;
        root %DIR%/html;
        sendfile on;
        keepalive_requests 100000;
        location /threads/ { aio threads; alias %DIR%/html/; }
        location /read/ { aio threads; sendfile off; alias %DIR%/html/; }
        location /direct/ { directio 100k; alias %DIR%/html/; }
        location /blocking/ { sendfile off; alias %DIR%/html/; }
        location /valid/ { open_file_cache max=100; open_file_cache_valid 1h; open_file_cache_errors on; alias %DIR%/html/; }
        location /try/ { open_file_cache max=100; open_file_cache_valid 1h; open_file_cache_errors on; alias %DIR%/html/;
                         try_files $uri $uri/ =404; }
        location /errors/ { open_file_cache max=100; open_file_cache_valid 1h; alias %DIR%/html/; }
        location /uses/ { open_file_cache max=100; open_file_cache_min_uses 3; alias %DIR%/html/; }
        location /uncached/ { open_file_cache off; alias %DIR%/html/; }
        location /stale/ { open_file_cache max=100; open_file_cache_valid 1h; open_file_cache_errors on; alias %DIR%/html/; }
        location /few/ { open_file_cache max=3 inactive=1h; alias %DIR%/html/; }
        location /brief/ { open_file_cache max=100 inactive=2s; alias %DIR%/html/; }
        location /links/ { disable_symlinks on; alias %DIR%/html/; }
        location /ahead/ { read_ahead 100k; alias %DIR%/html/; }
    }
CONF
utime 1_600_000_000, 1_600_000_000, map { $site->path($_) } keys %files;
my ($worker) = $site->workers;
my $what = 'openat,openat2,stat,newfstatat,fstat,statx,read,pread64,preadv2,sendfile,close,recvfrom,sendto,sendmsg,writev,fadvise64';
my $client = $site->connect;
my $age = sub ($name) {     # its contents are kept then
    wait_until { Time::HiRes::time() - (Time::HiRes::stat($site->path("html/$name")))[10] > 0.2 } 'a file to be older';
};
$age->($_) for qw(small);

sub traced ($code) {
    my $trace = Strace->attach($worker, $what) or do {
        note 'strace cannot be used here';
        return;
    };
    $code->();
    return $trace->stop;
}
my $opens = 'openat|openat2|close';
my $looks = 'stat|newfstatat|statx';

# The default: nothing but one look at each file in each turn.
$client->get('/small') for 1 .. 2;
my $trace = traced(sub { $client->get('/small') for 1 .. 20 });
if (!$trace) {
    ok 1, '# skip no strace';
    done_testing;
    exit;
}
is $trace->count($opens), 0, 'a small file that is known is not opened';
is $trace->count($looks), 20, 'but looked at, once for each request';
is $trace->count('recvfrom|read'), 20, 'one read';
is $trace->count('sendto|sendmsg|writev'), 20, 'and one write';
is($trace->count('sendfile|pread64|preadv2|fstat'), 0, 'and nothing else') or diag map { "$_->{text}\n" } @{ $trace->{calls} }[0 .. 9];
$trace = traced(sub {
    $client->write(Client::request_bytes('GET /small') x 20);
    $client->read_response for 1 .. 20;
});
cmp_ok $trace->count($looks), '<=', 3, '20 requests that come at once share a look';

$client->get('/large') for 1 .. 2;
$trace = traced(sub { $client->get('/large') for 1 .. 5 });
is $trace->count($opens), 0, 'a large file stays open';
is $trace->count($looks), 5, 'and is looked at';
cmp_ok $trace->count('sendfile'), '>=', 5, 'and sent';
is $trace->count('pread64|preadv2|read'), 0, 'not read';
is $trace->in_threads('sendfile'), 0, 'by the loop';

# Threads
$client->get('/threads/huge');
$trace = traced(sub { $client->get('/threads/huge') });
cmp_ok $trace->in_threads('sendfile'), '>=', 2, 'aio threads: a huge file is sent by threads';
is $trace->in_loop('sendfile|pread64'), 0, 'and not by the loop';
sub forget ($name) {
    system('sync', $site->path("html/$name"));
    open my $file, '<', $site->path("html/$name") or die;
    my $trick = pack 'P', '';
    syscall 221, fileno $file, 0, 0, 4;     # fadvise64(POSIX_FADV_DONTNEED)
}
$trace = traced(sub { $client->get('/read/large') });
cmp_ok $trace->in_loop('preadv2', qr/RWF_NOWAIT/), '>=', 5, 'without sendfile: the loop takes what is in memory';
is $trace->in_loop('pread64'), 0, 'and reads nothing that is not';
SKIP: {
    forget('large');
    my $trace = traced(sub { is length $site->get('/read/large')->body, 300_000, 'a cold file' });
    skip 'this file system forgets nothing', 4 unless $trace->count('preadv2', qr/EAGAIN/);
    cmp_ok $trace->in_threads('pread64'), '>=', 1, 'threads read the rest';
    is $trace->in_loop('pread64'), 0, 'the loop does not';
    $site->file('html/cold', 'c' x 20_000);
    $age->('cold');
    forget('cold');
    $trace = traced(sub { is length $site->get('/threads/cold')->body, 20_000, 'a cold file that would be kept in memory' });
    is $trace->in_loop('pread64'), 0, 'is not waited for either';
}
$trace = traced(sub { $client->get('/direct/huge') });
cmp_ok $trace->in_threads('pread64'), '>=', 5, 'direct reads are done by threads';
is $trace->in_loop('pread64|preadv2|sendfile'), 0, 'always';
$trace = traced(sub { $client->get('/blocking/large') });
cmp_ok $trace->in_loop('pread64'), '>=', 5, 'without aio the loop reads';

# open_file_cache
$client->get("/valid/$_") for qw(small large none d/);
$trace = traced(sub { $client->get("/valid/$_") for (qw(small large none), 'd/') x 3 });
is $trace->count("$opens|$looks"), 0, 'open_file_cache_valid: nothing is looked at, not even what is missing';
$client->get("/try/$_") for qw(small none d);
$trace = traced(sub { $client->get("/try/$_") for (qw(small none d)) x 3 });
is $trace->count("$opens|$looks"), 0, 'nor by try_files';
$client->get("/errors/none");
$trace = traced(sub { $client->get("/errors/none") for 1 .. 3 });
is $trace->count('openat', qr/ENOENT/), 3, 'without open_file_cache_errors a missing file is looked for';
$trace = traced(sub { $client->get("/uses/large") for 1 .. 6 });
is $trace->count('openat'), 3, 'open_file_cache_min_uses: opened until it was used so often';
$trace = traced(sub { $client->get("/uncached/small") for 1 .. 4 });
is $trace->count('openat'), 4, 'open_file_cache off: opened each time';
cmp_ok $trace->count('close'), '>=', 3, 'and closed';
$client->get("/links/small");
$trace = traced(sub { $client->get("/links/small") for 1 .. 4 });
is $trace->count('openat2'), 4, 'disable_symlinks: the way to it is walked each time';
is $trace->count('pread64|sendfile'), 0, 'but it is not read again';

# Limits of a cache
sub open_files ($pattern) { return scalar grep { (readlink // '') =~ $pattern } glob "/proc/$worker/fd/*" }
$site->file("html/few$_", 'f' x 40_000) for 1 .. 8;
$client->get("/few/few$_") for 1 .. 8, 1 .. 8;
cmp_ok open_files(qr/few\d/), '<=', 4, 'no more than max= are kept open';
$site->file("html/brief$_", 'b' x 40_000) for 1 .. 8;
wait_until { $client->get("/brief/brief$_") for 1 .. 8; open_files(qr/brief\d/) == 8 } 'files that were used to stay open';
wait_until { open_files(qr/brief\d/) == 0 } 'files to be let go that are not used any more';
pass 'are let go after inactive=';
$site->file('html/stale1', 'as it was');
is $client->get('/stale/stale1')->body, 'as it was', 'open_file_cache_valid';
$site->file('html/stale2', 'another');
rename $site->path('html/stale2'), $site->path('html/stale1');
is $client->get('/stale/stale1')->body, 'as it was', 'is a time in which nobody looks';
is $client->get('/stale1')->body, 'another', 'elsewhere the change is seen';
is $client->get('/stale/stale3')->status, 404, 'open_file_cache_errors';
$site->file('html/stale3', 'here now');
is $client->get('/stale/stale3')->status, 404, 'is for what is missing';
is $client->get('/stale3')->status, 200, 'elsewhere it is found';

$client->get('/ahead/huge');
$client->get('/ahead/small');
$trace = traced(sub { $site->file('html/ahead', 'a' x 200_000); $client->get('/ahead/ahead') for 1 .. 3; $client->get('/ahead/small') });
is $trace->count('fadvise64', qr/POSIX_FADV_SEQUENTIAL/), 1, 'read_ahead: the kernel is told once of a large file';
done_testing;
