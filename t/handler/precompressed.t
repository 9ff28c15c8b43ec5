# t/handler/precompressed.t - files compressed beforehand: the client gets the one that it wants most
use Site;

my %files = map { ("html/$_" => "plain $_", "html/$_.gz" => "gzip $_", "html/$_.br" => "brotli $_", "html/$_.zst" => "zstandard $_") } qw(all.txt all.html);
$files{'html/br-only.txt'} = 'plain';
$files{'html/br-only.txt.br'} = 'brotli';
$files{'html/zst-only.txt'} = 'plain';
$files{'html/zst-only.txt.zst'} = 'zstandard';
$files{'html/none.txt'} = 'plain';
$files{'html/orphan.txt.br'} = 'brotli';
$files{'html/dir.txt'} = 'plain';
$files{'html/dir.txt.br/x'} = 'x';
$files{'html/dir.txt.gz'} = 'gzip';
my $site = Site->start(<<'CONF', files => \%files);
    types { text/plain txt; text/html html; application/x-brotli br; }
    server {
        listen %PORT%;
        location /br/ { brotli_static on; alias %DIR%/html/; }
        location /zst/ { zstd_static on; alias %DIR%/html/; }
        location /all/ { gzip_static on; brotli_static on; zstd_static on; gzip_vary on; alias %DIR%/html/; }
        location /quiet/ { gzip_static on; brotli_static on; zstd_static on; alias %DIR%/html/; }
        location /always/ { brotli_static always; gzip_vary on; alias %DIR%/html/; }
        location /mixed/ { brotli_static on; gzip_static always; gzip_vary on; alias %DIR%/html/; }
        location /off/ { brotli_static off; zstd_static off; alias %DIR%/html/; }
        location /links/ { brotli_static on; disable_symlinks on; alias %DIR%/html/; }
        location /old/ { brotli_static on; gzip_http_version 1.0; alias %DIR%/html/; }
        location /proxied/ { brotli_static on; gzip_proxied any; alias %DIR%/html/; }
    }
CONF
sub gets ($uri, $accept, $want, $name = "$uri for " . ($accept // 'nothing')) {
    my $reply = $site->get($uri, 'Accept-Encoding' => $accept);
    my %coding = (gzip => 'gzip', brotli => 'br', zstandard => 'zstd');
    my ($word) = $reply->body =~ /\A(\w+)/;
    is $word, $want, "$name: $want";
    is $reply->header('Content-Encoding'), $coding{$want}, "$name: says so";
    return $reply;
}
gets('/br/all.txt', 'br', 'brotli');
gets('/br/all.txt', 'gzip, deflate, br', 'brotli');
gets('/br/all.txt', 'BR', 'brotli');
gets('/br/all.txt', $_, 'plain') for undef, '', 'gzip', 'br;q=0', 'br; q=0.000', 'brotli', 'x-br', 'br-x', 'identity', 'zstd';
gets('/br/all.txt', $_, 'brotli') for 'br;q=0.001', 'br ; q=1', "gzip;q=1,\tbr;q=0.5";
gets('/zst/all.txt', 'zstd', 'zstandard');
gets('/zst/all.txt', 'br, gzip', 'plain');
gets('/off/all.txt', 'br, zstd', 'plain');

my $all = gets('/all/all.html', 'gzip, br, zstd', 'brotli', 'no preference');
is $all->header('Content-Type'), 'text/html', 'the type of what it stands for';
is $all->header('Vary'), 'Accept-Encoding', 'Vary';
is $all->header('Content-Length'), length 'brotli all.html', 'its length';
is $all->header('Accept-Ranges'), undef, 'no ranges of it';
gets('/all/all.txt', 'gzip;q=1, br;q=0.9, zstd;q=0.8', 'gzip');
gets('/all/all.txt', 'gzip;q=0.8, br;q=0.9, zstd;q=1.0', 'zstandard');
gets('/all/all.txt', 'gzip;q=0.8, br;q=0.9, zstd;q=0', 'brotli');
gets('/all/all.txt', 'zstd, gzip', 'zstandard');
gets('/all/all.txt', 'gzip', 'gzip');
gets('/all/br-only.txt', 'gzip, zstd, br;q=0.1', 'brotli', 'the only one');
gets('/all/zst-only.txt', 'gzip;q=1, zstd;q=0.2, br;q=0.8', 'zstandard', 'the only one');
gets('/all/dir.txt', 'br, gzip', 'gzip', 'a directory of that name');
is gets('/all/br-only.txt', 'gzip', 'plain')->header('Vary'), 'Accept-Encoding', 'Vary where another client gets another';
is gets('/all/none.txt', 'br', 'plain')->header('Vary'), undef, 'but not where none does';
is gets('/quiet/all.txt', 'br', 'brotli')->header('Vary'), undef, 'nor without gzip_vary';
is gets('/all/all.txt', undef, 'plain')->header('Vary'), 'Accept-Encoding', 'Vary for who takes none';

is gets('/always/all.txt', undef, 'brotli')->header('Vary'), undef, 'always: no Vary';
gets('/always/all.txt', 'gzip', 'brotli');
gets('/always/none.txt', 'br', 'plain');
gets('/always/orphan.txt', undef, 'brotli', 'a file that is there compressed only');
is $site->get('/br/orphan.txt')->status, 404, 'is not there for others';
gets('/mixed/all.txt', 'br', 'brotli');
gets('/mixed/all.txt', 'identity', 'gzip');
is $site->request('POST /br/all.txt', { body => 'x' }, 'Accept-Encoding' => 'br')->status, 405, 'POST';
is $site->head('/br/all.txt', 'Accept-Encoding' => 'br')->header('Content-Encoding'), 'br', 'HEAD';

my $reply = $site->get('/br/all.txt', 'Accept-Encoding' => 'br');
is $site->get('/br/all.txt', 'Accept-Encoding' => 'br', 'If-None-Match' => $reply->header('ETag'))->status, 304, 'its own ETag';
is $site->get('/br/all.txt', 'If-None-Match' => $reply->header('ETag'))->status, 200, 'is not that of the plain file';
gets('/br/all.txt', 'br', 'brotli');
is $site->get('/br/all.txt', 'Accept-Encoding' => 'br', Range => 'bytes=0-1')->status, 200, 'a range gets the whole';
is $site->get('/br/all.txt', 'Accept-Encoding' => 'br', Via => '1.1 x')->header('Content-Encoding'), undef, 'gzip_proxied holds for all';
is $site->get('/proxied/all.txt', 'Accept-Encoding' => 'br', Via => '1.1 x')->header('Content-Encoding'), 'br', 'when it allows';
is $site->request('GET /br/all.txt', { version => '1.0' }, 'Accept-Encoding' => 'br')->header('Content-Encoding'), undef, 'gzip_http_version too';
is $site->request('GET /old/all.txt', { version => '1.0' }, 'Accept-Encoding' => 'br')->header('Content-Encoding'), 'br', 'when it allows';

symlink 'all.txt.br', $site->path('html/none.txt.br');
is $site->get('/links/none.txt', 'Accept-Encoding' => 'br')->header('Content-Encoding'), undef, 'a link that is not followed';
is $site->get('/br/none.txt', 'Accept-Encoding' => 'br')->header('Content-Encoding'), 'br', 'one that is';
unlink $site->path('html/all.txt.br');
gets('/all/all.txt', 'gzip;q=0.5, br', 'gzip', 'a sibling that was removed');

is(Site->test_config("load_module modules/ngx_$_.so; events { } http { }", raw => 1)->{exit}, 0, "load_module $_") for
    qw(http_brotli_static_module http_zstd_static_module);
done_testing;
