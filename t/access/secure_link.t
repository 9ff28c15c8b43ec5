# t/access/secure_link.t - links that only we can make, the same as in nginx
use Site;
use Differential;
use Digest::MD5 qw(md5_base64 md5_hex);

my $conf = <<'CONF';
    server {
        listen %PORT%;
        location /s/ {
            secure_link $arg_md5,$arg_expires;
            secure_link_md5 "$arg_expires$uri secret";
            return 200 "[$secure_link] [$secure_link_expires]\n";
        }
        location /plain/ { secure_link $arg_md5; secure_link_md5 "secret$uri"; return 200 "[$secure_link] [$secure_link_expires]\n"; }
        location /p/ { secure_link_secret secret; if ($secure_link = "") { return 403; } return 200 "$secure_link\n"; }
        location /half/ { secure_link $arg_md5; return 200 "[$secure_link]\n"; }
        location /unset/ { return 200 "[$secure_link] [$secure_link_expires]\n"; }
    }
CONF
sub url ($text) { return md5_base64($text) =~ tr{+/}{-_}r }

my ($past, $future) = (1_000_000_000, 4_000_000_000);
my @requests = map { my $t = $_; map { "GET /s/file?md5=$_&expires=$t" } url("$t/s/file secret"), url("$t/s/other secret"), 'x', '' } $past, $future, 0, 'x', '';
push @requests, 'GET /plain/f?md5=' . url('secret/plain/f'), 'GET /plain/f?md5=' . url('secret/plain/g'), 'GET /plain/f?md5=' . url('secret/plain/f') . '==',
    'GET /plain/f', 'GET /half/?md5=x', 'GET /unset/?md5=x', 'GET /plain/f?md5=' . 'a' x 30, 'GET /plain/f?md5=' . url('secret/plain/f') . ',12';
push @requests, map { "GET $_" } '/p/' . md5_hex('link/file?asecret') . '/link/file?a', '/p/' . md5_hex('linksecret') . '/link',
    '/p/' . uc(md5_hex('linksecret')) . '/link', '/p/' . md5_hex('linksecret') . '/other', '/p/' . md5_hex('secret') . '/', '/p/abc/link', '/p/', '/p/x';
differential_ok($conf, \@requests);

done_testing;
