# t/master/command_line.t - options, exit codes and words are nginx's; Weir's own commands
use Site;
use File::Temp qw(tempdir);
needs_weir('the words are checked, not compared');

my $dir = tempdir('weir-XXXXXX', TMPDIR => 1, CLEANUP => 1);
symlink Site::binary(), "$dir/nginx" or die;
symlink Site::binary(), "$dir/weir" or die;
sub weir  (@args) { return Site::run_binary("$dir/weir", @args) }
sub nginx (@args) { return Site::run_binary("$dir/nginx", @args) }

sub put ($name, $text) {
    open my $file, '>', "$dir/$name" or die;
    print $file $text;
    close $file;
}

# Who it is
like weir('-v')->{stderr}, qr{\Aweir version: weir/[\d.]+ \(nginx 1\.31\.5\)\n\z}, '-v';
like nginx('-v')->{stderr}, qr{\Anginx version: nginx/1\.31\.5 \(weir [\d.]+\)\n\z}, 'as nginx';
my $build = nginx('-V')->{stderr};
like $build, qr{\Anginx version: nginx/1\.31\.5}, '-V begins with the version';
like $build, qr/^built by /m, 'compiler';
like $build, qr/^built with OpenSSL 3/m, 'OpenSSL';
like $build, qr/^TLS SNI support enabled$/m, 'SNI';
like $build, qr{^configure arguments: --prefix=/etc/nginx --conf-path=/etc/nginx/nginx.conf}m, 'paths';
like $build, qr{--pid-path=/run/nginx.pid}, 'pid path';
unlike $build, qr{http_xslt_module}, 'and none that is not in';
is nginx('-V')->{stdout}, '', 'all of it on stderr';
like weir('-h')->{stderr}, qr/\Aweir version.*Usage: weir \[-\?hvVtTq\]/s, '-h';
is weir($_)->{exit}, 0, $_ for qw(-h -? -v -V --help --version);

# What is wrong
my %wrong = ('-x' => 'invalid option: "x"', 'x' => 'invalid option: "x"', '-c' => 'option "-c" requires file name',
             '-p' => 'option "-p" requires directory name', '-s' => 'option "-s" requires parameter',
             '--nosuch' => 'invalid option: "--nosuch"');
for my $option (sort keys %wrong) {
    my $run = nginx($option);
    is $run->{exit}, 1, "$option is refused";
    is $run->{stderr}, "nginx: $wrong{$option}\n", 'in these words';
}
is nginx('-s', 'what')->{stderr}, "nginx: invalid option: \"-s what\"\n", 'an unknown signal';

# -t and -T
put('good.conf', "pid $dir/run/x.pid; error_log $dir/logs/error.log;\nevents {}\ninclude more.conf;\n");
put('more.conf', "worker_processes 3;\n");
my $test = weir('-t', '-p', $dir, '-c', 'good.conf');
is $test->{exit}, 1, '-t refuses where a log has no directory';
like $test->{stderr}, qr{\[emerg\] open\(\) "\Q$dir\E/logs/error.log" failed \(2: No such file or directory\)}, 'and says so';
mkdir "$dir/logs";
$test = weir('-t', '-p', $dir, '-c', 'good.conf');
is $test->{exit}, 0, '-t accepts';
is $test->{stderr}, "weir: the configuration file $dir/good.conf syntax is ok\n"
    . "weir: configuration file $dir/good.conf test is successful\n", 'and says so';
is_deeply [sort map { s{.*/}{}r } glob "$dir/*"], [qw(good.conf logs more.conf nginx weir)], 'nothing was made';
is weir('-tq', '-c', "$dir/good.conf")->{stderr}, '', '-q is quiet';
my $dump = weir('-T', '-p', $dir, '-c', 'good.conf');
is $dump->{stdout}, "# configuration file $dir/good.conf:\n"
    . "pid $dir/run/x.pid; error_log $dir/logs/error.log;\nevents {}\ninclude more.conf;\n\n"
    . "# configuration file $dir/more.conf:\nworker_processes 3;\n\n", '-T dumps every file';
put('bad.conf', "events {}\nworker_processs 1;\nworker_processes x;\n");
$test = nginx('-t', '-c', "$dir/bad.conf");
is $test->{exit}, 1, '-t refuses';
like $test->{stderr}, qr{^nginx: \[emerg\] unknown directive "worker_processs" in \Q$dir\E/bad.conf:2:1 \(did you mean "worker_processes"\?\)}m, 'the first fault';
like $test->{stderr}, qr{^nginx: \[emerg\] .*worker_processes.* in \Q$dir\E/bad.conf:3:}m, 'the second too';
like $test->{stderr}, qr{^nginx: configuration file \Q$dir\E/bad.conf test failed\n\z}m, 'the verdict';
$test = weir('-t', '-c', "$dir/none.conf");
is $test->{exit}, 1, 'no file';
like $test->{stderr}, qr{\[emerg\] open\(\) "\Q$dir\E/none.conf" failed \(2: No such file or directory\)}, 'named';
is weir('-t', '-c', "$dir/good.conf", '-g', 'worker_priority 3;')->{exit}, 0, '-g is read too';
is weir('-t', '-c', "$dir/good.conf", '-g', 'nonsense;')->{exit}, 1, 'and checked';

# -s without a master
my $signal = nginx('-s', 'stop', '-c', "$dir/good.conf");
is $signal->{exit}, 1, '-s needs a master';
like $signal->{stderr}, qr{\[error\] open\(\) "\Q$dir\E/run/x.pid" failed \(2: No such file or directory\)}, 'no pid file';
mkdir "$dir/run";
put('run/x.pid', "\n");
like nginx('-s', 'stop', '-c', "$dir/good.conf")->{stderr}, qr{\[error\] invalid PID number "}, 'no pid in it';
my $gone = 2**22 + 1; # no pid is so large
put('run/x.pid', "$gone\n");
like nginx('-s', 'quit', '-c', "$dir/good.conf")->{stderr}, qr{\[alert\] kill\($gone, 3\) failed \(3: No such process\)}, 'a dead one';
like nginx('-s', 'reload', '-c', "$dir/good.conf")->{stderr}, qr{\[alert\] kill\($gone, 1\) failed \(3: No such process\)}, 'for reload too';
is nginx('-s', 'reload', '-c', "$dir/bad.conf")->{exit}, 1, 'a bad config is not sent';

# Weir's own
my $help = weir('help', 'worker_processes');
like $help->{stdout}, qr/worker_processes number\|auto;/, 'help on a directive';
is weir('help', 'nosuch')->{exit}, 1, 'on none';
like weir('help', 'proxy_pas')->{stderr}, qr/there is no directive "proxy_pas" \(did you mean "proxy_pass"\?\)/, 'on one that is misspelt';
like weir('--dump-directives')->{stdout}, qr/^core\t.*\tworker_processes\t/m, 'the table for tools';
my $config = weir('serve', $dir, '--listen', ':8099', '--print-config')->{stdout};
like $config, qr/listen \*:8099;/, 'serve: the address';
like $config, qr/root "\Q$dir\E";/, 'and the directory';
is weir('serve', "$dir/none")->{exit}, 1, 'no such directory';
is weir('serve')->{exit}, 1, 'no directory';
$config = weir('proxy', '--to', 'localhost:3000', '--to', 'http://127.0.0.1:3001', '--print-config')->{stdout};
like $config, qr/server localhost:3000;\s+server 127.0.0.1:3001;/, 'proxy: both';
like $config, qr{proxy_pass http://application;}, 'by an upstream';
is weir('proxy', '--to', 'ftp://x')->{exit}, 1, 'not a URL for this';

done_testing;
