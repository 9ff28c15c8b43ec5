# t/master/half_written.t - a reload that catches the configuration while it is being written changes
# nothing, and -t refuses such a file too
use Site;

my $http = 'http { server { listen 127.0.0.1:%PORT%; location / { return 200 here; } } }';
my $main = "pid %DIR%/weir.pid; error_log %DIR%/error.log info;\n" . ($> == 0 ? "user nobody nogroup;\n" : '');
my $site = Site->start_raw("${main}events {}\n$http\n", args => ['-g', 'daemon off;']);
is $site->get('/')->body, 'here', 'it serves';
for my $text ('', "\n# a comment\n", $main) {
    my $name = length $text ? 'only the start of it' : 'an empty file';
    my $mark = $site->log_mark;
    $site->file('next.conf', $text);
    my $result = $site->run('-p', '%DIR%/', '-c', '%DIR%/next.conf', '-t', '-g', 'daemon off;');
    is $result->{exit}, 1, "$name: -t refuses it";
    like $result->{stderr}, qr/no "events" section in configuration/, 'and says why';
    $site->file('weir.conf', $site->fill_in($text));
    $site->signal('HUP');
    $site->wait_for_log(qr/\[emerg\].*no "events" section in configuration/, since => $mark);
    is $site->get('/')->body, 'here', 'what served serves on';
}
$site->allow_log(qr/no "events" section/);
$site->file('weir.conf', $site->fill_in("${main}events {}\n$http\n"));
$site->reload;
is $site->get('/')->body, 'here', 'and takes the whole file later';

done_testing;
