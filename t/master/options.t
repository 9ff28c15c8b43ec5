# t/master/options.t - the command line: options, what they print and where, exit codes
use Site;

my $good = Site->prepare('server { listen %PORT%; return 200 "$hostname"; }');
my @where = ('-p', '%DIR%/', '-c', '%DIR%/weir.conf', '-e', '%DIR%/error.log');

my $v = $good->run('-v');
is $v->{exit}, 0, '-v';
is $v->{stdout}, '', 'says nothing on stdout';
like $v->{stderr}, is_weir ? qr/\Aweir version: weir\/\d+\.\d+\.\d+\b.*\n\z/ : qr/\Anginx version: nginx\/[\d.]+\n\z/, 'but its version on stderr';
my $V = $good->run('-V');
is $V->{exit}, 0, '-V';
like $V->{stderr}, qr/^built with OpenSSL /m, 'the library';
like $V->{stderr}, qr/^TLS SNI support enabled$/m, 'SNI';
like $V->{stderr}, qr/^configure arguments: .*--prefix=/m, 'configure arguments';
for my $option ('-h', '-?') {
    my $h = $good->run($option);
    is $h->{exit}, 0, $option;
    like "$h->{stdout}$h->{stderr}", qr/Usage: \w+ /, "$option: usage";
    like "$h->{stdout}$h->{stderr}", qr/^\s+\Q$_\E\b/m, "$option mentions $_" for qw(-t -T -q -s -p -e -c -g);
}

my $t = $good->run(@where, '-t');
is $t->{exit}, 0, '-t';
is $t->{stdout}, '', '-t: nothing on stdout';
like $t->{stderr}, qr/the configuration file \S+weir\.conf syntax is ok\n.*configuration file \S+weir\.conf test is successful\n\z/,
    '-t: the two lines that tools look for';
is $good->run(@where, '-t', '-q')->{stderr}, '', '-t -q is quiet';
is $good->run(@where, '-tq')->{exit}, 0, '-tq';
ok !-s $good->path('weir.pid') && !(is_weir && -e _), '-t leaves no pid file';

my $T = $good->run(@where, '-T');
is $T->{exit}, 0, '-T';
my $dir = $good->dir;
like $T->{stdout}, qr{^# configuration file \Q$dir\E/weir\.conf:\n}m, '-T: names the file';
like $T->{stdout}, qr/return 200 "\$hostname";/, '-T: and shows it';

$good->file('bad.conf', "events {}\nhttp { nonsense; }\n");
my $bad = $good->run('-p', '%DIR%/', '-c', '%DIR%/bad.conf', '-e', '%DIR%/error.log', '-t');
is $bad->{exit}, 1, '-t on a bad config';
like $bad->{stderr}, qr/\[emerg\].* unknown directive "nonsense" in \S+bad\.conf:2/, 'says what and where';
like $bad->{stderr}, qr/configuration file \S+bad\.conf test failed/, 'and that the test failed';
like $good->run('-p', '%DIR%/', '-c', '%DIR%/bad.conf', '-e', '%DIR%/error.log', '-tq')->{stderr}, qr/nonsense/,
    'errors are shown in spite of -q';
$bad = $good->run('-p', '%DIR%/', '-c', '%DIR%/none.conf', '-t');
is $bad->{exit}, 1, 'a config that is not there';
like $bad->{stderr}, qr/open\(\) "\S+none\.conf" failed \(2: No such file or directory\)/, 'is named';
is $good->run('-p', '%DIR%/', '-c', 'weir.conf', '-e', '%DIR%/error.log', '-t')->{exit}, 0, '-c below the prefix';
is $good->run('-p', '%DIR%', '-c', 'weir.conf', '-e', 'error.log', '-t')->{exit}, 0, '-p without a slash';

# -g
is $good->run(@where, '-t', '-g', 'worker_processes 3;')->{exit}, 1, '-g: a directive twice';
is $good->run(@where, '-t', '-g', 'worker_priority 1;')->{exit}, 0, '-g: a directive';
is $good->run(@where, '-t', '-g', 'nonsense;')->{exit}, 1, '-g: nonsense';
like $good->run(@where, '-t', '-g', 'nonsense;')->{stderr}, qr/unknown directive "nonsense" in command line/, 'and where it stands';
is $good->run(@where, '-t', '-g', 'worker_priority 1')->{exit}, 1, '-g: without its semicolon';

# Wrong words
for my $case (['-x'], ['-c'], ['-p'], ['-g'], ['-s'], ['-s', 'dance'], ['word'], ['-e']) {
    my $result = $good->run(@$case);
    is $result->{exit}, 1, "@$case";
    like $result->{stderr}, qr/invalid option|requires/, "@$case: says what is wrong";
}
if (is_weir) {
    is $good->run('--version')->{exit}, 0, '--version';
    is $good->run('--help')->{exit}, 0, '--help';
    is $good->run(@where, '--test')->{exit}, 0, '--test';
    is $good->run('help', 'listen')->{exit}, 0, 'help DIRECTIVE';
    like $good->run('help', 'listen')->{stdout}, qr/listen/, 'prints it';
    isnt $good->run('help', 'nonsense')->{exit}, 0, 'help on what does not exist';

    # Invoked as nginx it answers like nginx.
    symlink $good->{binary}, $good->path('nginx');
    my $as = Site::run_binary($good->path('nginx'), '-v');
    like $as->{stderr}, qr/\Anginx version: nginx\/1\.\d+\.\d+ \(weir \d+\.\d+\.\d+\)\n\z/, 'invoked as nginx';
    like Site::run_binary($good->path('nginx'), '-V')->{stderr}, qr/--with-http_ssl_module|--without-/, '-V lists modules';
}

# A port in use
my $blocker = IO::Socket::IP->new(LocalHost => '0.0.0.0', LocalPort => $good->port, Listen => 1, ReuseAddr => 1) or die;
my $used = $good->run(@where);
is $used->{exit}, 1, 'a port in use';
like $used->{stderr}, qr/\[emerg\].*bind\(\) to 0\.0\.0\.0:\d+ failed \(98: Address already in use\)/, 'is named';
ok !-s $good->path('weir.pid') && !(is_weir && -e _), 'no pid file appears';
is $good->run(@where, '-t')->{exit}, 0, '-t does not bind';
$blocker->close;
$good->up;
is $good->get('/')->status, 200, 'and when it is free it starts';
$good->allow_log(qr/bind\(\) to|still could not bind|nonsense|unexpected end|duplicate|none\.conf|not terminated|pid" failed|invalid/);
$good->stop;

done_testing;
