# t/proxy/store.t - answers that stay as files
use Site;
use Differential;

my $conf = <<'CONF';
    proxy_temp_path %DIR%/temp/proxy;
    server {
        listen %PORT%;
        location /mirror/ { root %DIR%/www; error_page 404 = /fetch$uri; }
        location /fetch/ { internal; proxy_pass http://%ORIGIN%/; proxy_store on; proxy_store_access user:rw group:rw all:r; alias %DIR%/www/; }
        location /named/ { proxy_pass http://%ORIGIN%; proxy_store %DIR%/www/named/$arg_name; }
        location /given/ { proxy_pass http://%ORIGIN%; proxy_store $arg_path; }
        location /plain/ { root %DIR%/www; proxy_pass http://%ORIGIN%; proxy_store on; }
        location /off/ { proxy_pass http://%ORIGIN%; proxy_store on; root %DIR%/www; location /off/here/ { proxy_store off; proxy_pass http://%ORIGIN%; } }
        location /app/ { root %DIR%/www; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri; fastcgi_pass %FASTCGI%; fastcgi_store on; }
        location /files/ { alias %DIR%/www/; }
    }
CONF
my $date = 'Tue, 01 Jan 2019 00:00:00 GMT';
sub prepare ($site) {
    mkdir $site->path('www');
    chmod 0777, $site->path('www');
    my $origin = $site->origin;
    $origin->answer('/mirror/a/b/c.txt', body => 'mirrored', headers => ['Last-Modified' => $date]);
    $origin->answer('/mirror/missing', status => 404, body => 'no');
    $origin->answer('/plain/chunked', chunks => ['ab', 'cd']);
    $origin->answer('/plain/large', fill => 700_000);
    $origin->answer('/plain/empty', body => '');
    $origin->answer('/plain/e201', status => 201, body => 'made');
    $origin->answer('/plain/dir/', body => 'an index');
    $origin->answer('/plain/lie', body => 'short', length => 100, close => 1);
    $origin->answer('/plain/accel', headers => ['X-Accel-Redirect' => '/files/plain/a'], body => 'not this');
    $origin->answer('/plain/modified', body => 'x', headers => ['Last-Modified' => 'never']);
    $origin->answer('/off/here/x', body => 'x');
    $site->origin('fastcgi')->answer('/app/x', body => 'from an application');
}
my @requests = map { ($_, (my $again = $_) =~ s{ /(?=plain|named|app|off)}{ /files/}r) } map { "GET $_" }
    '/plain/a', '/plain/chunked', '/plain/large', '/plain/empty', '/plain/e201', '/plain/modified', '/plain/deep/er/x', '/app/x', '/off/here/x', '/off/x';
push @requests, 'GET /mirror/a/b/c.txt', 'GET /mirror/a/b/c.txt', 'GET /mirror/missing', 'HEAD /plain/head', 'GET /files/plain/head', 'GET /plain/lie',
    'GET /files/plain/lie', 'GET /plain/accel', 'GET /files/plain/accel', 'GET /named/x?name=one', 'GET /files/named/one', ['POST /plain/posted', { body => 'b' }],
    'GET /files/plain/posted', 'GET /plain/dir/', 'GET /given/x';
differential_ok($conf, \@requests, prepare => \&prepare, allow_log => [qr/plain\/dir|stored/, qr/rename\(\)/, qr/mkdir\(\) ""/],
    allow => { 'GET /plain/modified: header Last-Modified' => 'x', '*: header Last-Modified' => 'times of files', 'GET /given/x' => 'nginx takes an empty name' });

my $site = Site->prepare($conf);
prepare($site);
$site->up;
is $site->get('/mirror/a/b/c.txt')->body, 'mirrored', 'what is not there is fetched';
# It gets its name when the client has it all.
sub stored ($name) { wait_until { -e $site->path("www/$name") } "the file $name"; return $site->slurp("www/$name") }
is stored('mirror/a/b/c.txt'), 'mirrored', 'and stays';
my @stat = stat $site->path('www/mirror/a/b/c.txt');
is sprintf('%o', $stat[2] & 07777), '664', 'with the mode that was asked for';
is $stat[9], 1546300800, 'and its date';
is sprintf('%o', (stat $site->path('www/mirror/a/b'))[2] & 0777), '775' =~ s/775/sprintf '%o', 0775 & ~umask/er, 'in new directories';
is $site->get('/mirror/a/b/c.txt')->header('Last-Modified'), $date, 'it is served from there';
is $site->origin->count, 1, 'without asking again';
$site->get('/plain/large');
ok stored('plain/large') eq Origin::pattern(700_000), 'a large one';
is sprintf('%o', (stat $site->path('www/plain/large'))[2] & 07777), '600', 'the mode unless told';
$site->get('/plain/lie');
ok !-e $site->path('www/plain/lie'), 'a truncated answer leaves nothing';
my $client = $site->connect;
$site->origin->script('/plain/half', 'body', [write => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"], [wait => 'never']);
$client->send('GET /plain/half');
$client->read_until(qr/12345/);
my $temp = sub { my @found = glob $site->path("temp/proxy/*"); return scalar @found };
wait_until { $temp->() == 1 } 'a temporary file';
pass 'an answer on its way has a temporary file';
$client->close;
wait_until { $temp->() == 0 } 'it goes with the client';
ok !-e $site->path('www/plain/half'), 'and no other is left';
is $site->get('/plain/dir/')->body, 'an index', 'a name that no file can have';
wait_until { $site->error_log =~ /no name of a file to store in: ".*plain\/dir\/"/ } 'is noted';
is $site->get('/given/x?path=/nowhere/' . 'x' x 300)->status, 200, 'a place that cannot be';
wait_until { $site->error_log =~ /could not be stored/ } 'is noted too';
SKIP: {
    skip 'no other file system here' unless -d '/dev/shm' && -w '/dev/shm' && (stat '/dev/shm')[0] != (stat $site->dir)[0];
    my $other = "/dev/shm/weir-store-$$";
    mkdir $other;
    chmod 0777, $other;
    is $site->get("/given/x?path=$other/new/file")->status, 200, 'to another file system';
    wait_until { -e "$other/new/file" } 'the file';
    is $site->slurp("$other/new/file"), "GET /given/x?path=$other/new/file\n", 'its content';
    is join(' ', glob "$other/new/*"), "$other/new/file", 'and nothing else';
    wait_until { $temp->() == 0 } 'its temporary file to go';
    pass 'nor is anything left of it';
    system 'rm', '-rf', $other;
}
$site->allow_log(qr/could not be stored/);
$site->stop;
done_testing;
