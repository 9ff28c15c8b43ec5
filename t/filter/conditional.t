# t/filter/conditional.t - preconditions and ranges, one by one and mixed, the same as in nginx
use Site;
use Differential;

my $seed = 7;
sub draw ($below) { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return ($seed >> 8) % $below }
sub pick (@from) { return $from[draw(scalar @from)] }

my %size = (small => 7, text => 5000, empty => 0, big => 200_000, one => 1);
my %files = map { my $size = $size{$_}; ("html/$_" => join('', map { chr(97 + ($_ * 7 + int($_ / 100)) % 26) } 1 .. $size)) } keys %size;
require Compress::Zlib;
$files{'html/zipped.gz'} = Compress::Zlib::memGzip($files{'html/text'});
sub tag ($name) { return sprintf '"%x-%x"', 1_600_000_000, length($files{"html/$name"} // '') }
my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        default_type text/plain;
        location /off/ { if_modified_since off; alias %DIR%/html/; }
        location /before/ { if_modified_since before; alias %DIR%/html/; }
        location /notag/ { etag off; alias %DIR%/html/; }
        location /gzip/ { gzip on; gzip_types *; alias %DIR%/html/; }
        location /zipped/ { gzip_static always; alias %DIR%/html/; }
        location /none/ { max_ranges 0; alias %DIR%/html/; }
        location /once/ { max_ranges 1; alias %DIR%/html/; }
        location /thrice/ { max_ranges 3; alias %DIR%/html/; }
        location /text/ { return 200 "a text of our own"; }
        location /added/ { add_header X-A b; add_header X-B c always; expires 1h; alias %DIR%/html/; }
        location /dated/ { add_header Last-Modified "Mon, 01 Jan 2001 00:00:00 GMT"; alias %DIR%/html/; }
        location /tagged/ { add_header ETag '"mine"'; alias %DIR%/html/; }
        location /charset/ { charset utf-8; alias %DIR%/html/; }
        location /page/ { error_page 404 =200 /small; error_page 412 416 /one; root %DIR%/nothing; }
        location /paged/ { error_page 412 416 /one; alias %DIR%/html/; }
        location /proxied/ { proxy_pass http://%ORIGIN%; }
        location /slow/ { proxy_buffering off; proxy_pass http://%ORIGIN%/proxied/; }
    }
CONF
my @dates = ('Sun, 13 Sep 2020 12:26:40 GMT', 'Sun, 13 Sep 2020 12:26:39 GMT', 'Sun, 13 Sep 2020 12:26:41 GMT', 'Mon, 01 Jan 2001 00:00:00 GMT', 'Fri, 01 Jan 2100 00:00:00 GMT',
             'Sunday, 13-Sep-20 12:26:40 GMT', 'Sun Sep 13 12:26:40 2020', 'Sun, 13 Sep 2020 12:26:40 GMT; length=7', 'Sun, 13 Sep 2020', '', '0', 'yesterday', 'Sun, 31 Feb 2020 00:00:00 GMT');
sub tags ($name) {
    my $tag = tag($name);
    return ($tag, "W/$tag", '*', '"other"', "\"other\", $tag", "\"other\",$tag", "W/\"x\" , W/$tag", "$tag, \"other\"", '', 'bare', $tag =~ s/"//gr, ' ', ',', "$tag$tag", "* , $tag", '"mine"', 'W/"mine"', '"unfinished');
}
my @dirs = ('', qw(off/ before/ notag/ gzip/ zipped/ added/ dated/ tagged/ text/ page/ paged/ proxied/));
my @requests;
for my $name (qw(If-Match If-None-Match)) {
    push @requests, map { ["GET /small", $name => $_] } tags('small');
    push @requests, map { ["GET /tagged/small", $name => $_] } tags('small');
    push @requests, map { ["GET /notag/small", $name => $_] } tag('small'), '*', '';
    push @requests, map { ["GET /text/", $name => $_] } '"x"', '*', '';
    push @requests, map { ["GET /gzip/text", 'Accept-Encoding' => 'gzip', $name => $_] } tags('text');
    push @requests, map { ["GET /proxied/$_->[0]", $name => $_->[1]] } ['tagged', '"x"'], ['tagged', '*'], ['weak', 'W/"x"'], ['weak', '"x"'], ['plain', '*'], ['dated', '*'];
}
for my $name (qw(If-Modified-Since If-Unmodified-Since)) {
    push @requests, map { my $dir = $_; map { ["GET /${dir}small", $name => $_] } @dates } '', 'off/', 'before/', 'dated/';
    push @requests, map { ["GET /text/", $name => $_] } @dates[0 .. 3];
    push @requests, map { ["GET /proxied/dated", $name => $_] } @dates[0 .. 3];
}
# Mixed.
my @fields = (
    sub ($file) { return ('If-Match' => pick(tags($file))) }, sub ($file) { return ('If-None-Match' => pick(tags($file))) },
    sub ($file) { return ('If-Modified-Since' => pick(@dates)) }, sub ($file) { return ('If-Unmodified-Since' => pick(@dates)) },
    sub ($file) { return ('If-Range' => pick(tags($file), @dates)) }, sub ($file) { return (Range => ranges($size{$file} // 7)) },
    sub ($file) { return ('Accept-Encoding' => 'gzip') },
);
sub number ($size) { return pick(0, 1, 2, $size - 1, $size, $size + 1, draw($size + 2), draw($size + 2), int($size / 2), '', '00', 99999999999) }
sub span ($size) {
    my $kind = draw(12);
    return '-' . number($size) if $kind < 2;
    return number($size) . '-' if $kind < 4;
    return pick('x', '-', '1', '1-x', '2-1', '1--2', ' 1 - 2 ', '1-2-3', '99999999999999999999-', '-99999999999999999999', '+1-2') if $kind == 4;
    my ($first, $last) = (number($size), number($size));
    ($first, $last) = ($last, $first) if length $first && length $last && $first > $last && $kind < 11;
    return "$first-$last";
}
sub ranges ($size) {
    my $list = join pick(',', ',', ', ', ' ,', ',,'), map { span($size) } 1 .. pick(1, 1, 1, 2, 2, 3, 4);
    return pick(('bytes=') x 12, 'Bytes=', 'bytes =', 'bytes= ', 'lines=', 'bytes') . $list;
}
for (1 .. 500) {
    my $file = pick('small', 'small', 'text', 'empty', 'one', 'missing');
    my %chosen = map { $_ => 1 } map { draw(scalar @fields) } 1 .. pick(1, 2, 2, 3, 4);
    push @requests, [pick('GET', 'GET', 'GET', 'HEAD', 'POST') . ' /' . pick(@dirs, '') . $file, map { $fields[$_]->($file) } sort keys %chosen];
}
# Ranges.
for (1 .. 400) {
    my $file = pick('small', 'text', 'text', 'big', 'one', 'empty');
    push @requests, ['GET /' . pick('', '', '', '', 'none/', 'once/', 'thrice/', 'charset/', 'added/', 'paged/') . $file, Range => ranges($size{$file})];
}
push @requests, map { ["GET /small", Range => 'bytes=1-2', 'If-Range' => $_] } tags('small'), @dates;
push @requests, map { ["GET /dated/small", Range => 'bytes=1-2', 'If-Range' => $_] } @dates;
push @requests, map { ["GET /tagged/small", Range => 'bytes=1-2', 'If-Range' => $_] } '"mine"', 'W/"mine"', tag('small');
push @requests, map { my $name = $_; map { [@$_] } ["GET /proxied/$name", Range => 'bytes=1-2'], ["GET /slow/$name", Range => 'bytes=1-2'], ["GET /proxied/$name", Range => 'bytes=1-2,4-5'] } qw(tagged weak plain dated ranged partial multi);
push @requests, ['GET /small', Range => 'bytes=0-0', Range => 'bytes=1-1'], ['GET /zipped/zipped', Range => 'bytes=0-9'], ['GET /zipped/zipped', Range => 'bytes=0-9,20-29', 'Accept-Encoding' => 'gzip'],
    ['GET /gzip/text', Range => 'bytes=0-9', 'Accept-Encoding' => 'gzip'], ['HEAD /text', Range => 'bytes=0-9'], ['HEAD /text', Range => 'bytes=0-9,20-29'], ['POST /text', Range => 'bytes=0-9'],
    { what => 'GET /text', version => '1.0', fields => [Range => 'bytes=0-9'] }, { what => 'GET /text', version => '1.0', fields => [Range => 'bytes=0-9,11-12'] },
    ['GET /big', Range => 'bytes=' . join ',', map { ($_ * 10) . '-' . ($_ * 10 + 1) } 0 .. 400], ['GET /big', Range => 'bytes=' . join ',', map { '0-' } 1 .. 200], ['GET /big', Range => 'bytes=' . join ',', map { "$_-$_" } reverse 0 .. 400];
# After a refusal by a filter nginx has two ETags, and closes the connection.
my %better = (
    '*: persists'    => sub ($nginx, $weir) { return $weir->{status} == 412 ? 'there is no need to close' : undef },
    '*: header ETag' => sub ($nginx, $weir) { return $weir->{status} == 416 && 2 == grep(/^ETag/, @{ $nginx->{headers} }) ? 'one is enough' : undef },
);
differential_ok($conf, \@requests, files => \%files, allow => \%better, allow_log => [qr/open\(\)/], origin => sub ($origin) {
    my @type = ('Content-Type' => 'text/plain');
    $origin->answer('/proxied/tagged', headers => [@type, ETag => '"x"'], body => '0123456789');
    $origin->answer('/proxied/weak', headers => [@type, ETag => 'W/"x"'], body => '0123456789');
    $origin->answer('/proxied/plain', headers => [@type], body => '0123456789');
    $origin->answer('/proxied/dated', headers => [@type, 'Last-Modified' => $dates[0]], body => '0123456789');
    $origin->answer('/proxied/ranged', headers => [@type, 'Accept-Ranges' => 'bytes'], body => '0123456789');
    $origin->answer('/proxied/partial', status => 206, headers => [@type, 'Content-Range' => 'bytes 1-2/10'], body => '12');
    $origin->answer('/proxied/multi', status => 206, headers => ['Content-Type' => 'multipart/byteranges; boundary=x'], body => "--x--\r\n");
    $origin->answer('/proxied/small', headers => [@type, ETag => tag('small'), 'Last-Modified' => $dates[0], 'Accept-Ranges' => 'bytes'], body => '0123456');
});

done_testing;
