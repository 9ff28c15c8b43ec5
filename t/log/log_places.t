# t/log/log_places.t - where access logs go: paths with variables, syslog, conditions, common places, rotation
use Site;
use IO::Socket::INET;

my $syslog = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die $!;
my $port   = $syslog->sockport;

my $site = Site->start(<<"CONF");
access_log %DIR%/access.log;
    log_format short '\$request_method \$uri';
    server {
        listen %PORT%;
        root %DIR%;
        location /var { access_log %DIR%/logs/\$arg_name.log short; return 200 ok; }
        location /kept { open_log_file_cache max=2 inactive=10s valid=1m; access_log %DIR%/logs/\$arg_name.log short; return 200 ok; }
        location /noroot { root %DIR%/none; access_log %DIR%/logs/\$arg_name.log short; return 200 ok; }
        location /if { access_log %DIR%/if.log short if=\$arg_log; return 200 ok; }
        location /default-if { access_log %DIR%/default-if.log combined if=\$arg_log; return 200 ok; }
        location /syslog { access_log syslog:server=127.0.0.1:$port,tag=site,severity=notice,facility=local0 short; return 200 ok; }
        location /inherit { location /inherit/own { access_log %DIR%/own.log short; return 200 ok; } return 200 ok; }
        location /branch { if (\$arg_x) { access_log %DIR%/branch.log short; return 200 ok; } return 200 ok; }
        location /late { access_log %DIR%/late.log short buffer=64k; return 200 ok; }
        location /none { access_log off; location /none/own { access_log %DIR%/own.log short; return 200 ok; } return 200 ok; }
    }
CONF
sub lines ($name, $n = 1) {
    wait_until { (() = ($site->slurp($name) // '') =~ /\n/g) >= $n } "$n lines in $name";
    return $site->slurp($name);
}
mkdir $site->path('logs');
chmod 0777, $site->path('logs');

$site->get('/var?name=a');
is lines('logs/a.log'), "GET /var\n", 'a path with a variable';
$site->get('/var?name=b');
$site->get('/var?name=a');
is lines('logs/a.log', 2), "GET /var\n" x 2, 'it is appended to';
is lines('logs/b.log'), "GET /var\n", 'another';
rename $site->path('logs/a.log'), $site->path('logs/a.old');
$site->get('/var?name=a');
is lines('logs/a.log'), "GET /var\n", 'a log moved away is made anew';
$site->get("/kept?name=k$_") for 1 .. 5, 1;
is lines("logs/k$_.log", $_ == 1 ? 2 : 1), "GET /kept\n" x ($_ == 1 ? 2 : 1), "with few kept open: $_" for 1 .. 5;
$site->get('/noroot?name=noroot');
$site->get('/if');
$site->get('/if?log=0');
$site->get('/if?log=1');
is lines('if.log'), "GET /if\n", 'a condition';
ok !-e $site->path('logs/noroot.log'), 'no file where there is no root';
$site->get('/default-if?log=1');
like lines('default-if.log'), qr/^127.0.0.1 - - \[/, 'combined, with a condition';
$site->get('/syslog');
my $readable = '';
vec($readable, $syslog->fileno, 1) = 1;
is select($readable, undef, undef, Wait::patience()), 1, 'a datagram';
$syslog->recv(my $datagram, 4096);
like $datagram, qr/\A<133>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ site: GET \/syslog\z/, 'syslog';
$site->get('/inherit');
$site->get('/inherit/own');
like lines('access.log'), qr{\A\S+ - - \[.*\] "GET /inherit HTTP/1.1" 200 2 "-" "-"\n\z}, 'the common log is inherited';
is lines('own.log'), "GET /inherit/own\n", 'and replaced';
$site->get('/none');
$site->get('/none/own');
is lines('own.log', 2), "GET /inherit/own\nGET /none/own\n", 'logged within what is not logged';
$site->get('/branch?x=1');
is lines('branch.log'), "GET /branch\n", 'in an if';

$site->get('/late');
is -s $site->path('late.log'), 0, 'a buffer without flush time waits';
$site->signal('HUP');
is lines('late.log'), "GET /late\n", 'until the worker ends';

rename $site->path('own.log'), $site->path('own.old');
$site->signal('USR1');
wait_until { -e $site->path('own.log') } 'the reopened log';
wait_until { $site->get('/none/own'); -s $site->path('own.log') } 'lines in it';
like lines('own.log'), qr{\A(?:GET /none/own\n)+\z}, 'after USR1 lines go to the new file';

# Faults -----------------------------------------------------------------------------------------------
for (['access_log logs/x none;', qr/unknown log format "none"/],
     ['access_log logs/x combined flush=1s;', qr/no buffer is defined for access_log "logs\/x"/],
     ['access_log logs/$host combined buffer=1k;', qr/buffered logs cannot have variables in name/],
     ['access_log logs/x combined buffer=1k; server { access_log logs/x combined buffer=2k; }', qr/"logs\/x" already defined with conflicting parameters/],
     ['access_log logs/x combined buffer=;', qr/invalid buffer size/],
     ['access_log logs/x combined what=1;', qr/invalid parameter "what=1"/],
     ['access_log off off;', qr/invalid parameter "off"/],
     ['log_format a x; log_format a y;', qr/duplicate "log_format" name "a"/],
     ['log_format a escape=x y;', qr/unknown log format escaping "x"/],
     ['log_format a $no_such; access_log logs/x a;', qr/unknown "no_such" variable/],
     ['open_log_file_cache inactive=1s;', qr/must have "max" parameter/],
     ['open_log_file_cache max=x;', qr/invalid "open_log_file_cache" parameter "max=x"/]) {
    my ($conf, $fault) = @$_;
    my $result = Site->test_config($conf);
    isnt $result->{exit}, 0, "refused: $conf";
    like $result->{stderr}, $fault, 'and said why';
}

done_testing;
