# t/handler/flv.t - Flash videos from a place within, the same as nginx sends them
use Site;
use Differential;

my $video = "FLV\x01\x05\0\0\0\x09\0\0\0\0" . join '', map { chr($_ % 251) } 1 .. 50_000;
my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        location /flv/ { flv; location /flv/inner/ { } if ($arg_if) { add_header X-If 1; } index small.flv; }
        location /plain/ { alias %DIR%/html/flv/; }
        location /nosend/ { flv; sendfile off; alias %DIR%/html/flv/; }
        location /gzip/ { flv; gzip on; gzip_types *; alias %DIR%/html/flv/; }
    }
CONF
my %files = ('html/flv/a.flv' => $video, 'html/flv/small.flv' => substr($video, 0, 20), 'html/flv/empty.flv' => '', 'html/flv/inner/b.flv' => $video);
my @starts = ('', map { "?start=$_" } 0, 1, 13, 1000, 49_999, 50_012, 50_013, 50_014, 99_999_999, '99999999999999999999', -1, 'x', '', '1x', '10&start=20', '010');
my @requests = map { my $where = $_; map { "GET $where$_" } @starts } qw(/flv/a.flv /plain/a.flv /nosend/a.flv /gzip/a.flv);
push @requests, map { ("HEAD /flv/a.flv$_", "POST /flv/a.flv$_", "GET /flv/inner/b.flv$_", "GET /flv/empty.flv$_", "GET /flv/small.flv$_") } '', '?start=15', '?a=b&start=10';
push @requests, map { ["GET /flv/a.flv?start=1000", Range => "bytes=$_"] } '0-0', '0-12', '5-20', '12-13', '13-13', '-5', '100-', '0-5,10-20', '40000-40010,3-4', '49026-', '0-99999999', '12-12,13-13,14-14';
push @requests, ['GET /flv/a.flv?start=1000', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'], 'GET /flv/none.flv?start=1', 'GET /flv/', 'GET /flv', 'GET /flv/inner', 'GET /flv/a.flv?if=1&start=100', 'OPTIONS /flv/a.flv',
    ['GET /gzip/a.flv?start=100', 'Accept-Encoding' => 'gzip'];
my %better = map { ("GET /flv/a.flv?start=1000 Range bytes=$_" => 'nginx cannot cut its header off twice') } '0-5,10-20', '40000-40010,3-4', '12-12,13-13,14-14';
differential_ok($conf, \@requests, files => \%files, allow => \%better, allow_log => [qr/open\(\)|is forbidden|range in overlapped buffers/]);

my $site = Site->start($conf, files => \%files);
my $sent = substr($video, 0, 13) . substr $video, 1000;
$site->allow_log(qr/range in overlapped buffers/);
needs_weir('nginx cannot cut its header off twice');
my $reply = $site->get('/flv/a.flv?start=1000', Range => 'bytes=0-5,10-20,40000-40010,3-4');
my @parts = $reply->body =~ /Content-Range: bytes [^\r]*\r\n\r\n(.*?)\r\n--/sg;
is_deeply \@parts, [map { substr $sent, $_->[0], $_->[1] } [0, 6], [10, 11], [40000, 11], [3, 2]], 'several ranges, back and forth';

done_testing;
