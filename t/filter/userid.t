# t/filter/userid.t - cookies that tell clients apart, the same as nginx's
use Site;
use Differential;
use MIME::Base64 qw(encode_base64 decode_base64);
use Time::Local qw(timegm);

sub id (@numbers) { return substr encode_base64(pack('L4', @numbers), ''), 0, 22 }
my $old = id(0x0100007f, 0x5f5e1000, 0x12345678, 0x02030303);
my $conf = <<'CONF';
    server {
        listen %PORT%;
        error_page 404 /missing.html;
        location / { userid on; return 200 "got $uid_got set $uid_set\n"; }
        location /v1/ { userid v1; return 200 "got $uid_got set $uid_set\n"; }
        location /log/ { userid log; return 200 "got $uid_got set $uid_set\n"; }
        location /off/ { userid off; return 200 "got $uid_got set $uid_set\n"; }
        location /service/ { userid on; userid_service 258; return 200 "got $uid_got set $uid_set\n"; }
        location /servicev1/ { userid v1; userid_service 258; return 200 "got $uid_got set $uid_set\n"; }
        location /all/ { userid on; userid_service 1; userid_name u; userid_domain example.com; userid_path /p; userid_expires 1d; userid_p3p 'policyref="/w3c/p3p.xml"';
                         userid_flags secure httponly samesite=lax; userid_mark x; return 200 "got $uid_got set $uid_set\n"; }
        location /none/ { userid on; userid_service 1; userid_domain none; userid_path ""; userid_p3p none; userid_expires off; userid_flags off; userid_mark off; return 200 x; }
        location /max/ { userid on; userid_service 1; userid_expires max; userid_flags samesite=none; return 200 x; }
        location /long/ { userid on; userid_service 1; userid_expires 20y; userid_flags samesite=strict; return 200 x; }
        location /mark/ { userid on; userid_service 1; userid_mark m; return 200 "got $uid_got set $uid_set\n"; }
        location /equal/ { userid on; userid_service 1; userid_mark =; return 200 "got $uid_got set $uid_set\n"; }
        location /reset/ { userid on; userid_service 1; set $uid_reset $arg_reset; return 200 "got $uid_got set $uid_set\n"; }
        location /missing { userid on; userid_service 1; }
        location /moved { userid on; userid_service 1; return 302 /; }
        location /proxied/ { userid on; userid_service 1; proxy_pass http://%ORIGIN%; }
        location /refused/ { userid on; userid_service 1; deny all; }
    }
CONF
my @cookies = (
    [], [Cookie => "uid=$old=="], [Cookie => "uid=${old}m="], [Cookie => "uid=${old}x="], [Cookie => "uid=$old"], [Cookie => "uid=${old}garbage"], [Cookie => "uid=${old}m"],
    [Cookie => 'uid='], [Cookie => 'uid=short'], [Cookie => 'uid=' . '*' x 24], [Cookie => 'uid=' . 'A' x 24], [Cookie => "a=b; uid=$old==; c=d"], [Cookie => "UID=$old=="],
    [Cookie => 'a=b', Cookie => "uid=$old=="], [Cookie => "xuid=$old=="], [Cookie => "uid=$old==; uid=other"], [Cookie => "u=$old=="], [Cookie => "u=${old}x="], [Cookie => 'uid=' . id(1, 2, 3, 0) . '=='],
    [Cookie => 'uid=' . substr($old, 0, 21) . 'B=='], [Cookie => "uid = $old=="],
);
my @requests = map { my $cookie = $_; map { ["GET /$_", @$cookie] } '', qw(v1/ log/ off/ service/ servicev1/ all/ none/ max/ long/ mark/ equal/ reset/) } @cookies;
push @requests, map { my $reset = $_; map { ["GET /reset/?reset=$reset", @$_] } @cookies[0, 1, 3] } qw(0 1 log x 00);
push @requests, map { "GET /$_" } qw(missing moved proxied/x refused/), 'proxied/x';
push @requests, 'HEAD /', { what => 'GET /', version => '1.0' }, ['GET /proxied/x', Cookie => "uid=$old=="];

# What is made anew: its time is about now, its count begins with the sign of its version.
sub alike_id ($service, $time, $process, $count) {
    my ($at, $first) = $count =~ /03030.\z|..030303\z/ ? (unpack('N', pack 'L', $time), 'v2') : ($time, 'v1');
    ($at, $first) = (unpack('N', pack 'L', $time), 'v2') if abs($time - time) > 1000;
    return sprintf '<%08X %s %s>', $service, abs($at - time) < 100 ? 'now' : $at, $first;
}
my %month = do { my $n = 0; map { $_ => $n++ } qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec) };
sub alike_date ($d, $m, $y, $h, $min, $s) {
    my $away = timegm($s, $min, $h, $d, $month{$m}, $y < 100 ? $y + 2000 : $y) - time;
    return length($y) . ' digits of year, ' . ($y eq '37' ? $away + time : int(($away + 30) / 60) . ' minutes from now');
}
sub alike ($text) {
    $text =~ s{Set-Cookie: (\w+)=([A-Za-z0-9+/]{22})(?!\Q$old\E)}{ "Set-Cookie: $1=" . ($2 eq $old ? $2 : alike_id(unpack 'L4', decode_base64($2))) }e;
    $text =~ s{(set \w+)=([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})}{ "$1=" . (hex $3 == 0x5f5e1000 ? "$2$3$4$5" : alike_id(map { hex } $2, $3, $4, $5)) }e;
    $text =~ s{expires=\w\w\w, (\d\d)-(\w\w\w)-(\d+) (\d\d):(\d\d):(\d\d) GMT}{ 'expires=' . alike_date($1, $2, $3, $4, $5, $6) }e;
    return $text;
}
differential_ok($conf, \@requests, alike => \&alike, allow_log => [qr/open\(\)/]);

# Every client another one, from all workers, also over a reload.
my $site = Site->start(<<'CONF', main => 'worker_processes 3;');
    log_format id '$uid_got $uid_set'; access_log %DIR%/id.log id;
    server { listen %PORT% reuseport; location / { userid on; userid_expires max; return 200 "$uid_set\n"; } location /v1 { userid v1; return 200 "$uid_set\n"; } }
CONF
my %seen;
for my $round (1 .. 2) {
    $seen{ $site->get($_)->body }++ for map { ('/', '/v1') } 1 .. 60;
    $site->reload if $round == 1;
}
is scalar(keys %seen), 240, 'no id twice';
my $reply = $site->get('/');
my ($value) = $reply->header('Set-Cookie') =~ /^uid=([^;]+); expires=Thu, 31-Dec-37 23:55:55 GMT; path=\/$/;
is unpack('N', decode_base64($value)), 0x7f000001, 'the address of the server';
cmp_ok abs(unpack('x4 N', decode_base64($value)) - time), '<', 60, 'the time';
my $again = $site->get('/', Cookie => "uid=$value");
is $again->header('Set-Cookie'), undef, 'who has one keeps it';
wait_until { ($site->slurp('id.log') // '') =~ /^uid=[0-9A-F]{32} -$/m } 'it is logged';
$site->allow_log(qr/userid cookie/);
$site->get('/', Cookie => 'uid=short');
$site->wait_for_log(qr/\[error\].*client sent too short userid cookie "short"/);
$site->get('/', Cookie => 'uid=' . '*' x 24);
$site->wait_for_log(qr/\[error\].*client sent invalid userid cookie "\*{24}"/);
$site->stop;

my %faults = (
    'userid_service x;'  => qr/"userid_service" directive invalid number/, 'userid_mark ab;' => qr/single letter, digit or "="/,
    'userid_expires -1;' => qr/"userid_expires" directive invalid value/,  'userid_flags bad;' => qr/invalid value "bad"/, 'userid maybe;' => qr/invalid value "maybe"/,
    'userid_flags secure httponly samesite=lax secure;' => qr/invalid number of arguments/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
