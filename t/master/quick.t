# t/master/quick.t - `weir serve` and `weir proxy`: a server without a configuration
use Site;
use File::Temp qw(tempdir);
needs_weir('nginx has no such commands');

my $dir = tempdir('weir-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
mkdir "$dir/site";
mkdir "$dir/tmp";
open my $file, '>', "$dir/site/page.html" or die;
print $file "<p>hello\n";
close $file;

# Runs a command until the block has been through; returns what it printed.
sub during ($block, @args) {
    my $pid = fork // die;
    if ($pid == 0) {
        Procs::die_with_parent();
        $ENV{TMPDIR} = "$dir/tmp";
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        exec Site::binary(), @args or POSIX::_exit(127);
    }
    $block->();
    kill INT => $pid;
    waitpid $pid, 0;
    is $?, 0, "$args[0]: Ctrl-C ends it";
    return { stdout => Procs::slurp("$dir/out"), stderr => Procs::slurp("$dir/err") };
}

sub get ($port, $uri) {
    wait_until { eval { Client->connect(port => $port) } } 'the server';
    return Client->connect(port => $port)->get($uri);
}

my $port = Ports::take();
my $run = during(sub {
    my $page = get($port, '/page.html');
    is $page->body, "<p>hello\n", 'serve: a file';
    is $page->header('Content-Type'), 'text/html', 'with its type';
    like get($port, '/')->body, qr/page\.html/, 'the directory can be browsed';
    is get($port, '/none')->status, 404, 'what is not there';
}, 'serve', "$dir/site", '--listen', "127.0.0.1:$port");
like $run->{stderr}, qr{^\Q$dir\E/site at http://127.0.0.1:$port/}, 'it says where';
like $run->{stdout}, qr{"GET /page.html HTTP/1.1" 200 }, 'requests show on the terminal';
is join(' ', glob "$dir/tmp/*"), '', 'nothing is left behind';

my @origins = map { Origin->start } 1 .. 2;
$port = Ports::take();
$run = during(sub {
    my $reply = get($port, '/some/path');
    is $reply->status, 200, 'proxy: an answer';
    is get($port, '/other')->status, 200, 'and another';
}, 'proxy', '--to', 'http://' . $origins[0]->address, '--to', $origins[1]->address, '--listen', "127.0.0.1:$port");
my ($first, $second) = map { $_->request } @origins;
is join(' ', sort map { $_->uri } $first, $second), '/other /some/path', 'each origin had one';
is $first->header('X-Forwarded-For'), '127.0.0.1', 'which knows for whom';
is $first->header('X-Forwarded-Proto'), 'http', 'and how';
is $first->header('Host'), 'localhost', 'and what was asked for';
$_->stop for @origins;

done_testing;
