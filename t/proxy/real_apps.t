# t/proxy/real_apps.t - PHP-FPM, uWSGI and memcached behind Weir, as Debian packages them
use Site;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use IO::Socket::UNIX;

my $top = getcwd();
my $dir = tempdir('weir-apps-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0777, $dir;

sub write_file ($name, $text) {
    open my $file, '>', "$dir/$name" or die "$dir/$name: $!";
    print $file $text;
    close $file;
}

my @started;

# Runs until the test ends; ready when its unix socket accepts, whoever asks: some open it to all when they listen.
sub run_server ($socket, @command) {
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        Procs::die_with_parent();
        open STDOUT, '>', "$dir/out.log";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    push @started, $pid;
    wait_until { IO::Socket::UNIX->new(Peer => "$dir/$socket") && ((stat "$dir/$socket")[2] & 0666) == 0666 } "$command[0] listens";
}

END {
    local $?;
    kill TERM => @started;
    waitpid $_, 0 for @started;
}

my ($fpm)   = grep { -x } glob '/usr/sbin/php-fpm*';
my ($uwsgi) = grep { -x } '/usr/bin/uwsgi-core';
my ($python) = grep { -e } '/usr/lib/uwsgi/plugins/python3_plugin.so';
my ($cache) = grep { -x } '/usr/bin/memcached';
my $root    = $> == 0;

# PHP ------------------------------------------------------------------------------------------------

SKIP: {
    skip 'php-fpm is not installed' unless $fpm;
    my $user = $root ? "user = nobody\ngroup = nogroup\n" : '';
    write_file('fpm.conf', <<"CONF");
[global]
daemonize = no
error_log = $dir/fpm.log
[www]
listen = $dir/php.sock
listen.mode = 0666
${user}pm = static
pm.max_children = 2
catch_workers_output = no
php_flag[display_errors] = off
php_flag[log_errors] = on
CONF
    mkdir "$dir/www";
    write_file('www/info.php', '<?php echo "$_SERVER[REQUEST_METHOD] $_SERVER[SCRIPT_NAME] $_SERVER[PATH_INFO] $_SERVER[QUERY_STRING] $_SERVER[HTTP_HOST] $_SERVER[HTTP_X_OWN]";');
    write_file('www/post.php', '<?php echo $_POST["a"] ?? "-", " ", strlen(file_get_contents("php://input")), " ", md5(file_get_contents("php://input"));');
    write_file('www/upload.php', '<?php echo $_FILES["f"]["size"], " ", md5_file($_FILES["f"]["tmp_name"]);');
    write_file('www/status.php', '<?php http_response_code(404); header("X-A: b"); header("X-A: c", false); setcookie("k", "v"); echo "gone";');
    write_file('www/redirect.php', '<?php header("Location: /elsewhere"); ');
    write_file('www/large.php', '<?php for ($i = 0; $i < 20000; $i++) printf("%014d.\n", $i);');
    write_file('www/error.php', '<?php error_log("a message"); echo "fine"; trigger_error("a warning", E_USER_WARNING);');
    write_file('www/fatal.php', '<?php undefined_function();');
    write_file('www/accel.php', '<?php header("X-Accel-Redirect: /inside/info.txt");');
    write_file('www/die.php', '<?php header("Content-Type: text/plain"); echo str_repeat("x", 100000); flush(); posix_kill(posix_getpid(), 9);');
    write_file('www/slow.php', '<?php echo "one "; flush(); usleep(50000); echo "two";');
    write_file('www/info.txt', 'a file');
    run_server('php.sock', $fpm, '-F', ($root ? '-R' : ()), '-y', "$dir/fpm.conf");

    for my $keep ('off', 'on') {
        my $site = Site->start(<<"CONF");
            client_max_body_size 10m;
            upstream php { server unix:$dir/php.sock; keepalive 2; }
            server {
                listen %PORT%;
                root $dir/www;
                index index.php;
                location / { try_files \$uri \$uri/ =404; }
                location ~ [^/]\\.php(/|\$) {
                    fastcgi_split_path_info ^(.+?\\.php)(/.*)\$;
                    try_files \$fastcgi_script_name =404;
                    set \$path_info \$fastcgi_path_info;
                    include $top/etc/fastcgi.conf;
                    fastcgi_param PATH_INFO \$path_info;
                    fastcgi_keep_conn $keep;
                    fastcgi_pass php;
                }
                location /inside/ { internal; alias $dir/www/; }
            }
CONF
        is $site->get('/info.php/a/b?c=d', 'X-Own' => 'v')->body, 'GET /info.php /a/b c=d localhost v', "php, keep_conn $keep: a script with path and query";
        is $site->get('/none.php')->status, 404, 'a script that is not there';
        is $site->get('/info.txt')->body, 'a file', 'a file beside it';
        my $head = $site->request('HEAD /info.php');
        is $head->status . $head->body, '200', 'HEAD';
        is $site->request('POST /post.php', { body => 'a=b' }, 'Content-Type' => 'application/x-www-form-urlencoded')->body, 'b 3 ' . md5('a=b'), 'a form';
        my $large = Origin::pattern(3_000_000);
        is $site->request('POST /post.php', { body => $large }, 'Content-Type' => 'text/x')->body, '- 3000000 ' . md5($large), 'a large body';
        is $site->request('POST /post.php', { chunks => ['ab', 'c'] }, 'Content-Type' => 'text/x')->body, '- 3 ' . md5('abc'), 'a body in chunks';
        my $form = "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n" . substr($large, 0, 500_000) . "\r\n--B--\r\n";
        is $site->request('POST /upload.php', { body => $form }, 'Content-Type' => 'multipart/form-data; boundary=B')->body, '500000 ' . md5(substr $large, 0, 500_000), 'an upload';
        my $reply = $site->get('/status.php');
        like $reply->head, qr{\AHTTP/1\.1 404 Not Found\r\n}, 'a status';
        is join(',', $reply->headers('X-A')), 'b,c', 'fields';
        like $reply->header('Set-Cookie'), qr/\Ak=v/, 'a cookie';
        is $site->get('/redirect.php')->status, 302, 'a redirect';
        ok $site->get('/large.php')->body eq join('', map { sprintf "%014d.\n", $_ } 0 .. 19999), 'a large answer';
        is $site->get('/slow.php')->body, 'one two', 'an answer in parts';
        is $site->get('/error.php')->body, 'fine', 'a script that complains';
        like $site->wait_for_log(qr/a message/), qr/\[error\].*FastCGI sent in stderr: "PHP message: .*a message/, 'its message is in our log';
        like $site->wait_for_log(qr/a warning/), qr/\[error\].*FastCGI sent in stderr: "PHP message: .*a warning/, 'with the warning';
        is $site->get('/fatal.php')->status, 500, 'a script that fails';
        is $site->get('/accel.php')->body, 'a file', 'a file in its place';
        ok !$site->get('/die.php')->complete, 'a process that dies: its answer does not look whole';
        is $site->get('/info.php')->status, 200, 'the next one answers';
        $site->stop;
    }
}

sub md5 ($text) { require Digest::MD5; return Digest::MD5::md5_hex($text) }

# Python, over each protocol that uWSGI speaks ---------------------------------------------------------

SKIP: {
    skip 'uwsgi with its python plugin is not installed' unless $uwsgi && $python;
    write_file('app.py', <<'PY');
import hashlib, os, signal
def application(environ, start_response):
    path = environ.get('PATH_INFO') or environ['DOCUMENT_URI']
    if path == '/status':
        start_response('418 A Teapot', [('X-A', 'b'), ('X-A', 'c'), ('Content-Type', 'text/x')])
        return [b'short and stout']
    if path == '/large':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return (b'%014d.\n' % i for i in range(20000))
    if path == '/length':
        start_response('200 OK', [('Content-Length', '11')])
        return [b'hello ', b'world']
    if path == '/die':
        start_response('200 OK', [('Content-Length', '200000')])
        def parts():
            yield b'x' * 1000
            os.kill(os.getpid(), signal.SIGKILL)
        return parts()
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%s %s %s %s %d %s' % (environ['REQUEST_METHOD'], path, environ['QUERY_STRING'], environ['HTTP_HOST'],
             len(body), hashlib.md5(body).hexdigest())).encode()]
PY
    for my $protocol (qw(uwsgi scgi fastcgi)) {
        my $option = $protocol eq 'uwsgi' ? '--socket' : "--$protocol-socket";
        run_server("$protocol.sock", $uwsgi, '--plugin', 'python3', $option, "$dir/$protocol.sock", '--chmod-socket=666', '--master', '--die-on-term',
                   '--need-app', '--processes', 2, '--disable-logging', '--buffer-size', 16384, '--wsgi-file', "$dir/app.py");
        my $site = Site->start(<<"CONF");
            client_max_body_size 10m;
            server {
                listen %PORT%;
                location / { include $top/etc/${protocol}_params; ${protocol}_pass unix:$dir/$protocol.sock; }
            }
CONF
        is $site->get('/x/y?a=b')->body, 'GET /x/y a=b localhost 0 ' . md5(''), "python over $protocol: a request";
        my $head = $site->request('HEAD /length');
        is $head->status . ' ' . $head->header('Content-Length'), '200 11', 'HEAD';
        my $large = Origin::pattern(3_000_000);
        is $site->request('POST /x', { body => $large })->body, 'POST /x  localhost 3000000 ' . md5($large), 'a large body';
        my $reply = $site->get('/status');
        like $reply->head, qr{\AHTTP/1\.1 418 A Teapot\r\n}, 'a status';
        is join(',', $reply->headers('X-A')), 'b,c', 'fields';
        ok $site->get('/large')->body eq join('', map { sprintf "%014d.\n", $_ } 0 .. 19999), 'a large answer';
        is $site->get('/length')->body, 'hello world', 'one of a length';
        ok !$site->get('/die')->complete, 'a process that dies: its answer does not look whole';
        is $site->get('/length')->status, 200, 'the next one answers';
        $site->stop;
    }
}

# memcached -----------------------------------------------------------------------------------------------

SKIP: {
    skip 'memcached is not installed' unless $cache;
    run_server('cache.sock', $cache, '-s', "$dir/cache.sock", '-a', '0666', '-m', 16, ($root ? ('-u', 'nobody') : ()));
    my $store = IO::Socket::UNIX->new(Peer => "$dir/cache.sock") or die "memcached: $!";
    my %value = ('/a.html' => '<p>a</p>', '/large' => Origin::pattern(900_000), '/empty' => '', "/two%20words" => 'two');
    for my $key (sort keys %value) {
        printf $store "set %s 0 0 %d\r\n%s\r\n", $key, length $value{$key}, $value{$key};
        $store->flush;
        is scalar readline $store, "STORED\r\n", "stored: $key";
    }
    my $site = Site->start(<<"CONF");
        upstream cache { server unix:$dir/cache.sock; keepalive 4; }
        types { text/html html; }
        server {
            listen %PORT%;
            location / { set \$memcached_key \$uri; memcached_pass cache; error_page 404 = \@app; }
            location \@app { return 200 made; }
        }
CONF
    for my $round (1, 2) {
        is $site->get('/a.html')->body, '<p>a</p>', 'memcached: a value';
        ok $site->get('/large')->body eq $value{'/large'}, 'a large one';
        is $site->get('/empty')->body, '', 'an empty one';
        is $site->get('/two%20words')->body, 'two', 'a key with a blank';
        is $site->get('/none')->body, 'made', 'one that is not there';
    }
    is $site->get('/a.html', Range => 'bytes=3-3')->body, 'a', 'a part';
    is $site->get('/' . 'k' x 300)->status, 502, 'a key that is too long';
    $site->stop;
}
done_testing;
