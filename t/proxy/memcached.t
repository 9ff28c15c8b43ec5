# t/proxy/memcached.t - answers out of memcached, as nginx gives them, and bad replies
use Site;
use Differential;

my $conf = <<'CONF';
    types { text/html html; text/css css; }
    default_type text/x-default;
    upstream two { server %MEMCACHED%; server %MEMCACHED2%; keepalive 1; }
    server {
        listen %PORT%;
        set $memcached_key $uri;
        location / { memcached_pass %MEMCACHED%; }
        location /args { set $memcached_key "$uri?$args"; memcached_pass %MEMCACHED%; }
        location /none { set $memcached_key ""; memcached_pass %MEMCACHED%; }
        location /slow/ { memcached_read_timeout 4s; memcached_pass %MEMCACHED%; }
        location /odd { set $memcached_key "a b%c$arg_x"; memcached_pass %MEMCACHED%; }
        location /zip { memcached_gzip_flag 2; memcached_pass %MEMCACHED%; }
        location /fallback { error_page 404 502 504 = @app; memcached_pass %MEMCACHED%; }
        location /page { error_page 404 /missing.html; memcached_pass %MEMCACHED%; }
        location = /missing.html { return 200 "no such page"; }
        location /next { memcached_next_upstream not_found invalid_response; memcached_pass two; }
        location /if { if ($arg_m) { memcached_pass %MEMCACHED%; } return 204; }
        location @app { return 200 "from the application"; }
    }
CONF

my @bad = (
    ['error' => "ERROR\r\n"], ['client' => "CLIENT_ERROR bad\r\n"], ['server' => "SERVER_ERROR out of memory\r\n"], ['garbage' => "\0\1\2\r\n"],
    ['flags' => "VALUE %s x 3\r\nabc\r\nEND\r\n"], ['length' => "VALUE %s 0 x\r\nabc\r\nEND\r\n"], ['negative' => "VALUE %s 0 -3\r\nabc\r\nEND\r\n"],
    ['nolength' => "VALUE %s 0\r\nabc\r\nEND\r\n"], ['key' => "VALUE other 0 3\r\nabc\r\nEND\r\n"], ['longerkey' => "VALUE %s1 0 3\r\nabc\r\nEND\r\n"],
    ['shorterkey' => "VALUE / 0 3\r\nabc\r\nEND\r\n"], ['huge' => "VALUE %s 0 99999999999999999999\r\nabc\r\nEND\r\n"], ['empty' => "\r\n"],
    ['cas' => "VALUE %s 0 3 77\r\nabc\r\nEND\r\n"],
);
sub fill ($site) {
    for my $n ('', 2) {
        my $cache = $site->origin("memcached$n");
        $cache->answer('/miss', miss => 1);
        $cache->answer("/$_/miss", miss => 1) for qw(fallback page);
        $cache->answer($_, body => "value of $_") for '/a.html', '/b.css', '/c', '/d/e.unknown', '/%20x', '/zip/plain';
        $cache->answer('/zip/zipped', body => 'no gzip', flags => 3);
        $cache->answer('/empty', body => '');
        $cache->answer('/large', body => Origin::pattern(300_000));
        $cache->answer('/crlf', body => "a\r\nEND\r\nb\r\n");
        $cache->script("/bad/$_->[0]", [write => $_->[1] =~ s{%s}{/bad/$_->[0]}r]) for @bad;
        $cache->script("/bad/line", [write => 'VALUE ' . 'x' x 5000]);
    }
    $site->origin('memcached')->answer('/next/one', miss => 1);
    $site->origin('memcached')->script('/next/two', [write => "ERROR\r\n"]);
    $site->origin('memcached2')->answer($_, body => 'from the second') for '/next/one', '/next/two';
    $site->origin("memcached$_")->answer('/next/none', miss => 1) for '', 2;
}
my %strict = ('GET /bad/flags' => 'flags are checked whether they are asked for or not');
differential_ok($conf, [
    (map { ("GET $_", "HEAD $_") } '/a.html', '/b.css', '/c', '/d/e.unknown', '/miss', '/empty', '/args?x=y', '/none', '/odd', '/odd?x=%00', '/odd?x=é',
     '/zip/plain', '/zip/zipped', '/fallback/hit', '/fallback/miss', '/page/miss', '/if', '/if?m=1', '/large', '/crlf', '/%20x', '/%25', '/%0a'),
    'POST /a.html', 'PUT /a.html', 'OPTIONS /a.html', ['GET /a.html', { body => 'ignored' }],
    ['GET /a.html', Range => 'bytes=0-3'], ['GET /a.html', Range => 'bytes=5-'], ['GET /a.html', Range => 'bytes=-3'], ['GET /a.html', Range => 'bytes=900-'],
    ['GET /a.html', 'If-Modified-Since' => 'Tue, 01 Jan 2030 00:00:00 GMT'],
    'GET /next/one', 'GET /next/two', 'GET /next/none', 'GET /next/hit',
    (map { "GET /bad/$_->[0]" } grep { $_->[0] ne 'flags' } @bad), 'GET /bad/line', 'GET /fallback/bad',
], prepare => \&fill, allow => \%strict);

# Connections and bad replies -----------------------------------------------------------------------------

my $site = Site->start($conf =~ s{(?=location /if )}{location /var { set \$where %MEMCACHED%; memcached_pass \$where; } }r, log_level => 'info');
my $cache = $site->origin('memcached');
fill($site);
$site->get('/a.html') for 1 .. 3;
is $cache->connections, 1, 'connections are kept';
$site->get('/miss') for 1 .. 2;
is $cache->connections, 1, 'after a miss too';
$cache->script('/slow/stall', [write => "VALUE /slow/stall 0 30\r\nabc"], 'stall');
$cache->script('/slow/silent', 'stall');
my %slow = map { $_ => $site->send("GET /slow/$_") } qw(stall silent);   # looked at below
like $site->error_log, qr{\[info\].*key: "/miss" was not found by memcached}, 'which is noted';
is $site->request('HEAD /a.html')->status, 200, 'HEAD';
is $site->get('/var')->status, 200, 'an address in a variable';
is $site->get('/bad/flags')->status, 502, 'bad flags';
is $site->get('/none')->status, 500, 'no key';
like $site->error_log, qr/the "\$memcached_key" variable is not set/, 'is an error of the configuration';
like $site->error_log, qr/memcached sent invalid flags: "VALUE/, 'the reason is logged';

my $value = "VALUE /cut 0 3\r\nabc\r\nEND\r\n";
my @wrong;
$cache->scripts('/cut', map { my $end = $_; map { [[write => substr $value, 0, $_], $end] } 0 .. length $value } 'close', 'reset');
for my $end ('close', 'reset') {
    for my $cut (0 .. length $value) {
        my $reply = $site->get('/cut');
        my $got = $reply->status . ($reply->complete ? ' whole' : ' cut');
        next if $cut < 16 && $got eq '502 whole';
        next if $cut >= 16 && $cut < 19 && $got =~ /\A(?:200 cut|502 whole)\z/;
        next if $cut >= 19 && $got =~ /\A200/;              # all that was announced is there
        next if $end eq 'reset' && $got =~ /\A502/;
        push @wrong, "$end at $cut: $got";
    }
}
is "@wrong", '', 'a reply cut anywhere';
for my $case (['/tail', "VALUE /tail 0 3\r\nabcdef\r\nEND\r\n"], ['/tail2', "VALUE /tail2 0 3\r\nabc\r\nEN\r\n"]) {
    my ($uri, $text) = @$case;
    $cache->script($uri, [write => $text], 'stall');
    my $client = $site->connect;
    is $client->get($uri)->body, 'abc', 'a value with something else behind it';
    is $client->closed, 'eof', 'ends the connection';
}
is $site->get('/a.html')->status, 200, 'it is not used again';
my $stopped = $slow{stall}->response;
ok $stopped->status == 200 && !$stopped->complete, 'a value that stops';
is $slow{silent}->response->status, 504, 'no reply';
$site->stop;

for my $case (['memcached_pass 127.0.0.1;', qr/no port in upstream/], ['memcached_pass 127.0.0.1:1;', qr/unknown "memcached_key" variable/],
              ['memcached_next_upstream http_500;', qr/http_500/]) {
    my ($text, $why) = @$case;
    my $result = Site->test_config("server { listen %PORT%; location / { $text } }");
    ok $result->{exit} != 0 && $result->{stderr} =~ $why, "refused: $text";
}
done_testing;
