# t/filter/limit_rate.t - a limited response goes out no faster than it may, and arrives whole
use Site;
use Time::HiRes 'time';

my $body = join '', map { sprintf "%014d.\n", $_ } 0 .. 2559;      # 40960 bytes
my $site = Site->start(<<'CONF', files => { 'www/file' => $body });
    sendfile on;
    server {
        listen %PORT%;
        root %DIR%/www;
        location /free    { alias %DIR%/www/; }
        location /limited { alias %DIR%/www/; limit_rate 20k; }
        location /after   { alias %DIR%/www/; limit_rate 20k; limit_rate_after 20k; }
        location /var     { alias %DIR%/www/; limit_rate $arg_rate; }
        location /origin/ { proxy_pass http://%ORIGIN%; }
        location /set     { alias %DIR%/www/; set $limit_rate 20k; }
    }
CONF

sub fetch ($uri, $name, $from) {
    my $started = time;
    is $site->get($uri)->body, $body, "$name: whole";
    my $took = time - $started;
    cmp_ok $took, '>=', $from, "$name: not before it may";
    cmp_ok $took, '<', 30, "$name: not much later";
}

fetch '/free/file', 'no limit', 0;
fetch '/limited/file', 'two seconds at 20k, the first of them at once', 0.95;
fetch '/after/file', 'the first 20k are free', 0;
fetch '/var/file?rate=20k', 'a rate from a variable', 0.95;
fetch '/var/file', 'an empty variable is no limit', 0;
fetch '/set/file', 'a rate that was set', 0.95;

$site->origin->answer('/origin/file', headers => ['X-Accel-Limit-Rate' => 20480], body => $body);
fetch '/origin/file', 'a rate that the origin asked for', 0.95;

done_testing;
