# t/handler/gzip_static.t - files that were compressed beforehand, the same as in nginx
use Site;
use Differential;
use Compress::Zlib ();

my $gz = Compress::Zlib::memGzip('compressed text');
my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        location /on/ { gzip_static on; }
        location /always/ { gzip_static always; }
        location /vary/ { gzip_static on; gzip_vary on; }
        location /dynamic/ { gzip_static on; gzip on; gzip_types *; gzip_min_length 1; }
        location /index/ { gzip_static on; }
        location /alias/ { alias %DIR%/html/on/; gzip_static on; }
        location /old/ { alias %DIR%/html/on/; gzip_static on; gzip_http_version 1.0; }
    }
CONF
my %files = map { ("html/$_/f.txt" => "plain text\n", "html/$_/f.txt.gz" => $gz, "html/$_/alone.html.gz" => $gz, "html/$_/only.txt" => "plain\n",
    "html/$_/dir.gz/x" => 'x', "html/$_/index.html" => 'index', "html/$_/index.html.gz" => $gz) } qw(on always vary dynamic index off);
my @accept = ('Accept-Encoding' => 'gzip');
my @requests;
for my $dir (qw(on always vary dynamic index off alias old)) {
    for my $file (qw(f.txt alone.html only.txt none.txt dir), '') {
        push @requests, "GET /$dir/$file", ["GET /$dir/$file", @accept], ["HEAD /$dir/$file", @accept], ["POST /$dir/$file", @accept];
    }
    push @requests, ["GET /$dir/f.txt", @accept, Range => 'bytes=0-4'], ["GET /$dir/f.txt", @accept, 'If-Modified-Since' =>
        'Sun, 13 Sep 2020 12:26:40 GMT'], ["GET /$dir/f.txt", @accept, Via => 'x'],
        { what => "GET /$dir/f.txt", version => '1.0', fields => [@accept], name => "$dir in HTTP/1.0" };
}
differential_ok($conf, \@requests, files => \%files, allow_log => [qr/open\(\)/]);

done_testing;
