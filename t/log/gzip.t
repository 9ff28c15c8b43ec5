# t/log/gzip.t - access logs that are compressed as they are written: a gzip member for each write
use Site;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);

sub text_of ($site, $name) {
    my $packed = $site->slurp($name) // '';
    my $text = '';
    return $text if $packed eq '';
    gunzip(\$packed => \$text, MultiStream => 1, Strict => 1) or return "broken: $GunzipError";
    return $text;
}

my $conf = <<'CONF';
    log_format r '$request_method $uri $status';
    server {
        listen %PORT%;
        location /plain { access_log %DIR%/plain.gz r gzip flush=10ms; return 204; }
        location /level { access_log %DIR%/level.gz r gzip=9 buffer=1k; return 204; }
        location /late { access_log %DIR%/late.gz r gzip; return 204; }
        location /rotated { access_log %DIR%/rotated.gz r gzip buffer=4k flush=10ms rotate_size=1k rotate_keep=100; return 204; }
        location /combined { access_log %DIR%/combined.gz gzip flush=10ms; return 204; }
    }
CONF
my $site = Site->start($conf, main => 'worker_processes 4;');
$site->get('/plain');
wait_until { text_of($site, 'plain.gz') eq "GET /plain 204\n" } 'flushed in time';
pass 'a line';
my $size = -s $site->path('plain.gz');
$site->get("/plain/$_") for 1 .. 5;
wait_until { (() = text_of($site, 'plain.gz') =~ /\n/g) == 6 } 'more';
is join('', sort split /(?<=\n)/, text_of($site, 'plain.gz')), "GET /plain 204\n" . join('', map { "GET /plain/$_ 204\n" } 1 .. 5), 'members one after another';
cmp_ok -s $site->path('plain.gz'), '>', $size, 'appended';

my @clients = map { $site->connect } 1 .. 8;
for my $client (@clients) {
    $client->write("GET /level/some/name/that/is/long/and/longer HTTP/1.1\r\nHost: a\r\n\r\n" x 250);
    $client->response for 1 .. 250;
}
$site->get('/combined');
wait_until { text_of($site, 'combined.gz') =~ /"GET \/combined HTTP\/1\.1" 204 0 "-" "-"\n\z/ } 'without a format';
$site->get('/late');
is -s $site->path('late.gz'), 0, 'the usual buffer waits';
for my $client (@clients) {
    $client->write("GET /rotated/$_ HTTP/1.1\r\nHost: a\r\n\r\n") for 1 .. 250;
    $client->response for 1 .. 250;
}
$site->signal('HUP');
wait_until { text_of($site, 'late.gz') eq "GET /late 204\n" } 'until the worker ends';
wait_until { (() = text_of($site, 'level.gz') =~ /\n/g) == 2000 } 'all lines';
is scalar(grep { !/\AGET \/level\/some\/name\/that\/is\/long\/and\/longer 204\n\z/ } split /(?<=\n)/, text_of($site, 'level.gz')), 0, 'whole ones';
cmp_ok -s $site->path('level.gz'), '<', 2000 * 52 / 5, 'small';

my @lines;
wait_until {
    @lines = map { split /(?<=\n)/, text_of($site, s/.*\///r) } glob $site->path('rotated.gz*');
    @lines == 2000;
} 'lines over rotations';
my %seen;
$seen{$_}++ for @lines;
is scalar(grep { $_ != 8 } values %seen), 0, 'each as often as it was asked for';
wait_until { -e $site->path('rotated.gz.1') } 'a rotation';
pass 'rotated';

$site->stop;

for (['gzip=0', qr/invalid compression level "0"/], ['gzip=10', qr/invalid compression level "10"/], ['gzipped', qr/invalid parameter "gzipped"/]) {
    my ($word, $fault) = @$_;
    my $result = Site->test_config("access_log x combined $word;");
    isnt $result->{exit}, 0, "refused: $word";
    like $result->{stderr}, $fault, 'and said why';
}
for (['access_log $host combined gzip;', qr/buffered logs cannot have variables in name/],
     ['access_log syslog:server=127.0.0.1 combined gzip;', qr/logs to syslog cannot be buffered/],
     ['access_log x combined gzip; server { access_log x combined gzip=2; }', qr/already defined with conflicting parameters/]) {
    my ($conf, $fault) = @$_;
    my $result = Site->test_config($conf);
    isnt $result->{exit}, 0, "refused: $conf";
    like $result->{stderr}, $fault, 'and said why';
}

done_testing;
