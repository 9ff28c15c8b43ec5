# t/log/error_log.t - the error log per level, as JSON, in syslog, and with tags
use Site;
use IO::Socket::UNIX;
use JSON::PP ();
use Socket qw(SOCK_DGRAM);

my $dir = File::Temp->newdir;
my $daemon = IO::Socket::UNIX->new(Local => "$dir/log.sock", Type => SOCK_DGRAM) or die $!;
chmod 0777, $dir, "$dir/log.sock";

my $site = Site->start(<<"CONF", files => { 'html/index.html' => "x\n" }, main => 'error_log %DIR%/main.json info json;');
    error_log_tag site \$host;
    error_log_tag n "a\$arg_n";
    map \$uri \$second { ~^/(.)(.) \$2; default none; }
    server {
        listen %PORT%;
        root %DIR%/html;
        location /plain { error_log %DIR%/plain.log; }
        location /json { error_log %DIR%/json.log error json; error_log %DIR%/both.log info; }
        location /crit { error_log %DIR%/crit.log crit; }
        location /own { error_log %DIR%/own.log; error_log_tag place own; error_log_tag empty \$arg_none; }
        location /captures {
            error_log %DIR%/captures.log; error_log_tag second \$second; error_log_tag also \$second;
            if (\$uri ~ "^/cap(.*)") { set \$x \$nothing\$1; }
            return 200 "\$x \$1\\n";
        }
        location /unix { error_log syslog:server=unix:$dir/log.sock,tag=u,nohostname,facility=daemon; access_log syslog:server=unix:$dir/log.sock,tag=u,severity=debug,facility=daemon,nohostname combined; }
        location /set { set \$nothing ''; return 204; }
    }
CONF
sub lines ($name) {
    wait_until { ($site->slurp($name) // '') =~ /\n\z/ } "a line in $name";
    return $site->slurp($name);
}

$site->get('/plain?n=1"x');
like lines('plain.log'), qr{\A\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ open\(\) "\S+/plain" failed \(2: No such file or directory\), client: 127\.0\.0\.1, server: , request: "GET /plain\?n=1\\x22x HTTP/1\.1", host: "[^"]+", site: "[^"]+", n: "a1\\x22x"\n\z}, 'a file with tags';

$site->get('/json?n=2', Referer => "http://a/\"b");
my $line = JSON::PP::decode_json(lines('json.log'));
is $line->{level}, 'error', 'json: the level';
like $line->{message}, qr{^open\(\) "/.*/html/json" failed$}, 'the message';
is $line->{errno}, 2, 'the errno';
is $line->{error}, 'No such file or directory', 'and its text';
is $line->{client}, '127.0.0.1', 'the client';
is $line->{request}, 'GET /json?n=2 HTTP/1.1', 'the request';
is $line->{referrer}, 'http://a/\x22b', 'the referrer';
is $line->{n}, 'a2', 'a tag';
like $line->{time}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\z/, 'the time';
like "$line->{pid} $line->{tid} $line->{connection}", qr/\A\d+ \d+ \d+\z/, 'numbers';
like lines('both.log'), qr/\[error\]/, 'and text beside it';

$site->get('/crit');
is -s $site->path('crit.log'), 0, 'not severe enough';
$site->get('/own?n=3');
like lines('own.log'), qr/, place: "own"\n\z/, 'tags replace those of the enclosing level';
unlike lines('own.log'), qr/ n: | empty: /, 'and empty ones are left out';
is $site->get('/captures/x')->body, "tures/x tures/x\n", 'a tag leaves the captures alone';
like lines('captures.log'), qr/using uninitialized "nothing" variable.*, second: "a", also: "a"\n/, 'which it has itself' if -s $site->path('captures.log');
like((grep { /worker/ } map { JSON::PP::decode_json($_)->{message} } split /\n/, lines('main.json'))[0], qr/worker process/, 'the main log as JSON');

sub datagram {
    my $readable = '';
    vec($readable, $daemon->fileno, 1) = 1;
    is select($readable, undef, undef, Wait::patience()), 1, 'a datagram';
    $daemon->recv(my $text, 4096);
    return $text;
}
$site->get('/unix');
my @got = sort(datagram(), datagram());
like $got[1], qr{\A<31>\w{3} [ \d]\d \d\d:\d\d:\d\d u: 127\.0\.0\.1 - - \[.*\] "GET /unix HTTP/1\.1" 404 }, 'an access log in syslog';
like $got[0], qr{\A<27>\w{3} [ \d]\d \d\d:\d\d:\d\d u: \d{4}/.*\[error\] .* failed .*, n: "a"\z}, 'an error log in syslog';
unlike $got[0], qr/\n/, 'without a newline';

# The daemon is replaced
close $daemon;
unlink "$dir/log.sock";
is $site->get('/unix')->status, 404, 'without the daemon' for 1 .. 3;
$daemon = IO::Socket::UNIX->new(Local => "$dir/log.sock", Type => SOCK_DGRAM) or die $!;
chmod 0777, "$dir/log.sock";
wait_until { $site->get('/unix'); my $r = ''; vec($r, $daemon->fileno, 1) = 1; select($r, undef, undef, 0.1) } 'the new one hears';
pass 'the new daemon hears';
$site->stop;

for (['error_log_tag "a b" x;', qr/invalid tag name "a b"/], ['error_log_tag a x; error_log_tag a y;', qr/duplicate tag "a"/],
     ['error_log_tag a;', qr/invalid number of arguments in "error_log_tag"/], ['error_log_tag a $no_such;', qr/unknown "no_such" variable/],
     ['error_log x info warn;', qr/duplicate log level "warn"/], ['error_log x jsn;', qr/invalid log level "jsn"/]) {
    my ($conf, $fault) = @$_;
    my $result = Site->test_config($conf);
    isnt $result->{exit}, 0, "refused: $conf";
    like $result->{stderr}, $fault, 'and said why';
}

done_testing;
